import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { isPublicKey, signatureHolds, signedText } from '../../../schemas/signature.ts'
import type { Document, Provenance } from '../../../schemas/types.ts'
import { document } from '../../helpers/play.ts'
import { publicKey, signed, vectors } from '../../helpers/keys.ts'
import * as make from '../../helpers/records.ts'

describe('test vectors', () => {
  // Python 3.11, cryptography 48.0.0: Ed25519PrivateKey.from_private_bytes(bytes(range(32))).sign(text), the text made with
  // json.dumps(…, ensure_ascii=False, separators=(',', ':')). Changing one voids every signature there is.
  for (const { value, text, signature } of vectors)
    test(text, () => {
      assert.equal(signedText(value), text)
      assert.ok(signatureHolds(value, signature, publicKey))
      assert.equal(signed(value).signature, signature, 'Ed25519 is deterministic')
    })

  test('the page on publishing shows the first', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/publishing.md'), 'utf8')
    assert.ok(page.includes(`${vectors[0]!.text}\n${vectors[0]!.signature}\n`) && page.includes(publicKey))
  })

  // RFC 8032, 7.1: the public key of the secret key 9d61b19d….
  test('a public key is 32 bytes in base64, written in one way', () => {
    const key = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='
    assert.ok(isPublicKey(key))
    for (const other of ['', key.slice(1), `${key}\n`, key.replace('/', '_'), key.replace('o=', 'p='), 'x'])
      assert.ok(!isPublicKey(other), JSON.stringify(other))
  })
})

describe('a signature', () => {
  const original = signed(
    document('Call me Ishmael.', {
      provenance: make.humanProvenance({
        origin: 'HUMAN_EDITED',
        parent_ids: ['a', 'b'],
        license: 'CC0-1.0',
        author: 'A',
        source_uri: 'u',
        split: null
      })
    })
  )
  const holds = (value: Document, signature = value.signature!): boolean =>
    signatureHolds(value, signature, publicKey)
  const withProvenance = (fields: Partial<Provenance>): Document => ({
    ...original,
    provenance: { ...original.provenance, ...fields }
  })

  test('holds whatever changes on the way that is not signed', () => {
    assert.ok(holds(original))
    assert.ok(holds({ ...original, id: 'x', metadata: { a: 'b' }, cell: make.cell({ topic: 'x' }) }))
    assert.ok(holds(withProvenance({ created_at: 1, created_by: 'x', generation: 3, split: 'SEED' })))
    const [message] = original.messages
    const [nfd, nfc] = ['cafe\u0301', 'caf\u00e9'].map(content => ({
      ...original,
      messages: [{ ...message!, content }]
    }))
    assert.ok(holds(nfc!, signed(nfd!).signature!), 'normal forms are one text')
  })

  test('does not hold over anything else', () => {
    const changed: Document[] = [
      { ...original, dataset: 'e' },
      { ...original, messages: [make.message('document', 'Call me Ahab.')] },
      { ...original, messages: [make.message('user', 'Call me Ishmael.')] },
      withProvenance({ origin: 'HUMAN_AUTHORED' }),
      withProvenance({ parent_ids: ['a'] }),
      withProvenance({ parent_ids: ['a,b'] }),
      withProvenance({ license: null }),
      withProvenance({ author: 'B' }),
      withProvenance({ author: null, license: 'A' }),
      withProvenance({ source_uri: null })
    ]
    for (const value of changed) assert.ok(!holds(value), JSON.stringify(value))
  })

  test('is 64 bytes in base64, and any other text does not hold', () => {
    const { signature } = original
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.uint8Array({ minLength: 64, maxLength: 64 }).map(bytes => Buffer.from(bytes).toString('base64')),
          fc.constantFrom(
            `${signature} `,
            `\n${signature}`,
            signature!.replaceAll('=', ''),
            `${signature}AAAA`
          )
        ),
        text => assert.ok(!holds(original, text))
      )
    )
    for (const key of [
      '',
      'AAAA',
      Buffer.alloc(32).toString('base64'),
      Buffer.alloc(32, 0xff).toString('base64')
    ])
      assert.ok(!signatureHolds(original, signature!, key), key)
  })
})
