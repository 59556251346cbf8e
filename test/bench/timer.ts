/** The idle timers of kafkajs, as they come and repaired. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Benchmark } from './benchmark.ts'
import { openBench } from './deployment.ts'
import { cpuSeconds, startScript, wakeUps } from './processes.ts'

export const timer: Benchmark = {
  name: 'timer',
  title: 'The idle timers of kafkajs',
  async run({ quick, dir, note }) {
    const repeats = quick ? 1 : 5
    const seconds = quick ? 10 : 20
    const bench = await openBench(dir)
    const cpu = { repaired: [] as number[], 'as it comes': [] as number[] }
    const wakes = { repaired: [] as number[], 'as it comes': [] as number[] }
    try {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (const mode of ['as it comes', 'repaired'] as const) {
          const helper = startScript(['test/bench/idle-client.ts', mode], {
            env: bench.environment,
            flags: ['--disable-warning=TimeoutNegativeWarning']
          })
          await helper.ready
          await sleep(3000)
          const [before, woken] = [cpuSeconds(helper.pid), wakeUps(helper.pid)]
          const started = performance.now()
          await sleep(seconds * 1000)
          const elapsed = (performance.now() - started) / 1000
          cpu[mode].push((100 * (cpuSeconds(helper.pid) - before)) / elapsed)
          wakes[mode].push((wakeUps(helper.pid) - woken) / elapsed)
          await helper.stop()
        }
        note(
          `run ${repeat + 1}: ${cpu['as it comes'].at(-1)!.toFixed(2)} % before, ${cpu.repaired.at(-1)!.toFixed(2)} % after`
        )
      }
      return {
        setting: `A process with one group consumer and one producer that have nothing to do, over ${seconds} s. kafkajs 2.2.4 re-arms a timer with a negative delay for as long as a connection lives; the repair arms it only while something waits.`,
        figures: [
          { name: 'repaired', unit: '% of a core', values: cpu.repaired, baseline: 'as it comes' },
          { name: 'as it comes', unit: '% of a core', values: cpu['as it comes'] },
          {
            name: 'wake-ups, repaired',
            unit: 'per second',
            values: wakes.repaired,
            baseline: 'wake-ups, as it comes'
          },
          { name: 'wake-ups, as it comes', unit: 'per second', values: wakes['as it comes'] }
        ]
      }
    } finally {
      await bench.stop()
    }
  }
}
