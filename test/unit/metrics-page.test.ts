import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { keyTable, metricDocs, metricSections, metricsFile, metricsIn } from '../../infra/metrics-page.ts'
import { createHashedReference } from '../../metrics/hashed-reference.ts'
import { providerKeys, speechKeys, windowKeys } from '../../metrics/keys.ts'
import { createPanel } from '../../metrics/panel.ts'
import { glanceKeys, textKeys } from '../../metrics/text-keys.ts'
import { createReferenceMemory, windowValues } from '../../processors/measure/reference.ts'
import { createSeedWords } from '../../processors/measure/seed-words.ts'

const root = join(import.meta.dirname, '../..')
const docs = metricDocs()
const keys = [...new Set<string>([...textKeys, ...windowKeys])]

test('every key is named by one docstring, and docstrings name no others', () => {
  const named = docs.flatMap(one => [...one.keys])
  assert.deepEqual(named.toSorted(), keys.toSorted())
})

test('every metric says its formula, range, reference, cost, and what it sees and does not see', () => {
  for (const { name, keys: own, about, says } of docs) {
    assert.ok(about.length > 20, name)
    for (const [label, text] of Object.entries(says))
      if (label !== 'Undefined' || own.length > 0) assert.ok(text.length > 4, `${name} lacks: ${label}`)
    assert.doesNotMatch(Object.values(says).join(' '), /@|Sees:|Range:|Reference:|Complexity:/, name)
  }
})

test('every function that answers with a value or a reason is on the page, but for aids of others', () => {
  const aids = new Set(['quantile', 'interquartileRange', 'measured', 'undefinedBecause'])
  const names = docs.map(({ name }) => name)
  let found = 0
  for (const file of globSync('metrics/*.ts', { cwd: root })) {
    const source = readFileSync(join(root, file), 'utf8')
    for (const [, name] of source.matchAll(/^export function (\w+)\((?:(?!^})[^])*?\): Measured \{$/gm)) {
      found += 1
      assert.ok(aids.has(name!) || names.includes(name!), `${name} of ${file}`)
    }
  }
  assert.ok(found > 30, String(found))
})

test('a docstring is read by its labels, whatever is written around them', () => {
  const source = `/** A line. Sees: nothing that counts. */
export function aid() {}
/**
 * A share of
 * {@link aid} things.
 *
 * More of it.
 * Keys: one_1, two.
 * Formula: a / b,
 * of all.
 * Reference: A, 1999. Complexity: none of its own.
 * Range: [0, 1].
 * Sees: *this* | that.
 * Does not see: the rest.
 * @param a number
 * @returns a share, undefined without
 * any b
 */
export function* share(a: number) {}
/** Has no label. */
export const other = 1
export function bare() {}
`
  assert.deepEqual(metricsIn(source, 'metrics/share.ts'), [
    {
      name: 'share',
      file: 'metrics/share.ts',
      keys: ['one_1', 'two'],
      about: 'A share of `aid` things.',
      says: {
        Formula: 'a / b, of all',
        Sees: '*this* | that',
        'Does not see': 'the rest',
        Range: '[0, 1]',
        Undefined: 'without any b',
        Reference: 'A, 1999. Complexity: none of its own',
        Complexity: ''
      }
    }
  ])
})

test('the table of keys says where each is computed, as windows and measure have it', () => {
  const cells = keyTable()
    .split('\n')
    .slice(2)
    .map(row => row.split('|').map(text => text.trim()))
  const having = (column: number): string[] =>
    cells.flatMap(row => (row[column] === '' ? [] : [/`(\w+)`/.exec(row[1]!)![1]!])).toSorted()
  const panel = createPanel()
  const memory = createReferenceMemory(10)
  memory.frozen = createHashedReference(['a b c d', 'b c d e'])
  panel.add('a b c')
  const valuesOf = (atAGlance: boolean): string[] => {
    const { values } = windowValues(panel, memory, createSeedWords(), { atAGlance })
    return [...Object.keys(values), ...providerKeys, ...speechKeys].toSorted()
  }
  assert.deepEqual(having(3), valuesOf(false))
  assert.deepEqual(having(4), valuesOf(true))
  assert.deepEqual(having(5), [...textKeys].toSorted())
  const bold = cells.flatMap(([, key]) => (key!.startsWith('**') ? [key!.replaceAll(/\W/g, '')] : []))
  assert.deepEqual(bold.toSorted(), [...glanceKeys].toSorted())
})

test('the page has a section for each function, which the table leads to', () => {
  const page = readFileSync(metricsFile, 'utf8')
  const headings = Array.from(page.matchAll(/^#{2,3} (.+)$/gm), ([, name]) => name!.toLowerCase())
  assert.equal(new Set(headings).size, headings.length)
  for (const { name } of docs) assert.ok(page.includes(`\n### ${name}\n`), name)
  for (const [, anchor] of page.matchAll(/\]\(#([\w-]+)\)/g))
    assert.ok(headings.map(one => one.replaceAll(' ', '-')).includes(anchor!), anchor)
  const all = `${metricSections(true)}${metricSections(false)}`
  assert.equal(all.split('\n### ').length, docs.length)
})
