/** Assigns slots, not partitions: slot p of all topics of a group goes to one member. */
import { AssignerProtocol, type PartitionAssigner } from 'kafkajs'

const { MemberMetadata, MemberAssignment } = AssignerProtocol

/** The slots a member had, and in which generation of the group. */
export type Claim = { readonly generation: number; readonly slots: readonly number[] }
/** What somebody new has. */
export const noClaim: Claim = { generation: -1, slots: [] }

/** A member of a group who asks for slots. */
export type Member = { readonly id: string; readonly claim: Claim }

const byId = (a: Member, b: Member): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/**
 * Shares slots out evenly, and leaves them where they are as far as that allows: a slot that moves is opened anew, and
 * what was under way in it is done again. Where two claim a slot, the newer generation is right.
 * @param members in any order
 * @param partitions highest partition count over the topics
 * @returns slots per member, sorted
 */
export function slotsPerMember(members: readonly Member[], partitions: number): Map<string, number[]> {
  const owner = new Map<number, Member>()
  for (const member of members.toSorted(byId)) {
    for (const slot of member.claim.slots) {
      const other = owner.get(slot)
      if (slot < partitions && (!other || other.claim.generation < member.claim.generation))
        owner.set(slot, member)
    }
  }
  const claimed = new Map<string, number>(members.map(({ id }) => [id, 0]))
  for (const { id } of owner.values()) claimed.set(id, claimed.get(id)! + 1)
  // Those who have most keep one more where the shares cannot be equal.
  const sorted = members.toSorted((a, b) => claimed.get(b.id)! - claimed.get(a.id)! || byId(a, b))
  const share = Math.floor(partitions / sorted.length)
  const larger = partitions % sorted.length
  const quota = new Map(sorted.map(({ id }, index) => [id, share + (index < larger ? 1 : 0)]))
  const assignment = new Map<string, number[]>(sorted.map(({ id }) => [id, []]))
  const free: number[] = []
  for (let slot = 0; slot < partitions; slot++) {
    const id = owner.get(slot)?.id
    const kept = id === undefined ? undefined : assignment.get(id)!
    if (kept && kept.length < quota.get(id!)!) kept.push(slot)
    else free.push(slot)
  }
  for (const slot of free) {
    let least: string | undefined
    for (const [id, slots] of assignment) {
      if (slots.length >= quota.get(id)!) continue
      if (least === undefined || slots.length < assignment.get(least)!.length) least = id
    }
    assignment.get(least!)!.push(slot)
  }
  for (const slots of assignment.values()) slots.sort((a, b) => a - b)
  return assignment
}

/** What a member says it had; nothing where it says nothing that can be read, as members of other versions may. */
function claimOf(metadata: Buffer): Claim {
  try {
    const { generation, slots } = JSON.parse(
      MemberMetadata.decode(metadata)!.userData.toString()
    ) as Partial<Claim>
    if (Number.isInteger(generation) && Array.isArray(slots) && slots.every(Number.isInteger))
      return { generation: generation!, slots: slots.filter(slot => slot >= 0) }
  } catch {
    // Nothing was said.
  }
  return noClaim
}

/**
 * The assigner every processor group uses.
 * @param claim what this member had, asked whenever it joins
 */
export const stickyAssigner =
  (claim: () => Claim): PartitionAssigner =>
  ({ cluster }) => ({
    name: 'everseed-slots',
    version: 1,
    async assign({ members, topics }) {
      const counts = new Map(topics.map(topic => [topic, cluster.findTopicPartitionMetadata(topic).length]))
      const slots = slotsPerMember(
        members.map(({ memberId, memberMetadata }) => ({ id: memberId, claim: claimOf(memberMetadata) })),
        Math.max(...counts.values())
      )
      return [...slots].map(([memberId, own]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: this.version,
          assignment: Object.fromEntries(
            topics.map(topic => [topic, own.filter(slot => slot < counts.get(topic)!)])
          ),
          userData: Buffer.alloc(0)
        })
      }))
    },
    protocol({ topics }) {
      return {
        name: this.name,
        metadata: MemberMetadata.encode({
          version: this.version,
          topics,
          userData: Buffer.from(JSON.stringify(claim()))
        })
      }
    }
  })

/** The same for who never had anything. */
export const slotAssigner = stickyAssigner(() => noClaim)

/** An assigner for a reader that is alone in its group and wants just these partitions. */
export function fixedAssigner(partitions: ReadonlyMap<string, readonly number[]>): PartitionAssigner {
  return () => ({
    name: 'everseed-fixed',
    version: 1,
    async assign({ members }) {
      const assignment = Object.fromEntries([...partitions].map(([topic, list]) => [topic, [...list]]))
      return members.slice(0, 1).map(({ memberId }) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({ version: 1, assignment, userData: Buffer.alloc(0) })
      }))
    },
    protocol({ topics }) {
      return {
        name: 'everseed-fixed',
        metadata: MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) })
      }
    }
  })
}
