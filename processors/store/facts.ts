/** Tables of what was measured, decided and configured. */
import type {
  ClusterHits,
  Control,
  Dataset,
  DiversityStat,
  Metric,
  Model,
  PublisherKey,
  Retraction,
  Run,
  Version
} from '../../schemas/types.ts'
import type { SinkRecord } from '../sink.ts'
import { json, real, shape, text, texts, whole, wholeOrNull } from './columns.ts'

type Measured = { readonly stat: DiversityStat; readonly metric: Metric; readonly index: number }

/** What adds up is of a window too, and stands in the row of its first metric. */
const sumsBeside = ({ stat, index }: Measured): Pick<DiversityStat, 'embeddings' | 'log_perplexities'> =>
  index === 0 ? stat : nothing
const nothing = { embeddings: { count: 0, sum: [], products: [] }, log_perplexities: [] }

/** Hits are of a window, and stand in the row of the metric that is made of them. */
const hitsBeside = (stat: DiversityStat, { name }: Metric): readonly ClusterHits[] =>
  name === 'cluster_entropy' ? stat.clusters : []

export const stats = shape<DiversityStat, Measured>(
  'stats',
  [
    ['metric_index', ({ index }) => index],
    ['scope', ({ stat }) => text(stat.scope)],
    ['dataset', ({ stat }) => text(stat.dataset)],
    ['run', ({ stat }) => text(stat.run)],
    ['stage', ({ stat }) => stat.stage],
    ['source', ({ stat }) => text(stat.source)],
    ['generation', ({ stat }) => wholeOrNull(stat.generation)],
    ['cell_group', ({ stat }) => text(stat.cell_group)],
    ['window', ({ stat }) => whole(stat.window)],
    ['read_topic', ({ stat }) => text(stat.topic)],
    ['read_slot', ({ stat }) => whole(stat.slot)],
    ['read_from', ({ stat }) => whole(stat.from)],
    ['read_to', ({ stat }) => whole(stat.to)],
    ['documents', ({ stat }) => whole(stat.documents)],
    ['tokens', ({ stat }) => whole(stat.tokens)],
    ['budget', ({ stat }) => whole(stat.budget)],
    ['partial', ({ stat }) => stat.partial],
    ['tokenizer', ({ stat, metric }) => text(metric.tokenizer === '' ? stat.tokenizer : metric.tokenizer)],
    ['human_windows', ({ stat }) => whole(stat.human_windows)],
    ['human_missing', ({ stat }) => whole(stat.human_missing)],
    ['created_at', ({ stat }) => whole(stat.created_at)],
    ['metric', ({ metric }) => text(metric.name)],
    ['value', ({ metric }) => real(metric.value)],
    ['undefined', ({ metric }) => text(metric.undefined)],
    ['human_mean', ({ metric }) => real(metric.human_mean)],
    ['human_sd', ({ metric }) => real(metric.human_sd)],
    ['z', ({ metric }) => real(metric.z)],
    ['model', ({ metric }) => text(metric.model)],
    ['cluster_documents', ({ stat, metric }) => hitsBeside(stat, metric).map(hit => whole(hit.documents))],
    [
      'cluster_examples',
      ({ stat, metric }) => hitsBeside(stat, metric).map(hit => text(hit.examples.join(',')))
    ],
    ['embeddings', one => whole(sumsBeside(one).embeddings.count)],
    ['embedding_sum', one => sumsBeside(one).embeddings.sum.map(whole)],
    ['embedding_products', one => sumsBeside(one).embeddings.products.map(whole)],
    ['log_perplexities', one => sumsBeside(one).log_perplexities.flatMap(value => real(value) ?? [])]
  ],
  stat => stat.metrics.map((metric, index) => ({ stat, metric, index }))
)

export const versions = shape<Version>('versions', [
  ['dataset', version => text(version.dataset)],
  ['version', version => text(version.version)],
  ['parent', version => text(version.parent)],
  ['offsets', version => version.offsets.map(whole)],
  ['digest', version => text(version.digest)],
  ['manifest', version => text(version.manifest)],
  ['created_at', version => whole(version.created_at)]
])

const header = (name: string) => (_: unknown, record: SinkRecord) => text(record.headers[name]?.toString())
const countHeader = (name: string) => (_: unknown, record: SinkRecord) =>
  whole(Number(record.headers[name]?.toString() ?? 0))

/** The text stays in the topic: nobody checked what it is. */
export const deadLetters = shape<Buffer | null>('dead_letters', [
  ['key', header('x-key')],
  ['reason', header('x-reason')],
  ['message', header('x-message')],
  ['error_class', header('x-error-class')],
  ['processor', header('x-processor')],
  ['source_topic', header('x-topic')],
  ['source_slot', countHeader('x-partition')],
  ['source_offset', countHeader('x-offset')],
  ['schema_id', header('x-schema-id')],
  ['attempt', countHeader('x-attempt')],
  ['settles', countHeader('x-settles')],
  ['run', header('x-run')],
  ['bytes', bytes => bytes?.length ?? 0]
])

export const control = shape<Control>('control', [
  ['scope', word => text(word.scope)],
  ['author', word => text(word.author)],
  ['action', word => word.action],
  ['state', word => text(word.state)],
  ['reason', word => text(word.reason)],
  ['evidence', word => text(word.evidence)],
  ['temperature_delta', word => real(word.temperature_delta)],
  ['expires_at', word => wholeOrNull(word.expires_at)],
  ['created_at', word => whole(word.created_at)]
])

export const models = shape<Model>('models', [
  ['id', model => text(model.id)],
  ['revision', model => text(model.revision)],
  ['provider', model => text(model.provider)],
  ['family', model => text(model.family)],
  ['base', model => text(model.base)],
  ['trained_on', model => texts(model.trained_on)],
  ['generation', model => wholeOrNull(model.generation)],
  ['output_terms', model => text(model.output_terms)],
  ['offline', model => (model.offline ? json(model.offline) : '')],
  ['registered', model => model.registered],
  ['created_at', model => whole(model.created_at)]
])

export const datasets = shape<Dataset>('datasets', [
  ['name', dataset => text(dataset.name)],
  ['shards', dataset => whole(dataset.shards)],
  ['split_seed', dataset => whole(dataset.split_seed)],
  ['split_reference', dataset => whole(dataset.split_reference)],
  ['split_audit', dataset => whole(dataset.split_audit)],
  ['floor', dataset => real(dataset.floor)],
  ['max_generation', dataset => whole(dataset.max_generation)],
  ['mix', dataset => text(dataset.mix)],
  ['signing', dataset => dataset.signing],
  ['window', dataset => whole(dataset.window)],
  ['created_at', dataset => whole(dataset.created_at)]
])

export const retractions = shape<Retraction>('retractions', [
  ['id', one => text(one.id)],
  ['dataset', one => text(one.dataset)],
  ['kind', one => one.kind],
  ['reason', one => text(one.reason)],
  ['ancestor', one => text(one.ancestor)],
  ['content_hash', one => text(one.content_hash)],
  ['author', one => text(one.author)],
  ['created_at', one => whole(one.created_at)]
])

export const keys = shape<PublisherKey>('keys', [
  ['id', key => text(key.id)],
  ['public_key', key => text(key.public_key)],
  ['origins', key => texts(key.origins)],
  ['revoked', key => key.revoked],
  ['author', key => text(key.author)],
  ['created_at', key => whole(key.created_at)]
])

export const runs = shape<Run>('runs', [
  ['id', run => text(run.id)],
  ['dataset', run => text(run.dataset)],
  ['recipe', run => text(run.recipe)],
  ['fingerprint', run => text(run.fingerprint)],
  ['state', run => run.state],
  ['revision', run => whole(run.revision)],
  ['prompts_to', run => run.prompts_to.map(whole)],
  [
    'until',
    run => Object.fromEntries(Object.entries(run.until).map(([name, to]) => [text(name), whole(to)]))
  ],
  ['run_slot', run => whole(run.slot)],
  ['created_at', run => whole(run.created_at)]
])
