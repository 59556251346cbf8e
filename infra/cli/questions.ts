/** A question to every view that its page answers as an example; a benchmark times them over a million samples. */
import type { views } from './views.ts'

/** What people ask. */
export type Question = { readonly about: string; readonly sql: string }

/** Of views made of single n-grams: over as many texts as they are meant for. */
export const questions: Readonly<Record<(typeof views)[number], Question>> = {
  collapse: {
    about: 'How far is each source from people, over all of its windows?',
    sql: `SELECT source, metric, count() AS windows, round(avg(value), 3) AS mean, round(avg(z), 1) AS mean_z
FROM collapse WHERE stage = 'accepted' AND metric IN ('types', 'missing_mass', 'entropy_1') AND isNotNull(z)
GROUP BY source, metric ORDER BY metric, source`
  },
  sources: {
    about: 'What does each source contribute, and what of it do others write too?',
    sql: `SELECT source, accepted, round(acceptance, 2) AS acceptance, round(single_source_share, 2) AS share,
  round(mean_cosine, 3) AS mean_cosine, nearest, round(redundancy, 3) AS redundancy, round(effective_sources, 2) AS effective
FROM sources ORDER BY run, source LIMIT 10`
  },
  source_pairs: {
    about: 'Are two names two sources?',
    sql: `SELECT source, other, same_family, round(cosine, 3) AS cosine, round(similarity, 3) AS similarity, round(within, 3) AS within
FROM source_pairs WHERE source < other ORDER BY cosine DESC LIMIT 10`
  },
  funnel: {
    about: 'How far did the samples of a run come?',
    sql: 'SELECT * FROM funnel ORDER BY run LIMIT 5'
  },
  mix_ratio: {
    about: 'Does every prefix of training hold its real share?',
    sql: `SELECT dataset, slot, rows, human, round(real_share, 3) AS real_share, round(smallest_prefix_share, 3) AS smallest
FROM mix_ratio ORDER BY dataset, slot`
  },
  spend: {
    about: 'What did each model cost?',
    sql: `SELECT source, sum(calls) AS calls, sum(output_tokens) AS output_tokens, round(sum(cost_usd), 2) AS usd
FROM spend GROUP BY source ORDER BY usd DESC, source LIMIT 10`
  },
  mix_ratio_windows: {
    about: 'How did the mix change along the stream?',
    sql: `SELECT dataset, slot, window, rows, round(real_share, 3) AS real_share, round(real_share_so_far, 3) AS so_far, families
FROM mix_ratio_windows ORDER BY dataset, slot, window DESC LIMIT 5`
  },
  contamination: {
    about: 'Whose human texts stood in synthetic samples before?',
    sql: `SELECT source, documents, measured, round(mean_overlap, 4) AS mean_overlap, above_half, round(worst_overlap, 3) AS worst
FROM contamination ORDER BY mean_overlap DESC, source LIMIT 5`
  },
  lineage: {
    about: 'What do the texts of each generation have to do with what was there before?',
    sql: `SELECT generation, origin, relation, uniq(id) AS texts, uniq(parent) AS parents
FROM lineage GROUP BY generation, origin, relation ORDER BY generation, relation`
  },
  coverage: {
    about: 'Which cells are under-covered, and how even are the others?',
    sql: `SELECT task, topic, format, human, generated, hits, round(cells_hit_5, 2) AS cells_hit_5, round(entropy, 3) AS entropy
FROM coverage WHERE run != '' ORDER BY under_covered DESC, hits LIMIT 5`
  },
  coverage_gaps: {
    about: 'What do people write about that the models leave out?',
    sql: `SELECT topic, human, round(human_share, 3) AS human_share, verified, round(verified_share, 3) AS share, round(ratio, 2) AS ratio, thin
FROM coverage_gaps ORDER BY ratio, human DESC, topic LIMIT 5`
  },
  cluster_gaps: {
    about: 'And where texts carry no labels: which subjects of human text are thin, with examples to read?',
    sql: `SELECT source, cluster, human, round(human_share, 3) AS human_share, written, round(written_share, 3) AS share, round(ratio, 2) AS ratio, thin
FROM cluster_gaps WHERE stage = 'accepted' ORDER BY ratio, source, cluster LIMIT 5`
  },
  collapse_days: {
    about: 'How did a metric move from day to day, older days included whose windows were dropped?',
    sql: `SELECT day, source, windows, round(mean, 3) AS mean, round(sd, 3) AS sd, round(mean_z, 1) AS z, round(lowest, 3) AS lowest, round(highest, 3) AS highest
FROM collapse_days WHERE stage = 'accepted' AND cell_group = '*' AND metric = 'missing_mass' ORDER BY day, source LIMIT 5`
  },
  generation_trends: {
    about: 'Where is each metric heading from one generation to the next?',
    sql: `SELECT metric, generation, windows, round(mean, 3) AS mean, round(z, 1) AS z, round(slope, 4) AS slope, round(slope_z, 2) AS slope_z
FROM generation_trends WHERE stage = 'accepted' AND source = '*' AND metric IN ('types', 'missing_mass', 'heaps_beta')
ORDER BY metric, generation`
  },
  diagnosis: {
    about: 'If it collapses, which way?',
    sql: `SELECT source, generation, windows, diagnosis, signs, evidence FROM diagnosis
WHERE stage = 'raw' ORDER BY source, generation LIMIT 10`
  },
  diversity: {
    about: 'How diverse is what each model wrote so far, up to the last insert?',
    sql: `SELECT source, generation, texts, tokens, round(length_mean, 1) AS length, types, round(distinct_2, 3) AS distinct_2,
  round(mean_cosine, 3) AS mean_cosine
FROM diversity WHERE stage = 'raw' ORDER BY source, generation LIMIT 12`
  },
  text_sums: {
    about: 'Any grouping, any range of hours: here lengths and mean cosine per topic and temperature.',
    sql: `SELECT topic, temperature, sum(texts) AS n, round(sum(tokens) / n, 1) AS length_mean,
  round(sqrt((sum(token_squares) - pow(sum(tokens), 2) / n) / (n - 1)), 1) AS length_sd,
  round((L2SquaredNorm(arrayMap(x -> x / 16777216, sumForEach(vector_sum))) - sum(vectors)) / (sum(vectors) * (sum(vectors) - 1)), 4) AS mean_cosine
FROM text_sums WHERE stage = 'raw' AND hour >= now() - INTERVAL 7 DAY
GROUP BY topic, temperature HAVING n > 1 ORDER BY n DESC LIMIT 5`
  },
  text_states: {
    about: 'The same for different n-grams: here per family.',
    sql: `SELECT family, uniqCombined64Merge(12)(grams_1) AS types, uniqCombined64Merge(12)(grams_2) AS pairs,
  uniqCombined64Merge(12)(grams_4) AS fours
FROM text_states WHERE stage = 'accepted' GROUP BY family ORDER BY family LIMIT 5`
  },
  window_sums: {
    about:
      'Sums of windows, over any of them: how many different things each source writes about, in effect (the Vendi score of order 2), and the spread of its log-perplexity. The second moments of two groups are what `frechetDistance` of the package takes.',
    sql: `SELECT source, n, round(pow(n * 1048576, 2) / (2 * L2SquaredNorm(sums)
    - arraySum(row -> pow(sums[intDiv(row * (row + 1), 2)], 2), range(1, 65))), 1) AS vendi_q2, log_ppl_quartiles
FROM (
  SELECT source, sum(embeddings) AS n, sumForEach(embedding_products) AS sums,
    arrayMap(q -> round(q, 2), quantilesTDigestArray(0.25, 0.5, 0.75)(log_perplexities)) AS log_ppl_quartiles
  FROM window_sums WHERE stage = 'accepted' AND cell_group = '*' GROUP BY source
) ORDER BY source LIMIT 5`
  },
  ngrams_sampled: {
    about: 'How many words are seen only once or twice, in large groups? One word in sixteen is counted.',
    sql: `SELECT source, 16 * count() AS types, 16 * countIf(c = 1) AS f1, 16 * countIf(c = 2) AS f2
FROM (SELECT source, count() AS c FROM ngrams_sampled WHERE n = 1 AND stage = 'accepted' GROUP BY source, gram)
GROUP BY source ORDER BY source LIMIT 5`
  },
  ngrams: {
    about:
      'The same exactly, in groups of up to some 20,000 texts; here the missing mass f1/N of words in human text.',
    sql: `SELECT split, sum(c) AS tokens, count() AS types, countIf(c = 1) AS f1, countIf(c = 2) AS f2, round(f1 / tokens, 4) AS missing_mass
FROM (SELECT split, count() AS c FROM ngrams WHERE n = 1 AND stage = 'human' AND split != 'SEED' GROUP BY split, gram)
GROUP BY split ORDER BY split`
  },
  texts: {
    about: 'Vendi q2 of a group, from the second moments of a sample of its vectors.',
    sql: `SELECT topic, m, round(m * m / (m + m * (m - 1) * (squares - taken) / (taken * (taken - 1))), 2) AS vendi_q2
FROM (
  SELECT topic, any(total) AS m, count() AS taken, L2SquaredNorm(sumForEach(arrayFlatten(arrayMap(x -> arrayMap(y -> x * y, vector), vector)))) AS squares
  FROM (
    SELECT topic, vector, count() OVER (PARTITION BY topic) AS total FROM texts
    WHERE stage = 'human' AND split = 'REFERENCE' AND notEmpty(vector)
    ORDER BY cityHash64(id) LIMIT 100 BY topic
  )
  GROUP BY topic HAVING taken > 1
)
ORDER BY topic LIMIT 5`
  }
}
