/** Mix on a slot of its own: human and verified samples in, training out, with all it remembers. */
import { deduplicate } from '../../processors/deduplicate.ts'
import { mix as mixer } from '../../processors/mix.ts'
import { createCodec } from '../../infra/codec.ts'
import { memoryIds } from '../../infra/runner/memory.ts'
import { candidates, generations, samplesHuman, samplesVerified, training } from '../../schemas/topics.ts'
import type { Sample } from '../../schemas/types.ts'
import { humanProvenance } from '../helpers/records.ts'
import type { Benchmark } from './benchmark.ts'
import { type Entry, openSlot } from './slot.ts'
import { reply } from './samples.ts'

/** Rules of every kind: two smallest shares, a largest share, a number of rows, weights, a second pass. */
const rules = {
  edited_counts: true,
  epochs: 2,
  weights: { 1: 0.9 },
  min_share: [
    { family: 'none', share: 1e-5 },
    { topic: 'none', refusal: 'require', share: 1e-5 }
  ],
  quota: [
    { model: 'none', share: 0.5 },
    { run: 'none', rows: 1000 }
  ]
}
const fetched = 500

export const mix: Benchmark = {
  name: 'mix',
  title: 'Mix without Kafka',
  async run({ quick, note }) {
    const pairs = quick ? 3000 : 10_000
    const repeats = quick ? 2 : 7
    const codec = createCodec(memoryIds('mix'))
    const dedup = await openSlot(deduplicate)
    const works = {
      plain: await openSlot(mixer, { mix: '{}' }),
      ruled: await openSlot(mixer, { mix: JSON.stringify(rules) })
    }
    const rates: Record<keyof typeof works, number[]> = { plain: [], ruled: [] }
    const avro: number[] = []
    const cpu = (): number => process.cpuUsage().user + process.cpuUsage().system
    for (let repeat = -1; repeat < repeats; repeat++) {
      const replies = Array.from({ length: pairs }, (_, index) => reply((repeat + 1) * pairs + index))
      const novel = await dedup.through(
        generations,
        replies.map(value => ({ key: value.id, value: codec.encode(generations, value) })),
        candidates
      )
      const sides: { human: Entry[]; verified: Entry[] } = { human: [], verified: [] }
      for (const { value } of novel) {
        const sample = codec.decode(candidates, value) as Sample
        sides.verified.push({ key: sample.id, value: codec.encode(samplesVerified, sample) })
        const id = `human-${sample.id}`
        const human = { ...sample, id, run: '', provenance: humanProvenance({ split: 'SEED' }) }
        sides.human.push({ key: id, value: codec.encode(samplesHuman, human) })
      }
      for (const [name, slot] of Object.entries(works) as [keyof typeof works, (typeof works)['plain']][]) {
        let rows = 0
        const begun = cpu()
        for (let at = 0; at < novel.length; at += fetched) {
          rows += (await slot.through(samplesHuman, sides.human.slice(at, at + fetched), training)).length
          rows += (await slot.through(samplesVerified, sides.verified.slice(at, at + fetched), training))
            .length
        }
        const rate = (2 * novel.length * 1e6) / (cpu() - begun)
        if (repeat < 0) continue // warm-up
        rates[name].push(rate)
        note(
          `run ${repeat + 1}, ${name}: ${Math.round(rate)} samples/s, ${rows} of ${2 * novel.length} laid down`
        )
      }
      const begun = cpu()
      for (const [topic, entries] of [
        [samplesHuman, sides.human],
        [samplesVerified, sides.verified]
      ] as const)
        for (const { value } of entries) codec.encode(training, codec.decode(topic, value) as Sample)
      if (repeat >= 0) avro.push((2 * novel.length * 1e6) / (cpu() - begun))
    }
    await dedup.stop()
    for (const slot of Object.values(works)) await slot.stop()
    return {
      setting: `${pairs} verified samples of 200 words and as many human ones per run, in batches of ${fetched} by turns, ${repeats} runs after a warm-up, one process, samples per second of processor time: read, decoded, laid down at a floor of a half, encoded, committed with offsets and memory. The rules are smallest shares, quotas in shares and in rows, a weight that drops a tenth and a second pass. The baseline decodes and encodes the same records once, and does nothing else.`,
      figures: [
        {
          name: 'mix',
          unit: 'samples/s',
          values: rates.plain,
          goal: { at: 'least', value: 10_000 },
          baseline: 'Avro alone'
        },
        {
          name: 'mix under rules of every kind',
          unit: 'samples/s',
          values: rates.ruled,
          baseline: 'Avro alone'
        },
        { name: 'Avro alone', unit: 'samples/s', values: avro }
      ]
    }
  }
}
