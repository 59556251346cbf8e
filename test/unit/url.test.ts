import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkUrl, isLoopback } from '../../infra/url.ts'
import { EverseedError } from '../../schemas/errors.ts'

const check = (text: string, plainHttp = false): URL =>
  checkUrl(text, { name: 'OPENAI_BASE_URL', plainHttp, code: 'PROVIDER_UNCONFIGURED' })

test('loopback is 127.0.0.0/8, ::1 and localhost, and nothing that only looks like it', () => {
  for (const host of ['127.0.0.1', '127.9.8.7', '[::1]', 'localhost', 'LOCALHOST', 'model.localhost']) {
    assert.ok(isLoopback(host), host)
  }
  // A URL parser turns every way to write 127.0.0.1 into this one, and a mapped address into hexadecimal.
  assert.ok(isLoopback(new URL('http://0x7f.1/').hostname))
  assert.ok(isLoopback(new URL('http://[::ffff:127.0.0.1]/').hostname))
  for (const host of [
    '127.0.0.1.example.com',
    'localhost.example.com',
    '128.0.0.1',
    '10.0.0.1',
    '0.0.0.0',
    '[::2]'
  ]) {
    assert.ok(!isLoopback(host), host)
  }
})

test('https passes, plain http only to this machine or where somebody wrote it down', () => {
  assert.equal(check('https://api.example.com/v1').href, 'https://api.example.com/v1')
  assert.equal(check('http://localhost:8000/v1').port, '8000')
  assert.equal(check('http://models.internal/v1', true).host, 'models.internal')
  assert.throws(() => check('http://models.internal/v1'), {
    code: 'PROVIDER_UNCONFIGURED',
    message: /plain http to models\.internal.*base_url/
  })
})

test('other protocols, credentials and what is no address are refused, the password unsaid', () => {
  for (const text of ['file:///etc/passwd', 'ftp://example.com', 'javascript:alert(1)', 'nonsense', '']) {
    assert.throws(() => check(text, true), EverseedError, text)
  }
  assert.throws(
    () => check('https://user:hunter2@example.com/v1', true),
    (error: EverseedError) => /credentials/.test(error.message) && !error.message.includes('hunter2')
  )
})
