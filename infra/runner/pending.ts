/** Records of a slot that wait their turn, in order, and how many bytes they are. */
import type { RawRecord } from '../kafka/record.ts'

type Item = { readonly raw: RawRecord }

/** What waits. */
export type Pending<One extends Item> = {
  push(one: One): void
  /** Whose turn is next. */
  readonly next: One | undefined
  /** Takes the next one out. */
  shift(): void
  /** Takes everything out. */
  clear(): One[]
  readonly size: number
  readonly bytes: number
}

/** Nothing waits yet. */
export function createPending<One extends Item>(): Pending<One> {
  let list: One[] = []
  let head = 0
  let bytes = 0
  const sizeOf = ({ raw }: One): number => raw.value?.length ?? 0
  return {
    push(one) {
      list.push(one)
      bytes += sizeOf(one)
    },
    get next() {
      return list[head]
    },
    shift() {
      bytes -= sizeOf(list[head]!)
      head++
      // Moved up now and then: an array that loses its first element moves all the others each time.
      if (head < list.length && head <= 4096) return
      list.splice(0, head)
      head = 0
    },
    clear() {
      const rest = list.slice(head)
      list = []
      head = 0
      bytes = 0
      return rest
    },
    get size() {
      return list.length - head
    },
    get bytes() {
      return bytes
    }
  }
}
