/**
 * Lays human and verified samples down in one stream whose every prefix holds the real share, and what else its dataset
 * promises. Human samples wait for verified ones to be interleaved with; once every run of the dataset has ended the rest
 * follows. Where a row would break a promise the mixer waits, and says what is missing.
 */
import { textKey } from '../schemas/identity.ts'
import { control, retractions, samplesHuman, samplesVerified, training } from '../schemas/topics.ts'
import type { Retraction } from '../schemas/types.ts'
import { defineProcessor, memory, type Output, type Processor } from './contract.ts'
import { heirOf } from './heir.ts'
import { createLane, type Laid, type Lane, nothingLaid } from './mix/lane.ts'
import { type Input, obstacle, planOf, unwanted, withRow } from './mix/plan.ts'
import { isOver, type Offsets, taking } from './mix/quota.ts'
import { createRest } from './mix/rest.ts'
import { type Said, shortageOf, wordOf } from './mix/shortage.ts'
import { createQueues, firstOf, isStarved, type Room } from './mix/waiting.ts'
import { type Row, rowOf } from './split.ts'

const MiB = 1024 * 1024
const defaultRoom: Room = { all: 64 * MiB, each: 8 * MiB, offsets: 5000 }
/** Laid down at once, about, in characters: what one transaction takes even where a character is three bytes. */
const mostLaid = MiB

/**
 * The mixer with a given room.
 * @param room how much may wait in memory
 */
export const mixer = (room: Room): Processor =>
  defineProcessor({
    name: 'mix',
    doc: 'interleaves human and verified samples so that every prefix holds the real share',
    inputs: { human: samplesHuman, verified: samplesVerified },
    outputs: { laid: training, word: control, gone: retractions },
    drops: [
      'retracted',
      'not_seed',
      'no_human_text',
      'forbidden_terms',
      'too_deep',
      'unknown_generation',
      'thinned',
      'over_quota'
    ],
    state: { datasets: memory<Laid>(), said: memory<Said>() },
    create: ({ slot, state, tables, position, reread, soon, now, log, out, emit, drop, reject }) => {
      const queues = createQueues<Input>(room, reread, soon, log)
      const lanes = new Map<string, Lane>()
      const laneOf = (dataset: string): Lane | undefined => {
        const settings = tables.mix(dataset)
        let lane = lanes.get(dataset)
        if (!settings || lane) return lane
        lane = createLane(planOf(tables.dataset(dataset)!, settings), queues)
        // Also those of which nothing is found when they are read again: it was erased, and waits no more.
        for (const key of Object.keys(state.datasets.get(dataset)?.waiting ?? {}))
          lane.lineOf(lane.plan.classNamed(key))
        lanes.set(dataset, lane)
        return lane
      }
      const laidOf = (dataset: string, { plan }: Lane): Laid =>
        state.datasets.get(dataset) ?? nothingLaid(plan)

      /** Offsets after everything that is in the queues. */
      const here = (): Offsets => ({ human: position('human'), verified: position('verified') })

      const settled = createRest(tables, () => position('verified'))

      /** Why a row leaves; for what it was made of: what is to be said of it. Undefined: it stays. */
      const leaving = (row: Row): readonly Output[] | undefined => {
        const retraction = (id: string): Retraction | undefined => tables.retraction(row.dataset, id)
        if (retraction(row.id)) return []
        const heir = heirOf(row, retraction, 'mix', now())
        return heir && [out('gone', textKey(heir.dataset, heir.id), heir)]
      }

      /**
       * Lays down what has its place; `budget`: what may be laid at once.
       * @param next a quota that fills up now takes nothing from there on; what waits was before that
       */
      const lay = (dataset: string, lane: Lane, budget: { left: number }, next: Offsets): Output[] => {
        const { plan, again } = lane
        const before = laidOf(dataset, lane)
        const outputs: Output[] = []
        let laid = before
        let rest: boolean | undefined
        for (;;) {
          const choice = lane.pick(laid, () => (rest ??= settled(dataset)))
          if (choice === 'repeat') {
            const pass = lane.repeat(laid.pass, position('human'))
            if (again.beyond === null && pass) {
              laid = { ...laid, pass }
              queues.refill(again, pass.next, position('human') - 1)
            }
          }
          if (typeof choice === 'string') break
          const { of, line, sample, bytes } = choice
          if (bytes > budget.left && budget.left < mostLaid) {
            soon()
            break
          }
          // What was retracted while it waited gives up its turn without a place.
          const gone = leaving(sample)
          if (gone) outputs.push(...gone)
          else {
            budget.left -= bytes
            laid = { ...laid, ...withRow(laid, of) }
          }
          if (line) {
            line.next++
            if (!gone) outputs.push(out('laid', textKey(dataset, sample.id), sample))
            continue
          }
          queues.take(again, 1)
          const { epoch } = laid.pass
          if (!gone) outputs.push(out('laid', textKey(dataset, sample.id, epoch), { ...sample, epoch }))
          laid = {
            ...laid,
            pass: { epoch, next: firstOf(again) ?? again.last + 1 },
            quotas: gone ? laid.quotas : taking(laid.quotas, plan.quotasOf(sample), plan.quotas, next)
          }
        }
        const waiting = lane.settle(laid.waiting)
        if (waiting !== laid.waiting) laid = { ...laid, waiting }
        if (laid !== before) state.datasets.stage(dataset, laid)
        for (const { queue } of lane.lines.values()) if (isStarved(queue)) queues.fill(queue)
        if (isStarved(again)) queues.fill(again)
        return outputs
      }

      /** Says what is missing once something waited from one look around to the next, and takes it back in the end. */
      const say = (dataset: string, lane: Lane): Output[] => {
        const { plan, again } = lane
        // What is still to be read again may have its place.
        if (isStarved(again) || [...lane.lines.values()].some(({ queue }) => isStarved(queue))) return []
        const laid = laidOf(dataset, lane)
        const said = state.said.get(dataset)
        const waiting = lane.waitingOf(laid, () => settled(dataset))
        const blocked = new Set([...waiting.keys()].flatMap(of => obstacle(plan, laid, of) ?? []))
        lane.blocked = blocked.size > 0 ? lane.blocked + 1 : 0
        if (lane.blocked === 1 && !said) return []
        const shortage = blocked.size > 0 ? shortageOf(plan, laid, waiting, blocked) : undefined
        const next = wordOf(dataset, slot, shortage, plan, laid, said, now())
        if (!next) return []
        if (next.said) state.said.stage(dataset, next.said)
        else state.said.forget(dataset)
        return [out('word', `dataset:${dataset}|mix`, next.word)]
      }

      return {
        process({ input, offset, value }) {
          const { dataset } = value
          const lane = laneOf(dataset)
          if (!lane)
            return reject('unreadable_mix', `what dataset ${dataset} is mixed of does not fit its schema`)
          const { plan } = lane
          const row = rowOf(value)
          if (!row) return drop('not_seed')
          const gone = leaving(row)
          if (gone) return drop('retracted', ...gone)
          const reason = unwanted(plan, tables.dataset(dataset)!.max_generation, input, row)
          if (reason) return drop(reason)
          const laid = laidOf(dataset, lane)
          if (isOver(laid.quotas, plan.quotasOf(row), input, offset)) return drop('over_quota')
          const of = plan.classOf(input, row)
          const { queue } = lane.lineOf(of)
          queues.add(queue, offset, row)
          const count = (laid.waiting[of.key]?.count ?? 0) + 1
          const next = { ...here(), [input]: offset + 1 }
          state.datasets.stage(dataset, {
            ...laid,
            waiting: { ...laid.waiting, [of.key]: { count, from: firstOf(queue)! } },
            quotas: taking(laid.quotas, plan.quotasOf(row), plan.quotas, next)
          })
          return emit(...lay(dataset, lane, { left: mostLaid }, next))
        },
        tick() {
          const budget = { left: mostLaid }
          const outputs: Output[] = []
          // What an earlier owner said is taken back by the next one, though nothing of the dataset waits any more.
          for (const memories of [state.said, state.datasets])
            for (const [dataset] of memories.entries()) laneOf(dataset)
          for (const [dataset, lane] of lanes) {
            const rows = lay(dataset, lane, budget, here())
            outputs.push(...rows, ...(rows.length > 0 ? [] : say(dataset, lane)))
          }
          return emit(...outputs)
        },
        replayFrom() {
          const first: Partial<Record<Input, number>> = {}
          for (const [, { waiting }] of state.datasets.entries()) {
            for (const [key, { from }] of Object.entries(waiting)) {
              const input = key.startsWith('verified') ? 'verified' : 'human'
              first[input] = Math.min(first[input] ?? from, from)
            }
          }
          return first
        },
        replay({ input, offset, value }) {
          const lane = laneOf(value.dataset)
          const row = rowOf(value)
          if (!lane || !row) return
          const { plan, again } = lane
          const laid = laidOf(value.dataset, lane)
          if (unwanted(plan, tables.dataset(value.dataset)!.max_generation, input, row)) return
          if (isOver(laid.quotas, plan.quotasOf(row), input, offset)) return
          const of = plan.classOf(input, row)
          if (queues.filling === again) return void (of.kind === 'real' && queues.found(again, offset, row))
          const { queue } = lane.lineOf(of)
          if (queues.found(queue, offset, row)) return
          if (offset >= (laid.waiting[of.key]?.from ?? Infinity)) queues.add(queue, offset, row)
        }
      }
    }
  })

export const mix = mixer(defaultRoom)
