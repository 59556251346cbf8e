/** What an idle `up` costs: processor time, memory and wake-ups of each of its processes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import type { Benchmark } from './benchmark.ts'
import { type Live, startLive } from './live.ts'
import { cpuSeconds, proportionalMemory, wakeUps } from './processes.ts'
import { median } from './stats.ts'

type Cost = { readonly percent: number; readonly memory: number; readonly wakes: number }

/** What each process costs over a stretch of time; percent of one core, MiB, wake-ups per second. */
async function watch(live: Live, seconds: number): Promise<Map<string, Cost>> {
  const before = new Map(
    [...live.processes()].map(([name, pid]) => [name, { pid, cpu: cpuSeconds(pid), wakes: wakeUps(pid) }])
  )
  const started = performance.now()
  await sleep(seconds * 1000)
  const elapsed = (performance.now() - started) / 1000
  return new Map(
    [...before].map(([name, { pid, cpu, wakes }]) => [
      name,
      {
        percent: (100 * (cpuSeconds(pid) - cpu)) / elapsed,
        memory: proportionalMemory(pid),
        wakes: (wakeUps(pid) - wakes) / elapsed
      }
    ])
  )
}

const total = (costs: ReadonlyMap<string, Cost>, what: keyof Cost): number =>
  [...costs.values()].reduce((sum, cost) => sum + cost[what], 0)

/** Starts, lets the compilers and the first background work come to rest, and watches. */
async function measure(
  dir: string,
  options: { only?: string; settle: number; seconds: number; repeats: number }
): Promise<Map<string, Cost>[]> {
  const live = await startLive(dir, options.only === undefined ? {} : { only: options.only })
  try {
    await sleep(options.settle * 1000)
    const minutes: Map<string, Cost>[] = []
    for (let repeat = 0; repeat < options.repeats; repeat++) minutes.push(await watch(live, options.seconds))
    return minutes
  } finally {
    await live.stop()
  }
}

export const idle: Benchmark = {
  name: 'idle',
  title: 'An idle `up`',
  async run({ quick, dir, note }) {
    const [settle, seconds, repeats] = quick ? [20, 15, 2] : [60, 60, 3]
    const dataDir = join(dir, 'live')
    // The first start makes topics and database; what is measured is a later one.
    await (await startLive(dataDir)).stop()
    const parts = await measure(dataDir, { only: 'none', settle, seconds, repeats: quick ? 1 : repeats })
    note(`parts alone: ${median(parts.map(one => total(one, 'percent'))).toFixed(1)} %`)
    const whole = await measure(dataDir, { settle, seconds, repeats })
    note(`all: ${median(whole.map(one => total(one, 'percent'))).toFixed(1)} %`)
    const of = (name: string, what: keyof Cost): number =>
      median(whole.flatMap(one => (one.has(name) ? [one.get(name)![what]] : [])))
    return {
      setting: `Started on a data folder that was used before, left alone for ${settle} s, then watched for ${repeats} times ${seconds} s. Nothing is published. The baseline is the broker, the registry and ClickHouse under the same supervisor without any processor.`,
      figures: [
        {
          name: 'processor time of all processes',
          unit: '% of a core',
          values: whole.map(one => total(one, 'percent')),
          goal: { at: 'most', value: 12 },
          why: 'most of it is the broker answering fetches that find nothing, two per second and processor.',
          baseline: 'processor time of the parts alone'
        },
        {
          name: 'proportional memory of all processes',
          unit: 'MiB',
          values: whole.map(one => total(one, 'memory')),
          goal: { at: 'most', value: 1.6 * 1024 },
          baseline: 'proportional memory of the parts alone'
        },
        {
          name: 'processor time of the parts alone',
          unit: '% of a core',
          values: parts.map(one => total(one, 'percent'))
        },
        {
          name: 'proportional memory of the parts alone',
          unit: 'MiB',
          values: parts.map(one => total(one, 'memory'))
        }
      ],
      breakdowns: [
        {
          title: 'Per process, median',
          head: ['process', '% of a core', 'MiB (PSS)', 'wake-ups per second'],
          rows: [...whole[0]!.keys()].map(name => [
            name,
            of(name, 'percent').toFixed(2),
            of(name, 'memory').toFixed(0),
            of(name, 'wakes').toFixed(0)
          ])
        }
      ]
    }
  }
}
