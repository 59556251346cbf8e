import type { LanguageModel } from './language-model.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Log-perplexity of a document under a frozen model, in nats a token, the document's end being one. Over documents it is
 * reported by mean, standard deviation and interquartile range; the trimmed ones leave out what lies beyond 1.5 interquartile
 * ranges of the quartiles.
 *
 * Keys: log_ppl_mean, log_ppl_sd, log_ppl_iqr, log_ppl_mean_trimmed, log_ppl_sd_trimmed.
 * Formula: -(sum over tokens of ln p(token | those before) + ln p(end | those before)) / (tokens + 1).
 * Reference: Jelinek et al. (1977); for its use here Shumailov et al., Nature 631 (2024).
 * Complexity: linear in the tokens.
 * Range: (0, ...).
 * Sees: texts that become ever more probable, with a tail of texts no human would write: read mean and spread together.
 * Does not see: whether a probable text is a copy or a good one. A new subject raises it as nonsense does; short documents
 * have a wide spread.
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
