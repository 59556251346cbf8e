import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Java } from '../../../infra/embedded/java.ts'
import { makeArchives } from '../../../infra/embedded/rehearsal.ts'
import { silentLog } from '../../../infra/log.ts'

test('a cache that cannot be written is told in the log and ends nothing', async () => {
  const java: Java = { path: 'java', release: 17, build: 'test' }
  const root = '/nowhere/to/write'
  const words: string[] = []
  await makeArchives({
    java,
    jars: { root, kafka: `${root}/kafka`, registry: `${root}/registry` },
    ready: () => assert.fail('nothing is started'),
    signal: new AbortController().signal,
    log: { ...silentLog, debug: (_fields, message) => void words.push(message) }
  })
  assert.deepEqual(words, ['no class archive was made; the next start tries again'])
})
