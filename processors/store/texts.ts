/** Tables of texts and of what asked for them, each row with its provenance. */
import { contentHash } from '../../schemas/identity.ts'
import { samplesHuman, samplesVerified } from '../../schemas/topics.ts'
import type { Document, Generation, ParkedPrompt, Prompt, Rejection, Sample } from '../../schemas/types.ts'
import { humanText, modelText } from '../text.ts'
import {
  attemptColumn,
  cellColumns,
  type Column,
  conversation,
  json,
  provenanceColumns,
  real,
  shape,
  text,
  textMap,
  usageColumns,
  whole,
  wordy
} from './columns.ts'
import { fingerprintColumns } from './fingerprint.ts'

const identity: readonly Column<{ id: string; dataset: string; run: string }>[] = [
  ['id', ({ id }) => text(id)],
  ['dataset', ({ dataset }) => text(dataset)],
  ['run', ({ run }) => text(run)]
]

const promptColumns: readonly Column<Prompt>[] = [
  ...identity,
  ['samples', prompt => whole(prompt.samples)],
  ['attempt', prompt => whole(prompt.attempt)],
  wordy('feedback', prompt => text(prompt.feedback), ''),
  ...cellColumns,
  ...provenanceColumns,
  wordy('messages', prompt => conversation(prompt.messages), '[]'),
  wordy('metadata', prompt => textMap(prompt.metadata), {})
]

const sampleColumns: readonly Column<Sample>[] = [
  ...identity,
  ['content_hash', sample => text(sample.content_hash)],
  ...cellColumns,
  attemptColumn,
  ...provenanceColumns,
  ...usageColumns,
  wordy('messages', sample => conversation(sample.messages), '[]'),
  // A check may quote what it saw.
  wordy(
    'verdicts',
    sample => json(sample.verdicts),
    sample => json(sample.verdicts.map(verdict => ({ ...verdict, reasoning: '' })))
  ),
  // The score of this check says what the text is, its verdict whether the cell allows it.
  ['refused', sample => sample.verdicts.some(({ check, score }) => check === 'refusal' && score === 1)],
  wordy('metadata', sample => textMap(sample.metadata), {}),
  ['epoch', sample => whole(sample.epoch)]
]

export const documents = shape<Document>('documents', [
  ['id', document => text(document.id)],
  ['dataset', document => text(document.dataset)],
  ['content_hash', document => contentHash(document.messages)],
  ...cellColumns,
  ...provenanceColumns,
  ['messages', document => conversation(document.messages)],
  ['metadata', document => textMap(document.metadata)]
])

export const prompts = shape<Prompt>('prompts', promptColumns)

export const parked = shape<ParkedPrompt>('parked', [
  ['reason', parking => text(parking.reason)],
  ['unsettled', parking => whole(parking.samples)],
  ['parked_at', parking => whole(parking.parked_at)],
  ...promptColumns.map(([name, take]): Column<ParkedPrompt> => [
    name,
    ({ prompt }, record, topic) => take(prompt, record, topic)
  ])
])

export const generations = shape<Generation>('generations', [
  ...identity,
  ['request_id', generation => text(generation.request_id)],
  ['content_hash', generation => text(generation.content_hash)],
  ...cellColumns,
  attemptColumn,
  ...provenanceColumns,
  ...usageColumns,
  ['samples', generation => whole(generation.samples)],
  ['finish_reason', generation => text(generation.finish_reason)],
  // That it failed is counted, and of which kind it was; providers quote what they were asked.
  wordy(
    'error',
    generation => text(generation.error),
    ({ error }) => (error === '' ? '' : (/^\w+(?=:)/.exec(error)?.[0] ?? 'withheld'))
  ),
  ['log_probability', generation => real(generation.log_probability)],
  ['latency_ms', generation => whole(generation.latency_ms)],
  wordy('reply', generation => text(generation.reply), ''),
  wordy('reasoning_content', generation => text(generation.reasoning_content), ''),
  wordy('metadata', generation => textMap(generation.metadata), {}),
  ...fingerprintColumns<Generation>(modelText)
])

/** The texts that are looked at: those of other topics are the same again. */
const lookedAt: Readonly<Record<string, (sample: Sample) => string | undefined>> = {
  [samplesHuman.name]: ({ messages }) => humanText(messages),
  [samplesVerified.name]: modelText
}

export const samples = shape<Sample>('samples', [
  ...sampleColumns,
  ...fingerprintColumns<Sample>((sample, topic) => lookedAt[topic]?.(sample))
])

export const rejections = shape<Rejection>('rejections', [
  ['processor', rejection => text(rejection.processor)],
  ['check', rejection => text(rejection.check)],
  ['version', rejection => text(rejection.version)],
  ['reason', rejection => text(rejection.reason)],
  wordy('detail', rejection => text(rejection.detail), ''),
  ['hit', rejection => text(rejection.hit)],
  ['retried', rejection => rejection.retried],
  ['rejected_at', rejection => whole(rejection.rejected_at)],
  ...sampleColumns.map(([name, take]): Column<Rejection> => [
    name,
    ({ sample }, record, topic) => take(sample, record, topic)
  ])
])
