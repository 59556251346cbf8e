/** The provenance rules: held where a record is published and again by the runner. */
import type { Cell, Message, Provenance } from './types.ts'

/** What a provenance stands in: rules differ between what asks, what a person wrote and what a model wrote. */
export type ProvenanceOf = 'prompt' | 'document' | 'synthetic' | 'sample'

/**
 * Whether the generation number of a prompt is a publisher's word. It is computed, never declared: of what somebody edited,
 * or found, nobody has, until an answer to it is repaired. A prompt that is asked again has the number of that answer.
 */
export function isClaimed({ origin, attempt, generation }: Provenance): boolean {
  return generation !== null && attempt <= 1 && (origin === 'UNKNOWN' || origin === 'HUMAN_EDITED')
}

const isBlank = (id: string): boolean => !/\S/.test(id)

/**
 * Lists what is wrong with a provenance, in words a publisher can act on. Empty when it is legal.
 *
 * SYNTHETIC names its model; HUMAN_AUTHORED names neither model nor parent; HUMAN_EDITED names a parent; numbers stay in their ranges.
 * UNKNOWN is legal and never counts as human, and has no generation; for prompts see {@link isClaimed}.
 * @param provenance the provenance to check
 * @param of what kind of record it stands in
 */
export function provenanceViolations(provenance: Provenance, of: ProvenanceOf): string[] {
  const { origin, model_id, model_provider, model_family, parent_ids, repairs, generation, attempt } =
    provenance
  const wrong: string[] = []
  const say = (condition: boolean, message: string): void => {
    if (condition) wrong.push(message)
  }
  say(
    origin === 'SYNTHETIC' && isBlank(model_id ?? ''),
    'origin SYNTHETIC needs provenance.model_id: name the model that wrote it'
  )
  say(
    (origin === 'HUMAN_AUTHORED' || origin === 'HUMAN_EDITED') &&
      Boolean(model_id || model_family || model_provider),
    `origin ${origin} with model ${model_id || model_family || model_provider}: a model's text is SYNTHETIC; drop the model fields or correct the origin`
  )
  say(
    origin === 'HUMAN_EDITED' && parent_ids.length === 0,
    'origin HUMAN_EDITED needs provenance.parent_ids: name the text that was edited'
  )
  say(parent_ids.some(isBlank), 'provenance.parent_ids holds a blank id: name the texts it derives from')
  say(repairs.some(isBlank), 'provenance.repairs holds a blank id: name the attempts it repairs')
  say(
    origin === 'HUMAN_AUTHORED' && parent_ids.length > 0,
    'origin HUMAN_AUTHORED with provenance.parent_ids: a text that derives from others is HUMAN_EDITED or UNKNOWN; correct the origin or drop the parents'
  )
  say(
    of === 'document' && origin === 'SYNTHETIC',
    'a synthetic text is not published as human data: publish prompts and let a source generate, or correct the origin'
  )
  say(of === 'synthetic' && origin !== 'SYNTHETIC', `a generation has origin SYNTHETIC, not ${origin}`)
  say(generation !== null && generation < 0, `generation ${generation} is negative`)
  say(
    origin === 'HUMAN_AUTHORED' && generation !== null && generation !== 0,
    `origin HUMAN_AUTHORED has generation 0, not ${generation}`
  )
  say(
    origin === 'UNKNOWN' && generation !== null && of !== 'prompt',
    `origin UNKNOWN with generation ${generation}: of a text of unknown origin it is unknown, leave it null`
  )
  say(origin === 'SYNTHETIC' && generation === 0, 'origin SYNTHETIC has a generation of at least 1')
  say(
    provenance.temperature !== null && !(provenance.temperature >= 0),
    `temperature ${provenance.temperature} is below 0`
  )
  say(
    provenance.top_p !== null && !(provenance.top_p >= 0 && provenance.top_p <= 1),
    `top_p ${provenance.top_p} is outside 0 to 1`
  )
  say(provenance.top_k !== null && !(provenance.top_k >= 1), `top_k ${provenance.top_k} is below 1`)
  say(
    provenance.max_tokens !== null && !(provenance.max_tokens >= 1),
    `max_tokens ${provenance.max_tokens} is below 1`
  )
  say(!(attempt >= 1), `attempt ${attempt} is below 1`)
  say(
    provenance.sample_index !== null && !(provenance.sample_index >= 0),
    `sample_index ${provenance.sample_index} is below 0`
  )
  return wrong
}

/** Most characters of what rows are counted by: a version's record holds each of them, and has to fit into its topic. */
const longest = { task: 200, topic: 200, format: 200, license: 500, author: 500, source_uri: 2000 }

/** What of the labels of a text is too long, in words. */
export function labelViolations(cell: Partial<Cell>, provenance: Partial<Provenance>): string[] {
  const { task, topic, format } = cell
  const { license, author, source_uri } = provenance
  const labels = { task, topic, format, license, author, source_uri }
  return Object.entries(longest).flatMap(([name, most]) => {
    const { length } = labels[name as keyof typeof labels] ?? ''
    return length > most ? [`${name} is ${length} characters long, and may have ${most}`] : []
  })
}

/** Who may speak in a conversation. */
export const roles = ['system', 'user', 'assistant', 'tool', 'document'] as const

/** What of a conversation nobody may publish, in words. */
export function roleViolations(messages: readonly Pick<Message, 'role'>[]): string[] {
  return messages.flatMap(({ role }, index) =>
    (roles as readonly string[]).includes(role)
      ? []
      : [`messages.${index} has role ${role}, which is none of ${roles.join(', ')}`]
  )
}

/** What only answers of the pipeline have, and no document that is published. */
const ofAnswers = ['prompt_id', 'sample_index', 'output_terms'] as const
/** What only a model has. */
const ofDecoding = ['temperature', 'top_p', 'top_k', 'seed', 'max_tokens'] as const

/** What the provenance of a published document says that only the pipeline can say, or only of a model, in words. */
export function documentViolations(provenance: Partial<Provenance>): string[] {
  const { origin, repairs = [], quoted_ids = [], attempt = 1, recipe = '' } = provenance
  // A model's text is no document at all.
  if (origin === 'SYNTHETIC') return []
  const wrong: string[] = [...ofAnswers, ...(origin === 'UNKNOWN' ? [] : ofDecoding)].filter(
    field => (provenance[field] ?? null) !== null
  )
  if (repairs.length > 0) wrong.push('repairs')
  if (quoted_ids.length > 0) wrong.push('quoted_ids')
  if (attempt !== 1) wrong.push('attempt')
  if (recipe !== '') wrong.push('recipe')
  return wrong.map(field => `${field} is said of answers alone: leave it out`)
}

/** Whether the metadata of a text say that a model wrote it, as those of everseed's own exports do. */
export function saysSynthetic(metadata: Readonly<Record<string, string>>): boolean {
  return Object.hasOwn(metadata, 'origin') && metadata['origin'] === 'SYNTHETIC'
}
