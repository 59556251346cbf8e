/** The baseline of the pipeline: kafkajs alone carries bytes from one topic to another in transactions of 750 records. */
import { createKafka } from '../../infra/kafka/client.ts'
import { readConfig } from '../../infra/config.ts'
import { silentLog } from '../../infra/log.ts'
import { transactional } from '../../infra/kafka/client.ts'

const [from, to] = process.argv.slice(2)
const { kafka: config } = readConfig(process.env)
const kafka = createKafka({ ...config, brokers: config.brokers! }, silentLog, 'copy')
const groupId = `${config.prefix}copy`
const consumer = kafka.consumer({ groupId, maxBytesPerPartition: 2 * 1024 * 1024, maxWaitTimeInMs: 200 })
const producer = kafka.producer({
  transactionalId: `${config.prefix}copy`,
  idempotent: true,
  maxInFlightRequests: 1,
  retry: transactional
})
await Promise.all([consumer.connect(), producer.connect()])
await consumer.subscribe({ topics: [config.prefix + from!], fromBeginning: true })
await consumer.run({
  autoCommit: false,
  eachBatchAutoResolve: false,
  async eachBatch({ batch, resolveOffset, heartbeat }) {
    for (let at = 0; at < batch.messages.length; at += 750) {
      const messages = batch.messages.slice(at, at + 750)
      const transaction = await producer.transaction()
      await transaction.send({
        topic: config.prefix + to!,
        acks: -1,
        messages: messages.map(({ key, value }) => ({ partition: batch.partition, key, value }))
      })
      const offset = String(Number(messages.at(-1)!.offset) + 1)
      await transaction.sendOffsets({
        consumerGroupId: groupId,
        topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset }] }]
      })
      await transaction.commit()
      resolveOffset(messages.at(-1)!.offset)
      await heartbeat()
    }
  }
})
process.send?.('ready')
process.on('SIGTERM', () => process.exit(0))
