import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readConfig } from '../../../infra/config.ts'
import type { Kafka } from '../../../infra/kafka/client.ts'
import { openProducer, openTransactional } from '../../../infra/kafka/producer.ts'

const config = { ...readConfig({}).kafka, brokers: ['b:9092'] }

/** A client whose producers fail at one step, and how many of them are connected. */
function failingAt(step: 'connect' | 'transaction' | 'abort') {
  const fail = async (name: string): Promise<void> => {
    if (name === step) throw new Error(`${name} failed`)
  }
  let connected = 0
  const producer = () => ({
    async connect() {
      connected++
      await fail('connect')
    },
    async transaction() {
      await fail('transaction')
      return { abort: () => fail('abort') }
    },
    async disconnect() {
      connected--
      throw new Error('the socket was gone')
    }
  })
  return { kafka: { producer } as unknown as Kafka, connected: () => connected }
}

describe('a producer that cannot be opened leaves no connection behind', () => {
  for (const step of ['connect', 'transaction', 'abort'] as const) {
    test(`when ${step} fails`, async () => {
      const { kafka, connected } = failingAt(step)
      await assert.rejects(openTransactional(kafka, config, 'x.0'), { message: `${step} failed` })
      assert.equal(connected(), 0)
    })
  }

  test('outside transactions neither', async () => {
    const { kafka, connected } = failingAt('connect')
    await assert.rejects(openProducer(kafka, config), { message: 'connect failed' })
    assert.equal(connected(), 0)
  })
})
