import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { test } from 'node:test'
import { flow, generatedFiles, metricsTable, replaced, settingsTable, topicTable } from '../../infra/docs.ts'
import { questions } from '../../infra/cli/questions.ts'
import { views } from '../../infra/cli/views.ts'
import { environment } from '../../infra/config.ts'
import { processorNames } from '../../infra/processors.ts'
import { describedViews, viewSections, viewsFile } from '../../infra/views-page.ts'
import { glanceKeys, textKeys } from '../../metrics/text-keys.ts'
import { topics } from '../../schemas/topics.ts'

test('what is generated is what is committed; npm run generate writes it', () => {
  for (const { path, text } of generatedFiles()) {
    const name = relative(process.cwd(), path)
    assert.equal(readFileSync(path, 'utf8'), text, `${name} is not current: npm run generate`)
  }
})

test('the flow names every processor, the tables every topic and every setting', () => {
  for (const name of processorNames) assert.match(flow(), new RegExp(`\\b${name}\\b`))
  for (const { name } of topics) assert.ok(topicTable().includes(`| \`${name}\` |`), name)
  for (const name of Object.keys(environment)) assert.ok(settingsTable().includes(`| \`${name}\` |`), name)
})

test('the table of metrics has every key once, those to look at first in bold', () => {
  const names = [...metricsTable().matchAll(/^\| (\**)`(\w+)`\1 \|/gm)]
  assert.deepEqual(
    names.map(([, , key]) => key),
    [...textKeys]
  )
  assert.deepEqual(
    names.flatMap(([, bold, key]) => (bold === '**' ? [key!] : [])).toSorted(),
    [...glanceKeys].toSorted()
  )
})

test('the table of settings has their defaults and bounds, and the variables of others that are read', () => {
  const rows = settingsTable().split('\n')
  for (const row of [
    '| `EVERSEED_PARTITIONS` | `4` | 1 or more | Partitions of every data topic',
    '| `EVERSEED_HEALTH_PORT` | `0` | 0 to 65535 | ',
    '| `EVERSEED_KAFKA_TLS` | `false` | true, false | ',
    '| `EVERSEED_KAFKA_SASL_MECHANISM` |  | plain, scram-sha-256, scram-sha-512 | ',
    '| `EVERSEED_PREFIX` | `everseed.` |  | ',
    '| `EVERSEED_CACHE` |  |  | ',
    '| `OPENAI_BASE_URL` | `https://api.openai.com/v1` |  | '
  ])
    assert.ok(
      rows.some(one => one.startsWith(row)),
      row
    )
  const providers = readFileSync(new URL('../../infra/llm/providers.ts', import.meta.url), 'utf8')
  const read = [...providers.matchAll(/Env: '(\w+)'/g)].map(([, name]) => name)
  assert.equal(read.length, 4)
  for (const name of read)
    assert.ok(
      rows.some(one => one.startsWith(`| \`${name}\` |`)),
      name
    )
})

test('a topic is written by who declares it, and a row has as many cells as its head', () => {
  const [head = '', , ...rows] = topicTable().split('\n')
  const cells = (row: string): string[] => row.split(/(?<!\\)\|/).map(text => text.trim())
  for (const row of rows) assert.equal(cells(row).length, cells(head).length, row)
  const writers = new Map(rows.map(row => [cells(row)[1], cells(row)[3]]))
  assert.equal(writers.get('`prompts`'), 'publishers, verify')
  assert.equal(writers.get('`samples.rejected`'), 'deduplicate, verify')
  assert.equal(writers.get('`control`'), 'operator, guard, mix')
  assert.equal(writers.get('`journal`'), 'generate')
  assert.equal(cells(rows.find(row => row.includes('`control`'))!)[2], String.raw`scope\|author`)
})

test('a part without its marks is refused, and the rest of a document stays', () => {
  assert.equal(
    replaced('a\n<!-- x -->\nold\n<!-- /x -->\nb', 'x', 'new'),
    'a\n<!-- x -->\nnew\n<!-- /x -->\nb'
  )
  assert.throws(() => replaced('nothing', 'x', 'new'), /there is no <!-- x -->/)
})

test('every view has a section with its columns, a question that names it and an answer', () => {
  const described = describedViews()
  assert.deepEqual([...described.keys()].toSorted(), [...views].toSorted())
  const page = readFileSync(viewsFile, 'utf8')
  for (const view of views) {
    const { comment, columns } = described.get(view)!
    assert.ok(comment !== '' && columns.length >= 5, view)
    const section = page.split(`\n## ${view}\n`)[1]?.split('\n## ')[0]
    assert.ok(section, `there is a section ${view}`)
    for (const { name } of columns) assert.ok(section.includes(`\n| \`${name}\` | `), `${view}.${name}`)
    assert.match(questions[view].sql, new RegExp(`\\bFROM ${view}\\b`))
    assert.match(
      section,
      /<!-- answer \w+ -->\n```text\n[^]+```\n<!-- \/answer -->/,
      `${view} is answered: npm run answers`
    )
  }
})

test('answers stay when the page is made again, and a later definition of a view is the one described', () => {
  const sections = viewSections('<!-- answer funnel -->\n```text\nrun\n```\n<!-- /answer -->')
  assert.ok(sections.includes('<!-- answer funnel -->\n```text\nrun\n```\n<!-- /answer -->'))
  assert.ok(
    describedViews()
      .get('sources')!
      .columns.some(({ name }) => name === 'redundancy')
  )
})
