import assert from 'node:assert/strict'
import { type EventEmitter, once } from 'node:events'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { before, describe, mock, test } from 'node:test'
import { readConfig } from '../../../infra/config.ts'
import { releaseSockets, createKafka, repairIdleTimers } from '../../../infra/kafka/client.ts'
import { silentLog } from '../../../infra/log.ts'

type Queue = EventEmitter & {
  pending: unknown[]
  inflight: Map<number, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>
  throttleCheckTimeoutId: NodeJS.Timeout | null
  requestTimeoutIntervalId: NodeJS.Timeout | undefined
  push(request: object): void
  fulfillRequest(response: object): void
  maybeThrottle(milliseconds: number): void
  checkPendingRequests(): void
  scheduleRequestTimeoutCheck(): void
  destroy(): void
}
type QueueClass = new (options: object) => Queue

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as QueueClass
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const broken = { checks: 0 }

function queue(options: object = {}): Queue {
  return new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 30_000,
    enforceRequestTimeout: true,
    clientId: 'test',
    broker: 'nowhere:0',
    logger: quiet,
    ...options
  })
}
const request = (correlationId: number, sent: number[] = []) => ({
  entry: { correlationId, resolve() {}, reject() {} },
  expectResponse: true,
  sendRequest: () => void sent.push(correlationId)
})
const answer = (correlationId: number) => ({ correlationId, payload: null, size: 0 })

describe('an idle connection', () => {
  before(() => {
    // As the library comes it arms a timer when nothing waits: what is repaired is still broken there.
    const one = queue()
    one.checkPendingRequests()
    broken.checks = one.throttleCheckTimeoutId === null ? 0 : 1
    one.destroy()
    repairIdleTimers()
  })

  test('needed the repair', () => {
    assert.equal(broken.checks, 1, 'kafkajs no longer arms a timer when idle: drop repairIdleTimers')
  })

  test('arms no timer, before and after requests', () => {
    const one = queue()
    one.checkPendingRequests()
    assert.equal(one.throttleCheckTimeoutId, null)
    one.push(request(1))
    one.fulfillRequest(answer(1))
    assert.equal(one.inflight.size, 0)
    assert.equal(one.throttleCheckTimeoutId, null)
    one.destroy()
  })

  test('still sends what waits, in order, as places become free', () => {
    const sent: number[] = []
    const one = queue()
    for (const id of [1, 2, 3]) one.push(request(id, sent))
    assert.deepEqual(sent, [1])
    assert.notEqual(one.throttleCheckTimeoutId, null, 'something waits')
    one.fulfillRequest(answer(1))
    assert.deepEqual(sent, [1, 2])
    one.fulfillRequest(answer(2))
    assert.deepEqual(sent, [1, 2, 3])
    one.destroy()
  })

  test('still waits out a throttle', t => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 })
    t.after(() => mock.timers.reset())
    const sent: number[] = []
    const one = queue({ maxInFlightRequests: null })
    one.maybeThrottle(500)
    one.push(request(1, sent))
    mock.timers.tick(499)
    assert.deepEqual(sent, [])
    mock.timers.tick(20)
    assert.deepEqual(sent, [1])
    one.fulfillRequest(answer(1))
    mock.timers.tick(10_000)
    assert.equal(one.throttleCheckTimeoutId, null)
  })

  test('looks once a second for requests that were never answered, and stops with the connection', t => {
    mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'Date'], now: 1000 })
    t.after(() => mock.timers.reset())
    let connected = true
    let looks = 0
    const one = queue({
      isConnected() {
        looks++
        return connected
      }
    })
    const timedOut: number[] = []
    one.scheduleRequestTimeoutCheck()
    one.inflight.set(1, { sentAt: 1000, requestTimeout: 30_000, timeoutRequest: () => timedOut.push(1) })
    one.inflight.set(2, { sentAt: 1000, requestTimeout: 90_000, timeoutRequest: () => timedOut.push(2) })
    mock.timers.tick(30_000)
    assert.deepEqual(timedOut, [])
    assert.equal(looks, 30)
    mock.timers.tick(1000)
    assert.deepEqual(timedOut, [1])
    connected = false
    mock.timers.tick(1000)
    mock.timers.tick(60_000)
    assert.equal(looks, 32)
  })
})

test('a released client does not keep the process', { timeout: 20_000 }, async t => {
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter(resource => resource === 'TCPSocketWrap').length
  const accepted: Socket[] = []
  const server = createServer(socket => void accepted.push(socket.resume().unref())).listen(0, '127.0.0.1')
  t.after(() => {
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const config = { ...readConfig({}).kafka, brokers: [`127.0.0.1:${port}`] }
  const kafka = createKafka(config, silentLog, 'test', { retries: 0 })
  const atFirst = sockets()
  // The server says nothing: the client waits for its first answer.
  const connecting = kafka.admin().connect()
  const failed = assert.rejects(connecting)
  if (accepted.length === 0) await once(server, 'connection')
  assert.equal(sockets(), atFirst + 1)
  releaseSockets(kafka)
  assert.equal(sockets(), atFirst)
  // What it opens from now on does not either.
  const second = assert.rejects(kafka.admin().connect())
  if (accepted.length === 1) await once(server, 'connection')
  assert.equal(sockets(), atFirst)
  for (const socket of accepted) socket.destroy()
  await Promise.all([failed, second])
})
