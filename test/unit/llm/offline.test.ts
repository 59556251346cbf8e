import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOffline, sees } from '../../../infra/llm/offline.ts'
import type { SeedDocument } from '../../../processors/ports.ts'
import type { Model, OfflineModel } from '../../../schemas/types.ts'
import { textFor } from '../../helpers/fake-model.ts'
import { memoryLog } from '../../helpers/model-calls.ts'
import { seedText } from '../../helpers/records.ts'

const documents: SeedDocument[] = Array.from({ length: 200 }, (_, at) => ({
  id: `doc-${at}`,
  topic: at % 2 ? 'odd' : 'even',
  text: seedText(textFor(`document ${at}`))
}))
const range: OfflineModel = { dataset: 'd', slot: 0, to: 300, order: 3, smoothing: 0.1, share: 1 }

function modelOf(id: string, offline: OfflineModel | null = range, revision = 'r1'): Model {
  return {
    id,
    revision,
    provider: 'offline',
    family: 'ngram',
    base: null,
    trained_on: [],
    generation: 0,
    output_terms: 'allowed',
    offline,
    registered: false,
    created_at: 0
  }
}
const ask = { topic: 'odd', temperature: 1, seed: 5, maxTokens: 100 }

test('a model is fitted once per id and revision, on the range its entry names', async () => {
  const reads: OfflineModel[] = []
  const { log, lines } = memoryLog()
  const offline = createOffline({
    log,
    read: async asked => {
      reads.push(asked)
      return documents
    }
  })
  const [first, second] = await Promise.all([offline.sampler(modelOf('a')), offline.sampler(modelOf('a'))])
  await offline.sampler(modelOf('a'))
  assert.equal(first, second)
  assert.deepEqual(reads, [range])
  await offline.sampler(modelOf('a', range, 'r2'))
  await offline.sampler(modelOf('b'))
  assert.equal(reads.length, 3)
  assert.equal(lines.filter(line => line.includes('fitted')).length, 3)
  const { text, tokens, finished } = first(ask)
  assert.ok(text.length > 0 && tokens > 0 && finished)
})

test('after a restart the same request draws the same text', async () => {
  const draw = async (): Promise<unknown[]> => {
    const offline = createOffline({ log: memoryLog().log, read: async () => documents })
    const sampler = await offline.sampler(modelOf('a'))
    return [0, 0.2, 1, 1.2].flatMap(temperature =>
      [1, 2, 3].map(seed => sampler({ ...ask, temperature, seed }))
    )
  }
  assert.deepEqual(await draw(), await draw())
})

test('a share keeps that share of the documents, other ones for another model', async () => {
  const ids = Array.from({ length: 20_000 }, (_, at) => `doc-${at}`)
  for (const share of [0, 0.3, 1]) {
    const seen = ids.filter(id => sees('a', id, share)).length / ids.length
    // Three standard deviations of a binomial share at 20,000.
    assert.ok(Math.abs(seen - share) < 0.011, `${seen} for ${share}`)
  }
  const both = ids.filter(id => sees('a', id, 0.5) && sees('b', id, 0.5)).length / ids.length
  assert.ok(Math.abs(both - 0.25) < 0.011, `${both}`)
  // What a model sees of a smaller share it sees of a larger one.
  assert.ok(ids.every(id => !sees('a', id, 0.2) || sees('a', id, 0.6)))

  const { log, lines } = memoryLog()
  const offline = createOffline({ log, read: async () => documents })
  await offline.sampler(modelOf('half', { ...range, share: 0.5 }))
  const expected = documents.filter(document => sees('half', document.id, 0.5)).length
  assert.match(lines[0] ?? '', new RegExp(`"documents":${expected},`))
})

test('no documents: an error that names the model, the range and the next step', async () => {
  const offline = createOffline({ log: memoryLog().log, read: async () => documents })
  await assert.rejects(offline.sampler(modelOf('none', { ...range, share: 0 })), {
    code: 'PROVIDER_UNCONFIGURED',
    message: /none sees none of the 200 seed documents of dataset d \(slot 0, offsets 0 to 300\)/
  })
  await assert.rejects(offline.sampler(modelOf('paid', null)), { code: 'PROVIDER_UNCONFIGURED' })
})

test('a reading that failed is tried again by the next call', async () => {
  let fails = true
  const offline = createOffline({
    log: memoryLog().log,
    read: async () => {
      if (fails) throw new Error('the broker is away')
      return documents
    }
  })
  await assert.rejects(offline.sampler(modelOf('a')), /the broker is away/)
  fails = false
  assert.ok(await offline.sampler(modelOf('a')))
})
