/** Words in the files of a folder. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { searchFiles } from '../../../infra/erase/files.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-files-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const words = 'The words of a text that was erased.'
const wanted = [{ dataset: 'd', id: 'x', needles: [words] }]
const put = (name: string, content: string): void => {
  mkdirSync(join(folder, name, '..'), { recursive: true })
  writeFileSync(join(folder, name), content)
}

test('are found wherever they are, over the border of two reads as well, but for what is left', async () => {
  put('clean.txt', 'nothing')
  put('kafka/logs/p.human-0/0.log', `…${words}…`)
  put('deep/er/still.bin', `${'x'.repeat(1024 * 1024 - 10)}${words}`)
  const all = await searchFiles(folder, wanted)
  assert.deepEqual(all.found, ['deep/er/still.bin', 'kafka/logs/p.human-0/0.log'])
  assert.equal(all.files, 3)
  const some = await searchFiles(folder, wanted, path => path.startsWith('kafka'))
  assert.deepEqual([some.found, some.files], [['deep/er/still.bin'], 2])
})

test('folders that go away while they are looked through hold none', async () => {
  let stop = false
  const churn = (async () => {
    for (let at = 0; !stop; at++) {
      put(`parts/${at % 20}/a/b.bin`, 'x')
      rmSync(join(folder, 'parts', `${(at + 7) % 20}`), { recursive: true, force: true })
      await new Promise(resolve => setImmediate(resolve))
    }
  })()
  for (let look = 0; look < 30; look++) assert.ok((await searchFiles(folder, wanted)).files >= 3)
  stop = true
  await churn
  assert.deepEqual((await searchFiles(join(folder, 'nowhere'), wanted)).files, 0)
})
