import { mean, standardDeviation } from './moments.ts'
import type { Measured } from './result.ts'

/**
 * Log-perplexity of documents by the models that wrote them: minus the mean log probability of their tokens, as a provider
 * tells it.
 *
 * Keys: provider_log_ppl_mean, provider_log_ppl_sd.
 * Formula: mean and standard deviation (n - 1) over documents of -(1 / tokens) sum ln p(token | tokens before it).
 * Sees: a model that grows sure of what it says, as one does that was trained on its own output, and decoding that is cold.
 * Does not see: other models: each cuts texts into tokens of its own, so values of two are not comparable, and there is no human
 * band.
 * Range: [0, ...) nats a token.
 * Reference: Jelinek, Mercer, Bahl & Baker, "Perplexity: a measure of the difficulty of speech recognition tasks" (1977).
 * Complexity: linear in the documents.
 * @param surprisals of documents of one model, nats a token
 * @returns undefined without documents, the standard deviation below two
 */
export function providerLogPerplexity(surprisals: readonly number[]): {
  readonly provider_log_ppl_mean: Measured
  readonly provider_log_ppl_sd: Measured
} {
  return { provider_log_ppl_mean: mean(surprisals), provider_log_ppl_sd: standardDeviation(surprisals) }
}
