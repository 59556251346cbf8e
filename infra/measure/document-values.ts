/**
 * Metrics that are a statistic of one number per document. That number owes nothing to the other documents, so documents
 * may be drawn with replacement: a bootstrap of these is sound, as it is of no metric that counts types over documents.
 */
import { createPanel } from '../../metrics/panel.ts'
import { interquartileRange } from '../../metrics/interquartile-range.ts'
import { logPerplexity } from '../../metrics/log-perplexity.ts'
import { mattr } from '../../metrics/mattr.ts'
import { mean, standardDeviation } from '../../metrics/moments.ts'
import { mtld } from '../../metrics/mtld.ts'
import { occurrencesOf } from '../../metrics/occurrences.ts'
import type { Reference } from '../../metrics/reference.ts'
import { type Measured, valueOf } from '../../metrics/result.ts'
import type { TextKey } from '../../metrics/text-keys.ts'
import { words } from '../../metrics/tokenize.ts'
import { trimmed } from '../../metrics/trimmed.ts'

type Statistic = (values: readonly number[]) => Measured

/** The metrics, by the number per document they are made of. */
const statistics = {
  length: { length_mean: mean, length_sd: standardDeviation },
  distinct_1: { distinct_1_intra: mean },
  distinct_2: { distinct_2_intra: mean },
  distinct_3: { distinct_3_intra: mean },
  distinct_4: { distinct_4_intra: mean },
  mattr_50: { mattr_50: mean },
  mattr_100: { mattr_100: mean },
  mtld: { mtld: mean },
  log_ppl: {
    log_ppl_mean: mean,
    log_ppl_sd: standardDeviation,
    log_ppl_iqr: interquartileRange,
    log_ppl_mean_trimmed: values => mean(trimmed(values)),
    log_ppl_sd_trimmed: values => standardDeviation(trimmed(values))
  }
} as const satisfies Record<string, Partial<Record<TextKey, Statistic>>>

type PerDocument = keyof typeof statistics

/** Documents that have the number. */
const having: Readonly<Record<PerDocument, string>> = {
  length: 'documents',
  distinct_1: 'documents with words',
  distinct_2: 'documents of at least 2 words',
  distinct_3: 'documents of at least 3 words',
  distinct_4: 'documents of at least 4 words',
  mattr_50: 'documents of at least 50 words',
  mattr_100: 'documents of at least 100 words',
  mtld: 'documents of at least 100 words',
  log_ppl: 'documents with words'
}

/** A metric, what it is made of and how. */
export type DocumentMetric = {
  readonly key: TextKey
  readonly values: readonly number[]
  readonly statistic: Statistic
  /** What documents have a value, in the plural. */
  readonly needs: string
}

/** All of them for these texts; those of perplexity only beside a reference. */
export function documentMetrics(
  texts: readonly string[],
  reference: Reference | undefined
): DocumentMetric[] {
  const values: Record<PerDocument, number[]> = {
    length: [],
    distinct_1: [],
    distinct_2: [],
    distinct_3: [],
    distinct_4: [],
    mattr_50: [],
    mattr_100: [],
    mtld: [],
    log_ppl: []
  }
  const panel = createPanel()
  for (const text of texts) {
    const take = (name: PerDocument, measured: Measured): void => {
      const value = valueOf(measured)
      if (value !== undefined) values[name].push(value)
    }
    const tokens = words(text)
    values.length.push(tokens.length)
    panel.add(text)
    const found = panel.values()
    panel.clear()
    take('distinct_1', found.distinct_1_intra)
    take('distinct_2', found.distinct_2_intra)
    take('distinct_3', found.distinct_3_intra)
    take('distinct_4', found.distinct_4_intra)
    const occurrences = occurrencesOf(tokens)
    if (tokens.length >= 50) take('mattr_50', mattr(occurrences, 50))
    if (tokens.length >= 100) {
      take('mattr_100', mattr(occurrences, 100))
      take('mtld', mtld(occurrences))
    }
    if (reference?.model) take('log_ppl', logPerplexity(reference.model, tokens))
  }
  const names = (Object.keys(statistics) as PerDocument[]).filter(
    name => name !== 'log_ppl' || reference?.model !== undefined
  )
  return names.flatMap(name =>
    Object.entries(statistics[name]).map(([key, statistic]) => ({
      key: key as TextKey,
      values: values[name],
      statistic,
      needs: having[name]
    }))
  )
}
