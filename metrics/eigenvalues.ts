/**
 * Eigenvalues of a symmetric matrix: Householder reflections to a tridiagonal one, then implicit QL. About n^3 4/3
 * operations: 20 ms for 200 rows.
 *
 * Reference: Martin, Reinsch & Wilkinson (TRED1, 1968), Martin & Wilkinson (IMTQL1, 1968), as in EISPACK. Written out here:
 * this folder imports no package, and eigenvectors, which libraries come for, are not wanted.
 * @param matrix rows one after the other, n * n finite numbers; the lower half is read, nothing is changed
 * @param n rows
 * @returns n eigenvalues, ascending
 * @throws RangeError when a number is not finite or the size is another
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  if (matrix.length !== n * n) throw new RangeError(`${matrix.length} numbers are not ${n} rows of ${n}`)
  if (!matrix.every(Number.isFinite)) throw new RangeError('a matrix of numbers that are not finite')
  const { diagonal, beside } = tridiagonal(matrix.slice(), n)
  let norm = 0
  for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(diagonal[i]!) + Math.abs(beside[i]!))
  for (let low = 0; low < n; low++) rotate(diagonal, beside, low, Number.EPSILON * norm)
  return diagonal.toSorted()
}

type Tridiagonal = { readonly diagonal: Float64Array; readonly beside: Float64Array }

/** The tridiagonal matrix of the same eigenvalues; `beside[i]` couples i and i + 1. Overwrites `a`. */
function tridiagonal(a: Float64Array, n: number): Tridiagonal {
  const beside = new Float64Array(n)
  const work = new Float64Array(n)
  for (let i = n - 1; i > 0; i--) {
    const row = i * n
    let scale = 0
    for (let k = 0; k < i; k++) scale += Math.abs(a[row + k]!)
    if (i === 1 || scale === 0) {
      beside[i - 1] = a[row + i - 1]!
      continue
    }
    let h = 0
    for (let k = 0; k < i; k++) {
      const scaled = a[row + k]! / scale
      a[row + k] = scaled
      h += scaled * scaled
    }
    const last = a[row + i - 1]!
    const g = last >= 0 ? -Math.sqrt(h) : Math.sqrt(h)
    beside[i - 1] = scale * g
    h -= last * g
    a[row + i - 1] = last - g
    // work = A u / h by rows of the lower half only, which lie one after the other.
    work.fill(0, 0, i)
    for (let j = 0; j < i; j++) {
      const u = a[row + j]!
      let sum = a[j * n + j]! * u
      for (let k = 0; k < j; k++) {
        const value = a[j * n + k]!
        sum += value * a[row + k]!
        work[k] = work[k]! + value * u
      }
      work[j] = work[j]! + sum
    }
    let dot = 0
    for (let j = 0; j < i; j++) {
      work[j] = work[j]! / h
      dot += work[j]! * a[row + j]!
    }
    const half = dot / (h + h)
    for (let j = 0; j < i; j++) {
      const u = a[row + j]!
      const turned = work[j]! - half * u
      work[j] = turned
      for (let k = 0; k <= j; k++) a[j * n + k] = a[j * n + k]! - (u * work[k]! + turned * a[row + k]!)
    }
  }
  return { diagonal: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), beside }
}

/** Turns until nothing above `least` couples `low` and `low + 1`: then `d[low]` is an eigenvalue. */
function rotate(d: Float64Array, e: Float64Array, low: number, least: number): void {
  const n = d.length
  for (;;) {
    let high = low
    while (high < n - 1 && Math.abs(e[high]!) > least) high += 1
    if (high === low) return
    let g = (d[low + 1]! - d[low]!) / (2 * e[low]!)
    let r = Math.hypot(g, 1)
    g = d[high]! - d[low]! + e[low]! / (g + (g >= 0 ? r : -r))
    let [s, c, p] = [1, 1, 0]
    let i = high - 1
    for (; i >= low; i--) {
      const f = s * e[i]!
      const b = c * e[i]!
      r = Math.hypot(f, g)
      e[i + 1] = r
      if (r === 0) {
        d[i + 1] = d[i + 1]! - p
        e[high] = 0
        break
      }
      s = f / r
      c = g / r
      g = d[i + 1]! - p
      r = (d[i]! - g) * s + 2 * c * b
      p = s * r
      d[i + 1] = g + p
      g = c * r - b
    }
    if (i >= low) continue
    d[low] = d[low]! - p
    e[low] = g
    e[high] = 0
  }
}
