import type { LanguageModel } from './language-model.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Log-perplexity of a document under a frozen model: minus the mean natural logarithm of the probability of its tokens and of
 * its end, in nats a token. Synthetic text becomes ever more probable, with a tail of texts no human would write: read the
 * mean and the spread over documents together.
 *
 * Reference: Jelinek et al. (1977); for its use here Shumailov et al., Nature 631 (2024). Complexity: linear in the tokens.
 * Range (0, ...).
 * @param model fitted on human text that no generator has seen
 * @param tokens of the document, cut as the model's were
 * @returns undefined without tokens
 */
export function logPerplexity(model: Pick<LanguageModel, 'score'>, tokens: readonly string[]): Measured {
  if (tokens.length === 0) return undefinedBecause('no tokens')
  let sum = 0
  for (const log of model.score(tokens)) sum += log
  return measured(-sum / (tokens.length + 1))
}
