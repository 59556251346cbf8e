/** Lineage in a real ClickHouse: from the records the store writes to the answers people ask for. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import {
  type Ask,
  descendantsOf,
  madeBy,
  madeOf,
  modelsOf,
  retractionOf,
  textsOf,
  versionsWith
} from '../../../infra/clickhouse/lineage.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { lineageOf } from '../../../infra/lineage.ts'
import { silentLog } from '../../../infra/log.ts'
import { store } from '../../../processors/store.ts'
import type { Model, Provenance, Version } from '../../../schemas/types.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import { childrenIn, families, type Parents, reached } from '../../helpers/kin.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })
const warehouse = engine.warehouse()
const ask: Ask = (sql, params = {}) => warehouse.rows(sql, { params })
const writer = createChunkWriter({
  warehouse,
  clusterId: 'c',
  group: 'store',
  sink: store,
  log: silentLog,
  timeoutMs: 8000
})
const ends = new Map<string, number>()
/** Stores records behind those that were stored before. */
async function stored(topic: string, values: readonly unknown[]): Promise<void> {
  const from = ends.get(topic) ?? 0
  await writer.write(chunkOf(topic, 0, from, values))
  ends.set(topic, from + values.length)
}

const synthetic = (fields: Partial<Provenance>) => ({ provenance: make.provenance(fields) })
const model = (id: string, fields: Partial<Model> = {}): Model => ({
  id,
  revision: 'r',
  provider: 'openai',
  family: 'a',
  base: null,
  trained_on: [],
  generation: 0,
  output_terms: 'allowed',
  offline: null,
  registered: true,
  created_at: 1,
  ...fields
})

before(async () => {
  await migrate(warehouse, silentLog)
  await stored('samples.human', [
    make.humanSample('h1', 'one'),
    make.humanSample('h2', 'two'),
    make.humanSample('e1', 'edited', {
      provenance: make.humanProvenance({ origin: 'HUMAN_EDITED', parent_ids: ['h1'], quoted_ids: ['h2'] })
    }),
    make.humanSample('h1', 'one', { dataset: 'other' })
  ])
  await stored('generations', [
    make.generation('g1', 'x', synthetic({ parent_ids: ['e1'], model_id: 'tuned' })),
    make.generation('g2', 'y', synthetic({ parent_ids: ['g1', 'h2'], repairs: ['g0'] })),
    make.generation('g3', '', { ...synthetic({ parent_ids: ['h1'] }), error: 'HTTP 400' }),
    make.generation('o1', 'x', { ...synthetic({ parent_ids: ['h1'] }), dataset: 'other', run: 'elsewhere' })
  ])
  const rows = ['g1', 'g2'].map(id => make.sample(id, 'x', synthetic({ parent_ids: ['h1'] })))
  await stored('samples.verified', rows)
  await stored('training', [make.humanSample('h1', 'one'), ...rows])
  await stored('models', [
    model('tuned', { base: 'big', trained_on: ['d@1'], generation: 1, created_at: 1 }),
    model('tuned', { base: 'big', trained_on: ['d@1', 'd@2'], generation: 1, created_at: 2 }),
    model('tuned', { registered: false, created_at: 3 }),
    // Whoever writes the table may write anything.
    model('big', { base: 'tuned', generation: null })
  ])
  const version = (number: number, end: number, manifest = {}): Version => ({
    dataset: 'd',
    version: String(number),
    parent: null,
    offsets: [end, 0],
    digest: '',
    manifest: JSON.stringify(manifest),
    created_at: 0
  })
  await stored('versions', [
    version(1, 1),
    version(2, 2),
    version(10, 3, { excluded: { rows: 1, retracted: ['h1'], displaced: ['g1'] } }),
    version(1, 3)
  ])
  await stored('retractions', [make.retraction('h1')])
})

test('a text is told from all its records, those of each dataset apart', async () => {
  const [g2] = await textsOf(ask, ['g2'])
  assert.deepEqual(g2, {
    id: 'g2',
    dataset: 'd',
    run: 'r',
    origin: 'SYNTHETIC',
    generation: 1,
    model: 'alpha',
    family: 'a',
    prompt: 'p1',
    derives_from: ['g1', 'h2'],
    quotes: [],
    repairs: ['g0'],
    places: [
      { topic: 'generations', slot: 0, offset: 1 },
      { topic: 'samples.verified', slot: 0, offset: 1 },
      { topic: 'training', slot: 0, offset: 2 }
    ]
  })
  const both = await textsOf(ask, ['h1', 'nobody'])
  assert.deepEqual(
    both.map(({ id, dataset, places }) => [id, dataset, places.length]),
    [
      ['h1', 'd', 2],
      ['h1', 'other', 1]
    ]
  )
  assert.deepEqual(await textsOf(ask, ["it's \\ hostile"], 'd'), [])
})

test('what a text is where it was made counts before what later records say', async () => {
  for (let look = 0; look < 5; look++) assert.equal((await textsOf(ask, ['g1']))[0]?.model, 'tuned')
})

test('what was made of a text at first hand is counted by its kind; a failed call made nothing', async () => {
  assert.deepEqual(await madeOf(ask, 'd', ['h1', 'h2', 'g0'], 1), [
    { node: 'g0', relation: 'repairs', count: 1, ids: ['g2'] },
    { node: 'h1', relation: 'derives_from', count: 1, ids: ['e1'] },
    { node: 'h2', relation: 'derives_from', count: 1, ids: ['g2'] },
    { node: 'h2', relation: 'quotes', count: 1, ids: ['e1'] }
  ])
  await stored('generations', [
    make.generation('g4', 'z', synthetic({ parent_ids: ['h2'] })),
    make.generation('g4', 'z', synthetic({ parent_ids: ['h2'] }))
  ])
  const [wide] = await madeOf(ask, 'd', ['h2'], 1)
  assert.deepEqual(wide, { node: 'h2', relation: 'derives_from', count: 2, ids: ['g2'] })
})

test('everything a model or a run made is counted and listed', async () => {
  assert.deepEqual(await madeBy(ask, { model: 'tuned' }, 10), {
    counts: [{ dataset: 'd', run: 'r', model: 'tuned', generation: 1, texts: 1 }],
    ids: ['g1']
  })
  const { counts, ids } = await madeBy(ask, { run: 'r' }, 2)
  assert.deepEqual(
    counts.map(({ model: by, texts }) => [by, texts]),
    [
      ['alpha', 2],
      ['tuned', 1]
    ]
  )
  assert.deepEqual(ids, ['g1', 'g2'])
})

test('of a model the newest word of the registry counts, before what a recipe says', async () => {
  const { trained_on, registered, base } = (await modelsOf(ask, ['tuned', 'none'])).get('tuned')!
  assert.deepEqual(
    { trained_on, registered, base },
    { trained_on: ['d@1', 'd@2'], registered: true, base: 'big' }
  )
})

test('the versions that hold a text are those whose cut has it and that do not leave it out', async () => {
  const versions = async (id: string) => await versionsWith(ask, (await textsOf(ask, [id], 'd'))[0]!)
  assert.deepEqual(await versions('h1'), ['d@1', 'd@2'])
  assert.deepEqual(await versions('g1'), ['d@2'])
  assert.deepEqual(await versions('g2'), ['d@10'])
  assert.deepEqual(await versions('e1'), [])
  assert.equal((await retractionOf(ask, { id: 'h1', dataset: 'd' }))?.reason, 'withdrawn')
  assert.equal(await retractionOf(ask, { id: 'h1', dataset: 'other' }), undefined)
})

test('a tree goes up to people and models, and models that are each other’s base end', async () => {
  const [text] = await textsOf(ask, ['g2'])
  const bounds = { depth: 20, fan: 20, texts: 100 }
  const { up, down, texts, models } = await lineageOf(ask, text!, { up: true, down: true }, bounds)
  const says = (branches: typeof up): unknown =>
    branches!.branches.map(one => [one.relation, one.id, ...(one.branches.length > 0 ? [says(one)] : [])])
  assert.deepEqual(says(up), [
    [
      'derives_from',
      'g1',
      [
        [
          'derives_from',
          'e1',
          [
            ['derives_from', 'h1'],
            ['quotes', 'h2']
          ]
        ]
      ]
    ],
    ['derives_from', 'h2'],
    ['repairs', 'g0']
  ])
  assert.deepEqual(down?.branches, [])
  assert.equal(texts.get('e1')?.origin, 'HUMAN_EDITED')
  assert.equal(texts.get('g0'), undefined, 'has no record')
  assert.deepEqual([...models.keys()].toSorted(), ['big', 'tuned'])
})

/** Stores a family as texts of a dataset of its own. */
async function grown(dataset: string, parents: Parents): Promise<void> {
  const born = [...parents].map(([id, list]) =>
    make.generation(id, 'x', { ...synthetic({ parent_ids: [...list] }), dataset })
  )
  await stored('generations', born)
}

test('any number of ids is asked for, and those no text can have are passed over', async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => `nobody-${index}-ünd-${'x'.repeat(20)}`)
  const found = await textsOf(ask, [...many, 'y'.repeat(300_000), 'g1'], 'd')
  assert.deepEqual(
    found.map(({ id }) => id),
    ['g1']
  )
  assert.deepEqual(await descendantsOf(ask, 'd', [...many, 'g1']), [{ id: 'g2', ancestor: 'g1' }])
})

test('who quotes a text descends from it, and so does what was made of that', async () => {
  // The edited one has nothing else from h2, and g1 nothing but through it; g4 was made of h2 itself.
  const found = (await descendantsOf(ask, 'd', ['h2'])).map(({ id }) => id)
  assert.deepEqual(found.toSorted(), ['e1', 'g1', 'g2', 'g4'])
})

let grownFamilies = 0
test('all descendants are the closure, in any graph, by any number of steps at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean().chain(families),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 4 }),
      async (parents, named, steps) => {
        const dataset = `family-${grownFamilies++}`
        await grown(dataset, parents)
        const from = [...parents.keys()].slice(0, named)
        const found = await descendantsOf(ask, dataset, from, steps)
        const ids = found.map(({ id }) => id).toSorted()
        assert.deepEqual(ids, reached(from, childrenIn(parents)))
        for (const { id, ancestor } of found) {
          assert.ok(from.includes(ancestor))
          assert.ok(reached([ancestor], childrenIn(parents)).includes(id), `${id} descends from ${ancestor}`)
        }
      }
    ),
    { numRuns: 40 }
  )
})

test('a circle over many steps ends', { timeout: 20_000 }, async () => {
  const size = 130
  const circle = new Map(
    Array.from({ length: size }, (_, index) => [`c${index}`, [`c${(index + 1) % size}`]] as const)
  )
  await grown('circle', circle)
  assert.equal((await descendantsOf(ask, 'circle', ['c0'])).length, size - 1)
  const [text] = await textsOf(ask, ['c0'])
  const bounds = { depth: 1000, fan: 20, texts: 2000 }
  const { up } = await lineageOf(ask, text!, { up: true, down: false }, bounds)
  let depth = 0
  for (let one = up; one && one.branches.length > 0; one = one.branches[0]) depth++
  assert.equal(depth, size)
})
