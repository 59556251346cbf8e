/** Closing a version: the training stream is read once, and memory must not grow with it. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openProducer } from '../../infra/kafka/producer.ts'
import { readRanges } from '../../infra/kafka/reader.ts'
import { sha128 } from '../../schemas/identity.ts'
import { training } from '../../schemas/topics.ts'
import { humanProvenance, humanSample, provenance, sample } from '../helpers/records.ts'
import type { Benchmark } from './benchmark.ts'
import { type Bench, cores, openBench } from './deployment.ts'
import { startScript } from './processes.ts'
import { names } from './samples.ts'

/** Rows of one send. */
const chunk = 2000

/** Whatever grows with the rows would not fit. */
const heap = ['--max-old-space-size=64', '--max-semi-space-size=8']

/** Largest resident size of a process so far, MiB; undefined once it is gone. */
function peakMemory(pid: number): number | undefined {
  try {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return peak === undefined ? undefined : Number(peak) / 1024
  } catch {
    return undefined
  }
}

/** Lays rows down as mix does: a human one, then a synthetic one. */
async function lay({ deployment }: Bench, from: number, to: number): Promise<void> {
  const { kafka, config, codec } = deployment
  const producer = await openProducer(kafka, config)
  const text = 'The receipts of the year exceed those of any before it, and the debt is less by a tenth.'
  const human = humanProvenance({ split: 'SEED', license: 'CC0-1.0', source_uri: 'https://example.org/a' })
  for (let at = from; at < to; at += chunk) {
    const records = Array.from({ length: Math.min(chunk, to - at) }, (_, index) => {
      const number = at + index
      const id = sha128(`row ${number}`)
      const value =
        number % 2 === 0
          ? humanSample(id, text, { dataset: names.dataset, content_hash: id, provenance: human })
          : sample(id, text, {
              ...names,
              content_hash: id,
              provenance: provenance({ prompt_id: sha128(`prompt ${number >> 3}`) })
            })
      return { topic: training.name, partition: 0, key: id, value: codec.encode(training, value) }
    })
    await producer.send(records)
  }
  await producer.close()
}

/** Runs `versions create` and looks at its memory until it ends. */
async function close(bench: Bench): Promise<{ seconds: number; peak: number }> {
  const begun = performance.now()
  const helper = startScript(['infra/cli/main.ts', 'versions', 'create', names.dataset, '--json'], {
    env: bench.environment,
    core: cores.measured,
    flags: heap
  })
  let ended = false
  const exit = once(helper.process, 'exit').then(([code]) => {
    ended = true
    return code as number | null
  })
  let peak = 0
  while (!ended) {
    peak = Math.max(peak, peakMemory(helper.pid) ?? 0)
    await sleep(20)
  }
  if ((await exit) !== 0) throw new Error('versions create failed')
  return { seconds: (performance.now() - begun) / 1000, peak }
}

export const versions: Benchmark = {
  name: 'versions',
  title: 'Closing a version',
  async run({ quick, dir, note }) {
    const sizes = quick ? [5000, 20_000] : [100_000, 1_000_000]
    const bench = await openBench(dir)
    const seconds: number[] = []
    const peaks: number[] = []
    try {
      for (const [index, size] of sizes.entries()) {
        await lay(bench, sizes[index - 1] ?? 0, size)
        const closed = await close(bench)
        note(`${size} rows: ${closed.seconds.toFixed(1)} s, at most ${Math.round(closed.peak)} MiB`)
        seconds.push(closed.seconds)
        peaks.push(closed.peak)
      }
      const { kafka, config, admin } = bench.deployment
      const begun = performance.now()
      await readRanges(kafka, config, await admin.ranges(training.name), () => {})
      const bare = (performance.now() - begun) / 1000
      const [small, large] = sizes.map(size => size.toLocaleString('en-US'))
      return {
        setting: `Rows of 17 words, every other one human, in one partition. \`versions create\` from its start to its end, the process alone on a core: it closes a first version over ${small} rows, then a second one over ${large}, which compares the rows of the first on the way. Its heap may hold 64 MiB; memory is its largest resident size, the buffers that Kafka fills included. The baseline reads the ${large} rows with kafkajs and does nothing with them.`,
        figures: [
          {
            name: `${large} rows`,
            unit: 's',
            values: [seconds[1]!],
            goal: { at: 'most', value: 60 },
            baseline: 'reading alone'
          },
          { name: `${small} rows`, unit: 's', values: [seconds[0]!] },
          { name: 'reading alone', unit: 's', values: [bare] },
          {
            name: `memory, ${large} rows`,
            unit: 'MiB (RSS)',
            values: [peaks[1]!],
            baseline: `memory, ${small} rows`
          },
          { name: `memory, ${small} rows`, unit: 'MiB (RSS)', values: [peaks[0]!] }
        ]
      }
    } finally {
      await bench.stop()
    }
  }
}
