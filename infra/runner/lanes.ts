/** Order within a key where several records are under way at once. */

/** Whose turn it is. */
export type Lanes<Item> = {
  /** Starts an item, or lets it wait for the one of its key that is under way. What has no key waits for nobody. */
  enter(key: string | undefined, item: Item): void
  /** An item is under way: the next ones of its key wait. */
  hold(key: string | undefined): void
  /**
   * An item is done.
   * @param more false when nothing is to be started any more
   */
  leave(key: string | undefined, more: boolean): void
}

/**
 * @param start starts an item whose turn it is; it is to call `hold` if that takes time, and `leave` when it is done
 */
export function createLanes<Item>(start: (item: Item) => void): Lanes<Item> {
  const waiting = new Map<string, Item[]>()
  return {
    enter(key, item) {
      const lane = key === undefined ? undefined : waiting.get(key)
      if (lane) lane.push(item)
      else start(item)
    },
    hold(key) {
      if (key !== undefined && !waiting.has(key)) waiting.set(key, [])
    },
    leave(key, more) {
      if (key === undefined) return
      const next = more ? waiting.get(key)?.shift() : undefined
      if (next === undefined) waiting.delete(key)
      else start(next)
    }
  }
}
