import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parquetFile } from '../../../infra/formats/parquet-file.ts'

const base = mkdtempSync(join(tmpdir(), 'everseed-parquet-'))
after(() => rmSync(base, { recursive: true }))

test('a file too short to be Parquet is none, and that is said', async () => {
  for (const bytes of ['', 'PAR1', 'PAR1abcPAR1']) {
    const path = join(base, `${bytes.length}.parquet`)
    writeFileSync(path, bytes)
    await assert.rejects(parquetFile(path).next(), {
      code: 'FILE_UNREADABLE',
      message: `${path} as Parquet cannot be read: it has ${bytes.length} bytes`
    })
  }
})
