/** The Kafka client: kafkajs is imported in this folder and nowhere else. */
import { createRequire } from 'node:module'
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import {
  type Consumer,
  type ISocketFactory,
  Kafka,
  logLevel,
  type LogEntry,
  type RetryOptions
} from 'kafkajs'
import type { Log } from '../../processors/contract.ts'
import type { Config, KafkaConfig } from '../config.ts'
import { silentLog } from '../log.ts'
import { refuseOffsetResets } from './commit.ts'
import { nameRefusedTopics } from './refusal.ts'

export type { Kafka } from 'kafkajs'

/** Retries of requests that may pass: a broker that restarts is away for about 12 s. */
export const patient: RetryOptions = {
  initialRetryTime: 50,
  multiplier: 1.6,
  maxRetryTime: 2000,
  retries: 15
}
/** Retries of a first look at a cluster, for a person who waits: about two seconds. */
export const hurried: RetryOptions = { initialRetryTime: 50, multiplier: 1.6, maxRetryTime: 1000, retries: 6 }
/** A transaction begun right after a commit meets CONCURRENT_TRANSACTIONS for a few milliseconds. */
export const transactional: RetryOptions = {
  initialRetryTime: 20,
  multiplier: 1.3,
  maxRetryTime: 500,
  retries: 30
}

type RequestQueue = {
  pending: unknown[]
  inflight: Map<unknown, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>
  throttledUntil: number
  enforceRequestTimeout: boolean
  requestTimeoutIntervalId: NodeJS.Timeout | undefined
  isConnected(): boolean
  destroy(): void
}
type RequestQueueClass = {
  prototype: RequestQueue & { scheduleCheckPendingRequests(): void; scheduleRequestTimeoutCheck(): void }
}

/** Milliseconds between looks for requests that were never answered; the timeouts themselves are 30 s and more. */
const timeoutCheckMs = 1000

/**
 * Repairs the idle timers of kafkajs 2.2.4. Its request queue re-arms a timer with a negative delay for as long as a
 * connection lives, which current Node runs every millisecond, and looks for timed-out requests ten times a second
 * on every connection.
 */
export function repairIdleTimers(): void {
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as RequestQueueClass
  const { scheduleCheckPendingRequests } = queue.prototype
  queue.prototype.scheduleCheckPendingRequests = function scheduleWhenNeeded(this: RequestQueue): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) scheduleCheckPendingRequests.call(this)
  }
  queue.prototype.scheduleRequestTimeoutCheck = function checkRarely(this: RequestQueue): void {
    if (!this.enforceRequestTimeout) return
    this.destroy()
    this.requestTimeoutIntervalId = setInterval(() => {
      const now = Date.now()
      for (const request of this.inflight.values()) {
        if (now - request.sentAt > request.requestTimeout) request.timeoutRequest()
      }
      if (!this.isConnected()) this.destroy()
    }, timeoutCheckMs).unref()
  }
}

let repaired = false

const levels: Record<number, keyof Log> = {
  [logLevel.ERROR]: 'debug',
  [logLevel.WARN]: 'debug',
  [logLevel.INFO]: 'debug',
  [logLevel.DEBUG]: 'debug'
}

/** The open sockets of a client, and whether they may keep the process alive. */
type Sockets = { readonly open: Set<Socket>; held: boolean }

const sockets = new WeakMap<Kafka, Sockets>()

/** The library's own way to open a socket, with every socket that is open in a set. */
function remembering(all: Sockets): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
      : connectPlain({ host, port }, onConnect)
    all.open.add(socket)
    socket.once('close', () => all.open.delete(socket)).setKeepAlive(true, 60_000)
    return all.held ? socket : socket.unref()
  }
}

/**
 * Lets the process end although sockets of a client are open. kafkajs 2.2.4 forgets a socket when a connection is opened
 * twice at once, or again while it is closed, and a forgotten socket would keep the process for ever.
 */
export function releaseSockets(kafka: Kafka): void {
  const all = sockets.get(kafka)
  if (!all) return
  all.held = false
  for (const socket of all.open) socket.unref()
}

/**
 * A client.
 * @param config brokers and credentials
 * @param log where the library's words go, all at debug: it calls every retry an error, and what it gives up on it throws
 * @param clientId shows in the broker's logs
 * @param retry how long to try
 */
export function createKafka(
  config: KafkaConfig,
  log: Log,
  clientId: string,
  retry: RetryOptions = patient
): Kafka {
  if (!repaired) {
    repairIdleTimers()
    nameRefusedTopics()
    refuseOffsetResets()
    repaired = true
  }
  const all: Sockets = { open: new Set(), held: true }
  const kafka = new Kafka({
    clientId,
    socketFactory: remembering(all),
    brokers: [...config.brokers],
    retry,
    connectionTimeout: 5000,
    requestTimeout: 30_000,
    logLevel: logLevel.WARN,
    logCreator: () => (entry: LogEntry) => {
      const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry.log
      log[levels[entry.level] ?? 'debug']({ kafka: fields }, message)
    },
    ...(config.tls && {
      ssl: {
        ...(config.tls.ca && { ca: [config.tls.ca] }),
        ...(config.tls.cert && { cert: config.tls.cert }),
        ...(config.tls.key && { key: config.tls.key })
      }
    }),
    ...(config.sasl && { sasl: config.sasl as never })
  })
  sockets.set(kafka, all)
  return kafka
}

/**
 * Asks a broker for its topics: one that answers has its metadata loaded.
 * @throws what the client says of a broker that does not answer
 */
export async function brokerAnswers(config: Config['kafka'], brokers: readonly string[]): Promise<void> {
  const kafka = createKafka({ ...config, brokers }, silentLog, 'everseed-ready')
  const admin = kafka.admin({ retry: { retries: 0 } })
  try {
    await admin.connect()
    await admin.listTopics()
  } finally {
    await admin.disconnect()
    releaseSockets(kafka)
  }
}

/** Milliseconds until all of a cluster knows a topic that was just made. */
const newTopicMs = 10_000

/** Subscribes to topics that exist: one that was made a moment ago may be unknown to the broker that is asked. */
export async function subscribeTo(consumer: Consumer, topics: readonly string[]): Promise<void> {
  const deadline = performance.now() + newTopicMs
  for (;;) {
    try {
      return await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    } catch (error) {
      const unknown = (error as { type?: string }).type === 'UNKNOWN_TOPIC_OR_PARTITION'
      if (!unknown || performance.now() > deadline) throw error
    }
    await sleep(100)
  }
}
