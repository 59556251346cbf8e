import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { textFiles, textOf } from '../../../infra/formats/text.ts'
import { chunks, gathered } from '../../helpers/tables.ts'

function folder(t: TestContext, files: Readonly<Record<string, string | Buffer>>): string {
  const root = mkdtempSync(join(tmpdir(), 'everseed-texts-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return root
}

describe('a folder of texts', () => {
  test('is a document a file, by path, however deep', async t => {
    const root = folder(t, {
      'b/2.txt': 'two',
      'b/1.MD': '\ufeffone\r\n',
      'b.txt': 'b',
      'a/deep/er/x.txt': 'Größe',
      'z.txt': ''
    })
    const lines = await gathered(textFiles(root))
    assert.deepEqual(
      lines.map(({ file, columns }) => [file, columns]),
      [
        ['a/deep/er/x.txt', { text: 'Größe', source_uri: 'a/deep/er/x.txt' }],
        ['b.txt', { text: 'b', source_uri: 'b.txt' }],
        ['b/1.MD', { text: 'one\r\n', source_uri: 'b/1.MD' }],
        ['b/2.txt', { text: 'two', source_uri: 'b/2.txt' }],
        ['z.txt', { text: '', source_uri: 'z.txt' }]
      ]
    )
    const [{ columns } = assert.fail()] = await gathered(textFiles(root, 'https://example.org/letters/'))
    assert.equal(columns?.['source_uri'], 'https://example.org/letters/a/deep/er/x.txt')
  })

  test('of which one cannot be read loses no other', async t => {
    const root = folder(t, { 'a.txt': 'a', 'b.txt': 'b', 'c.txt': 'c' })
    // Whoever is root may read whatever the rights of a file say: it goes between the listing and the reading.
    const lines = textFiles(root)
    const first = await lines.next()
    rmSync(join(root, 'b.txt'))
    symlinkSync(join(root, 'b.txt'), join(root, 'b.txt'))
    const [second, third] = [await lines.next(), await lines.next()]
    assert.deepEqual(
      [first, third].map(({ value }) => value?.columns?.['text']),
      ['a', 'c']
    )
    assert.equal(second.value?.file, 'b.txt')
    assert.match(second.value?.problem ?? '', /no regular file|cannot be read/)
  })

  test('names what is no document, and why', async t => {
    const root = folder(t, {
      '.hidden.txt': 'x',
      '.git/config.txt': 'x',
      'binary.txt': Buffer.from([65, 0, 66]),
      'good.txt': 'good',
      'latin1.md': Buffer.from('caf\u00e9', 'latin1'),
      'table.csv': 'text\n',
      'wide.txt': Buffer.alloc(17 * 1024 * 1024, 'x')
    })
    symlinkSync(root, join(root, 'loop'))
    symlinkSync(join(root, 'good.txt'), join(root, 'link.txt'))
    symlinkSync(join(root, 'nowhere'), join(root, 'dangling.txt'))
    execFileSync('mkfifo', [join(root, 'pipe.txt')])
    const lines = await gathered(textFiles(root))
    assert.deepEqual(
      lines.map(({ file, problem, columns }) => [file, problem ?? columns!['text']]),
      [
        ['.git', 'a hidden folder is left out'],
        ['.hidden.txt', 'a hidden file is left out'],
        ['binary.txt', 'it is binary, no text'],
        ['dangling.txt', 'it is no regular file'],
        ['good.txt', 'good'],
        ['latin1.md', 'not UTF-8: convert the file first (iconv -t UTF-8)'],
        ['link.txt', 'good'],
        ['loop', 'a link to a folder is not followed'],
        ['pipe.txt', 'it is no regular file'],
        ['table.csv', 'neither .txt nor .md'],
        ['wide.txt', 'longer than 16 MiB: split the text']
      ]
    )
  })

  test('follows no link out of the folder, nor one that leads nowhere, and goes on behind them', async t => {
    const elsewhere = folder(t, { 'secret.txt': 'secret' })
    const root = folder(t, { 'd.txt': 'd' })
    symlinkSync(join(elsewhere, 'secret.txt'), join(root, 'a.txt'))
    symlinkSync(join(root, 'nowhere.txt'), join(root, 'b.txt'))
    symlinkSync(join(root, 'd.txt'), join(root, 'c.txt'))
    const [secret, nowhere, within, open] = await gathered(textFiles(root))
    assert.equal(secret!.problem, 'a link out of the folder is not followed')
    assert.equal(nowhere!.problem, 'it is no regular file')
    assert.equal(within?.columns?.['text'], 'd')
    assert.equal(open?.columns?.['text'], 'd')
  })
})

test('a stream is one document; of one without end only the beginning is read', async () => {
  assert.deepEqual(await textOf(chunks('caf\u00e9', 1), 'notes/cafe.md'), {
    number: 1,
    file: 'notes/cafe.md',
    text: '',
    columns: { text: 'caf\u00e9', source_uri: 'cafe.md' }
  })
  const piped = await textOf(chunks('x'), undefined)
  assert.deepEqual([piped.file, piped.columns], [undefined, { text: 'x', source_uri: undefined }])
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.alloc(1024 * 1024, 'x')
  }
  assert.match((await textOf(endless(), undefined)).problem!, /^longer than 16 MiB/)
})
