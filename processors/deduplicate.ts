/** Drops answers that repeat something accepted before or something human; first cut: exact, case and white space folded. */
import { sha128 } from '../schemas/identity.ts'
import { candidates, generations, samplesHuman, samplesRejected } from '../schemas/topics.ts'
import type { Generation, Message, Rejection, Sample } from '../schemas/types.ts'
import { defineProcessor, memory } from './contract.ts'
import { answerOf, folded } from './text.ts'

/** What is remembered of a text. */
type Seen = {
  readonly id: string
  /** Empty for human text. */
  readonly prompt: string
  readonly attempt: number
  readonly index: number
}

const version = '1'

/** The sample a raw reply becomes. */
export function sampleOf(generation: Generation): Sample {
  const {
    id,
    content_hash,
    dataset,
    run,
    cell,
    prompt,
    reply,
    reasoning_content,
    finish_reason,
    samples,
    usage,
    provenance,
    metadata
  } = generation
  const answer: Message = {
    role: 'assistant',
    content: reply,
    tool_calls: null,
    tool_call_id: null,
    reasoning_content
  }
  return {
    id,
    content_hash,
    dataset,
    run,
    cell,
    messages: [...prompt, answer],
    provenance,
    usage,
    verdicts: [],
    metadata: { ...metadata, finish_reason, samples: String(samples) },
    epoch: 1
  }
}

export const deduplicate = defineProcessor({
  name: 'deduplicate',
  doc: 'drops answers that repeat anything accepted before or anything human, or are made of held-out text',
  inputs: { generations, rejected: samplesRejected, human: samplesHuman },
  outputs: { novel: candidates, rejected: samplesRejected },
  drops: ['exact_duplicate', 'provider_error', 'held_out'],
  state: {
    /** Folded text hash, per dataset and, for runs that ask for it, per run. */
    texts: memory<Seen>(),
    /** By dataset, and id or name: human texts that are set aside from generators. */
    aside: memory<true>()
  },
  settles: ({ input }) => (input === 'generations' ? 1 : 0),
  create: ({ state, tables, now, out, emit, drop }) => {
    const datasetKey = (dataset: string, hash: string): string => `${dataset}|${hash}`
    const runKey = (dataset: string, run: string, hash: string): string => `${dataset}/${run}|${hash}`

    const rejection = (
      sample: Sample,
      check: string,
      reason: string,
      detail: string,
      hit: string | null
    ): Rejection => ({
      id: sample.id,
      sample,
      processor: 'deduplicate',
      check,
      version,
      reason,
      detail,
      hit,
      retried: false,
      rejected_at: now()
    })

    /** An earlier attempt at the same sample of a prompt is what a repair looks like; it is no duplicate. */
    const collides = (seen: Seen | undefined, { id, provenance }: Sample): boolean => {
      if (seen === undefined || seen.id === id) return false
      const { prompt_id, attempt, sample_index } = provenance
      return !(seen.prompt === prompt_id && seen.index === (sample_index ?? 0) && seen.attempt < attempt)
    }

    const judge = (generation: Generation) => {
      const sample = sampleOf(generation)
      if (generation.error !== '') {
        return drop(
          'provider_error',
          out('rejected', sample.id, rejection(sample, 'generate', 'provider_error', generation.error, null))
        )
      }
      const { parent_ids, quoted_ids } = sample.provenance
      const held = [...parent_ids, ...quoted_ids].find(id => state.aside.has(`${sample.dataset}/${id}`))
      if (held !== undefined) {
        const detail = 'made of a human text that is set aside: models are asked about seed text alone'
        return drop(
          'held_out',
          out('rejected', sample.id, rejection(sample, 'held_out', 'held_out', detail, held))
        )
      }
      const text = folded(generation.reply)
      // Nothing to compare: verify has a name for empty answers.
      if (text === '') return emit(out('novel', sample.id, sample))
      const hash = sha128(text)
      const { dataset, run } = sample
      const perRun = tables.recipe(run)?.dedup === 'run'
      const inDataset = state.texts.get(datasetKey(dataset, hash))
      const inRun = perRun ? state.texts.get(runKey(dataset, run, hash)) : undefined
      // Human text counts in both scopes; it was accepted under no prompt.
      const hit = perRun ? (inDataset?.prompt === '' ? inDataset : inRun) : inDataset
      if (collides(hit, sample)) {
        const detail = 'the same text, case and white space folded'
        return drop(
          'exact_duplicate',
          out('rejected', sample.id, rejection(sample, 'exact_duplicate', 'exact_duplicate', detail, hit!.id))
        )
      }
      const seen: Seen = {
        id: sample.id,
        prompt: sample.provenance.prompt_id ?? '',
        attempt: sample.provenance.attempt,
        index: sample.provenance.sample_index ?? 0
      }
      if (!inDataset || inDataset === hit) state.texts.stage(datasetKey(dataset, hash), seen)
      if (perRun) state.texts.stage(runKey(dataset, run, hash), seen)
      return emit(out('novel', sample.id, sample))
    }

    const forget = (sample: Sample): void => {
      const hash = sha128(folded(answerOf(sample.messages)))
      for (const key of [datasetKey(sample.dataset, hash), runKey(sample.dataset, sample.run, hash)]) {
        if (state.texts.get(key)?.id === sample.id) state.texts.forget(key)
      }
    }

    return {
      process(record) {
        switch (record.input) {
          case 'generations':
            return judge(record.value)
          case 'rejected':
            if (record.value.processor !== 'deduplicate') forget(record.value.sample)
            return emit()
          case 'human': {
            const { dataset, messages, id, provenance, metadata } = record.value
            if (provenance.split !== 'SEED')
              // Whoever asks about it may know it by the name it was published under.
              for (const name of [id, metadata['document_id']])
                if (name !== undefined) state.aside.stage(`${dataset}/${name}`, true)
            const key = datasetKey(dataset, sha128(folded(answerOf(messages))))
            // Human text wins over a synthetic sample that said it first: later answers hit the human one.
            if (state.texts.get(key)?.prompt !== '')
              state.texts.stage(key, { id, prompt: '', attempt: 0, index: 0 })
            return emit()
          }
        }
      }
    }
  }
})
