/** Deduplicate, verify and measure on slots of their own: real records, real bytes, real commits, no broker. */
import { deduplicate } from '../../processors/deduplicate.ts'
import { measure } from '../../processors/measure.ts'
import { verify } from '../../processors/verify.ts'
import { createCodec } from '../../infra/codec.ts'
import { memoryIds } from '../../infra/runner/memory.ts'
import { candidates, generations, samplesHuman, samplesVerified } from '../../schemas/topics.ts'
import type { Generation } from '../../schemas/types.ts'
import type { Benchmark } from './benchmark.ts'
import { humanSample } from '../helpers/records.ts'
import { type Entry, openSlot } from './slot.ts'
import { median } from './stats.ts'
import { answer, names, reply } from './samples.ts'

/** Documents of the reference split: ten windows' worth in each half. */
const humans = 2000

export const memory: Benchmark = {
  name: 'memory',
  title: 'Deduplicate, verify and measure without Kafka',
  async run({ quick, note }) {
    const count = quick ? 4000 : 15_000
    const repeats = quick ? 2 : 7
    const codec = createCodec(memoryIds('deduplicate'))
    const testers = {
      deduplicate: await openSlot(deduplicate),
      verify: await openSlot(verify),
      measure: await openSlot(measure)
    }
    const reference = Array.from({ length: humans }, (_, index) =>
      humanSample(`human-${index}`, answer(1_000_000 + index), { dataset: names.dataset })
    )
    await testers.measure.through(
      samplesHuman,
      reference.map(value => ({ key: value.id, value: codec.encode(samplesHuman, value) }))
    )
    const whole: number[] = []
    const avro: number[] = []
    const stages: Record<keyof typeof testers, number[]> = { deduplicate: [], verify: [], measure: [] }
    for (let repeat = -1; repeat < repeats; repeat++) {
      const values: Generation[] = Array.from({ length: count }, (_, index) =>
        reply((repeat + 1) * count + index)
      )
      const raw: Entry[] = values.map(value => ({ key: value.id, value: codec.encode(generations, value) }))
      const cpu = (): number => process.cpuUsage().user + process.cpuUsage().system
      const begun = cpu()
      const novel = await testers.deduplicate.through(generations, raw, candidates)
      const first = cpu()
      const verified = await testers.verify.through(candidates, novel, samplesVerified)
      const second = cpu()
      await testers.measure.through(generations, raw)
      await testers.measure.through(samplesVerified, verified)
      const third = cpu()
      for (const { value } of raw) codec.encode(generations, codec.decode(generations, value) as Generation)
      const fourth = cpu()
      if (repeat < 0) continue // warm-up
      note(
        `run ${repeat + 1}: ${Math.round((count * 1e6) / (third - begun))} samples/s, ${verified.length} of ${count} verified`
      )
      whole.push((count * 1e6) / (third - begun))
      avro.push((count * 1e6) / (fourth - third))
      stages.deduplicate.push((first - begun) / count)
      stages.verify.push((second - first) / count)
      stages.measure.push((third - second) / count)
    }
    for (const tester of Object.values(testers)) await tester.stop()
    return {
      setting: `${count} answers of 200 words per run, ${repeats} runs after a warm-up, one process, samples per second of processor time. The baseline decodes and encodes the same records once, and does nothing else. Windows are held against ${humans} documents of as many words, half of them the band, half the reference.`,
      figures: [
        {
          name: 'deduplicate + verify + measure',
          unit: 'samples/s',
          values: whole,
          goal: { at: 'least', value: 5000 },
          why: 'most of the time goes into counting the n-grams of the four windows every sample belongs to (two stages, its source and all sources), and into the probability of its words.',
          baseline: 'Avro alone'
        },
        { name: 'Avro alone', unit: 'samples/s', values: avro }
      ],
      breakdowns: [
        {
          title: 'Processor time per sample, median',
          head: ['processor', 'µs'],
          rows: Object.entries(stages).map(([name, values]) => [name, median(values).toFixed(0)])
        }
      ]
    }
  }
}
