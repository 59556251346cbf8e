/** Sums over vectors: what cosines, Vendi q2 and the Fréchet distance are computed from. Those of parts add up. */
export type VectorSums = {
  /** Vectors. */
  count: number
  /** Sum of the vectors. */
  readonly sum: Float64Array
  /** Sum of the products of their numbers, X^T X, rows one after the other: the lower half of each, the rest is 0. */
  readonly products: Float64Array
}

/** Sums over no vectors. */
export function createVectorSums(dimensions: number): VectorSums {
  return { count: 0, sum: new Float64Array(dimensions), products: new Float64Array(dimensions * dimensions) }
}

/** Adds a vector. Complexity: half the square of its length, less for zeros. */
export function addVector(sums: VectorSums, vector: Float64Array): void {
  const { length } = vector
  const { sum, products } = sums
  sums.count += 1
  for (let row = 0; row < length; row++) {
    const value = vector[row]!
    if (value === 0) continue
    sum[row]! += value
    const from = row * length
    for (let column = 0; column <= row; column++) products[from + column]! += value * vector[column]!
  }
}

/** Adds the sums of another part. */
export function mergeVectorSums(into: VectorSums, part: VectorSums): void {
  into.count += part.count
  for (let at = 0; at < part.sum.length; at++) into.sum[at]! += part.sum[at]!
  for (let at = 0; at < part.products.length; at++) into.products[at]! += part.products[at]!
}

/** Units of a whole in sums that are written. */
const units = 2 ** 20

/** Sums as they are written, in whole units of 2^-20: the lower half of the products alone, row by row. They add up too. */
export type PackedSums = {
  readonly count: number
  readonly sum: readonly number[]
  readonly products: readonly number[]
}

/** Sums as they are written. */
export function packSums({ count, sum, products }: VectorSums): PackedSums {
  const lower: number[] = []
  for (let row = 0; row < sum.length; row++)
    for (let column = 0; column <= row; column++)
      lower.push(Math.round(products[row * sum.length + column]! * units))
  return { count, sum: Array.from(sum, one => Math.round(one * units)), products: lower }
}

/**
 * Sums as they were, to a unit.
 * @throws RangeError when there are not as many products as half a square of the vector has
 */
export function unpackSums({ count, sum, products }: PackedSums): VectorSums {
  const { length } = sum
  if (products.length !== (length * (length + 1)) / 2)
    throw new RangeError(`${products.length} products are not those of ${length} numbers`)
  const unpacked = createVectorSums(length)
  unpacked.count = count
  unpacked.sum.set(sum.map(one => one / units))
  let at = 0
  for (let row = 0; row < length; row++)
    for (let column = 0; column <= row; column++)
      unpacked.products[row * length + column] = products[at++]! / units
  return unpacked
}

/** Takes all vectors out again. */
export function clearVectorSums(sums: VectorSums): void {
  sums.count = 0
  sums.sum.fill(0)
  sums.products.fill(0)
}

/** ||sum||^2: what the mean cosine is computed from. */
export function squaredSum({ sum }: Pick<VectorSums, 'sum'>): number {
  let squares = 0
  for (const value of sum) squares += value * value
  return squares
}

/** ||X^T X||^2, the sum of the squares of its entries: what Vendi q2 is computed from. */
export function squaredProducts({ sum, products }: Pick<VectorSums, 'sum' | 'products'>): number {
  let [all, diagonal] = [0, 0]
  for (const value of products) all += value * value
  for (let row = 0; row < sum.length; row++) diagonal += products[row * (sum.length + 1)]! ** 2
  return 2 * all - diagonal
}

/** The covariance matrix, both halves, n - 1 in the denominator: at least two vectors. */
export function covariance({ count, sum, products }: VectorSums): Float64Array {
  const { length } = sum
  const matrix = new Float64Array(products.length)
  for (let row = 0; row < length; row++) {
    const mean = sum[row]! / count
    for (let column = 0; column <= row; column++) {
      const value = (products[row * length + column]! - mean * sum[column]!) / (count - 1)
      matrix[row * length + column] = value
      matrix[column * length + row] = value
    }
  }
  return matrix
}
