/** A client that waits: one group consumer and one producer, with the timers of kafkajs repaired or as they come. */
import { createRequire } from 'node:module'
import { createKafka } from '../../infra/kafka/client.ts'
import { readConfig } from '../../infra/config.ts'
import { silentLog } from '../../infra/log.ts'

const { kafka: config } = readConfig(process.env)
type Queue = { prototype: Record<string, unknown> }
const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as Queue
const { scheduleCheckPendingRequests, scheduleRequestTimeoutCheck } = queue.prototype
// Making a client repairs the queue; the baseline puts back what was there.
const kafka = createKafka({ ...config, brokers: config.brokers! }, silentLog, 'idle')
if (process.argv[2] === 'as it comes') {
  Object.assign(queue.prototype, { scheduleCheckPendingRequests, scheduleRequestTimeoutCheck })
}
const consumer = kafka.consumer({
  groupId: `${config.prefix}idle`,
  maxWaitTimeInMs: 1000,
  heartbeatInterval: 1000,
  sessionTimeout: 10_000
})
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
await Promise.all([consumer.connect(), producer.connect()])
await consumer.subscribe({ topics: [`${config.prefix}training`], fromBeginning: true })
await consumer.run({ autoCommit: false, eachMessage: async () => {} })
process.send?.('ready')
process.on('SIGTERM', () => process.exit(0))
