import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { AssignerProtocol } from 'kafkajs'
import {
  type Claim,
  fixedAssigner,
  type Member,
  noClaim,
  slotAssigner,
  slotsPerMember,
  stickyAssigner
} from '../../../infra/kafka/assigner.ts'

const claims = fc.record({
  generation: fc.integer({ min: -1, max: 5 }),
  slots: fc.uniqueArray(fc.nat(45), { maxLength: 20 })
})
const members: fc.Arbitrary<Member[]> = fc.uniqueArray(
  fc.record({ id: fc.string({ minLength: 1 }), claim: claims }),
  { minLength: 1, maxLength: 8, selector: ({ id }) => id }
)
const claim = (generation: number, ...slots: number[]): Claim => ({ generation, slots })

describe('slots per member', () => {
  test('every slot goes to one member, as evenly as can be', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 0, max: 40 }), (ids, partitions) => {
        const shares = slotsPerMember(ids, partitions)
        assert.deepEqual(new Set(shares.keys()), new Set(ids.map(({ id }) => id)))
        assert.deepEqual(
          [...shares.values()].flat().toSorted((a, b) => a - b),
          Array.from({ length: partitions }, (_, slot) => slot)
        )
        const sizes = [...shares.values()].map(({ length }) => length)
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
      })
    )
  })

  test('do not depend on the order the members are told in', () => {
    fc.assert(
      fc.property(members, ids => {
        assert.deepEqual(slotsPerMember(ids.toReversed(), 7), slotsPerMember(ids, 7))
      })
    )
  })
})

describe('a slot stays where it is', () => {
  const shares = (byMember: Record<string, Claim>, partitions: number): Record<string, number[]> =>
    Object.fromEntries(
      slotsPerMember(
        Object.entries(byMember).map(([id, one]) => ({ id, claim: one })),
        partitions
      )
    )

  test('when somebody joins, but for the share of who is new', () => {
    assert.deepEqual(shares({ b: claim(4, 0, 3), z: claim(4, 1, 2), a: noClaim }, 4), {
      b: [0, 3],
      z: [1],
      a: [2]
    })
  })

  test('when somebody leaves', () => {
    assert.deepEqual(shares({ b: claim(4, 1), c: claim(4, 2, 5), d: claim(4, 0) }, 6), {
      b: [1, 3],
      c: [2, 5],
      d: [0, 4]
    })
  })

  test('with whoever had it last, not with who was away meanwhile', () => {
    assert.deepEqual(shares({ a: claim(6, 0, 1), b: claim(7, 0, 1) }, 2), { b: [0], a: [1] })
  })

  test('nobody gives up a slot that is theirs alone while their share has room', () => {
    fc.assert(
      fc.property(
        members.chain(list =>
          fc
            .array(fc.nat(list.length - 1), { maxLength: 40 })
            .map(owners => ({ owners, list: list.map(({ id }) => id) }))
        ),
        ({ owners, list }) => {
          const had = list.map((id, index) => ({
            id,
            claim: claim(1, ...owners.flatMap((owner, slot) => (owner === index ? [slot] : [])))
          }))
          const given = slotsPerMember(had, owners.length)
          for (const { id, claim: before } of had) {
            const after = given.get(id)!
            const kept = before.slots.filter(slot => after.includes(slot)).length
            assert.equal(kept, Math.min(before.slots.length, after.length))
          }
        }
      )
    )
  })
})

/** The assigner on a cluster of which only the partition counts are known. */
async function assigned(
  assigner: typeof slotAssigner,
  ids: readonly string[] | Readonly<Record<string, Buffer>>,
  counts: Readonly<Record<string, number>>
): Promise<Map<string, Record<string, number[]>>> {
  const cluster = { findTopicPartitionMetadata: (topic: string) => Array.from({ length: counts[topic]! }) }
  const topics = Object.keys(counts)
  const assignments = await assigner({ cluster } as never).assign({
    members: Array.isArray(ids)
      ? ids.map(memberId => ({ memberId, memberMetadata: Buffer.alloc(0) }))
      : Object.entries(ids).map(([memberId, memberMetadata]) => ({ memberId, memberMetadata })),
    topics
  })
  return new Map(
    assignments.map(({ memberId, memberAssignment }) => [
      memberId,
      AssignerProtocol.MemberAssignment.decode(memberAssignment)!.assignment
    ])
  )
}

describe('the assigner', () => {
  test('gives slot p of all topics to one member', async () => {
    const result = await assigned(slotAssigner, ['b', 'a'], { generations: 4, rejected: 4 })
    assert.deepEqual(Object.fromEntries(result), {
      a: { generations: [0, 2], rejected: [0, 2] },
      b: { generations: [1, 3], rejected: [1, 3] }
    })
  })

  test('gives no partition that a topic does not have', async () => {
    const result = await assigned(slotAssigner, ['a', 'b', 'c'], { wide: 4, narrow: 1 })
    assert.deepEqual(result.get('a'), { wide: [0, 3], narrow: [0] })
    assert.deepEqual(result.get('b'), { wide: [1], narrow: [] })
    assert.deepEqual(result.get('c'), { wide: [2], narrow: [] })
  })

  test('hears of members what they had, and of others nothing', async () => {
    const saying = (userData: Buffer): Buffer =>
      AssignerProtocol.MemberMetadata.encode({ version: 1, topics: ['t'], userData })
    const { metadata } = stickyAssigner(() => claim(3, 1, 2))({ cluster: {} } as never).protocol({
      topics: ['t']
    })
    const result = await assigned(
      slotAssigner,
      {
        a: saying(Buffer.from('garbage')),
        b: saying(Buffer.from('{"slots": ["x"], "generation": 9}')),
        c: metadata,
        d: saying(Buffer.alloc(0))
      },
      { t: 5 }
    )
    assert.deepEqual(Object.fromEntries(result), {
      a: { t: [0] },
      b: { t: [3] },
      c: { t: [1, 2] },
      d: { t: [4] }
    })
  })

  test('announces its topics under its name', () => {
    const { name, metadata } = slotAssigner({ cluster: {} } as never).protocol({ topics: ['x', 'y'] })
    assert.equal(name, 'everseed-slots')
    assert.deepEqual(AssignerProtocol.MemberMetadata.decode(metadata)?.topics, ['x', 'y'])
  })

  test('of a reader alone gives exactly what it asked for', async () => {
    const wanted = fixedAssigner(new Map([['t', [2, 5]]]))
    assert.deepEqual(Object.fromEntries(await assigned(wanted, ['me'], { t: 9 })), { me: { t: [2, 5] } })
  })
})
