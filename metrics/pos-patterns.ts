/**
 * The most frequent part-of-speech patterns of human texts: the frozen list that the template rate is counted against.
 *
 * Reference: Shaib et al., "Detection and Measurement of Syntactic Templates in Generated Text", EMNLP 2024. Complexity: linear
 * in the tags, plus sorting the patterns. Of equally frequent patterns the one first in the alphabet goes first, so that the
 * list does not depend on the order of the documents.
 * @param tags part-of-speech tags of each document, of any one tagger
 * @param n tags of a pattern
 * @param most patterns kept
 * @returns patterns, tags joined by a space
 */
export function posPatterns(tags: readonly (readonly string[])[], n = 5, most = 100): string[] {
  const counts = new Map<string, number>()
  for (const document of tags) {
    for (let at = 0; at + n <= document.length; at++) {
      const pattern = document.slice(at, at + n).join(' ')
      counts.set(pattern, (counts.get(pattern) ?? 0) + 1)
    }
  }
  return [...counts]
    .toSorted(([a, first], [b, second]) => second - first || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([pattern]) => pattern)
}
