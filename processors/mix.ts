/**
 * Lays human and verified samples down in one stream whose every prefix holds the real share.
 * Human samples wait for verified ones to be interleaved with; once every run of the dataset has ended the rest follows.
 */
import { samplesHuman, samplesVerified, training } from '../schemas/topics.ts'
import type { Sample } from '../schemas/types.ts'
import { defineProcessor, memory, type Output, type Processor } from './contract.ts'
import { createQueues, firstOf, isStarved, type Queue, type Room } from './mix/waiting.ts'
import { type Row, rowOf } from './split.ts'

/** Kinds of waiting samples: real ones pay for the places of the others. */
type Kind = 'real' | 'other' | 'verified'
type Input = 'human' | 'verified'
type Lane = Readonly<Record<Kind, Queue<Input>>>

/**
 * What is remembered of a dataset in a slot: rows laid down, real ones among them, and per kind the offset of the first
 * sample that still waits (null: none). Waiting samples are read again from there, so they are stored once.
 */
type Laid = {
  readonly rows: number
  readonly real: number
  readonly from: Readonly<Record<Kind, number | null>>
}

const none: Laid = { rows: 0, real: 0, from: { real: null, other: null, verified: null } }

const kinds: readonly Kind[] = ['real', 'other', 'verified']

const MiB = 1024 * 1024
const defaultRoom: Room = { all: 64 * MiB, each: 8 * MiB, offsets: 5000 }
/** Laid down at once, about, in characters: what one transaction takes even where a character is three bytes. */
const mostLaid = MiB

/** Real: written by a person and only by a person. Edits count from a later version on; unknown never does. */
export function isReal(sample: Sample): boolean {
  return sample.provenance.origin === 'HUMAN_AUTHORED'
}

/**
 * The mixer with a given room.
 * @param room how much may wait in memory
 */
export const mixer = (room: Room): Processor =>
  defineProcessor({
    name: 'mix',
    doc: 'interleaves human and verified samples so that every prefix holds the real share',
    inputs: { human: samplesHuman, verified: samplesVerified },
    outputs: { laid: training },
    drops: ['not_seed', 'forbidden_terms', 'too_deep', 'unknown_generation'],
    state: { datasets: memory<Laid>() },
    create: ({ state, tables, position, reread, soon, log, out, emit, drop }) => {
      const queues = createQueues<Input>(room, reread, soon, log)
      const lanes = new Map<string, Lane>()
      const laneOf = (dataset: string): Lane => {
        let lane = lanes.get(dataset)
        if (!lane) {
          lane = {
            real: queues.queue('human'),
            other: queues.queue('human'),
            verified: queues.queue('verified')
          }
          lanes.set(dataset, lane)
        }
        return lane
      }
      const kindOf = (input: Input, sample: Sample): Kind =>
        input === 'verified' ? 'verified' : isReal(sample) ? 'real' : 'other'

      /** Nothing of any run of the dataset is still on its way here. */
      const settled = (dataset: string): boolean => {
        let any = false
        for (const run of tables.runs()) {
          if (run.dataset !== dataset) continue
          any = true
          if (run.state !== 'ended' || position('verified') < (run.until[samplesVerified.name] ?? 0))
            return false
        }
        return any
      }

      /** Lays down what has its place; `budget`: what may be laid at once. */
      const lay = (dataset: string, budget: { left: number }): Output[] => {
        const own = laneOf(dataset)
        const { real: reals, other: others, verified } = own
        const floor = tables.dataset(dataset)!.floor
        const before = state.datasets.get(dataset) ?? none
        // Guests that are still to be read again come before what is left when there are none.
        const rest = verified.beyond === null && settled(dataset)
        const outputs: Output[] = []
        const next = { real: 0, other: 0, verified: 0 }
        let { rows, real } = before
        for (;;) {
          const guest =
            next.verified < verified.held.length
              ? 'verified'
              : rest && next.other < others.held.length
                ? 'other'
                : undefined
          let kind: Kind
          if (guest && real >= floor * (rows + 1)) kind = guest
          else if (next.real < reals.held.length && (guest || rest)) kind = 'real'
          else break
          const { sample, bytes } = own[kind].held[next[kind]]!
          if (bytes > budget.left && budget.left < mostLaid) {
            soon()
            break
          }
          budget.left -= bytes
          next[kind]++
          outputs.push(out('laid', sample.id, sample))
          rows++
          if (kind === 'real') real++
        }
        for (const kind of kinds) queues.take(own[kind], next[kind])
        const from = { real: firstOf(reals), other: firstOf(others), verified: firstOf(verified) }
        const moved = rows !== before.rows || kinds.some(kind => from[kind] !== before.from[kind])
        if (moved) state.datasets.stage(dataset, { rows, real, from })
        for (const kind of kinds) if (isStarved(own[kind])) queues.fill(own[kind])
        return outputs
      }

      /** Offset of the first waiting sample of some kinds over all datasets. */
      const firstWaiting = (...of: readonly Kind[]): number | undefined => {
        let first: number | undefined
        for (const [, laid] of state.datasets.entries()) {
          for (const kind of of) {
            const offset = laid.from[kind]
            if (offset !== null && (first === undefined || offset < first)) first = offset
          }
        }
        return first
      }

      /** Why a sample never enters training, if so. */
      const unwanted = ({
        dataset,
        provenance: { output_terms, generation }
      }: Row): 'forbidden_terms' | 'too_deep' | 'unknown_generation' | undefined => {
        if (output_terms === 'forbidden') return 'forbidden_terms'
        if (generation === null) return 'unknown_generation'
        return generation > tables.dataset(dataset)!.max_generation ? 'too_deep' : undefined
      }

      return {
        process({ input, offset, value }) {
          const row = rowOf(value)
          if (!row) return drop('not_seed')
          const reason = unwanted(row)
          if (reason) return drop(reason)
          queues.add(laneOf(value.dataset)[kindOf(input, value)], offset, row)
          return emit(...lay(value.dataset, { left: mostLaid }))
        },
        tick() {
          const budget = { left: mostLaid }
          return emit(...[...lanes.keys()].flatMap(dataset => lay(dataset, budget)))
        },
        replayFrom() {
          const human = firstWaiting('real', 'other')
          const verified = firstWaiting('verified')
          return { ...(human !== undefined && { human }), ...(verified !== undefined && { verified }) }
        },
        replay({ input, offset, value }) {
          const row = rowOf(value)
          if (!row || unwanted(row)) return
          const kind = kindOf(input, value)
          const queue = laneOf(value.dataset)[kind]
          if (queues.found(queue, offset, row)) return
          const from = state.datasets.get(value.dataset)?.from[kind] ?? null
          if (from !== null && offset >= from) queues.add(queue, offset, row)
        }
      }
    }
  })

export const mix = mixer(defaultRoom)
