/**
 * What every question about n-grams and similarity is answered from, beside the text: the hashes of its words and its
 * features. The database could cut words itself, but not as `metrics/` does, and ten times slower.
 */
import { createFeatureCounts, dimensions } from '../../metrics/features.ts'
import { hashWords } from '../../metrics/hash-text.ts'
import { createHashes } from '../../metrics/hashes.ts'
import type { Column } from './columns.ts'

const words = createHashes()
const countFeatures = createFeatureCounts()
// Reused: a record is a row before the next one comes.
let numbers = new Uint32Array(1024)
const bytes = new Int8Array(dimensions)

const base64 = ({ buffer }: Uint32Array | Int8Array, length: number): string =>
  Buffer.from(buffer, 0, length).toString('base64')

/**
 * Both lanes of each token's hash in 32 bits, little-endian. Of 20,000 different words hardly a pair shares a number, of
 * a million 116 do.
 */
function encodedWords({ lo, hi, length }: typeof words): string {
  if (numbers.length < length) numbers = new Uint32Array(2 * length)
  for (let at = 0; at < length; at++) numbers[at] = lo[at]! ^ Math.imul(hi[at]!, 0x9e3779b1)
  return base64(numbers, 4 * length)
}

/** Counts in a byte each, empty when all are 0. A text that holds something more than 127 times is scaled down to fit. */
function encodedFeatures(counts: Int32Array): string {
  let most = 0
  for (let at = 0; at < dimensions; at++) most = Math.max(most, Math.abs(counts[at]!))
  if (most === 0) return ''
  const scale = most > 127 ? 127 / most : 1
  for (let at = 0; at < dimensions; at++) bytes[at] = Math.round(counts[at]! * scale)
  return base64(bytes, dimensions)
}

/**
 * Columns `words_base64` and `features_base64`; empty where there is no text or no word in it.
 * @param textOf the text that is measured; undefined for none
 */
export function fingerprintColumns<Value>(
  textOf: (value: Value, topic: string) => string | undefined
): Column<Value>[] {
  // Both columns of a row are asked for one after the other, and made at once.
  let last: { value: Value; topic: string; columns: readonly [words: string, features: string] } | undefined
  const columnsOf = (value: Value, topic: string): readonly [words: string, features: string] => {
    if (last?.value === value && last.topic === topic) return last.columns
    hashWords(textOf(value, topic) ?? '', words)
    const columns = [encodedWords(words), encodedFeatures(countFeatures(words))] as const
    last = { value, topic, columns }
    return columns
  }
  return [
    ['words_base64', (value, _, topic) => columnsOf(value, topic)[0]],
    ['features_base64', (value, _, topic) => columnsOf(value, topic)[1]]
  ]
}
