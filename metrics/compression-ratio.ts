import { gzipSize } from './gzip-size.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

/** Bytes of `compression_ratio_80k`. */
export const compressionBudget = 80_000

/**
 * Compression ratio of the texts joined by one space, one gzip at level 6. High when long strings repeat within 32 kB. It
 * grows with the length: compare at one number of bytes.
 *
 * Keys: compression_ratio, compression_ratio_80k.
 * Formula: UTF-8 bytes / bytes of their gzip.
 * Reference: Shaib et al., "Standardizing the Measurement of Text Diversity" (2024). PyPI `diversity` 0.3.1 compresses its
 * gzip a second time, and counts a file name: its ratio is lower.
 * Complexity: linear in the bytes.
 * Range: (0, 1032].
 * Sees: long strings that repeat near one another: templates, loops, copies.
 * Does not see: a dying tail: it barely moves, and one generation of recursion can read as *more* diverse. What repeats more
 * than 32 kB apart.
 * @param texts in their order; a lone surrogate counts as U+FFFD
 * @param budget only this many bytes are taken, absent: all
 * @returns undefined without text, or with fewer bytes than the budget
 */
export function compressionRatio(texts: readonly string[], budget?: number): Measured {
  const bytes = Buffer.from(budget === undefined ? texts.join(' ') : opening(texts, budget), 'utf8')
  if (bytes.length === 0) return undefinedBecause('no text')
  if (budget !== undefined && bytes.length < budget) return undefinedBecause(`fewer than ${budget} bytes`)
  const taken = budget === undefined ? bytes : bytes.subarray(0, budget)
  return measured(taken.length / gzipSize(taken))
}

/** Joined texts of at least that many bytes: a UTF-16 unit is at least one. */
function opening(texts: readonly string[], budget: number): string {
  let joined = ''
  for (const [index, text] of texts.entries()) {
    if (joined.length >= budget) break
    joined += index === 0 ? text : ` ${text}`
  }
  return joined
}
