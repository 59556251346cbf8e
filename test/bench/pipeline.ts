/** Kafka to Kafka: deduplicate, verify and measure on one core, the broker and the publisher on the other. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openProducer } from '../../infra/kafka/producer.ts'
import type { OutRecord } from '../../infra/kafka/record.ts'
import { generations, samplesVerified, training } from '../../schemas/topics.ts'
import type { Benchmark } from './benchmark.ts'
import { type Bench, cores, openBench } from './deployment.ts'
import { cpuSeconds, type Helper, startScript } from './processes.ts'
import { type Stage, stages, stagesOf } from './profile.ts'
import { reply } from './samples.ts'
import { median } from './stats.ts'

const processors = ['deduplicate', 'verify', 'measure'] as const
/** Records the publisher sends at once. */
const together = 500
/** Records that pass before anything is measured. */
const warmUp = 5000

/** Monotonic clock, microseconds. */
const monotonic = (): number => Number(process.hrtime.bigint() / 1000n)

type Run = {
  /** Seconds from the first record published to the last one committed by everybody. */
  readonly wall: number
  /** Processor seconds of each processor and of the broker. */
  readonly cpu: readonly number[]
  readonly broker: number
  readonly from: number
  readonly to: number
}

/** Publishes samples nobody has seen and waits until they are through. */
async function once(bench: Bench, helpers: readonly Helper[], first: number, count: number): Promise<Run> {
  const { deployment, stack } = bench
  const broker = stack.supervisor.states().find(({ name }) => name === 'kafka')!.pid!
  const records: OutRecord[] = Array.from({ length: count }, (_, index) => {
    const value = reply(first + index)
    return {
      topic: generations.name,
      partition: 0,
      key: value.id,
      value: deployment.codec.encode(generations, value)
    }
  })
  const producer = await openProducer(deployment.kafka, deployment.config)
  const before = [broker, ...helpers.map(({ pid }) => pid)].map(cpuSeconds)
  const from = monotonic()
  for (let at = 0; at < count; at += together) await producer.send(records.slice(at, at + together))
  for (const name of processors) await bench.drained(name)
  const to = monotonic()
  const [ofBroker, ...cpu] = [broker, ...helpers.map(({ pid }) => pid)].map(
    (pid, index) => cpuSeconds(pid) - before[index]!
  )
  await producer.close()
  return { wall: (to - from) / 1e6, cpu, broker: ofBroker!, from, to }
}

/** Mean milliseconds of a commit since the processor started, from its metrics. */
async function commitMs(helper: Helper): Promise<number> {
  const { url } = (await helper.ready) as { url: string }
  const text = await (await fetch(`${url}/metrics`)).text()
  const value = (name: string): number =>
    Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
  return (1000 * value('everseed_commit_seconds_sum')) / value('everseed_commit_seconds_count')
}

/**
 * kafkajs alone: the bytes of a topic, over one hop. Records per second.
 * @param from a topic nobody wrote to in a transaction, or its end would never be reached
 * @param to an empty topic
 */
export async function copying(bench: Bench, from: string, to: string): Promise<number> {
  const { admin } = bench.deployment
  const copied = async (): Promise<number> => (await admin.offsets(to))[0]!.high
  const helper = startScript(['test/bench/copy.ts', from, to], {
    env: bench.environment,
    core: cores.measured
  })
  await helper.ready
  while ((await copied()) < warmUp) await sleep(5)
  const [first, begun] = [await copied(), performance.now()]
  await bench.drained('copy', [from])
  const rate = ((await copied()) - first) / ((performance.now() - begun) / 1000)
  await helper.stop()
  return rate
}

export const pipeline: Benchmark = {
  name: 'pipeline',
  title: 'Kafka to Kafka: deduplicate, verify and measure',
  async run({ quick, dir, note }) {
    const count = quick ? 5000 : 20_000
    const repeats = quick ? 2 : 5
    const bench = await openBench(dir)
    try {
      const start = (flags: (name: string) => readonly string[]): Promise<Helper[]> =>
        Promise.all(
          processors.map(name => bench.processor(name, { core: cores.measured, flags: flags(name) }))
        )
      let helpers = await start(() => [])
      let next = 0
      const take = async (records: number): Promise<Run> => {
        const run = await once(bench, helpers, next, records)
        next += records
        return run
      }
      await take(quick ? warmUp : 3 * warmUp)
      const runs: Run[] = []
      for (let repeat = 0; repeat < repeats; repeat++) {
        const run = await take(count)
        const cpu = run.cpu.reduce((sum, one) => sum + one, 0)
        note(
          `run ${repeat + 1}: ${Math.round(count / run.wall)} samples/s, ${Math.round(count / cpu)} per processor second (${run.cpu.map(one => Math.round((one * 1e6) / count)).join(' + ')} µs), broker ${Math.round((run.broker * 1e6) / count)} µs`
        )
        runs.push(run)
      }
      const commits = await Promise.all(helpers.map(commitMs))
      for (const helper of helpers) await helper.stop()
      // The end offset counts transactions' control records as well, a few per thousand.
      const verified = (await bench.deployment.admin.offsets(samplesVerified.name))[0]!.high
      if (verified < 0.95 * next) throw new Error(`only ${verified} of ${next} samples came through`)

      helpers = await start(name => [
        '--cpu-prof',
        '--cpu-prof-interval=500',
        `--cpu-prof-dir=${join(dir, name)}`
      ])
      await take(warmUp)
      const profiled = await take(count)
      for (const helper of helpers) await helper.stop()
      const times = processors.map(name => stagesOf(join(dir, name), profiled.from, profiled.to))
      // Profiles count the clock; shared with others, a core gives less than that. The shares are right, and so is the sum.
      const micros = (stage: Stage, index: number): number => {
        const clock = Object.values(times[index]!).reduce((sum, one) => sum + one, 0)
        return (times[index]![stage] / clock) * ((1e6 * profiled.cpu[index]!) / count)
      }
      const copied = [await copying(bench, generations.name, training.name)]
      return {
        setting: `${count} raw replies of 200 words per run, one slot, ${repeats} runs after a warm-up: from the first record published to the last offset committed. The three processors share one core, the broker, its log and the publisher have the other. The baseline is kafkajs alone: it carries the same bytes over one hop, in transactions of 750 records with their offsets; the pipeline has three hops, reads every text four times and writes it twice.`,
        figures: [
          {
            name: 'through all three',
            unit: 'samples/s',
            values: runs.map(({ wall }) => count / wall),
            goal: { at: 'least', value: 3000 },
            why: 'the next line says what the code allows when it has the core for itself; the rest is waiting for the core and for the broker on the other.',
            baseline: 'kafkajs alone, one hop'
          },
          {
            name: 'the same per second of processor time',
            unit: 'samples/s',
            values: runs.map(({ cpu }) => count / cpu.reduce((sum, one) => sum + one, 0))
          },
          { name: 'kafkajs alone, one hop', unit: 'records/s', values: copied },
          {
            name: 'broker',
            unit: 'µs of processor time per sample',
            values: runs.map(({ broker }) => (broker * 1e6) / count)
          }
        ],
        breakdowns: [
          {
            title:
              'Processor time per sample in µs, median; a commit takes this many milliseconds on the clock',
            head: ['processor', 'µs', 'commit, ms'],
            rows: processors.map((name, index) => [
              name,
              Math.round((1e6 * median(runs.map(({ cpu }) => cpu[index]!))) / count),
              commits[index]!.toFixed(0)
            ])
          },
          {
            title: 'Where it goes, µs per sample, from CPU profiles of another run',
            head: ['stage', ...processors, 'all'],
            rows: stages.map(stage => {
              const each = processors.map((_, index) => micros(stage, index))
              return [
                stage,
                ...each.map(one => one.toFixed(0)),
                each.reduce((sum, one) => sum + one, 0).toFixed(0)
              ]
            })
          }
        ]
      }
    } finally {
      await bench.stop()
    }
  }
}
