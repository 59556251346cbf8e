/** What stands under `metadata` in every format: everything a row says that the format has no field for. */
import type { Sample } from '../../schemas/types.ts'
import type { Columns, Row } from './columns.ts'

const strings = { list: 'string' } as const

/** The fields of {@link metadataOf}. They are the same in every row, null where nothing is known. */
export const metadataColumns = {
  id: 'string',
  content_hash: 'string',
  dataset: 'string',
  run: 'string',
  task: 'string',
  topic: 'string',
  format: 'string',
  refusal: 'string',
  origin: 'string',
  model_id: 'string',
  model_provider: 'string',
  model_family: 'string',
  temperature: 'float64',
  top_p: 'float64',
  top_k: 'int64',
  seed: 'int64',
  max_tokens: 'int64',
  generation: 'int64',
  parent_ids: strings,
  edit_distance: 'float64',
  repairs: strings,
  quoted_ids: strings,
  prompt_id: 'string',
  attempt: 'int64',
  sample_index: 'int64',
  created_by: 'string',
  source_uri: 'string',
  license: 'string',
  author: 'string',
  signed_by: 'string',
  output_terms: 'string',
  recipe: 'string',
  created_at: 'int64',
  epoch: 'int64',
  input_tokens: 'int64',
  output_tokens: 'int64',
  reasoning_tokens: 'int64',
  response_cost: 'float64',
  finish_reason: 'string',
  verdicts: {
    list: {
      struct: { check: 'string', version: 'string', is_valid: 'bool', score: 'float64', reasoning: 'string' }
    }
  },
  /** The sample's own map, JSON: its keys differ from row to row. */
  extra: 'string'
} as const satisfies Columns

/** Everything about a sample but its text. */
export function metadataOf(sample: Sample): Row {
  const { id, content_hash, dataset, run, cell, provenance, usage, verdicts, metadata, epoch } = sample
  const { split: _split, ...origins } = provenance
  const { finish_reason = null, ...rest } = metadata
  const extra = Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const known: Row = {
    ...cell,
    ...origins,
    id,
    content_hash,
    dataset,
    run,
    epoch,
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    reasoning_tokens: usage.reasoning_tokens,
    response_cost: usage.cost_micros / 1e6,
    finish_reason,
    verdicts: verdicts.map(({ check, version, is_valid, score, reasoning }) => ({
      check,
      version,
      is_valid,
      score,
      reasoning
    })),
    extra: JSON.stringify(Object.fromEntries(extra))
  }
  // In the order of the columns, whatever order a codec gives.
  return Object.fromEntries(Object.keys(metadataColumns).map(name => [name, known[name] ?? null]))
}
