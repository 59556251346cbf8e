/** What is made from code: the types of the records, the flow in the README, the pages of topics, settings, metrics and views, what Grafana reads. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { textDocs } from '../metrics/text-docs.ts'
import { glanceKeys, textKeys } from '../metrics/text-keys.ts'
import { typesSource } from '../schemas/generate.ts'
import { topics, type Topic } from '../schemas/topics.ts'
import { environment, legalValues } from './config.ts'
import { loadProcessors, storeName } from './processors.ts'
import { alertsYaml } from './grafana/alerts.ts'
import { dashboardJson, dashboards } from './grafana/dashboards.ts'
import { keyTable, metricSections, metricsFile } from './metrics-page.ts'
import { viewSections, viewsFile } from './views-page.ts'

const root = join(import.meta.dirname, '..')
const processors = await loadProcessors()

/** The flow as a Mermaid graph, from what processors declare. */
export function flow(): string {
  const lines = [
    '```mermaid',
    'flowchart LR',
    '  publishers((publishers)) --> human[/human/] & prompts[/prompts/]'
  ]
  const node = (topic: string): string => `${topic.replaceAll('.', '_')}[/${topic}/]`
  for (const { name, inputs, outputs } of processors) {
    for (const topic of Object.values(inputs)) lines.push(`  ${node(topic.name)} --> ${name}`)
    for (const topic of Object.values(outputs))
      if (topic.kind === 'data') lines.push(`  ${name} --> ${node(topic.name)}`)
  }
  lines.push(
    `  training[/training/] --> jobs((training jobs))`,
    `  every(every topic) -.-> ${storeName} -.-> ClickHouse[(ClickHouse)]`,
    '```'
  )
  return [...new Set(lines)].join('\n')
}

/** Text inside a cell of a Markdown table. */
function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`)
}

/** Who writes a topic: the processors that declare it as an output, and those outside the graph. */
export function writersOf(topic: Topic): string[] {
  const names = new Set(processors.map(({ name }) => name))
  const inside = processors.filter(({ outputs }) => Object.values(outputs).includes(topic))
  return [...topic.writers.filter(name => !names.has(name)), ...inside.map(({ name }) => name)]
}

/** The topics as a Markdown table. */
export function topicTable(): string {
  const kept = ({ cleanup, retentionMs: ms }: Topic): string =>
    cleanup === 'compact' ? 'compacted' : ms < 0 ? 'forever' : `${ms / 86_400_000} days`
  return [
    '| topic | key | written by | kept | what it is |',
    '|---|---|---|---|---|',
    ...topics.map(
      topic =>
        `| \`${topic.name}\` | ${cell(topic.key)} | ${writersOf(topic).join(', ')} | ${kept(topic)} | ${cell(topic.doc)} |`
    )
  ].join('\n')
}

/** Variables of others that are read too. */
const foreignSettings = [
  ['OPENAI_API_KEY', '', 'Key of sources with `provider: openai`, unless the recipe names another variable'],
  ['OPENAI_BASE_URL', 'https://api.openai.com/v1', 'Their server; https, or http on this machine'],
  [
    'ANTHROPIC_API_KEY',
    '',
    'Key of sources with `provider: anthropic`, unless the recipe names another variable'
  ],
  ['ANTHROPIC_BASE_URL', 'https://api.anthropic.com', 'Their server; https, or http on this machine'],
  ['JAVA_HOME', '', 'Java of the embedded Kafka and registry; absent: the one on the PATH'],
  ['MVNW_REPOURL', '', 'Mirror of Maven Central to fetch Maven itself from, where it is not installed']
] as const

/** The settings as a Markdown table. */
export function settingsTable(): string {
  const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const code = (text: string): string => (text === '' ? '' : `\`${text}\``)
  return [
    row('variable', 'default', 'values', 'meaning'),
    '|---|---|---|---|',
    ...Object.entries(environment).map(([name, type]) => {
      const fallback = type.safeParse(undefined).data
      return row(
        code(name),
        code(fallback === undefined ? '' : String(fallback)),
        legalValues(type),
        type.description ?? ''
      )
    }),
    ...foreignSettings.map(([name, fallback, meaning]) => row(code(name), code(fallback), '', meaning))
  ].join('\n')
}

/** The keys of `everseed measure` as a Markdown table, those to look at first in bold. */
export function metricsTable(): string {
  const glance: readonly string[] = glanceKeys
  return [
    '| key | what it is | when texts narrow |',
    '|---|---|---|',
    ...textKeys.map(key => {
      const { doc, narrow } = textDocs[key]
      const name = glance.includes(key) ? `**\`${key}\`**` : `\`${key}\``
      return `| ${name} | ${cell(doc)} | ${narrow === 'size' ? '' : narrow} |`
    })
  ].join('\n')
}

/** A document with the text between `<!-- name -->` and `<!-- /name -->` replaced. */
export function replaced(document: string, name: string, text: string): string {
  const pattern = new RegExp(`(<!-- ${name} -->\\n)[^]*?(<!-- /${name} -->)`)
  if (!pattern.test(document)) throw new Error(`there is no <!-- ${name} --> … <!-- /${name} -->`)
  return document.replace(pattern, (_, open: string, close: string) => `${open}${text}\n${close}`)
}

/** The page of metrics, with what the docstrings say. */
function metricsPage(): string {
  const withKeys = replaced(readFileSync(metricsFile, 'utf8'), 'keys', keyTable())
  return replaced(replaced(withKeys, 'functions', metricSections(true)), 'others', metricSections(false))
}

/** Every generated file and its text as it should be. */
export function generatedFiles(): { path: string; text: string }[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const topicsPage = readFileSync(join(root, 'docs/topics.md'), 'utf8')
  const settingsPage = readFileSync(join(root, 'docs/settings.md'), 'utf8')
  const measurePage = readFileSync(join(root, 'docs/measure.md'), 'utf8')
  const viewsPage = readFileSync(viewsFile, 'utf8')
  return [
    { path: join(root, 'schemas/types.ts'), text: typesSource() },
    { path: join(root, 'README.md'), text: replaced(readme, 'flow', flow()) },
    { path: join(root, 'docs/topics.md'), text: replaced(topicsPage, 'topics', topicTable()) },
    { path: join(root, 'docs/settings.md'), text: replaced(settingsPage, 'settings', settingsTable()) },
    { path: join(root, 'docs/measure.md'), text: replaced(measurePage, 'metrics', metricsTable()) },
    { path: metricsFile, text: metricsPage() },
    { path: viewsFile, text: replaced(viewsPage, 'views', viewSections(viewsPage)) },
    ...dashboards.map(one => ({
      path: join(root, `infra/grafana/dashboards/${one.name}.json`),
      text: dashboardJson(one)
    })),
    { path: join(root, 'infra/grafana/provisioning/alerting/everseed.yaml'), text: alertsYaml() }
  ]
}

if (import.meta.main) for (const { path, text } of generatedFiles()) writeFileSync(path, text)
