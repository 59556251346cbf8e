import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Branch, follow, type Tie, treeOf } from '../../infra/lineage.ts'
import { families, reached } from '../helpers/kin.ts'

/** Ties as a database gives them: of a text that derives from others, at most `fan` of them. */
const tiesIn =
  (parents: ReadonlyMap<string, readonly string[]>, fan: number) =>
  async (ids: readonly string[]): Promise<Map<string, Tie[]>> =>
    new Map(
      ids.flatMap(id => {
        const all = parents.get(id) ?? []
        return all.length > 0
          ? [[id, [{ relation: 'derives_from', count: all.length, ids: all.slice(0, fan) }]]]
          : []
      })
    )
const wide = { depth: 1000, texts: 1000 }

/** Every branch of a tree, the root among them. */
const all = (tree: Branch): Branch[] => [tree, ...tree.branches.flatMap(all)]

describe('the tree of a text', () => {
  test('holds everything it descends from, each once with its branches, and ends where there is a circle', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean().chain(families), async parents => {
        const start = [...parents.keys()].at(-1)!
        const tree = treeOf(start, await follow(start, wide, tiesIn(parents, 100)))
        const branches = all(tree)
        const first = branches.filter(({ again }) => !again).map(({ id }) => id)
        assert.equal(new Set(first).size, first.length, 'each text has branches once')
        const ids = first.filter(id => id !== start).toSorted()
        assert.deepEqual(
          ids,
          reached([start], id => parents.get(id)!)
        )
        for (const { id, again, branches: own } of branches) {
          const expected = again ? [] : parents.get(id)!
          assert.deepEqual(
            own.map(one => one.id),
            expected
          )
        }
      })
    )
  })

  test('is as deep and as wide as it may be, and says what is left out', async () => {
    await fc.assert(
      fc.asyncProperty(
        families(true),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        async (parents, depth, fan) => {
          const start = [...parents.keys()].at(-1)!
          const tree = treeOf(start, await follow(start, { depth, texts: 1000 }, tiesIn(parents, fan)))
          const branches = all(tree)
          const within = reached([start], id => parents.get(id)!.slice(0, fan), depth)
          const shown = new Set(branches.map(({ id }) => id))
          shown.delete(start)
          assert.deepEqual([...shown].toSorted(), within)
          const known = new Set([start, ...reached([start], id => parents.get(id)!.slice(0, fan), depth - 1)])
          for (const { id, again, cut, more, branches: own } of branches) {
            if (again) continue
            assert.equal(cut === true, !known.has(id), id)
            const left = parents.get(id)!.length - own.length
            assert.deepEqual(more ?? {}, left > 0 && !cut ? { derives_from: left } : {})
          }
        }
      )
    )
  })

  test('holds no more texts than it may', async () => {
    const parents = new Map([['a', Array.from({ length: 50 }, (_, index) => `p${index}`)]])
    for (const id of parents.get('a')!) parents.set(id, [`${id}.1`, `${id}.2`])
    const asked: string[] = []
    const ties = await follow('a', { depth: 9, texts: 20 }, async ids => {
      asked.push(...ids)
      return await tiesIn(parents, 100)(ids)
    })
    assert.equal(asked.length, 20)
    const cut = all(treeOf('a', ties)).filter(branch => branch.cut)
    assert.ok(cut.length >= 31, 'what was not looked at is marked')
  })
})
