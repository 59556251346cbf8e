/** What the host of a sink asks of a real cluster. */
import type { Log } from '../../processors/contract.ts'
import type { Sink } from '../../processors/sink.ts'
import type { Deployment } from '../deployment.ts'
import { createGroupConsumer } from '../kafka/consumer.ts'
import { openProducer, type PlainProducer } from '../kafka/producer.ts'
import { readRanges } from '../kafka/reader.ts'
import type { RawRecord } from '../kafka/record.ts'
import type { SinkLog } from './sink.ts'

/**
 * @param sink whose topics are read, in the group of its name
 */
export function clusterOf(
  { kafka, config, admin }: Deployment,
  sink: Sink,
  log: Log
): SinkLog & { close(): Promise<void> } {
  const topics = Object.values(sink.inputs).map(topic => topic.name)
  // Opened with the first dead letter: most stores never write one.
  let producer: Promise<PlainProducer> | undefined
  return {
    admin,
    sessionMs: config.sessionTimeoutMs,
    consume: on => createGroupConsumer(kafka, config, log, { group: sink.name, topics }, on),
    async read(range) {
      const records: RawRecord[] = []
      await readRanges(kafka, config, [range], read => {
        for (const record of read) records.push(record)
      })
      return records
    },
    async bury(letters) {
      producer ??= openProducer(kafka, config)
      try {
        await (await producer).send(letters)
      } catch (error) {
        // A producer that failed may stay broken: the next try has one of its own.
        const broken = producer
        producer = undefined
        void broken.then(one => one.close()).catch(() => {})
        throw error
      }
    },
    async close() {
      await producer?.then(one => one.close())
    }
  }
}
