/** A time by which something must have come back: a promise that never settles says nothing by itself. */

/**
 * Waits for work, but not for ever. The work itself goes on; whoever waited must not rely on it any more.
 * @param ms milliseconds
 * @param late makes the error it rejects with then
 */
export async function within<Value>(ms: number, work: Promise<Value>, late: () => Error): Promise<Value> {
  const over = Promise.withResolvers<never>()
  const timer = setTimeout(() => over.reject(late()), ms).unref()
  try {
    return await Promise.race([work, over.promise])
  } finally {
    clearTimeout(timer)
  }
}
