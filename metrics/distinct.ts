import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Distinct-n, pooled (*inter*): unique n-grams / n-grams over all documents. N-grams never cross documents.
 *
 * Reference: Li et al., "A Diversity-Promoting Objective Function", NAACL 2016. Complexity: O(1) on counts. Range (0, 1].
 * @param unique distinct n-grams
 * @param total n-grams
 * @returns undefined when no document is n tokens long
 */
export function distinctInter(unique: number, total: number): Measured {
  return total === 0 ? undefinedBecause('no document is long enough for an n-gram') : measured(unique / total)
}

/**
 * Distinct-n per response (*intra*): the mean over documents of unique n-grams / n-grams of that document.
 * A document too short for an n-gram has no ratio and does not enter the mean.
 *
 * Reference: as above; inter and intra as in Gu et al., "DialogWAE", ICLR 2019. Complexity: O(1) on sums. Range (0, 1].
 * @param ratios sum of the documents' ratios
 * @param documents documents that have a ratio
 * @returns undefined when no document is n tokens long
 */
export function distinctIntra(ratios: number, documents: number): Measured {
  return documents === 0
    ? undefinedBecause('no document is long enough for an n-gram')
    : measured(ratios / documents)
}
