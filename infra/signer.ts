/** Private keys of publishers: made, read, and put under documents. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { EverseedError } from '../schemas/errors.ts'
import { isPublicKey, signedText } from '../schemas/signature.ts'
import type { Document, PublisherKey } from '../schemas/types.ts'

/** Vouches for documents. */
export type Signer = {
  /**
   * The document with its signature.
   * @throws EverseedError PROVENANCE_INVALID when the key may not vouch for its origin
   */
  signed(document: Document): Document
}

/** The 32 bytes of a public key, base64. */
function rawOf(key: KeyObject): string {
  return Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url').toString('base64')
}

/**
 * Makes a key: the private half goes into a file that only its owner can read and that was not there.
 * @returns the public half, base64
 * @throws EverseedError FILE_UNWRITABLE
 */
export function generateKey(file: string): string {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  try {
    writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new EverseedError(
      'FILE_UNWRITABLE',
      there
        ? `${file} exists, and a key that is overwritten is lost: choose another name`
        : `${file} cannot be written: ${(cause as Error).message}`,
      { cause }
    )
  }
  return rawOf(publicKey)
}

/** Reads a key file. */
function keyIn<Key extends KeyObject>(file: string, what: string, make: (pem: string) => Key): Key {
  try {
    const key = make(readFileSync(file, 'utf8'))
    if (key.asymmetricKeyType === 'ed25519') return key
    throw new Error(`it holds a key of another kind (${key.asymmetricKeyType})`)
  } catch (cause) {
    throw new EverseedError(
      'FILE_UNREADABLE',
      `${file} cannot be read as ${what}: ${(cause as Error).message}; everseed keys generate FILE makes one`,
      { cause }
    )
  }
}

/**
 * A public key, given as its 32 bytes in base64, or as a file that holds them, or a PEM.
 * @returns base64
 * @throws EverseedError FILE_UNREADABLE
 */
export function publicKeyOf(given: string): string {
  if (isPublicKey(given)) return given
  return rawOf(
    keyIn(given, 'an Ed25519 public key (PEM, or 32 bytes in base64)', text => {
      const x = text.trim()
      if (!isPublicKey(x)) return createPublicKey(text)
      return createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(x, 'base64').toString('base64url') },
        format: 'jwk'
      })
    })
  )
}

/**
 * One who signs with a listed key.
 * @param file PEM of its private half
 * @throws EverseedError FILE_UNREADABLE, KEY_CONFLICT when the file holds another key than is listed
 */
export function signerOf({ id, public_key, origins }: PublisherKey, file: string): Signer {
  const key = keyIn(file, 'an Ed25519 private key (PEM)', createPrivateKey)
  if (rawOf(createPublicKey(key)) !== public_key) {
    throw new EverseedError(
      'KEY_CONFLICT',
      `${file} is not the private half of key ${id}, as everseed keys list shows it: give its own file`
    )
  }
  return {
    signed(document) {
      const { origin } = document.provenance
      if (origin !== 'UNKNOWN' && !origins.includes(origin)) {
        throw new EverseedError(
          'PROVENANCE_INVALID',
          `key ${id} may vouch for ${origins.join(' and ')}, not for ${origin}: sign with another key, or correct the origin`
        )
      }
      const value = { ...document, provenance: { ...document.provenance, signed_by: id } }
      return { ...value, signature: sign(null, Buffer.from(signedText(value)), key).toString('base64') }
    }
  }
}
