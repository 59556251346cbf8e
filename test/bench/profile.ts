/** Where processor time went: samples of a CPU profile, each given to the first frame that tells a stage. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a sample was spent on. */
export const stages = ['client', 'Avro', 'logic', 'transaction', 'runner', 'collector', 'rest'] as const
export type Stage = (typeof stages)[number]

type Frame = { readonly functionName: string; readonly url: string }
type Node = { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }
type Profile = {
  readonly nodes: readonly Node[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
  /** Microseconds of the monotonic clock, the one `process.hrtime` reads. */
  readonly startTime: number
}

/** Producing belongs to the transaction: records are batched, checksummed and sent when it is committed. */
const sending =
  /kafkajs\/src\/(producer|protocol\/requests\/(produce|endTxn|addOffsets|addPartitions|txnOffset|initProducer))|infra\/kafka\/producer/

/** The stage a frame belongs to, or undefined when its callers tell. */
function stageOf({ functionName, url }: Frame): Stage | undefined {
  if (functionName === '(garbage collector)') return 'collector'
  if (sending.test(url)) return 'transaction'
  if (/node_modules\/avsc\/|infra\/codec/.test(url)) return 'Avro'
  // What avsc compiles for a record has no file.
  if (url === '' && /^(read|write|skip|check|clone)[A-Z]/.test(functionName)) return 'Avro'
  if (/\/(processors|metrics)\/|node_modules\/tinyld\/|\/schemas\//.test(url)) return 'logic'
  if (
    /node_modules\/kafkajs\/src\/(protocol\/(encoder|crc32)|protocol\/recordBatch\/(record|header)\/.*|utils|retry|network)/.test(
      url
    )
  )
    return undefined
  if (/node_modules\/kafkajs\/|infra\/kafka\//.test(url)) return 'client'
  if (/infra\/runner\//.test(url)) return 'runner'
  return undefined
}

/**
 * Microseconds per stage.
 * @param dir folder with the profiles of one process
 * @param from start of the stretch that counts, microseconds of the monotonic clock
 * @param to its end
 */
export function stagesOf(dir: string, from: number, to: number): Record<Stage, number> {
  const sums = Object.fromEntries(stages.map(stage => [stage, 0])) as Record<Stage, number>
  for (const file of readdirSync(dir).filter(name => name.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(join(dir, file), 'utf8')) as Profile
    const parents = new Map<number, number>()
    const nodes = new Map(profile.nodes.map(node => [node.id, node]))
    for (const { id, children = [] } of profile.nodes) for (const child of children) parents.set(child, id)
    const known = new Map<number, Stage | undefined>()
    const find = (id: number): Stage | undefined => {
      if (known.has(id)) return known.get(id)
      const { callFrame } = nodes.get(id)!
      const parent = parents.get(id)
      // Waiting is no work.
      const stage =
        callFrame.functionName === '(idle)'
          ? undefined
          : (stageOf(callFrame) ?? (parent === undefined ? 'rest' : find(parent)))
      known.set(id, stage)
      return stage
    }
    let at = profile.startTime
    for (const [index, id] of profile.samples.entries()) {
      at += profile.timeDeltas[index]!
      if (at < from || at > to) continue
      const stage = find(id)
      if (stage) sums[stage] += profile.timeDeltas[index]!
    }
  }
  return sums
}
