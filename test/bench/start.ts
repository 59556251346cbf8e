/** The start of a stack that was up before: archives made, topics and database there. */
import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import type { Benchmark } from './benchmark.ts'
import { startLive } from './live.ts'

export const start: Benchmark = {
  name: 'start',
  title: 'Start of the warm stack',
  async run({ quick, dir, note }) {
    const repeats = quick ? 2 : 5
    const dataDir = join(dir, 'live')
    const first = await startLive(dataDir)
    // Class archives that are missing are made in the background of the first start.
    await sleep(quick ? 0 : 30_000)
    await first.stop()
    if (!existsSync(dataDir)) throw new Error(`nothing in ${dataDir}: ${readdirSync(dir).join(', ')}`)
    const whole: number[] = []
    const parts: number[] = []
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const [values, options] of [
        [parts, { only: 'none' }],
        [whole, {}]
      ] as const) {
        const live = await startLive(dataDir, options)
        values.push(live.seconds)
        await live.stop()
      }
      note(`run ${repeat + 1}: ${whole.at(-1)!.toFixed(1)} s, parts alone ${parts.at(-1)!.toFixed(1)} s`)
    }
    return {
      setting: `From the command to the line that says everseed is up, all eight processors ready, on a data folder that was used before; ${repeats} starts each, taken in turn. The very first start of a data folder took ${first.seconds.toFixed(1)} s. The baseline starts the parts without processors.`,
      figures: [
        {
          name: 'everything',
          unit: 's',
          values: whole,
          goal: { at: 'most', value: 20 },
          why: 'two JVMs, a database and eight processes of Node start at once.',
          baseline: 'the parts alone'
        },
        { name: 'the parts alone', unit: 's', values: parts }
      ]
    }
  }
}
