import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Distinct-n, pooled (*inter*): n-grams of all documents together, which never cross from one to the next.
 *
 * Keys: distinct_1_inter, distinct_2_inter, distinct_3_inter, distinct_4_inter.
 * Formula: unique n-grams / n-grams, over all documents.
 * Reference: Li et al., "A Diversity-Promoting Objective Function", NAACL 2016.
 * Complexity: O(1) on counts.
 * Range: (0, 1].
 * Sees: phrases that come back in any document; n = 1 is the type-token ratio, n = 2 the one to look at first.
 * Does not see: rare words that die: the longer the n-gram the more stand alone, whoever writes, and n = 4 falls late. All
 * depend on the size of the window.
 * @param unique distinct n-grams
 * @param total n-grams
 * @returns undefined when no document is n tokens long
 */
export function distinctInter(unique: number, total: number): Measured {
  return total === 0 ? undefinedBecause('no document is long enough for an n-gram') : measured(unique / total)
}

/**
 * Distinct-n per response (*intra*): the mean over documents. A document too short for an n-gram has no ratio and does not
 * enter the mean.
 *
 * Keys: distinct_1_intra, distinct_2_intra, distinct_3_intra, distinct_4_intra.
 * Formula: mean over documents of unique n-grams / n-grams of that document.
 * Reference: as of the pooled form; inter and intra as in Gu et al., "DialogWAE", ICLR 2019.
 * Complexity: O(1) on sums.
 * Range: (0, 1].
 * Sees: a document that repeats itself, as loops of a cold decoder do.
 * Does not see: documents that repeat one another, and a dying tail: it *rises* under recursive training. Driven by length:
 * shorter documents score higher.
 * @param ratios sum of the documents' ratios
 * @param documents documents that have a ratio
 * @returns undefined when no document is n tokens long
 */
export function distinctIntra(ratios: number, documents: number): Measured {
  return documents === 0
    ? undefinedBecause('no document is long enough for an n-gram')
    : measured(ratios / documents)
}
