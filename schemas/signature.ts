/** Signatures of human documents: what is signed, and whether a signature holds. */
import { createPublicKey, verify } from 'node:crypto'
import { contentHash } from './identity.ts'
import type { Document } from './types.ts'

/** What of a document is signed; everything else of it may change on its way. */
export type Signable = Pick<Document, 'dataset' | 'messages' | 'provenance'>

/**
 * The text a signature is of, in UTF-8: a JSON array without white space of a name for this form, the dataset, the hash
 * of the content, and of the provenance `origin`, `parent_ids` (as published), `license`, `author` and `source_uri`;
 * absent ones as null. Python: `json.dumps([…], ensure_ascii=False, separators=(',', ':'))`.
 */
export function signedText({ dataset, messages, provenance }: Signable): string {
  const { origin, parent_ids, license, author, source_uri } = provenance
  return JSON.stringify([
    'everseed-document-1',
    dataset,
    contentHash(messages),
    origin,
    parent_ids,
    license,
    author,
    source_uri
  ])
}

/** Whether a text is the base64 of so many bytes, and the only one. */
function isBase64(text: string, bytes: number): boolean {
  const decoded = Buffer.from(text, 'base64')
  return decoded.length === bytes && decoded.toString('base64') === text
}

/** Whether a text is an Ed25519 public key: 32 bytes in base64. */
export function isPublicKey(text: string): boolean {
  return isBase64(text, 32)
}

/**
 * Whether a signature is that of a key over a document (Ed25519, RFC 8032).
 * @param signature 64 bytes in base64; anything else does not hold
 * @param publicKey 32 bytes in base64
 */
export function signatureHolds(document: Signable, signature: string, publicKey: string): boolean {
  if (!isBase64(signature, 64) || !isPublicKey(publicKey)) return false
  const x = Buffer.from(publicKey, 'base64').toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, Buffer.from(signedText(document)), key, Buffer.from(signature, 'base64'))
}
