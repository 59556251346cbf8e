/**
 * The tail of a human reference: its types seen at most `most` times.
 * Complexity: linear in the types.
 * @param reference counts of held-out human text, by type: no generator may have seen it
 */
export function tailTypes(reference: ReadonlyMap<string, number>, most = 2): Set<string> {
  const tail = new Set<string>()
  for (const [type, count] of reference) if (count <= most) tail.add(type)
  return tail
}
