/** docs/benchmarks.md: one section per benchmark; what was not run again stays as it was. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Benchmark, Breakdown, Figure, Report } from './benchmark.ts'
import { coreCount } from './machine.ts'
import { median, spread } from './stats.ts'

const file = join(import.meta.dirname, '../../docs/benchmarks.md')

/** Three significant digits, and no more than a figure deserves. */
function short(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return '-'
  if (size >= 1000) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** How far a figure is from its goal, in percent of the goal; above 0 it is missed. */
function missedBy({ values, goal }: Figure): number {
  if (!goal) return 0
  const difference = (median(values) - goal.value) / goal.value
  return 100 * (goal.at === 'most' ? difference : -difference)
}

function row(figure: Figure, all: readonly Figure[]): string[] {
  const { name, unit, values, goal, baseline } = figure
  const { low, high } = spread(values)
  const reference = all.find(one => one.name === baseline)
  const against = reference ? `${short(median(values) / median(reference.values))} × ${baseline}` : ''
  const miss = missedBy(figure)
  const verdict = goal
    ? `${goal.at === 'least' ? '≥' : '≤'} ${short(goal.value)}: ${miss > 0 ? `missed by ${short(miss)} %` : 'met'}`
    : ''
  const between = values.length > 1 ? `${short(low)} – ${short(high)}` : ''
  return [name, unit, short(median(values)), between, String(values.length), against, verdict]
}

const breakdown = ({ title, head, rows }: Breakdown): string => `${title}:\n\n${table(head, rows)}`

/**
 * A benchmark's section.
 * @param load processes that wanted a core, before and after
 */
export function section(
  { title }: Benchmark,
  { setting, figures, breakdowns = [] }: Report,
  load: { before: number; after: number }
): string {
  const head = ['figure', 'unit', 'median', 'spread', 'runs', 'ratio', 'goal']
  const busy =
    Math.max(load.before, load.after) > coreCount
      ? ` Other work ran beside it: a load average of ${short(Math.max(load.before, load.after))} on ${coreCount} cores.`
      : ''
  const reasons = figures
    .filter(figure => missedBy(figure) > 0)
    .map(({ name, why = 'no reason is known.' }) => `Missed, ${name}: ${why}${busy}`)
  const day = new Date().toISOString().slice(0, 10)
  return [
    `## ${title}`,
    `${setting} Measured ${day}; load average ${short(load.before)} before, ${short(load.after)} after.`,
    table(
      head,
      figures.map(figure => row(figure, figures))
    ),
    ...reasons,
    ...breakdowns.map(breakdown)
  ].join('\n\n')
}

const mark = (name: string): string => `<!-- benchmark ${name} -->`

/** The sections a text has, by name. */
function sectionsOf(text: string): Map<string, string> {
  const parts = text.split(/^<!-- benchmark (\w+) -->$/m)
  const found = new Map<string, string>()
  for (let at = 1; at + 1 < parts.length; at += 2) found.set(parts[at]!, parts[at + 1]!.trim())
  return found
}

/** Writes the sections that were measured and keeps the others. */
export function writeSections(
  order: readonly string[],
  fresh: ReadonlyMap<string, string>,
  machine: string
): void {
  let before = ''
  try {
    before = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const sections = new Map([...sectionsOf(before), ...fresh])
  const intro = [
    '# Benchmarks',
    'Written by `npm run bench`; do not edit. `npm run bench -- --only pipeline` measures one again, `-- --quick` runs briefly and writes nothing.',
    `Machine: ${machine}. A figure is the median of its runs, its spread the smallest and the largest. A ratio is against a baseline measured in the same run; take ratios, not absolutes, to another machine. Load averages tell what else ran.`
  ]
  const body = order.flatMap(name => (sections.has(name) ? [`${mark(name)}\n\n${sections.get(name)!}`] : []))
  writeFileSync(file, `${[...intro, ...body].join('\n\n')}\n`)
}
