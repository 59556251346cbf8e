/** A key for tests, its private half the bytes 0 to 31, and signatures another program made with it. */
import { createPrivateKey, sign } from 'node:crypto'
import { signedText } from '../../schemas/signature.ts'
import type { Document, PublisherKey } from '../../schemas/types.ts'
import { document } from './play.ts'
import * as make from './records.ts'

export const privatePem = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
`
export const publicPem = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=
-----END PUBLIC KEY-----
`
export const publicKey = 'A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg='

/** The key as it is listed. */
export const listed = (fields: Partial<PublisherKey> = {}): PublisherKey => ({
  id: 'archive',
  public_key: publicKey,
  origins: ['HUMAN_AUTHORED'],
  revoked: false,
  author: 'test',
  created_at: 0,
  ...fields
})

/** A document signed with the key. */
export function signed(value: Document, id = 'archive'): Document {
  const named = { ...value, provenance: { ...value.provenance, signed_by: id } }
  const signature = sign(null, Buffer.from(signedText(named)), createPrivateKey(privatePem))
  return { ...named, signature: signature.toString('base64') }
}

/** Documents, the text that is signed of each, and its signature. */
export const vectors: readonly {
  readonly value: Document
  readonly text: string
  readonly signature: string
}[] = [
  {
    value: document('Call me Ishmael.', { dataset: 'letters' }),
    text: '["everseed-document-1","letters","123af184bb099c1f28261251a15c0714","HUMAN_AUTHORED",[],null,null,null]',
    signature: '9VEoZobZDWxY4cjZa4A6brSrmcn7SA1XxNHezWih4kYMLGYKCXHhQkO11HZ56v14FjgBOf0RT3+znuGTOP3XCg=='
  },
  {
    value: document('', {
      dataset: 'größe',
      messages: [make.message('user', 'Two "and" two?'), make.message('assistant', 'Four.\n')],
      provenance: make.humanProvenance({
        origin: 'HUMAN_EDITED',
        parent_ids: ['a', 'b\u2028'],
        license: 'CC0-1.0',
        author: 'Å. Person',
        source_uri: 'https://example.org/?q="x"',
        split: null
      })
    }),
    text: '["everseed-document-1","größe","ecc547a990946fe56e08662f5fb798bd","HUMAN_EDITED",["a","b\u2028"],"CC0-1.0","Å. Person","https://example.org/?q=\\"x\\""]',
    signature: 'w7yqEZuoREfhUsf6q3Ewb/M/U1I2eWMZs6kfMyq856KST6gg4NJFygUA2WSLB7ZsF+/v5teXvxYD14HWPohiAQ=='
  }
]
