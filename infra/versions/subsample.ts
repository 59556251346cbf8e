/**
 * The sample of a version under `accumulate-subsample` (Kazdan et al. 2024: training on a fixed number of rows of all there
 * are). Rows once laid down are not taken back, so the stream is the pool, and a version names its sample by a threshold:
 * those rows are in it whose number is at most that. Every version draws anew.
 */
import { hash } from 'node:crypto'
import type { Sample } from '../../schemas/types.ts'

/** The number a row draws in a version: 52 bits, evenly spread. */
function drawOf(version: string, { id, epoch }: Pick<Sample, 'id' | 'epoch'>): number {
  return Number.parseInt(hash('sha256', `${version}:${id}:${epoch}`, 'hex').slice(0, 13), 16)
}

/** Whether a row is in the sample of a version. */
export function isInSubsample(
  version: string,
  threshold: number,
  row: Pick<Sample, 'id' | 'epoch'>
): boolean {
  return drawOf(version, row) <= threshold
}

/** Finds the threshold: the largest of the smallest numbers drawn. */
export type Subsample = {
  add(row: Pick<Sample, 'id' | 'epoch'>): void
  /** Rows in the sample, and the largest number one of them drew; -1 where there is none. */
  result(): { readonly rows: number; readonly threshold: number }
}

/**
 * @param version `dataset@version`
 * @param size rows of the sample; its memory is eight bytes each
 */
export function createSubsample(version: string, size: number): Subsample {
  /** A heap with the largest number first. */
  const heap: number[] = []
  const swap = (a: number, b: number): void => void ([heap[a], heap[b]] = [heap[b]!, heap[a]!])
  const sink = (): void => {
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let largest = left < heap.length && heap[left]! > heap[at]! ? left : at
      if (right < heap.length && heap[right]! > heap[largest]!) largest = right
      if (largest === at) return
      swap(at, largest)
      at = largest
    }
  }
  const rise = (): void => {
    for (let at = heap.length - 1; at > 0;) {
      const above = (at - 1) >> 1
      if (heap[above]! >= heap[at]!) return
      swap(at, above)
      at = above
    }
  }
  return {
    add(row) {
      const draw = drawOf(version, row)
      if (heap.length < size) {
        heap.push(draw)
        rise()
      } else if (draw < heap[0]!) {
        heap[0] = draw
        sink()
      }
    },
    result: () => ({ rows: heap.length, threshold: heap[0] ?? -1 })
  }
}
