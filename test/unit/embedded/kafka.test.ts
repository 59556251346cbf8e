import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerSettings, newClusterId, property } from '../../../infra/embedded/kafka.ts'

test('a cluster id is 16 bytes, new each time, and never looks like an option', () => {
  const ids = Array.from({ length: 2000 }, newClusterId)
  assert.equal(new Set(ids).size, ids.length)
  for (const id of ids) assert.match(id, /^\w[\w-]{21}$/)
})

test('a line of a properties file keeps backslashes', () => {
  assert.equal(property('log.dirs', 'C:\\data'), 'log.dirs=C:\\\\data\n')
})

test('an embedded broker listens on loopback only', () => {
  const settings = brokerSettings({ kafka: 9092, controller: 9093 }, '/data')
  for (const name of ['listeners', 'advertised.listeners']) {
    for (const listener of settings[name]!.split(',')) assert.match(listener, /^\w+:\/\/127\.0\.0\.1:\d+$/)
  }
})
