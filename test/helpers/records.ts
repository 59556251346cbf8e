/** Legal records with one-word defaults, to be overridden where a test cares. */
import { recipeSchema } from '../../processors/recipe.ts'
import { ofSplit, type SeedText, textOf } from '../../processors/split.ts'
import { contentHash, requestId } from '../../schemas/identity.ts'
import type {
  Cell,
  Dataset,
  Generation,
  Message,
  Prompt,
  Provenance,
  Retraction,
  Run,
  Sample,
  Usage
} from '../../schemas/types.ts'

/** A record's fields, each optional. */
type Some<Value> = Partial<Value>

export const cell = (fields: Some<Cell> = {}): Cell => ({
  task: 'explain',
  topic: 'history',
  format: 'paragraph',
  refusal: 'reject',
  ...fields
})

export const usage = (fields: Some<Usage> = {}): Usage => ({
  input_tokens: 10,
  output_tokens: 20,
  reasoning_tokens: 0,
  cost_micros: 0,
  ...fields
})

export const message = (role: string, content: string): Message => ({
  role,
  content,
  tool_calls: null,
  tool_call_id: null,
  reasoning_content: null
})

/** Synthetic, first generation, of the source `alpha`. */
export const provenance = (fields: Some<Provenance> = {}): Provenance => ({
  origin: 'SYNTHETIC',
  model_id: 'alpha',
  model_provider: 'offline',
  model_family: 'a',
  temperature: 1,
  top_p: null,
  top_k: null,
  seed: 1,
  max_tokens: 512,
  generation: 1,
  parent_ids: [],
  edit_distance: null,
  repairs: [],
  quoted_ids: [],
  prompt_id: 'p1',
  attempt: 1,
  sample_index: 0,
  created_by: 'test',
  source_uri: null,
  license: null,
  author: null,
  signed_by: null,
  output_terms: 'allowed',
  split: null,
  recipe: 'f'.repeat(32),
  created_at: 0,
  ...fields
})

/** Written by a person. */
export const humanProvenance = (fields: Some<Provenance> = {}): Provenance =>
  provenance({
    origin: 'HUMAN_AUTHORED',
    model_id: null,
    model_provider: null,
    model_family: null,
    temperature: null,
    seed: null,
    max_tokens: null,
    generation: 0,
    prompt_id: null,
    sample_index: null,
    output_terms: null,
    recipe: '',
    split: 'REFERENCE',
    ...fields
  })

/** Text of the seed split. */
export const seedText = (text: string): SeedText =>
  textOf(
    ofSplit(humanSample('h', text, { provenance: humanProvenance({ split: 'SEED' }) }), 'SEED')!,
    ([only]) => only!.content
  )

/** The call an answer is to. */
const requestOf = ({ run = 'r', provenance: of = provenance() }: Some<Generation>): string =>
  requestId(run, of.prompt_id ?? '', of.attempt, of.sample_index ?? 0)

/** An answer to one question. */
export const sample = (id: string, answer: string, fields: Some<Sample> = {}): Sample => {
  const messages = [message('user', 'Tell me about it.'), message('assistant', answer)]
  return {
    id,
    content_hash: contentHash(messages),
    dataset: 'd',
    run: 'r',
    cell: cell(),
    messages,
    provenance: provenance(),
    usage: usage(),
    verdicts: [],
    metadata: { finish_reason: 'stop' },
    epoch: 1,
    ...fields
  }
}

/** A human document. */
export const humanSample = (id: string, text: string, fields: Some<Sample> = {}): Sample =>
  sample(id, text, {
    run: '',
    messages: [message('document', text)],
    provenance: humanProvenance(),
    metadata: {},
    ...fields
  })

/** The answer to a call of its run. */
export const generation = (id: string, reply: string, fields: Some<Generation> = {}): Generation => ({
  id,
  request_id: requestOf(fields),
  content_hash: '',
  dataset: 'd',
  run: 'r',
  cell: cell(),
  prompt: [message('user', 'Tell me about it.')],
  samples: 1,
  reply,
  reasoning_content: null,
  raw: null,
  finish_reason: 'stop',
  error: '',
  usage: usage(),
  log_probability: null,
  latency_ms: 1,
  provenance: provenance(),
  metadata: {},
  ...fields
})

/** The provenance says the same of how often it was asked as the prompt, where the prompt says it. */
export const prompt = (id: string, { provenance: from, ...fields }: Some<Prompt> = {}): Prompt => ({
  id,
  dataset: 'd',
  run: 'r',
  cell: cell(),
  messages: [message('user', 'Tell me about it.')],
  samples: 1,
  attempt: 1,
  feedback: null,
  provenance: {
    ...(from ?? humanProvenance({ split: null })),
    ...(fields.attempt !== undefined && { attempt: fields.attempt })
  },
  metadata: {},
  ...fields
})

export const dataset = (name: string, fields: Some<Dataset> = {}): Dataset => ({
  name,
  shards: 1,
  split_seed: 60,
  split_reference: 30,
  split_audit: 10,
  floor: 0.5,
  max_generation: 1,
  mix: '{}',
  signing: false,
  window: 20_000,
  created_at: 0,
  ...fields
})

export const retraction = (id: string, fields: Some<Retraction> = {}): Retraction => ({
  id,
  dataset: 'd',
  kind: 'RETRACTED',
  reason: 'withdrawn',
  ancestor: null,
  content_hash: '',
  author: 'test',
  created_at: 0,
  rows: [],
  erased_at: null,
  descendants: false,
  ...fields
})

/** A recipe's sources that are called as their models are, as far as a name may hold. */
export const asking = (...models: string[]): object => ({
  sources: models.map(model => {
    const name = model.replaceAll(/[^a-z0-9._-]/g, '-')
    return { name, provider: 'offline', model, family: name }
  })
})

/** @param recipe what differs from a recipe with one offline source */
export const run = (id: string, recipe: object = {}, fields: Some<Run> = {}): Run => {
  const source = { name: 'alpha', provider: 'offline', model: 'alpha', family: 'a' }
  const body = recipeSchema.parse({ dataset: 'd', run: id, sources: [source], ...recipe })
  return {
    id,
    dataset: body.dataset,
    recipe: JSON.stringify(body),
    fingerprint: 'f'.repeat(32),
    state: 'open',
    revision: 1,
    prompts_to: [],
    until: {},
    slot: 0,
    created_at: 0,
    ...fields
  }
}
