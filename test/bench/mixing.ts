/** Kafka to Kafka: mix on one core, the broker and the publisher on the other. */
import { openProducer } from '../../infra/kafka/producer.ts'
import type { OutRecord } from '../../infra/kafka/record.ts'
import { candidates, samplesHuman, samplesVerified, training } from '../../schemas/topics.ts'
import { humanProvenance, sample } from '../helpers/records.ts'
import type { Benchmark } from './benchmark.ts'
import { type Bench, cores, openBench } from './deployment.ts'
import { copying } from './pipeline.ts'
import { cpuSeconds } from './processes.ts'
import { names, reply } from './samples.ts'

/** Records of each side the publisher sends at once. */
const together = 500

/** Rows that are laid down before anything is measured: a process that just started compiles. */
const warmUp = 5000

/** Publishes pairs nobody has seen. */
async function publish({ deployment }: Bench, first: number, pairs: number): Promise<void> {
  const { kafka, config, codec } = deployment
  const producer = await openProducer(kafka, config)
  for (let from = first; from < first + pairs; from += together) {
    const records: OutRecord[] = []
    for (let number = from; number < from + together; number++) {
      const { id, reply: text, cell, provenance } = reply(number)
      const answer = sample(id, text, { ...names, cell, provenance })
      const person = {
        ...answer,
        id: `human-${id}`,
        run: '',
        provenance: humanProvenance({ split: 'SEED' })
      }
      for (const [topic, value] of [
        [samplesHuman, person],
        [samplesVerified, answer]
      ] as const)
        records.push({ topic: topic.name, partition: 0, key: value.id, value: codec.encode(topic, value) })
    }
    await producer.send(records)
  }
  await producer.close()
}

/** Lets a mixer lay down what lies there; rows per second on the clock and of its processor time. */
async function laying(bench: Bench): Promise<{ wall: number; cpu: number }> {
  const laid = async (): Promise<number> => (await bench.deployment.admin.offsets(training.name))[0]!.high
  const start = await laid()
  const helper = await bench.processor('mix', { core: cores.measured })
  let from = start
  while (from < start + warmUp) from = await laid()
  const [begun, before] = [performance.now(), cpuSeconds(helper.pid)]
  await bench.drained('mix')
  const rows = (await laid()) - from
  const [wall, cpu] = [(performance.now() - begun) / 1000, cpuSeconds(helper.pid) - before]
  await helper.stop()
  return { wall: rows / wall, cpu: rows / cpu }
}

export const mixing: Benchmark = {
  name: 'mixing',
  title: 'Kafka to Kafka: mix',
  async run({ quick, dir, note }) {
    const pairs = quick ? 10_000 : 40_000
    const repeats = quick ? 1 : 5
    const bench = await openBench(dir)
    try {
      const runs: { wall: number; cpu: number }[] = []
      for (let repeat = 0; repeat < repeats; repeat++) {
        await publish(bench, repeat * pairs, pairs)
        const run = await laying(bench)
        note(`run ${repeat + 1}: ${Math.round(run.wall)} samples/s`)
        runs.push(run)
      }
      const laid = (await bench.deployment.admin.offsets(training.name))[0]!.high
      if (laid < 2 * repeats * pairs) throw new Error(`only ${laid} samples were laid down`)
      const copied = [await copying(bench, samplesVerified.name, candidates.name)]
      return {
        setting: `${pairs} verified samples of 200 words and as many human ones per run lie in one slot; a mixer that just started lays them down, measured from the first ${warmUp} rows to the last offset committed. It has a core, the broker and its log have the other. The baseline is kafkajs alone: it carries the verified samples over one hop, in transactions of 750 records with their offsets.`,
        figures: [
          {
            name: 'mix',
            unit: 'samples/s',
            values: runs.map(({ wall }) => wall),
            goal: { at: 'least', value: 10_000 },
            baseline: 'kafkajs alone, one hop'
          },
          {
            name: 'the same per second of processor time',
            unit: 'samples/s',
            values: runs.map(({ cpu }) => cpu)
          },
          { name: 'kafkajs alone, one hop', unit: 'records/s', values: copied }
        ]
      }
    } finally {
      await bench.stop()
    }
  }
}
