/** Measure on a slot of its own: real records, real bytes, real commits, no broker. */
import { createCodec } from '../../infra/codec.ts'
import { memoryIds } from '../../infra/runner/memory.ts'
import { type DocumentBeside, documentBeside } from '../../metrics/beside-reference.ts'
import { createFingerprinter, isSampled } from '../../metrics/fingerprint.ts'
import { createPanel } from '../../metrics/panel.ts'
import { measure } from '../../processors/measure.ts'
import {
  createReferenceMemory,
  freeze,
  rememberReference,
  windowValues
} from '../../processors/measure/reference.ts'
import { createSeedWords } from '../../processors/measure/seed-words.ts'
import { shuffleRank } from '../../processors/reservoir.ts'
import type { ReferenceText, SeedText } from '../../processors/split.ts'
import { generations, samplesHuman } from '../../schemas/topics.ts'
import { humanProvenance, humanSample } from '../helpers/records.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import { answer, names, reply } from './samples.ts'
import { type Entry, type Works, openSlot } from './slot.ts'

/** Documents of the reference split: ten windows' worth in each half. */
const humans = 4000
/** Of the processor at a glance. */
const why =
  'about half of the time goes into hashing a text and counting the n-grams of two windows, a fifth into models, the rest into reading and writing. It is bound by memory, whose speed differs from run to run.'
/** Documents of the seed split. */
const seeds = 2000

/** Tokens of a window. */
const budget = 20_000

/** The panel of windows of one scope: what a text costs before anything is read or written. */
function panelOf(atAGlance: boolean, people: readonly string[], given: readonly string[]) {
  const memory = createReferenceMemory(budget)
  for (const [offset, text] of people.entries()) {
    const id = `human-${offset}`
    const tokens = text.split(' ').length
    rememberReference(memory, {
      id,
      offset,
      topic: '',
      text: text as ReferenceText,
      tokens,
      rank: shuffleRank(id)
    })
  }
  freeze(memory)
  const words = createSeedWords()
  for (const text of given) words.add(text as SeedText)
  words.settle()
  const fingerprint = createFingerprinter()
  const panel = createPanel()
  const documents: DocumentBeside[] = []
  return (texts: readonly string[]): void => {
    for (const [place, text] of texts.entries()) {
      const hashes = fingerprint(text, !atAGlance || isSampled(place))
      panel.add(hashes)
      if (hashes.looked) documents.push(documentBeside(hashes.words, memory.frozen!))
      if (panel.tokens < budget) continue
      windowValues(panel, memory, words, { documents, atAGlance })
      panel.clear()
      documents.length = 0
    }
  }
}

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
    const passagesOf = (from: number, to: number): string[] =>
      Array.from({ length: to }, (_, index) => passage(1_000_000 + from + index))
    const [held, given] = [passagesOf(seeds, humans / 2), passagesOf(0, seeds)]
    const panels = {
      'the panel alone, at a glance': panelOf(true, held, given),
      'the panel alone, every metric': panelOf(false, held, given)
    }
    const figures = new Map<string, number[]>(
      [...Object.keys(panels), ...ways, 'Avro alone'].map(name => [name, []])
    )
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
      const texts = Array.from({ length: count }, (_, index) => passage((repeat + 1) * count + index))
      for (const [name, measureAll] of Object.entries(panels)) await time(name, async () => measureAll(texts))
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
      'the panel alone, at a glance': { at: 'least', value: 20_000 },
      'the panel alone, every metric': { at: 'least', value: 4000 },
      'at a glance': { at: 'least', value: 20_000 },
      'every metric': { at: 'least', value: 4000 }
    }
    return {
      setting: `${count} raw replies of 100 words per run, of two models, ${repeats} runs after a warm-up, one process, samples per second of processor time: read, decoded, taken into the windows of their source and of all sources, windows of 20,000 words measured beside ${humans} human documents of as many words and ${seeds} of the seed split, written, committed. The panel alone is that of the windows of one scope, without Kafka, Avro and memory of scopes. The baseline decodes and encodes the same records once, and does nothing else.`,
      figures: [...figures].map(([name, values]) => ({
        name,
        unit: 'samples/s',
        values,
        ...(goals[name] && { goal: goals[name] }),
        ...(name === 'at a glance' && { why }),
        ...(name !== 'Avro alone' && { baseline: 'Avro alone' })
      }))
    }
  }
}
