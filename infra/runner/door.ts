/** The door of a slot: whether a record may be processed at all, and whether here. */
import type { Tables } from '../../processors/contract.ts'
import { sha128, slotOf } from '../../schemas/identity.ts'
import {
  documentViolations,
  isClaimed,
  labelViolations,
  type ProvenanceOf,
  provenanceViolations,
  roleViolations
} from '../../schemas/provenance.ts'
import { samplesHuman, training, type Topic } from '../../schemas/topics.ts'
import type { Document, Provenance } from '../../schemas/types.ts'
import { claimProblem } from './claims.ts'

/** Which rules hold for the provenance of a record. */
const provenanceKinds: Partial<Record<string, ProvenanceOf>> = {
  Prompt: 'prompt',
  ParkedPrompt: 'prompt',
  Document: 'document',
  Generation: 'synthetic',
  // What is on its way from a model to training; the same record where people's text is too, by topic.
  Sample: 'synthetic',
  Rejection: 'synthetic'
}
const kindsByTopic: Partial<Record<string, ProvenanceOf>> = {
  [samplesHuman.name]: 'document',
  [training.name]: 'sample'
}

/** Records around another one: its field holds what they are about. */
const wrapped: Partial<Record<string, string>> = { ParkedPrompt: 'prompt', Rejection: 'sample' }

/** A decoded record whose fields are looked at by name. */
type Fields = Readonly<Record<string, unknown>>

/** The prompt, document or sample a record is, or is about. */
export function subjectOf(topic: Topic, value: Fields): Fields {
  const field = topic.record === null ? undefined : wrapped[topic.record]
  return field === undefined ? value : (value[field] as Fields)
}

/** What is wrong with a record's provenance, as `provenance: words`; empty when nothing is. */
export function provenanceProblem(topic: Topic, value: Fields): string {
  const { provenance } = subjectOf(topic, value)
  const kind = topic.record === null ? undefined : (kindsByTopic[topic.name] ?? provenanceKinds[topic.record])
  if (!kind) return ''
  if (!provenance) return 'provenance: there is none'
  const [wrong] = provenanceViolations(provenance as Provenance, kind)
  return wrong === undefined ? '' : `provenance: ${wrong}`
}

/** What was claimed of the generation of a prompt is not believed, and so not shown to a processor. */
function withoutClaims(topic: Topic, value: Fields): Fields {
  const { provenance } = value as { provenance?: Provenance }
  if (topic.record !== 'Prompt' || !provenance || !isClaimed(provenance)) return value
  return { ...value, provenance: { ...provenance, generation: null } }
}

/** The door. */
export type Door = {
  /**
   * What keeps a text that somebody publishes from coming in, as `reason: words`. It is asked once, where the text enters: what
   * is in already stays in, whatever the rules become.
   */
  entryProblem(topic: Topic, value: Fields): string
  /**
   * What keeps a record out, as `reason: words`; empty when nothing does. Answers at once unless a name is in no table:
   * then the tables are first brought up to what was written by now. A key that is in none keeps nothing out, but who was
   * listed a moment ago must be known; it is looked for once a second, not for each of the documents signed with it.
   */
  problem(topic: Topic, value: Fields): string | Promise<string>
  /** The record as a processor may see it. */
  shown(topic: Topic, value: Fields): Fields
  /** The slot a record belongs to: publishers of other libraries hash keys their own way. */
  homeOf(topic: Topic, value: Fields): number
}

/** How long a key that is in no table is not looked for again, milliseconds, and how many such keys are remembered. */
const unlistedMs = 1000
const mostUnlisted = 1000

/**
 * @param tables the tables; `refresh` resolves once they hold what had been written when it was called
 * @param slot the slot behind the door
 * @param partitions partitions of the data topics
 * @param now milliseconds of any clock that goes on
 */
export function createDoor(
  tables: Tables & { refresh(): Promise<void> },
  slot: number,
  partitions: number,
  now: () => number = () => performance.now()
): Door {
  /** When a key was last looked for in vain. */
  const unlisted = new Map<string, number>()
  const missingDataset = (name: unknown): boolean => typeof name === 'string' && !tables.dataset(name)
  const missingKey = (topic: Topic, value: Fields): boolean => {
    const { signed_by } = topic.record === 'Document' ? (value as { provenance: Provenance }).provenance : {}
    if (typeof signed_by !== 'string' || tables.key(signed_by)) return false
    // A name may be as long as a record.
    const name = sha128(signed_by)
    if (now() - (unlisted.get(name) ?? -Infinity) < unlistedMs) return false
    if (unlisted.size >= mostUnlisted) unlisted.clear()
    unlisted.set(name, now())
    return true
  }
  const missingRun = (id: unknown): boolean => typeof id === 'string' && id !== '' && !tables.run(id)

  return {
    entryProblem({ record }, value) {
      if (record !== 'Prompt' && record !== 'Document') return ''
      const { cell, provenance, messages } = value as Partial<
        Pick<Document, 'cell' | 'provenance' | 'messages'>
      >
      // What is asked again came in once.
      if ((provenance?.attempt ?? 1) > 1 && record === 'Prompt') return ''
      const [long] = labelViolations(cell ?? {}, provenance ?? {})
      if (long !== undefined) return `label_too_long: ${long}`
      const [stranger] = roleViolations(messages ?? [])
      if (stranger !== undefined) return `role_unknown: ${stranger}`
      const [claimed] = record === 'Document' ? documentViolations(provenance ?? {}) : []
      return claimed === undefined ? '' : `provenance: ${claimed}`
    },

    problem(topic, value) {
      const wrong = provenanceProblem(topic, value)
      if (wrong !== '') return wrong
      const subject = subjectOf(topic, value)
      const { dataset, run } = subject
      if (topic.kind !== 'data') return ''
      if (!missingDataset(dataset) && !missingRun(run) && !missingKey(topic, value))
        return claimProblem(topic, subject, tables)
      return tables.refresh().then(() => {
        if (missingDataset(dataset))
          return `unknown_dataset: dataset ${String(dataset)} is in no table; publish with a recipe first`
        if (missingRun(run)) return `unknown_run: run ${String(run)} is in no table; publish its recipe first`
        return claimProblem(topic, subject, tables)
      })
    },

    shown: withoutClaims,

    homeOf(topic, { dataset, id }) {
      if (topic.forwardedBy === undefined || typeof dataset !== 'string') return slot
      return slotOf(dataset, String(id), tables.dataset(dataset)?.shards ?? 1, partitions)
    }
  }
}
