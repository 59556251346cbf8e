/** A closed window as the record that is written. */
import type { DocumentBeside } from '../../metrics/beside-reference.ts'
import { isComparable } from '../../metrics/comparable.ts'
import { embeddingId } from '../../metrics/embedding.ts'
import { featuresId } from '../../metrics/features.ts'
import { sampledOf } from '../../metrics/fingerprint.ts'
import { clustersId } from '../../metrics/human-clusters.ts'
import { type WindowKey, speechKeys, windowKeys } from '../../metrics/keys.ts'
import { kneserNeyId } from '../../metrics/kneser-ney.ts'
import type { Panel } from '../../metrics/panel.ts'
import { tokenizers } from '../../metrics/tokenize.ts'
import { packSums } from '../../metrics/vector-sums.ts'
import type { DiversityStat, Metric } from '../../schemas/types.ts'
import type { Spread } from './band.ts'
import type { WindowValues } from './reference.ts'

/** What values of some metrics depend on beside the tokenizer. */
const models: Partial<Record<WindowKey, string>> = {
  feature_cosine: featuresId,
  embedding_cosine: embeddingId,
  embedding_cosine_squared: embeddingId,
  embedding_vendi_q1: embeddingId,
  embedding_vendi_q2: embeddingId,
  embedding_vendi_qinf: embeddingId,
  embedding_frechet: embeddingId,
  cluster_coverage: clustersId,
  cluster_entropy: clustersId,
  log_ppl_mean: kneserNeyId,
  log_ppl_sd: kneserNeyId,
  log_ppl_iqr: kneserNeyId,
  log_ppl_mean_trimmed: kneserNeyId,
  log_ppl_sd_trimmed: kneserNeyId
}
const ofSpeech: ReadonlySet<WindowKey> = new Set(speechKeys)

/**
 * The metrics beside the human band. z is given only where the band has a spread and the numbers of documents allow it.
 * @param values of the window
 * @param spread the band; absent for partial windows, which are compared with nothing
 * @param how it was looked at: by what parts of speech were told, and whether at a glance
 */
export function metricsBeside(
  values: WindowValues,
  spread: ReadonlyMap<WindowKey, Spread> | undefined,
  { tagger = '', atAGlance = false }: { readonly tagger?: string; readonly atAGlance?: boolean } = {}
): Metric[] {
  const modelOf = (name: WindowKey): string => {
    const model = ofSpeech.has(name) ? tagger : (models[name] ?? '')
    return atAGlance && model !== '' && !ofSpeech.has(name) ? `${model}, 1 in ${sampledOf}` : model
  }
  const documents = values.documents && 'value' in values.documents ? values.documents.value : 0
  return windowKeys.flatMap(name => {
    const result = values[name]
    if (!result) return []
    const human = spread?.get(name)
    const value = 'value' in result ? result.value : null
    const comparable = isComparable(name, documents, spread?.get('documents'))
    return {
      name,
      value,
      undefined: 'value' in result ? '' : result.undefined,
      human_mean: human?.mean ?? null,
      human_sd: human?.sd ?? null,
      z:
        comparable && human !== undefined && human.sd > 0 && value !== null
          ? (value - human.mean) / human.sd
          : null,
      model: modelOf(name),
      tokenizer: name === 'self_repetition_4' ? tokenizers.whitespace : ''
    }
  })
}

/** What of windows adds up. */
export type WindowSums = Pick<DiversityStat, 'embeddings' | 'log_perplexities'>

/** None: of a window whose texts are in others as well. */
export const noSums: WindowSums = { embeddings: { count: 0, sum: [], products: [] }, log_perplexities: [] }

/** What of a window adds up. */
export function sumsOf(
  { embeddings }: Pick<Panel, 'embeddings'>,
  beside: readonly DocumentBeside[]
): WindowSums {
  const { count, sum, products } = packSums(embeddings)
  return {
    embeddings: count === 0 ? noSums.embeddings : { count, sum: [...sum], products: [...products] },
    log_perplexities: beside.flatMap(({ logPerplexity }) =>
      Number.isNaN(logPerplexity) ? [] : [logPerplexity]
    )
  }
}

/** What is the same for every record of one kind. */
export type StatFields = Omit<DiversityStat, 'cell_group' | 'tokenizer'> & { readonly cell_group?: string }

/** The record of a window. */
export function statOf(fields: StatFields): DiversityStat {
  return { ...fields, cell_group: fields.cell_group ?? '*', tokenizer: tokenizers.words }
}

/** Key of a window's record. */
export function statKey(scope: string, window: number): string {
  return `${scope}#${window}`
}
