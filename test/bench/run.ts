/**
 * `npm run bench`: measures, prints, and writes docs/benchmarks.md. `-- --only a,b` runs some; `-- --quick` runs all of
 * them briefly and writes nothing; `-- --keep` leaves the folders with profiles and logs; `-- --list` names them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Benchmark } from './benchmark.ts'
import { section, writeSections } from './document.ts'
import { load, machine } from './machine.ts'

/** Each is loaded when its turn comes: what one leaves in memory is none of the next one's business. */
const benchmarks: Record<string, () => Promise<Benchmark>> = {
  pipeline: async () => (await import('./pipeline.ts')).pipeline,
  memory: async () => (await import('./memory.ts')).memory,
  measuring: async () => (await import('./measuring.ts')).measuring,
  mix: async () => (await import('./mix.ts')).mix,
  mixing: async () => (await import('./mixing.ts')).mixing,
  store: async () => (await import('./store.ts')).store,
  views: async () => (await import('./views.ts')).views,
  versions: async () => (await import('./versions.ts')).versions,
  lineage: async () => (await import('./lineage.ts')).lineage,
  latency: async () => (await import('./latency.ts')).latency,
  idle: async () => (await import('./idle.ts')).idle,
  start: async () => (await import('./start.ts')).start,
  timer: async () => (await import('./timer.ts')).timer,
  providers: async () => (await import('./providers.ts')).providers,
  panel: async () => (await import('./panel.ts')).panel
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    list: { type: 'boolean' }
  }
})
const chosen = values.only?.split(',') ?? Object.keys(benchmarks)
const unknown = chosen.find(name => !(name in benchmarks))
if (unknown !== undefined || values.list === true) {
  console.error(
    `${unknown === undefined ? '' : `there is no benchmark ${unknown}; `}there are ${Object.keys(benchmarks).join(', ')}`
  )
  process.exit(unknown === undefined ? 0 : 2)
}

const sections = new Map<string, string>()
for (const name of chosen) {
  const benchmark = await benchmarks[name]!()
  console.error(`${name}: ${benchmark.title}`)
  const dir = mkdtempSync(join(tmpdir(), 'everseed-bench-'))
  const before = load()
  try {
    const report = await benchmark.run({ quick: values.quick, dir, note: line => console.error(`  ${line}`) })
    const text = section(benchmark, report, { before, after: load() })
    console.log(text)
    sections.set(name, text)
  } finally {
    if (values.keep) console.error(`kept ${dir}`)
    else rmSync(dir, { recursive: true, force: true })
  }
}
if (!values.quick) writeSections(Object.keys(benchmarks), sections, machine())
process.exit(0)
