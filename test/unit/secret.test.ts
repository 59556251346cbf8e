import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { Secret } from '../../infra/secret.ts'

const value = 'sk-very-secret-0123456789'

test('a secret shows nowhere but where it is revealed', () => {
  const secret = new Secret(value)
  const holder = { secret, list: [secret], map: new Map([[secret, secret]]) }
  const shown = [
    String(secret),
    [secret].join(' '),
    JSON.stringify(holder),
    inspect(holder, { depth: 9, showHidden: true, getters: true }),
    format('%s %o %O %j', secret, secret, secret, secret),
    JSON.stringify(Object.entries(secret)),
    JSON.stringify(Object.assign({}, secret)),
    JSON.stringify(structuredClone(secret)),
    inspect(new Error('x', { cause: secret }))
  ]
  for (const text of shown) assert.ok(!text.includes(value), text)
  assert.equal(JSON.stringify({ secret }), '{"secret":"[secret]"}')
  assert.equal(secret.reveal(), value)
})

test('scrub takes every occurrence out of a text, and an empty secret changes nothing', () => {
  assert.equal(new Secret(value).scrub(`a ${value} b ${value}`), 'a [secret] b [secret]')
  assert.equal(new Secret('').scrub('abc'), 'abc')
})
