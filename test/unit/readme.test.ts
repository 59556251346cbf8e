/** What the README shows beside commands: lines, a recipe, names and links. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { views } from '../../infra/cli/views.ts'
import { environment } from '../../infra/config.ts'
import { documentOf, promptOf } from '../../infra/lines.ts'
import { parseRecipe } from '../../infra/recipe.ts'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

const found = (pattern: RegExp): string[] => Array.from(readme.matchAll(pattern), ([, text]) => text!)
/** Blocks of code of a language. */
const blocks = (language: string): string[] => found(new RegExp(`^\`\`\`${language}\\n([^]*?)\`\`\`$`, 'gm'))

test('its lines can be published: a document and a prompt', () => {
  const [document, prompt, ...more] = blocks('json').flatMap(block => block.trimEnd().split('\n'))
  assert.equal(documentOf(document!, 'd', 'test').value.provenance.origin, 'HUMAN_AUTHORED')
  const run = { id: 'r', dataset: 'd', fingerprint: 'f' }
  assert.equal(promptOf(prompt!, run, 1, 'test').value.cell.topic, 'commerce')
  assert.deepEqual(more, [])
})

test('its sources and budget go into a recipe as they are', () => {
  const [block, ...more] = blocks('yaml')
  const recipe = parseRecipe(`dataset: d\nrun: r\n${block}`, 'README.md')
  assert.deepEqual(
    recipe.sources.map(({ name }) => name),
    ['gpt', 'claude', 'local']
  )
  assert.equal(recipe.budget.usd, 5)
  assert.deepEqual(more, [])
})

test('it names every view, settings that are some, and files that are there', () => {
  const [sentence] = found(/^(Views in ClickHouse.*)$/gm)
  const named = Array.from(sentence!.matchAll(/`(\w+)`/g), ([, name]) => name)
  assert.deepEqual(named, [...views])
  const settings = found(/(EVERSEED_[A-Z_]*[A-Z])/g)
  assert.ok(settings.length >= 9)
  for (const name of settings) assert.ok(name in environment, name)
  const links = found(/\]\(([^)#]+)\)/g).filter(link => !link.includes(':'))
  assert.ok(links.length >= 6)
  for (const link of links) assert.ok(existsSync(join(root, link)), link)
})
