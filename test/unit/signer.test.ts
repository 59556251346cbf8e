import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { generateKey, publicKeyOf, signerOf } from '../../infra/signer.ts'
import { signatureHolds } from '../../schemas/signature.ts'
import { listed, privatePem, publicKey, publicPem, vectors } from '../helpers/keys.ts'
import { document } from '../helpers/play.ts'
import * as make from '../helpers/records.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-keys-'))
after(() => rmSync(folder, { recursive: true }))
function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe('a key', () => {
  test('is made for its owner alone, never over another', () => {
    const path = join(folder, 'new.pem')
    const made = generateKey(path)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const signer = signerOf(listed({ public_key: made }), path)
    const value = signer.signed(document('x'))
    assert.ok(signatureHolds(value, value.signature!, made))
    const before = readFileSync(path, 'utf8')
    assert.throws(() => generateKey(path), { code: 'FILE_UNWRITABLE', message: /exists/ })
    assert.equal(readFileSync(path, 'utf8'), before)
    assert.throws(() => generateKey(join(folder, 'no/such.pem')), { code: 'FILE_UNWRITABLE' })
  })

  test('is read from its bytes, or a file of them, or a PEM', () => {
    for (const given of [
      publicKey,
      file('raw', `${publicKey}\n`),
      file('public.pem', publicPem),
      file('private.pem', privatePem)
    ])
      assert.equal(publicKeyOf(given), publicKey)
  })

  test('that is none is told', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
      format: 'pem',
      type: 'spki'
    })
    for (const given of [join(folder, 'missing'), file('words', 'no key'), file('rsa.pem', rsa as string)])
      assert.throws(() => publicKeyOf(given), {
        code: 'FILE_UNREADABLE',
        message: /Ed25519 public key.*keys generate/
      })
    assert.throws(() => signerOf(listed(), file('public-only.pem', publicPem)), { code: 'FILE_UNREADABLE' })
  })
})

describe('a signer', () => {
  test('signs as other programs do', () => {
    const all = listed({ origins: ['HUMAN_AUTHORED', 'HUMAN_EDITED'] })
    const signer = signerOf(all, file('key.pem', privatePem))
    for (const { value, signature } of vectors) {
      const signed = signer.signed(value)
      assert.deepEqual([signed.signature, signed.provenance.signed_by], [signature, 'archive'])
    }
  })

  test('vouches only for what its key may, and for nothing where nothing is claimed', () => {
    const signer = signerOf(listed(), file('key.pem', privatePem))
    const of = (origin: 'HUMAN_EDITED' | 'UNKNOWN') =>
      document('x', { provenance: make.humanProvenance({ origin, parent_ids: ['p'], split: null }) })
    assert.throws(() => signer.signed(of('HUMAN_EDITED')), {
      code: 'PROVENANCE_INVALID',
      message: /key archive may vouch for HUMAN_AUTHORED, not for HUMAN_EDITED/
    })
    assert.ok(signer.signed(of('UNKNOWN')).signature)
  })

  test('has the private half of the key that is listed', () => {
    const another = join(folder, 'another.pem')
    generateKey(another)
    assert.throws(() => signerOf(listed(), another), {
      code: 'KEY_CONFLICT',
      message: /not the private half of key archive/
    })
  })
})
