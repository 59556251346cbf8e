/** What a verdict, a changed memory or a death becomes: records, encoded and checked against their topics. */
import type { Output, Processor } from '../../processors/contract.ts'
import { stateTopic, type Topic } from '../../schemas/topics.ts'
import type { State } from '../../schemas/types.ts'
import { type Codec, encodeChecked, EncodeError } from '../codec.ts'
import type { OutRecord } from '../kafka/record.ts'
import { recordBytes } from '../kafka/waves.ts'
import { provenanceProblem } from './door.ts'
import type { Change } from './state.ts'

/** Encodes what a slot writes. */
export type Encoder = {
  /**
   * All outputs of one verdict, or none.
   * @throws EncodeError when one does not fit its schema, breaks the provenance rules or is over its topic's limit
   */
  outputs(outputs: readonly Output[]): OutRecord[]
  /** Changes of the memory, for the state topic. */
  changes(changes: readonly Change[]): OutRecord[]
}

/** What is written is held to the rules where it is made: at the door of a reader nobody knows any more who did. */
function checkProvenance(topic: Topic, value: object): void {
  const problem = provenanceProblem(topic, value as Record<string, unknown>)
  if (problem !== '') throw new EncodeError(`not a legal record of ${topic.name}: ${problem}`)
}

/**
 * @param onOutput sees every value of a verdict once all of them could be encoded
 */
export function createEncoder(
  processor: Processor,
  slot: number,
  codec: Codec,
  onOutput?: (topic: Topic, value: object) => void
): Encoder {
  const memoryTopic = stateTopic(processor.name)

  const topicOf = (to: string): Topic => {
    const topic = processor.outputs[to]
    if (!topic) throw new EncodeError(`output ${to} is not declared`)
    return topic
  }

  const encode = ({ to, key, value, slot: toSlot }: Output): OutRecord => {
    const topic = topicOf(to)
    const bytes = value === null ? null : encodeChecked(codec, topic, value)
    if (value !== null) checkProvenance(topic, value)
    const partition = topic.kind === 'table' ? 0 : (toSlot ?? slot)
    const record = { topic: topic.name, partition, key, value: bytes }
    // Here it costs one record; a transaction the broker refuses would be refused again after every start.
    const size = recordBytes(record)
    if (size > topic.maxBytes) {
      throw new EncodeError(
        `a record of ${size} bytes with its key for ${topic.name} is over its limit of ${topic.maxBytes}`
      )
    }
    return record
  }

  return {
    outputs(outputs) {
      const records = outputs.map(encode)
      if (onOutput) for (const { to, value } of outputs) if (value !== null) onOutput(topicOf(to), value)
      return records
    },
    changes: changes =>
      changes.map(({ table, key, value }) => {
        const state: State = { table, value: JSON.stringify(value) ?? '' }
        return {
          topic: memoryTopic.name,
          partition: slot,
          key: `${table}|${key}`,
          value: value === undefined ? null : codec.encode(memoryTopic, state)
        }
      })
  }
}
