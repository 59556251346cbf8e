/** A chart of windows: one small panel a metric, every source a line, the human band behind it. SVG, or a page around it. */
import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import { type TextKey, glanceKeys } from '../../metrics/text-keys.ts'
import type { Band } from './human.ts'
import { type PerWindow, type Window, perWindow } from './report.ts'

/** One line of every panel. */
export type Series = { readonly name: string; readonly windows: readonly Window[] }

/** What is drawn. */
export type Chart = {
  readonly title: string
  /** Under the title: what was measured, and what it is compared with. */
  readonly lines: readonly string[]
  readonly series: readonly Series[]
  readonly band: Band | undefined
}

/** Okabe and Ito's colours, which nobody's eyes confuse; then the same again with dashes of another kind. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#7a5cc2', '#a6761d', '#56b4e9']
const colourOf = (index: number): string => colours[index % colours.length]!
const dashes = ['', '7 3', '2 3', '10 3 2 3', '14 5', '5 3 2 3 2 3']
/** The dashes of a line, as an attribute; after forty-two lines all kinds are used up. */
function dashOf(index: number): string {
  const dash = dashes[Math.floor(index / colours.length) % dashes.length]!
  return dash === '' ? '' : ` stroke-dasharray="${dash}"`
}

const titles: Readonly<Record<(typeof glanceKeys)[number], string>> = {
  types: 'types V',
  missing_mass: 'missing mass f1/N',
  heaps_beta: 'Heaps beta',
  tail_types_kept: 'tail types kept',
  tail_mass: 'tail mass',
  novel_type_share: 'novel type share',
  distinct_2_inter: 'distinct-2',
  entropy_1: 'entropy H1, bits',
  compression_ratio: 'compression ratio',
  self_repetition_4: 'self-repetition, n = 4',
  mean_cosine: 'mean cosine',
  vendi_q2: 'Vendi q2',
  cluster_entropy: 'spread over human subjects',
  log_ppl_sd: 'log-perplexity, sd',
  length_mean: 'mean length, tokens'
}

const [columns, panelWidth, panelHeight, gap, margin] = [4, 268, 168, 20, 28] as const
/** Of a panel: room for the ticks and for the title. */
const [left, top, bottom] = [46, 30, 22] as const
const width = 2 * margin + columns * panelWidth + (columns - 1) * gap

/** Text inside XML; what XML cannot hold is left out. */
function escaped(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\uFFFE\uFFFF]/gu, ' ')
    .replaceAll(/[&<>"]/g, character => names[character]!)
}

const round = (value: number): string => String(Math.round(value * 100) / 100)
const short = (value: number): string => (Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3))
const signed = (z: number): string => `${z < 0 ? '\u2212' : '+'}${Math.abs(z).toFixed(1)}`

type Point = { readonly x: number; readonly value: number; readonly window: Window }

/** The whole windows of a series that have a value: in the middle of the tokens they are made of. */
function pointsOf({ windows }: Series, key: TextKey): Point[] {
  let tokens = 0
  return windows.flatMap(window => {
    const x = tokens + window.tokens / 2
    tokens += window.tokens
    const value = window.metrics[key]
    return window.partial || value === undefined ? [] : [{ x, value, window }]
  })
}

/** z beside the title of a panel that has one line. */
function label(z: number | null | undefined): string {
  if (z === null || z === undefined) return ''
  const far = Math.abs(z) >= 3 ? ' far' : ''
  return `<text class="z${far}" x="${panelWidth}" y="14" text-anchor="end">z ${signed(z)}</text>`
}

function panel(key: (typeof glanceKeys)[number], { series, band }: Chart, tokens: number): string {
  const lines = series.map(one => pointsOf(one, key))
  const spread = band?.spread[key]
  const values = lines.flatMap(points => points.map(({ value }) => value))
  const around = spread ? [spread.mean - 2.4 * spread.sd, spread.mean + 2.4 * spread.sd] : []
  let [low, high] = [Math.min(...values, ...around), Math.max(...values, ...around)]
  if (low === high)
    [low, high] = [low - Math.max(Math.abs(low) * 0.1, 0.01), high + Math.max(Math.abs(high) * 0.1, 0.01)]
  // Shares and counts have nothing below zero, and no axis should suggest it.
  const positive = values.every(value => value >= 0)
  const y = scaleLinear()
    .domain([positive ? Math.max(0, low) : low, high])
    .nice(4)
    .range([panelHeight - bottom, top])
  const x = scaleLinear()
    .domain([0, tokens])
    .range([left, panelWidth - 4])
  const parts = [`<text class="title" x="${left}" y="14">${titles[key]}</text>`]
  if (series.length === 1) parts.push(label(perWindow(series[0]!.windows, band)[key]?.z))
  const format = y.tickFormat(4, '~s')
  const fixed = y.tickFormat(4)
  for (const tick of y.ticks(4)) {
    const at = round(y(tick))
    const words = Math.abs(tick) >= 10_000 ? format(tick) : fixed(tick)
    parts.push(
      `<line class="grid" x1="${left}" x2="${panelWidth}" y1="${at}" y2="${at}"/>`,
      `<text class="tick" x="${left - 7}" y="${at}" dy="0.32em" text-anchor="end">${words}</text>`
    )
  }
  const xs = x.tickFormat(4, '~s')
  for (const tick of x.ticks(4)) {
    parts.push(
      `<text class="tick" x="${round(x(tick))}" y="${panelHeight - 6}" text-anchor="middle">${tick === 0 ? '0' : xs(tick)}</text>`
    )
  }
  if (spread) {
    const [floor = 0, roof = 1] = y.domain()
    for (const [name, deviations] of [
      ['wide', 2],
      ['narrow', 1]
    ] as const) {
      const upper = y(Math.min(roof, spread.mean + deviations * spread.sd))
      const lower = y(Math.max(floor, spread.mean - deviations * spread.sd))
      parts.push(
        `<rect class="${name}" x="${left}" width="${panelWidth - left}" y="${round(upper)}" height="${round(Math.max(lower - upper, 0.5))}"/>`
      )
    }
    const at = round(y(spread.mean))
    parts.push(`<line class="human" x1="${left}" x2="${panelWidth}" y1="${at}" y2="${at}"/>`)
  }
  const path = line<Point>(
    point => x(point.x),
    point => y(point.value)
  ).digits(2)
  for (const [index, points] of lines.entries()) {
    const colour = colourOf(index)
    const radius = points.length > 60 ? 1.4 : points.length > 25 ? 2 : 2.8
    parts.push(`<path class="line" d="${path(points) ?? ''}" stroke="${colour}"${dashOf(index)}/>`)
    for (const { x: at, value, window } of points) {
      const z = window.z[key]
      const words = `${series[index]!.name}, texts ${window.start} to ${window.end}: ${short(value)}${z === undefined ? '' : `, z ${signed(z)}`}`
      parts.push(
        `<circle cx="${round(x(at))}" cy="${round(y(value))}" r="${radius}" fill="${colour}"><title>${escaped(words)}</title></circle>`
      )
    }
  }
  return parts.join('\n')
}

const style = `
text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #334155; font-size: 12px }
.heading { font-size: 19px; font-weight: 650; fill: #0f172a }
.under { font-size: 12.5px; fill: #64748b }
.title { font-size: 13px; font-weight: 600; fill: #0f172a }
.tick { font-size: 10.5px; fill: #94a3b8 }
.z { font-size: 11.5px; fill: #64748b; font-variant-numeric: tabular-nums }
.far { fill: #b91c1c; font-weight: 650 }
.grid { stroke: #eef2f7; stroke-width: 1 }
.wide { fill: #94a3b8; opacity: 0.2 }
.narrow { fill: #94a3b8; opacity: 0.28 }
.human { stroke: #64748b; stroke-width: 1; stroke-dasharray: 4 3 }
.line { fill: none; stroke-width: 1.7; stroke-linejoin: round; stroke-linecap: round }`

/** Width of what stands before a name: enough for dashes to be told apart. */
const mark = 36

/** Names of the lines and of the band, from left to right, in as many rows as they need. */
function legend({ series, band }: Chart, y: number): { parts: string[]; rows: number } {
  const parts: string[] = []
  let x = margin
  let row = 0
  const place = (words: string, draw: (at: number, middle: number) => string): void => {
    const size = mark + 6 + words.length * 6.7 + 18
    if (x + size > width - margin && x > margin) {
      x = margin
      row += 1
    }
    const base = y + row * 20
    parts.push(draw(x, base - 4), `<text x="${x + mark + 6}" y="${base}">${escaped(words)}</text>`)
    x += size
  }
  for (const [index, { name }] of series.entries()) {
    const colour = colourOf(index)
    place(
      name.length > 40 ? `${name.slice(0, 39)}…` : name,
      (at, middle) =>
        `<line x1="${at}" x2="${at + mark}" y1="${middle}" y2="${middle}" stroke="${colour}" stroke-width="2"${dashOf(index)}/><circle cx="${at + mark / 2}" cy="${middle}" r="3" fill="${colour}"/>`
    )
  }
  if (band && band.missing === 0) {
    place(
      `human mean, ± 1 and 2 sd of ${band.windows} windows`,
      (at, middle) =>
        `<rect class="wide" x="${at}" y="${middle - 7}" width="${mark}" height="14"/><rect class="narrow" x="${at}" y="${middle - 4}" width="${mark}" height="8"/><line class="human" x1="${at}" x2="${at + mark}" y1="${middle}" y2="${middle}"/>`
    )
  }
  return { parts, rows: row + 1 }
}

/** The chart as SVG: of the metrics to look at first, those that have a value. */
export function svgOf(chart: Chart): string {
  const { series, title, lines } = chart
  const keys = glanceKeys.filter(key => series.some(one => pointsOf(one, key).length > 0))
  const tokens = Math.max(
    1,
    ...series.map(({ windows }) => windows.reduce((sum, window) => sum + window.tokens, 0))
  )
  const under = 58
  const { parts, rows } = legend(chart, under + lines.length * 18 + 8)
  const start = under + lines.length * 18 + 8 + rows * 20 + 10
  const height = start + Math.ceil(keys.length / columns) * (panelHeight + gap) + 22
  const panels = keys.map((key, index) => {
    const x = margin + (index % columns) * (panelWidth + gap)
    const y = start + Math.floor(index / columns) * (panelHeight + gap)
    return `<g transform="translate(${x} ${y})">\n${panel(key, chart, tokens)}\n</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>${style}
</style>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text class="heading" x="${margin}" y="40">${escaped(title)}</text>
${lines.map((words, index) => `<text class="under" x="${margin}" y="${under + 4 + index * 18}">${escaped(words)}</text>`).join('\n')}
${parts.join('\n')}
${panels.join('\n')}
<text class="tick" x="${width - margin}" y="${height - 12}" text-anchor="end">across: tokens of the text, window after window</text>
</svg>
`
}

/** A table of the means of the windows, for the page. */
function rowsOf({ series, band }: Chart): string {
  const all = series.map(({ windows }) => perWindow(windows, band))
  const cell = (found: PerWindow | undefined): string => {
    if (!found) return '<td></td>'
    const z =
      found.z === null
        ? ''
        : ` <small${Math.abs(found.z) >= 3 ? ' class="far"' : ''}>${signed(found.z)}</small>`
    return `<td>${short(found.mean)}${z}</td>`
  }
  return glanceKeys
    .filter(key => all.some(values => values[key] !== undefined))
    .map(key => {
      const spread = band?.spread[key]
      const human = band ? `<td>${spread ? `${short(spread.mean)} ± ${short(spread.sd)}` : ''}</td>` : ''
      return `<tr><th><code>${key}</code></th>${all.map(values => cell(values[key])).join('')}${human}</tr>`
    })
    .join('\n')
}

/** The chart as a page that needs nothing else. */
export function htmlOf(chart: Chart): string {
  const { series, band, title } = chart
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
body { font: 14px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; color: #0f172a; max-width: ${width}px; margin: 0 auto; padding: 8px 16px 48px }
svg { width: 100%; height: auto; display: block }
table { border-collapse: collapse; margin: 12px ${margin}px; font-variant-numeric: tabular-nums }
th, td { padding: 4px 14px 4px 0; text-align: right; border-bottom: 1px solid #eef2f7; font-weight: 400 }
th:first-child { text-align: left }
thead th { color: #64748b; font-size: 12.5px }
small { color: #64748b } .far { color: #b91c1c; font-weight: 650 }
p { margin: 12px ${margin}px; color: #64748b; font-size: 12.5px }
</style>
${svgOf(chart)}
<table>
<thead><tr><th>mean of the windows</th>${series.map(({ name }) => `<th>${escaped(name)}</th>`).join('')}${band ? '<th>human reference</th>' : ''}</tr></thead>
<tbody>
${rowsOf(chart)}
</tbody>
</table>
<p>Small numbers: distance from the human mean in standard deviations of human windows of the same size.</p>
</html>
`
}
