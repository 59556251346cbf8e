import { type Measured, undefinedBecause } from './result.ts'
import { similarityEigenvalues } from './similarity.ts'
import { vendi } from './vendi.ts'

/**
 * Effective number of sources: the Vendi score of the sources' mean feature vectors, each scaled to length 1.
 *
 * Formula: exp(-sum of l ln l), l the eigenvalues of K / k, K the cosines between the means of k sources.
 * Reference: Friedman & Dieng, "The Vendi Score", TMLR 2023, on means.
 * Complexity: see `similarity.ts`.
 * Range: [1, sources].
 * Sees: sources of different names that answer alike: they count as one.
 * Does not see: how diverse each of them is, and sources of different texts with the same mean.
 * @param means sum or mean of the feature vectors of each source
 * @returns undefined when no source has a vector but nil
 */
export function effectiveSources(means: readonly Float64Array[]): Measured {
  const units = means.flatMap(mean => unit(mean) ?? [])
  return units.length === 0 ? undefinedBecause('no sources') : vendi(similarityEigenvalues(units))
}

/** The vector at length 1; undefined for nil. */
export function unit(vector: Float64Array): Float64Array | undefined {
  const length = Math.hypot(...vector)
  return length > 0 ? vector.map(value => value / length) : undefined
}
