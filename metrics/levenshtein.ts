/**
 * Levenshtein distance by bit vectors: 32 rows of the matrix at a time.
 *
 * Reference: G. Myers, "A fast bit-vector algorithm for approximate string matching based on dynamic programming", JACM 46,
 * 1999; H. Hyyrö, "Explaining and extending the bit-parallel approximate string matching algorithm of Myers", 2001.
 * Complexity: the product of the lengths / 32 in time; in space the longer length and the alphabet.
 */

/**
 * Insertions, deletions and substitutions that turn one list of symbols into the other.
 * @param a symbols, from 0
 * @param b symbols, from 0
 * @param alphabet all symbols are below it
 */
export function levenshtein(a: Int32Array, b: Int32Array, alphabet: number): number {
  const [rows, columns] = a.length <= b.length ? [a, b] : [b, a]
  if (rows.length === 0) return columns.length
  /** Where each symbol stands in the rows at hand. */
  const places = new Int32Array(alphabet)
  /** What goes down from one stripe of rows into the next: +1, 0 or -1 for each column. */
  const carried = new Int8Array(columns.length).fill(1)
  let distance = rows.length
  for (let top = 0; top < rows.length; top += 32) {
    const height = Math.min(32, rows.length - top)
    for (let row = 0; row < height; row++) places[rows[top + row]!]! |= 1 << row
    const last = 1 << (height - 1)
    let rising = -1
    let falling = 0
    for (let column = 0; column < columns.length; column++) {
      const carry = carried[column]!
      const equal = places[columns[column]!]!
      const vertical = equal | falling
      // A carry of -1 counts as a match in the first row.
      const matched = carry < 0 ? equal | 1 : equal
      const diagonal = (((matched & rising) + rising) ^ rising) | matched
      let up = falling | ~(diagonal | rising)
      let down = rising & diagonal
      carried[column] = (up & last) !== 0 ? 1 : (down & last) !== 0 ? -1 : 0
      up = (up << 1) | (carry > 0 ? 1 : 0)
      down = (down << 1) | (carry < 0 ? 1 : 0)
      rising = down | ~(vertical | up)
      falling = up & vertical
    }
    for (let row = 0; row < height; row++) places[rows[top + row]!] = 0
  }
  for (const step of carried) distance += step
  return distance
}
