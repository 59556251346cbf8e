/** The rules of the `mix` section one by one: what they do is worked out by hand. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Tester } from '../../../../infra/runner/memory.ts'
import { mix, mixer } from '../../../../processors/mix.ts'
import { control, deadLetters, samplesHuman, samplesVerified, training } from '../../../../schemas/topics.ts'
import type { Control, Sample } from '../../../../schemas/types.ts'
import { feed, opened, sameUnderFaults, standing, type Step } from '../../../helpers/play.ts'
import * as make from '../../../helpers/records.ts'

const person = (id: string, topic = 'sea'): Sample =>
  make.humanSample(id, `text of ${id}`, {
    cell: make.cell({ topic }),
    provenance: make.humanProvenance({ split: 'SEED' })
  })
const answer = (id: string, family = 'a', generation = 1, topic = 'sea'): Sample =>
  make.sample(id, `answer ${id}`, {
    cell: make.cell({ topic }),
    provenance: make.provenance({ model_id: `${family}-1`, model_family: family, generation })
  })

/** What the run asks. */
const sources = make.asking('a-1', 'b-1')

/** A mixer that holds two samples or so of each kind. */
const tight = mixer({ all: 1, each: 5000, offsets: 3 })

async function start(settings: object, fields: object = {}, mixing = mix, now = standing): Promise<Tester> {
  const tester = await opened(mixing, { now, run: make.run('r', sources) })
  tester.table(
    'datasets',
    'd',
    make.dataset('d', { max_generation: 9, mix: JSON.stringify(settings), ...fields })
  )
  return tester
}
const people = (tester: Tester, ...ids: string[]): void => {
  for (const id of ids) tester.feed(samplesHuman, id, person(id))
}
const answers = (tester: Tester, ...ids: string[]): void => {
  for (const id of ids) tester.feed(samplesVerified, id, answer(id))
}
const rows = (tester: Tester): string =>
  tester
    .read(training)
    .map(({ value: { id, epoch } }) => (epoch === 1 ? id : `${id}:${epoch}`))
    .join(' ')
const words = (tester: Tester): Control[] => tester.read(control).map(({ value }) => value)
async function end(tester: Tester): Promise<void> {
  const until = { 'samples.verified': tester.read(samplesVerified).length }
  tester.table('runs', 'r', make.run('r', sources, { state: 'ended', until }))
  await tester.tick()
}

describe('mix: quotas', () => {
  test('in rows: the first so many, whether laid or waiting; over a restart neither more nor fewer', async () => {
    for (const mixing of [mix, tight]) {
      const tester = await start({ quota: [{ family: 'a', rows: 2 }] }, {}, mixing)
      answers(tester, 'a0', 'a1', 'a2')
      await tester.settle()
      await tester.restart()
      answers(tester, 'a3')
      tester.feed(samplesVerified, 'b0', answer('b0', 'b'))
      people(tester, 'h0', 'h1', 'h2', 'h3')
      await tester.settle()
      assert.equal(rows(tester), 'h0 a0 h1 a1 h2 b0')
    }
  })

  test('in shares: what is over waits until others make room', async () => {
    const tester = await start({ quota: [{ family: 'a', share: 0.25 }] })
    people(tester, 'h0', 'h1', 'h2', 'h3', 'h4', 'h5')
    answers(tester, 'a0', 'a1')
    await tester.settle()
    assert.equal(rows(tester), 'h0 h1 h2 a0 h3 h4 h5 a1')
  })
})

describe('mix: smallest shares', () => {
  test('others wait once they have left too little room', async () => {
    const tester = await start({ min_share: [{ topic: 'safety', share: 0.5 }] }, { floor: 0 })
    answers(tester, ...Array.from({ length: 9 }, (_, index) => `v${index}`))
    await tester.settle()
    // The group is two of three rows behind: the last one is for human text.
    assert.equal(rows(tester), 'v0 v1 v2 v3')
    for (const id of ['s0', 's1', 's2', 's3']) tester.feed(samplesVerified, id, answer(id, 'a', 1, 'safety'))
    await tester.settle()
    assert.equal(rows(tester), 'v0 v1 v2 v3 s0 v4 s1 v5 s2 v6 s3 v7')
  })

  test('of those that wait the ones furthest behind go first', async () => {
    const tester = await start({
      min_share: [
        { family: 'b', share: 0.1 },
        { topic: 'safety', share: 0.25 }
      ]
    })
    answers(tester, 'v0', 'v1', 'v2')
    for (const id of ['b0', 'b1']) tester.feed(samplesVerified, id, answer(id, 'b'))
    for (const id of ['s0', 's1', 's2']) tester.feed(samplesVerified, id, answer(id, 'a', 1, 'safety'))
    await tester.settle()
    people(tester, 'h0', 'h1', 'h2', 'h3', 'h4')
    await tester.settle()
    assert.equal(rows(tester), 'h0 s0 h1 b0 h2 s1 h3 v0 h4 s2')
  })
})

describe('mix: weights', () => {
  test('keep about their share of a generation, the same texts every time, more under a larger weight', async () => {
    const kept = async (weight: number): Promise<Set<string>> => {
      const tester = await start({ weights: { 2: weight } }, { floor: 0 })
      for (let index = 0; index < 400; index++) {
        tester.feed(samplesVerified, `one${index}`, answer(`one${index}`))
        tester.feed(samplesVerified, `two${index}`, answer(`two${index}`, 'a', 2))
      }
      await tester.settle()
      const ids = tester.read(training).map(({ value }) => value.id)
      assert.equal(ids.filter(id => id.startsWith('one')).length, 400, 'what has no weight is kept')
      return new Set(ids.filter(id => id.startsWith('two')))
    }
    const [quarter, half, again] = [await kept(0.25), await kept(0.5), await kept(0.25)]
    assert.deepEqual(quarter, again)
    // 400 draws: six standard deviations are 52 and 60.
    assert.ok(
      Math.abs(quarter.size - 100) < 52 && Math.abs(half.size - 200) < 60,
      `${quarter.size}, ${half.size}`
    )
    assert.ok([...quarter].every(id => half.has(id)))
    assert.deepEqual([(await kept(0)).size, (await kept(1)).size], [0, 400])
  })
})

describe('mix: epochs', () => {
  test('human text is repeated where it runs short, labelled, pass by pass, and no more often than allowed', async () => {
    for (const mixing of [mix, tight]) {
      const tester = await start({ epochs: 3 }, {}, mixing)
      people(tester, 'h0', 'h1')
      answers(tester, 'v0', 'v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7')
      await tester.settle()
      assert.equal(rows(tester), 'h0 v0 h1 v1 h0:2 v2 h1:2 v3 h0:3 v4 h1:3 v5')
      await tester.restart()
      // A new text first, and then once more: it was in no pass yet.
      people(tester, 'h2')
      await tester.tick()
      assert.equal(rows(tester), 'h0 v0 h1 v1 h0:2 v2 h1:2 v3 h0:3 v4 h1:3 v5 h2 v6 h2:3 v7')
    }
  })

  test('a pass goes on where it was after a restart', async () => {
    for (const mixing of [mix, tight]) {
      const tester = await start({ epochs: 2 }, {}, mixing)
      people(tester, 'h0', 'h1', 'h2')
      for (let index = 0; index < 7; index++) {
        answers(tester, `v${index}`)
        await tester.settle()
        await tester.restart()
      }
      assert.equal(rows(tester), 'h0 v0 h1 v1 h2 v2 h0:2 v3 h1:2 v4 h2:2 v5')
    }
  })

  test('a repeated text that fills a quota does not shut out what waits, over a restart', async () => {
    const tester = await start({ epochs: 2, quota: [{ topic: 'sea', rows: 6 }] }, { floor: 0.7 })
    people(tester, 'h0', 'h1')
    answers(tester, 'v0')
    await tester.settle()
    assert.equal(rows(tester), 'h0 h1 h0:2 v0')
    // The sixth row of the quota is laid while the fifth, which waits, is being processed.
    answers(tester, 'v1')
    await tester.settle()
    assert.equal(rows(tester), 'h0 h1 h0:2 v0 h1:2')
    await tester.restart()
    tester.feed(samplesHuman, 'h2', person('h2', 'land'))
    await tester.settle()
    assert.equal(rows(tester), 'h0 h1 h0:2 v0 h1:2 h2 v1')
  })

  test('nothing is repeated while new human text waits, nor for its own sake', async () => {
    const tester = await start({ epochs: 2, quota: [{ topic: 'dull', share: 0.4 }] })
    people(tester, 'h0')
    tester.feed(samplesHuman, 'dull0', person('dull0', 'dull'))
    tester.feed(samplesHuman, 'dull1', person('dull1', 'dull'))
    answers(tester, 'v0', 'v1', 'v2')
    await tester.settle()
    await end(tester)
    assert.equal(rows(tester), 'h0 v0 dull0 v1 dull1 v2')
    const alone = await start({ epochs: 2 })
    people(alone, 'h0', 'h1')
    await alone.settle()
    await end(alone)
    assert.equal(rows(alone), 'h0 h1')
  })

  test('without leave nothing is repeated', async () => {
    const tester = await start({})
    people(tester, 'h0')
    answers(tester, 'v0', 'v1')
    await tester.settle()
    assert.equal(rows(tester), 'h0 v0')
  })
})

describe('mix: strategies of experiments', () => {
  test('replace lays models’ texts down alone', async () => {
    const tester = await start({ strategy: 'replace' })
    people(tester, 'h0', 'h1')
    answers(tester, 'v0', 'v1')
    await tester.settle()
    await end(tester)
    assert.equal(rows(tester), 'v0 v1')
  })

  test('accumulate-subsample lays everything down as it comes', async () => {
    const tester = await start({ strategy: 'accumulate-subsample', subsample: 10 })
    for (const [index, kind] of ['v', 'v', 'h', 'v', 'h', 'h'].entries()) {
      if (kind === 'v') answers(tester, `v${index}`)
      else people(tester, `h${index}`)
      await tester.settle()
    }
    assert.equal(rows(tester), 'v0 v1 h2 v3 h4 h5')
  })
})

describe('mix: what is missing', () => {
  const evidence = (word: Control | undefined): object => JSON.parse(word?.evidence ?? '{}') as object

  test('is said once it lasts, with numbers, and taken back when nothing waits', async () => {
    let clock = standing()
    const tester = await start({}, { floor: 0.75 }, mix, () => clock)
    people(tester, 'h0', 'h1', 'h2')
    answers(tester, 'v0', 'v1', 'v2', 'v3')
    await tester.tick()
    assert.deepEqual(words(tester), [], 'the rest may be on its way')
    await tester.tick()
    const [word, ...more] = words(tester)
    assert.deepEqual(more, [])
    assert.deepEqual(tester.read(control)[0]?.key, 'dataset:d|mix')
    assert.deepEqual(
      { ...word, evidence: evidence(word) },
      {
        scope: 'dataset:d',
        author: 'mix',
        action: 'warn',
        state: 'STOP_MIX',
        reason:
          'dataset d: 3 verified samples wait; 9 human rows of the seed split are missing (floor 0.75, 3 of 4 rows are human)',
        evidence: {
          dataset: 'd',
          slot: 0,
          rows: 4,
          human: 3,
          floor: 0.75,
          waiting: 3,
          human_waiting: 0,
          human_missing: 9,
          groups: [],
          over: []
        },
        temperature_delta: null,
        expires_at: null,
        created_at: clock
      }
    )
    // Other numbers are said when the last ones are ten seconds old, whoever owns the slot.
    answers(tester, 'v4')
    await tester.tick()
    await tester.restart()
    await tester.tick()
    assert.equal(words(tester).length, 1)
    clock += 10_000_000
    await tester.tick()
    assert.match(words(tester)[1]!.reason, /4 verified samples wait; 12 human rows/)
    people(tester, ...Array.from({ length: 12 }, (_, index) => `late${index}`))
    await tester.tick()
    const last = words(tester).at(-1)
    assert.deepEqual([words(tester).length, last?.action, last?.state], [3, 'none', 'CONTINUE'])
    await tester.tick()
    assert.equal(words(tester).length, 3)
  })

  test('is taken back by the next owner as well', async () => {
    const tester = await start({})
    answers(tester, 'v0')
    for (let tick = 0; tick < 3; tick++) await tester.tick()
    people(tester, 'h0')
    await tester.settle()
    await tester.restart()
    await tester.tick()
    assert.deepEqual(
      words(tester).map(({ action }) => action),
      ['warn', 'none']
    )
  })

  test('names the groups whose shares are the cause', async () => {
    const tester = await start({
      min_share: [{ topic: 'safety', share: 0.2 }],
      quota: [{ family: 'b', share: 0.25 }]
    })
    people(tester, ...Array.from({ length: 40 }, (_, index) => `h${index}`))
    for (let index = 0; index < 20; index++) {
      tester.feed(samplesVerified, `a${index}`, answer(`a${index}`))
      tester.feed(samplesVerified, `b${index}`, answer(`b${index}`, 'b'))
    }
    for (let tick = 0; tick < 3; tick++) await tester.tick()
    const [word] = words(tester)
    const { groups, rows: laid } = evidence(word) as { groups: object[]; rows: number }
    // With all 80 rows laid down a fifth of them and of themselves would be 20.
    assert.deepEqual(groups, [{ rows: 'topic=safety', missing: 20 }])
    assert.match(word!.reason, /20 rows of topic=safety are missing for their smallest share/)
    assert.equal(laid, tester.read(training).length)
    assert.equal(laid, 15, 'three rows behind a fifth of 15')
  })

  test('says how many other rows make room for a group at its largest share', async () => {
    const tester = await start({ quota: [{ family: 'a', share: 0.25 }] }, { floor: 0 })
    people(tester, 'h0', 'h1', 'h2')
    answers(tester, 'v0', 'v1', 'v2')
    for (let tick = 0; tick < 3; tick++) await tester.tick()
    const [word] = words(tester)
    assert.deepEqual(evidence(word), {
      dataset: 'd',
      slot: 0,
      rows: 4,
      human: 3,
      floor: 0,
      waiting: 2,
      human_waiting: 0,
      human_missing: 0,
      groups: [],
      over: [{ rows: 'family=a', waiting: 2, missing: 6 }]
    })
    assert.match(word!.reason, /2 rows of family=a are over their largest share: 6 other rows make room/)
  })

  test('is nothing while human text only waits for verified samples', async () => {
    const tester = await start({})
    people(tester, 'h0', 'h1')
    for (let tick = 0; tick < 3; tick++) await tester.tick()
    assert.deepEqual(words(tester), [])
  })

  test('a floor of 1 leaves models no place, and says so', async () => {
    const tester = await start({}, { floor: 1 })
    people(tester, 'h0')
    answers(tester, 'v0')
    for (let tick = 0; tick < 3; tick++) await tester.tick()
    assert.match(words(tester)[0]!.reason, /no number of human rows is enough for a floor of 1/)
  })
})

test('mix: faults change nothing under rules either', async () => {
  const settings = {
    min_share: [{ topic: 'safety', share: 0.2 }],
    quota: [
      { family: 'b', rows: 3 },
      { family: 'a', share: 0.4 }
    ],
    weights: { 2: 0.5 }
  }
  const steps: Step[] = Array.from({ length: 30 }, (_, index) =>
    index % 2 === 0
      ? feed(samplesHuman, `h${index}`, person(`h${index}`, index % 6 === 0 ? 'safety' : 'sea'))
      : feed(
          samplesVerified,
          `v${index}`,
          answer(
            `v${index}`,
            index % 2 ? 'a' : 'b',
            index % 7 === 0 ? 2 : 1,
            index % 6 === 0 ? 'safety' : 'sea'
          )
        )
  )
  for (const mixing of [mix, tight]) {
    const written = await sameUnderFaults(() => start(settings, {}, mixing), [...steps, end], [training])
    assert.ok(written.length >= 20, String(written.length))
  }
})

test('mix: what cannot be read of a dataset lays nothing down', async () => {
  const tester = await start({ strategy: 'guess' })
  people(tester, 'h0')
  await tester.settle()
  assert.equal(rows(tester), '')
  assert.equal(tester.read(deadLetters)[0]?.headers['x-reason'], 'unreadable_mix')
})
