/** Measure on a slot of its own: real records, real bytes, real commits, no broker. */
import { createCodec } from '../../infra/codec.ts'
import { memoryIds } from '../../infra/runner/memory.ts'
import { measure } from '../../processors/measure.ts'
import { generations, samplesHuman } from '../../schemas/topics.ts'
import { humanProvenance, humanSample } from '../helpers/records.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import { answer, names, reply } from './samples.ts'
import { type Entry, type Works, openSlot } from './slot.ts'

/** Documents of the reference split: ten windows' worth in each half. */
const humans = 4000
/** Documents of the seed split. */
const seeds = 2000

/** A passage of 100 words: half of an answer. */
const passage = (number: number): string => answer(number).split(' ').slice(0, 100).join(' ')

export const measuring: Benchmark = {
  name: 'measuring',
  title: 'Measure without Kafka',
  async run({ quick, note }) {
    const count = quick ? 10_000 : 30_000
    const repeats = quick ? 2 : 7
    const codec = createCodec(memoryIds('measure'))
    const recipes = {
      'at a glance': { metrics: 'glance' },
      'every metric': {},
      'every metric, and parts of speech': { parts_of_speech: true }
    }
    type Way = keyof typeof recipes
    const ways = Object.keys(recipes) as Way[]
    const human = (index: number, split: 'SEED' | 'REFERENCE'): Entry => {
      const id = `human-${index}`
      const provenance = humanProvenance({ split })
      const value = humanSample(id, passage(1_000_000 + index), { dataset: names.dataset, provenance })
      return { key: id, value: codec.encode(samplesHuman, value) }
    }
    const people = [
      ...Array.from({ length: seeds }, (_, index) => human(index, 'SEED')),
      ...Array.from({ length: humans }, (_, index) => human(seeds + index, 'REFERENCE'))
    ]
    const slots = new Map<Way, Works>()
    for (const way of ways) {
      const slot = await openSlot(measure, {}, recipes[way])
      await slot.through(samplesHuman, people)
      slots.set(way, slot)
    }
    const figures = new Map<string, number[]>([...ways, 'Avro alone'].map(name => [name, []]))
    for (let repeat = -1; repeat < repeats; repeat++) {
      const raw: Entry[] = Array.from({ length: count }, (_, index) => {
        const number = (repeat + 1) * count + index
        const value = reply(number, passage(number))
        return { key: value.id, value: codec.encode(generations, value) }
      })
      const time = async (name: string, work: () => Promise<unknown>): Promise<void> => {
        const before = process.cpuUsage()
        await work()
        const { user, system } = process.cpuUsage(before)
        // The first run is a warm-up.
        if (repeat >= 0) figures.get(name)!.push((count * 1e6) / (user + system))
      }
      for (const way of ways) await time(way, () => slots.get(way)!.through(generations, raw))
      await time('Avro alone', async () => {
        for (const { value } of raw) codec.encode(generations, await codec.decode(generations, value))
      })
      if (repeat >= 0)
        note(
          `run ${repeat + 1}: ${[...figures].map(([name, values]) => `${name} ${Math.round(values.at(-1)!)}/s`).join(', ')}`
        )
    }
    for (const slot of slots.values()) await slot.stop()
    const goals: Partial<Record<string, Figure['goal']>> = {
      'at a glance': { at: 'least', value: 20_000 },
      'every metric': { at: 'least', value: 4000 }
    }
    return {
      setting: `${count} raw replies of 100 words per run, of two models, ${repeats} runs after a warm-up, one process, samples per second of processor time: read, decoded, taken into the windows of their source and of all sources, windows of 20,000 words measured beside ${humans} human documents of as many words and ${seeds} of the seed split, written, committed. The baseline decodes and encodes the same records once, and does nothing else.`,
      figures: [...figures].map(([name, values]) => ({
        name,
        unit: 'samples/s',
        values,
        ...(goals[name] && { goal: goals[name] }),
        ...(name !== 'Avro alone' && { baseline: 'Avro alone' })
      }))
    }
  }
}
