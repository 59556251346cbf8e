/** The packaged tagger: what it says, and that nothing a file holds stops it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { measureFile } from '../../../infra/measure/files.ts'
import { createTagger, taggerId } from '../../../infra/measure/tagger.ts'

const { tags } = createTagger()

test('universal tags of English (wink-nlp 2.4.0, wink-eng-lite-web-model 1.8.1)', () => {
  assert.equal(
    tags('The men on deck counted barrels of salt quickly, and I recommend it.').join(' '),
    'DET NOUN ADP NOUN VERB NOUN ADP NOUN ADV PUNCT CCONJ PRON VERB PRON PUNCT'
  )
})

test('is called what package.json installs', () => {
  const file = join(import.meta.dirname, '../../../package.json')
  const { dependencies } = JSON.parse(readFileSync(file, 'utf8')) as { dependencies: Record<string, string> }
  assert.equal(taggerId, `wink-eng-lite-web-${dependencies['wink-eng-lite-web-model']}`)
})

test('any text has tags, none of them empty, and a million letters in a row are one', () => {
  assert.deepEqual(tags(''), [])
  assert.deepEqual(tags(' \n'), [])
  assert.equal(tags('a'.repeat(1_000_000)).length, 1)
  for (const text of [
    '...',
    '\ud800 lone',
    'Привет, как дела? 北京是中国的首都。',
    '\u0000\u0007',
    '🚢⚓'.repeat(300)
  ]) {
    const found = tags(text)
    assert.ok(
      found.length > 0 && found.every(tag => /^[A-Z]+$/.test(tag)),
      `${text.slice(0, 20)}: ${found.join(' ')}`
    )
  }
})

test('a file is measured by it where that is asked for', async () => {
  const file = join(import.meta.dirname, '../../fixtures/metrics/texts.json')
  const report = await measureFile(file, { pos: true, reference: file })
  assert.equal(report.tagger, taggerId)
  const { pos_compression_ratio: ratio, pos_template_rate: rate } = report.metrics
  assert.ok(ratio! > 2 && rate! > 0.5 && rate! <= 1, `${ratio}, ${rate}`)
  assert.equal((await measureFile(file)).tagger, undefined)
})
