/** What the provider SDKs cost a process that does not call them: nothing; and one that does. */
import type { Benchmark } from './benchmark.ts'
import { proportionalMemory, startScript } from './processes.ts'

const cases = {
  'no provider called': [],
  openai: ['openai'],
  anthropic: ['anthropic'],
  both: ['openai', 'anthropic']
} as const

export const providers: Benchmark = {
  name: 'providers',
  title: 'Provider SDKs, loaded when a recipe needs them',
  async run({ quick, note }) {
    const repeats = quick ? 2 : 7
    const memory = new Map<string, number[]>(Object.keys(cases).map(name => [name, []]))
    // The first of each fills the compile cache.
    for (let repeat = -1; repeat < repeats; repeat++) {
      for (const [name, called] of Object.entries(cases)) {
        const helper = startScript(['test/bench/provider-client.ts', ...called], { flags: ['--expose-gc'] })
        await helper.ready
        if (repeat >= 0) memory.get(name)!.push(proportionalMemory(helper.pid))
        await helper.stop()
      }
    }
    note([...memory].map(([name, values]) => `${name} ${values.at(-1)!.toFixed(0)} MiB`).join(', '))
    return {
      setting:
        'Proportional memory of a process that made the ports of `generate`, after a collection: before any source was called, and after one call to each SDK (refused by an address where nobody listens). A test holds that no SDK is loaded before.',
      figures: [...memory].map(([name, values]) => ({
        name,
        unit: 'MiB (PSS)',
        values,
        ...(name !== 'no provider called' && { baseline: 'no provider called' })
      }))
    }
  }
}
