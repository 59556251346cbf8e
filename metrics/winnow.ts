import type { Hashes } from './hashes.ts'

/**
 * Fingerprints of a text: of every window of consecutive k-gram hashes the smallest, each place once; of equal ones that which
 * was taken before, else the last. Two
 * texts that share a run of window + k - 1 tokens share a fingerprint; about 2 in window + 1 k-grams become one.
 *
 * Reference: S. Schleimer, D. S. Wilkerson, A. Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003.
 * Complexity: linear for all but texts whose hashes rise from end to end, there times the window.
 * @param grams hashes of the k-grams, in order; where they fill no window the smallest of all is taken
 * @param window k-grams of a window, at least 1
 * @returns integers from 0 to below 2^53, in the order of the text; none without k-grams
 */
export function winnow({ lo, hi, length }: Hashes, window: number): number[] {
  const fingerprints: number[] = []
  let least = -1
  for (let end = Math.min(window, length); end <= length && end > 0; end++) {
    const start = Math.max(0, end - window)
    const before = least
    if (least < start) {
      least = start
      for (let at = start + 1; at < end; at++) if (lo[at]! <= lo[least]!) least = at
    } else if (lo[end - 1]! < lo[least]!) least = end - 1
    if (least !== before) fingerprints.push((hi[least]! & 0x1fffff) * 2 ** 32 + (lo[least]! >>> 0))
  }
  return fingerprints
}
