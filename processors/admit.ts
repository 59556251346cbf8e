/** Takes published human documents in: one text is one sample, and its split is fixed once and for all. */
import { contentHash, textKey } from '../schemas/identity.ts'
import { saysSynthetic } from '../schemas/provenance.ts'
import { human, samplesHuman, samplesVerified } from '../schemas/topics.ts'
import type { Document, Provenance, Sample } from '../schemas/types.ts'
import { createOverlap, type Seen } from './admit/overlap.ts'
import { createParents, type Parent } from './admit/parents.ts'
import { createPlaces, type Known } from './admit/place.ts'
import { vouched } from './admit/signature.ts'
import { defineProcessor, memory, type Verdict } from './contract.ts'
import { answerOf, isEmpty } from './text.ts'

/** Human-authored text has generation 0; an edit has its parents' when they are all known; unknown stays unknown. */
function generationOf(origin: Provenance['origin'], parents: readonly Parent[]): number | null {
  if (origin === 'HUMAN_AUTHORED') return 0
  if (origin !== 'HUMAN_EDITED') return null
  let newest = 0
  for (const { generation } of parents) {
    if (generation === null) return null
    newest = Math.max(newest, generation)
  }
  return newest
}

function sampleOf(document: Document, id: string, found: Partial<Provenance>): Sample {
  const { dataset, cell, messages, provenance, metadata } = document
  // What admit says here nobody says before it.
  const { sibling_of: _sibling, document_id: _name, ...rest } = metadata
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
    metadata: document.id === id || document.id === '' ? rest : { ...rest, document_id: document.id },
    epoch: 1
  }
}

export const admit = defineProcessor({
  name: 'admit',
  doc: 'takes human documents in: validates, finds siblings, fixes the split, tells synthetic text among them',
  inputs: { human, verified: samplesVerified },
  outputs: { admitted: samplesHuman },
  drops: ['repeated'],
  state: {
    /** The texts taken in, by dataset and id. */
    known: memory<Known>(),
    /** Ids of the texts taken in, by dataset and the id their publisher gave them, where that is another. */
    names: memory<string>(),
    /** Verified answers, by dataset and id: what people edit may be a model's. */
    answers: memory<Parent>(),
    /** Which answers human text is compared with; one entry. */
    seen: memory<Seen>()
  },
  create: ({ state, tables, reread, position, out, emit, drop, reject }) => {
    const places = createPlaces(state.known)
    const texts = createParents({ human: state.known, verified: state.answers }, reread, position)
    const overlap = createOverlap(state.seen)

    /** Why the parents a document names cannot be its parents, as a verdict; undefined where they can. */
    const refused = ({ id: name, dataset, provenance }: Document, id: string, keys: readonly string[]) => {
      const named = provenance.parent_ids
      const text = `document ${name || id} of dataset ${dataset}`
      const missing = keys.findIndex(key => texts.find(key) === undefined)
      if (named.includes(id) || (missing >= 0 && named[missing] === name))
        return reject('own_parent', `${text} names itself as its parent: name the text it was made from`)
      if (missing < 0) return undefined
      return reject(
        'parent_unknown',
        `${text} names parent ${named[missing]}, which is neither a human text nor a verified sample there: publish it, or wait until it is verified, then everseed deadletters replay --reason parent_unknown`
      )
    }

    const admitted = (
      document: Document,
      offset: number,
      id: string,
      provenance: Pick<Provenance, 'parent_ids' | 'generation' | 'edit_distance'>
    ): Verdict => {
      const { id: name, dataset, messages } = document
      const text = answerOf(messages)
      // A verified answer was made of seed text alone, and may be laid down.
      const parents = provenance.parent_ids.map(
        parent => state.known.get(`${dataset}/${parent}`)?.split ?? 'SEED'
      )
      const placed = places.place(tables.dataset(dataset)!, text, parents)
      const known: Known = { generation: provenance.generation, at: offset, ...placed }
      state.known.stage(`${dataset}/${id}`, known)
      places.add(dataset, id, known)
      if (name !== '' && name !== id) state.names.stage(`${dataset}/${name}`, id)
      const sample = sampleOf(document, id, { ...provenance, split: placed.split })
      const verdict = overlap.verdict(dataset, text)
      if (verdict) sample.verdicts.push(verdict)
      if (placed.first !== undefined) sample.metadata = { ...sample.metadata, sibling_of: placed.first }
      return emit(out('admitted', textKey(dataset, id), sample))
    }

    const judge = (document: Document, offset: number): Verdict | Promise<Verdict> => {
      const { id: name, dataset, messages, provenance, metadata } = document
      if (isEmpty(messages)) {
        return reject(
          'empty_document',
          `document ${name || '(no id)'} has no text: its last message needs content or tool_calls`
        )
      }
      if (saysSynthetic(metadata))
        return reject(
          'synthetic_as_human',
          `document ${name || '(no id)'} is called ${provenance.origin}, and its metadata say that a model wrote it (origin SYNTHETIC)`
        )
      const id = contentHash(messages)
      // Who edits a text and keeps its name means the text that had it before.
      const parent_ids = provenance.parent_ids.map(parent =>
        texts.find(`${dataset}/${parent}`) ? parent : (state.names.get(`${dataset}/${parent}`) ?? parent)
      )
      const keys = parent_ids.map(parent => `${dataset}/${parent}`)
      if (state.known.has(`${dataset}/${id}`) && !provenance.parent_ids.includes(id)) {
        if (name !== '' && name !== id && state.names.get(`${dataset}/${name}`) !== id)
          state.names.stage(`${dataset}/${name}`, id)
        return drop('repeated')
      }
      const refusal = refused(document, id, keys)
      if (refusal) return refusal
      const { origin, generation: claimed } = provenance
      const generation = generationOf(
        origin,
        keys.map(key => texts.find(key)!)
      )
      if (claimed !== null && claimed !== generation) {
        return reject(
          'generation_claimed',
          `document ${name || id} says it is of generation ${claimed}; by its origin and parents it is ${generation ?? 'unknown'}. It is computed, never declared: leave it null`
        )
      }
      if (origin !== 'HUMAN_EDITED')
        return admitted(document, offset, id, { parent_ids, generation, edit_distance: null })
      return texts
        .distance(answerOf(messages), keys)
        .then(edit_distance => admitted(document, offset, id, { parent_ids, generation, edit_distance }))
    }

    return {
      process(record) {
        if (record.input === 'human') {
          const { document, forged } = vouched(record.value, tables)
          return forged === undefined ? judge(document, record.offset) : reject('signature_invalid', forged)
        }
        const { offset } = record
        const { id, dataset, messages, provenance } = record.value
        state.answers.stage(`${dataset}/${id}`, { generation: provenance.generation, at: offset })
        overlap.add(offset, dataset, answerOf(messages))
        return emit()
      },

      replayFrom: () => ({ verified: overlap.from }),

      replay({ input, offset, value: { id, dataset, messages } }) {
        if (texts.found(`${dataset}/${input === 'human' ? contentHash(messages) : id}`, messages)) return
        if (input === 'verified') overlap.again(offset, dataset, answerOf(messages))
      }
    }
  }
})
