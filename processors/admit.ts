/** Takes published human documents in: one text is one sample, and its split is fixed once and for all. */
import { contentHash, hash32, sha128 } from '../schemas/identity.ts'
import { human, samplesHuman } from '../schemas/topics.ts'
import type { Dataset, Document, Provenance, Sample, Split } from '../schemas/types.ts'
import { defineProcessor, memory } from './contract.ts'
import { answerOf, folded, isEmpty } from './text.ts'

/**
 * The split of a text, by the hash of its folded form: texts that differ only in case or white space are siblings and
 * fall into the same split, in whatever order they come.
 * @param shares percent for seed, reference and audit; they sum to 100
 */
export function splitOf(
  text: string,
  shares: Pick<Dataset, 'split_seed' | 'split_reference' | 'split_audit'>
): Split {
  const point = hash32(`split:${sha128(folded(text))}`) % 100
  if (point < shares.split_seed) return 'SEED'
  return point < shares.split_seed + shares.split_reference ? 'REFERENCE' : 'AUDIT'
}

/** Human-authored text has generation 0; an edit has its parents' when they are all known here; unknown stays unknown. */
function generationOf(
  origin: Provenance['origin'],
  parents: readonly (number | null | undefined)[]
): number | null {
  if (origin === 'HUMAN_AUTHORED') return 0
  if (origin !== 'HUMAN_EDITED') return null
  let newest = 0
  for (const generation of parents) {
    if (generation === undefined || generation === null) return null
    newest = Math.max(newest, generation)
  }
  return newest
}

function sampleOf(document: Document, id: string, found: Partial<Provenance>): Sample {
  const { dataset, cell, messages, provenance, metadata } = document
  return {
    id,
    content_hash: id,
    dataset,
    run: '',
    cell,
    messages,
    provenance: { ...provenance, ...found },
    usage: { input_tokens: 0, output_tokens: 0, reasoning_tokens: 0, cost_micros: 0 },
    verdicts: [],
    metadata: document.id === id || document.id === '' ? metadata : { ...metadata, document_id: document.id },
    epoch: 1
  }
}

export const admit = defineProcessor({
  name: 'admit',
  doc: 'takes human documents in: validates, finds exact siblings, fixes the split',
  inputs: { human },
  outputs: { admitted: samplesHuman },
  drops: ['repeated'],
  state: {
    /** Generation numbers of the texts taken in, by dataset and id; null where unknown. */
    known: memory<number | null>(),
    /** Ids of the texts taken in, by dataset and the id their publisher gave them, where that is another. */
    names: memory<string>()
  },
  create: ({ state, tables, log, out, emit, drop, reject }) => {
    /** Edits since the last look around whose parent was not there, and the last of them. */
    let orphans = 0
    let orphan = {}

    return {
      process({ value }) {
        const { id: name, dataset, messages, provenance } = value
        if (isEmpty(messages)) {
          return reject(
            'empty_document',
            `document ${name || '(no id)'} has no text: its last message needs content or tool_calls`
          )
        }
        const id = contentHash(messages)
        const key = `${dataset}/${id}`
        // Who edits a text and keeps its name means the text that had it before.
        const parent_ids = provenance.parent_ids.map(parent =>
          state.known.has(`${dataset}/${parent}`)
            ? parent
            : (state.names.get(`${dataset}/${parent}`) ?? parent)
        )
        if (name !== '' && name !== id && state.names.get(`${dataset}/${name}`) !== id)
          state.names.stage(`${dataset}/${name}`, id)
        if (state.known.has(key)) return drop('repeated')
        const parents = parent_ids.map(parent => state.known.get(`${dataset}/${parent}`))
        const missing = parents.indexOf(undefined)
        if (provenance.origin === 'HUMAN_EDITED' && missing >= 0) {
          orphans++
          orphan = { dataset, document: name || id, parent: parent_ids[missing] }
        }
        const split = splitOf(answerOf(messages), tables.dataset(dataset)!)
        const generation = generationOf(provenance.origin, parents)
        state.known.stage(key, generation)
        return emit(out('admitted', id, sampleOf(value, id, { parent_ids, split, generation })))
      },

      tick() {
        if (orphans > 0)
          log.warn(
            { edits: orphans, ...orphan },
            `${orphans} edits came before a text they name as parent, so they never count as human; publish parents first`
          )
        orphans = 0
        return undefined
      }
    }
  }
})
