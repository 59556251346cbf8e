/**
 * Tokenizes and hashes in one pass over the UTF-16 units. Latin, Greek and Cyrillic texts never become strings again;
 * where a unit needs more than a table (composition, final sigma, other scripts) the whole text goes through
 * `tokenize.ts`. Both ways give the same hashes. Complexity: linear in the text.
 */
import { type Hashes, hashTokens, reserve, seedHi, seedLo, stepHi, stepLo } from './hashes.ts'
import { words } from './tokenize.ts'

// The lower-cased code of every UTF-16 unit that is a word by itself, 0 for a separator, `slow` where case folding,
// composition or segmentation needs more than one unit. Above it only the general punctuation block is known.
const known = 0x530
const slow = 0xffff
const fold = Uint16Array.from({ length: known }, (_, code) => {
  const char = String.fromCharCode(code)
  if (code === 0x3a3 || (code >= 0x300 && code < 0x370)) return slow // final sigma; combining marks
  if (!/[\p{L}\p{M}\p{N}]/u.test(char)) return 0
  const lower = char.normalize('NFC').toLowerCase()
  return lower.length === 1 ? lower.charCodeAt(0) : slow
})
const space = Uint8Array.from({ length: 0x10000 }, (_, code) => Number(/\s/.test(String.fromCharCode(code))))

/**
 * Hashes of the text's `words` tokens.
 * @param into overwritten
 */
export function hashWords(text: string, into: Hashes): void {
  const end = text.length
  reserve(into, (end >> 1) + 1)
  const { lo, hi } = into
  let length = 0
  let a = seedLo
  let b = seedHi
  let inside = false
  for (let at = 0; at < end; at++) {
    const code = text.charCodeAt(at)
    const unit = code < known ? fold[code]! : code >= 0x2000 && code < 0x2070 ? 0 : slow
    if (unit === slow) return hashTokens(words(text), into)
    if (unit !== 0) {
      a = stepLo(a, unit)
      b = stepHi(b, unit)
      inside = true
    } else if (inside) {
      lo[length] = a
      hi[length++] = b
      a = seedLo
      b = seedHi
      inside = false
    }
  }
  if (inside) {
    lo[length] = a
    hi[length++] = b
  }
  into.length = length
}

/**
 * Hashes of the text's `whitespace` tokens.
 * @param into overwritten
 */
export function hashWhitespace(text: string, into: Hashes): void {
  const end = text.length
  reserve(into, (end >> 1) + 1)
  const { lo, hi } = into
  let length = 0
  let a = seedLo
  let b = seedHi
  let inside = false
  for (let at = 0; at < end; at++) {
    const code = text.charCodeAt(at)
    if (space[code] === 0) {
      a = stepLo(a, code)
      b = stepHi(b, code)
      inside = true
    } else if (inside) {
      lo[length] = a
      hi[length++] = b
      a = seedLo
      b = seedHi
      inside = false
    }
  }
  if (inside) {
    lo[length] = a
    hi[length++] = b
  }
  into.length = length
}
