/**
 * Cuts documents into disjoint windows of whole neighbouring documents, each closed by the document that reaches the budget.
 * What is left over at the end is no window. Complexity: linear in the documents.
 * @param lengths tokens of each document
 * @param budget tokens of a window, above 0
 * @returns first document of each window, and the one behind its last
 */
export function tokenWindows(lengths: readonly number[], budget: number): { from: number; to: number }[] {
  const windows: { from: number; to: number }[] = []
  let from = 0
  let tokens = 0
  for (const [index, length] of lengths.entries()) {
    tokens += length
    if (tokens < budget) continue
    windows.push({ from, to: index + 1 })
    from = index + 1
    tokens = 0
  }
  return windows
}
