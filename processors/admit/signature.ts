/** Signatures at the door: who is believed to speak for people, where a dataset wants that proven. */
import { signatureHolds } from '../../schemas/signature.ts'
import type { Document } from '../../schemas/types.ts'
import type { Tables } from '../contract.ts'

/** Why nobody vouches for a document. */
type Doubt = 'unsigned' | 'key_unknown' | 'key_revoked' | 'origin_not_vouched'

/** Who vouches for a document, why nobody does, or that somebody forged a signature. */
function judged(document: Document, tables: Pick<Tables, 'key'>): Doubt | 'vouched' | 'forged' {
  const { signature, provenance } = document
  if (signature === null || signature === '') return 'unsigned'
  const key = tables.key(provenance.signed_by ?? '')
  // Of a key nobody listed, nobody can tell whether the signature holds.
  if (!key) return 'key_unknown'
  if (!signatureHolds(document, signature, key.public_key)) return 'forged'
  if (key.revoked) return 'key_revoked'
  // UNKNOWN claims nothing that somebody would have to vouch for.
  if (provenance.origin !== 'UNKNOWN' && !key.origins.includes(provenance.origin)) return 'origin_not_vouched'
  return 'vouched'
}

/**
 * A document as far as it is believed. `signed_by` stays where the signature holds and its key may vouch for the origin.
 * Where the dataset wants signatures, a human document that nobody vouches for is of unknown origin, and its metadata say
 * why (`unknown_because`) and what it claimed (`claimed_origin`). A forged signature is refused everywhere.
 */
export function vouched(
  published: Document,
  tables: Pick<Tables, 'key' | 'dataset'>
): { readonly document: Document; readonly forged?: string } {
  const { id, dataset, provenance } = published
  // What admit says here nobody says before it.
  const { unknown_because: _, claimed_origin: __, ...metadata } = published.metadata
  const document = { ...published, metadata }
  const judgement = judged(document, tables)
  if (judgement === 'forged') {
    const forged = `the signature of document ${id} is not one of key ${provenance.signed_by} over it: it was changed on its way, or forged`
    return { document, forged }
  }
  if (judgement === 'vouched') return { document }
  const doubted = { ...document, provenance: { ...provenance, signed_by: null } }
  if (!tables.dataset(dataset)?.signing || provenance.origin === 'UNKNOWN') return { document: doubted }
  return {
    document: {
      ...doubted,
      provenance: { ...doubted.provenance, origin: 'UNKNOWN', generation: null },
      metadata: { ...metadata, unknown_because: judgement, claimed_origin: provenance.origin }
    }
  }
}
