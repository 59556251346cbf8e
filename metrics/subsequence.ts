/**
 * Length of the longest common subsequence of one list with others, by bits: the words of V hold a 0 where the length grows
 * from one position of the list to the next. A token of the other list changes V to (V + (V and M)) or (V and not M), M being
 * the token's positions. Words without a position of the token change by the carry alone, and are passed over without one.
 *
 * Reference: Hyyrö, "Bit-parallel LCS-length computation revisited", AWOCA 2004, after Crochemore et al. (2001).
 * Complexity: linear in the list; then, per other list, at most the product of the lengths over 32.
 * @param list numbers
 * @param types numbers are below this
 * @returns the length for another list
 */
export function longestCommonSubsequence(list: Int32Array, types: number): (other: Int32Array) => number {
  const size = Math.ceil(list.length / 32)
  // The non-empty words of each token's positions, ascending.
  const masks: ({ readonly words: number[]; readonly bits: number[] } | undefined)[] = Array.from({
    length: types
  })
  for (const [at, id] of list.entries()) {
    const mask = (masks[id] ??= { words: [], bits: [] })
    const word = at >>> 5
    const bit = 1 << (at & 31)
    const last = mask.words.length - 1
    if (mask.words[last] === word) mask.bits[last] = mask.bits[last]! | bit
    else {
      mask.words.push(word)
      mask.bits.push(bit)
    }
  }
  const state = new Uint32Array(size)

  return other => {
    state.fill(0xffffffff)
    for (const id of other) {
      const mask = masks[id]
      if (!mask) continue
      const { words, bits } = mask
      let at = 0
      let word = words[0]!
      let carry = 0
      while (word < size) {
        const before = state[word]!
        const match = words[at] === word ? bits[at++]! : 0
        const sum = before + ((before & match) >>> 0) + carry
        carry = sum > 0xffffffff ? 1 : 0
        state[word] = sum | (before & ~match)
        if (carry === 1) word += 1
        else if (at < words.length) word = words[at]!
        else break
      }
    }
    let zeros = 0
    for (let word = 0; word < size; word++) zeros += 32 - ones(state[word]!)
    return zeros
  }
}

/** Bits that are set. */
function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
