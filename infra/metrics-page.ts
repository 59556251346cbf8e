/**
 * docs/metrics.md: the metrics as the docstrings of their functions describe them. A docstring that says what its function
 * `Sees:` is of a metric; one with `Keys:` names those it is reported by.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  glancePanelKeys,
  glanceReferenceKeys,
  providerKeys,
  speechKeys,
  windowKeys
} from '../metrics/keys.ts'
import { glanceKeys, textKeys } from '../metrics/text-keys.ts'

const root = join(import.meta.dirname, '..')

export const metricsFile = join(root, 'docs/metrics.md')

/** What docstrings of metrics say besides what a metric is, in the order it is shown. */
const labels = ['Formula', 'Sees', 'Does not see', 'Range', 'Undefined', 'Reference', 'Complexity'] as const
type Label = (typeof labels)[number]

/** A metric function as its docstring describes it. */
export type MetricDoc = {
  readonly name: string
  /** Path from the root. */
  readonly file: string
  readonly keys: readonly string[]
  readonly about: string
  /** Texts in plain words and formulas; empty where the docstring says nothing of it. */
  readonly says: Readonly<Record<Label, string>>
}

const docstring = /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport function\*? (\w+)/g
const label = /^(Keys|Formula|Range|References?|Complexity|Sees|Does not see): /

/** Lines of a docstring as its paragraphs: each label begins one, and each tag. */
function paragraphsOf(text: string): string[] {
  const paragraphs: string[] = ['']
  for (const line of text.split('\n').map(one => one.replace(/^ \* ?/, '').trim())) {
    if (line === '' || line.startsWith('@') || label.test(line)) paragraphs.push('')
    paragraphs[paragraphs.length - 1] += ` ${line}`
  }
  return paragraphs.map(one => one.trim().replaceAll(/\{@link (\w+)\}/g, '`$1`')).filter(one => one !== '')
}

/** The metric functions of a source file. */
export function metricsIn(source: string, file: string): MetricDoc[] {
  return [...source.matchAll(docstring)].flatMap(([, text, name]) => {
    const paragraphs = paragraphsOf(text!)
    const after = (start: string): string =>
      paragraphs
        .find(one => one.startsWith(start))
        ?.slice(start.length)
        .replace(/\.$/, '') ?? ''
    const sees = after('Sees: ')
    if (sees === '') return []
    const says = {
      Formula: after('Formula: '),
      Sees: sees,
      'Does not see': after('Does not see: '),
      Range: after('Range: '),
      Undefined: /\bundefined (.*)$/.exec(after('@returns '))?.[1] ?? '',
      Reference: after('Reference: ') || after('References: '),
      Complexity: after('Complexity: ')
    }
    const keys = after('Keys: ').match(/\w+/g) ?? []
    return [{ name: name!, file, keys, about: paragraphs[0]!, says }]
  })
}

const known: readonly string[] = [...new Set([...textKeys, ...windowKeys])]

/** Every metric function, in the order its keys are reported; those without keys last, by name. */
export function metricDocs(): MetricDoc[] {
  const files = globSync('metrics/*.ts', { cwd: root }).toSorted()
  const place = ({ keys: [first] }: MetricDoc): number =>
    first === undefined ? known.length : known.indexOf(first)
  return files
    .flatMap(file => metricsIn(readFileSync(join(root, file), 'utf8'), file))
    .toSorted((a, b) => place(a) - place(b) || (a.name < b.name ? -1 : 1))
}

/** Text inside a cell of a Markdown table. */
const cell = (text: string): string => text.replaceAll('|', String.raw`\|`)

const has = (keys: readonly string[], key: string): boolean => keys.includes(key)

/** Whether windows have a key, and those at a glance. */
function ofWindows(key: string): readonly [all: string, glance: string] {
  if (!has(windowKeys, key)) return ['', '']
  if (has(providerKeys, key)) return ['`logprobs`', '`logprobs`']
  if (has(speechKeys, key)) return ['`parts_of_speech`', '`parts_of_speech`']
  return ['yes', has([...glancePanelKeys, ...glanceReferenceKeys, 'novel_type_share'], key) ? 'yes' : '']
}

/** The keys as a Markdown table: which function each is of, and where it is computed; those to look at first in bold. */
export function keyTable(docs: readonly MetricDoc[] = metricDocs()): string {
  const rows = known.map(key => {
    const name = docs.find(({ keys }) => keys.includes(key))?.name
    const shown = has(glanceKeys, key) ? `**\`${key}\`**` : `\`${key}\``
    const section = name === undefined ? '' : `[${name}](#${name.toLowerCase()})`
    const measured = has(textKeys, key) ? (has(speechKeys, key) ? '`--pos`' : 'yes') : ''
    return `| ${[shown, section, ...ofWindows(key), measured].join(' | ')} |`
  })
  return [
    '| key | function | windows | windows of `metrics: glance` | `everseed measure` |',
    '|---|---|---|---|---|',
    ...rows
  ].join('\n')
}

/**
 * The functions, one section each.
 * @param keyed whether those with keys, or those without
 */
export function metricSections(keyed: boolean): string {
  return metricDocs()
    .filter(({ keys }) => keys.length > 0 === keyed)
    .map(({ name, file, keys, about, says }) =>
      [
        `### ${name}`,
        '',
        ...(keys.length > 0 ? [keys.map(key => `\`${key}\``).join(', '), ''] : []),
        about,
        '',
        '```text',
        says.Formula,
        '```',
        '',
        '| | |',
        '|---|---|',
        ...labels.flatMap(one =>
          one === 'Formula' || says[one] === '' ? [] : [`| ${one.toLowerCase()} | ${cell(says[one])} |`]
        ),
        `| source | [${file}](../${file}) |`,
        ''
      ].join('\n')
    )
    .join('\n')
}
