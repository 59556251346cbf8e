-- What a provider says of its own tokens.
ALTER TABLE generations
  ADD COLUMN IF NOT EXISTS log_probability Nullable(Float64) COMMENT 'Mean natural logarithm of the probability of its tokens, as the provider says; null where it was not asked' AFTER error;

-- What of windows adds up: any grouping of windows is asked of these.
ALTER TABLE stats
  ADD COLUMN IF NOT EXISTS embeddings Int64 COMMENT 'In the row of the first metric: documents with a sentence embedding; 0 for all sources, whose texts are theirs once more' AFTER cluster_examples,
  ADD COLUMN IF NOT EXISTS embedding_sum Array(Float32) COMMENT 'In the same row: sum of their vectors, in units of 2^-20' CODEC(LZ4) AFTER embeddings,
  ADD COLUMN IF NOT EXISTS embedding_products Array(Float32) COMMENT 'In the same row: sum of the products of their numbers, in units of 2^-20, the lower half row by row' CODEC(LZ4) AFTER embedding_sum,
  ADD COLUMN IF NOT EXISTS log_perplexities Array(Float64) COMMENT 'In the same row: log-perplexity of each document under the model of the human reference, nats a token' CODEC(ZSTD(1)) AFTER embedding_products;

CREATE VIEW IF NOT EXISTS window_sums (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human windows',
  stage String COMMENT 'raw: as generated; accepted: verified; human: the reference split',
  generation Nullable(Int32) COMMENT 'Generation number of the texts; null when unknown',
  source String COMMENT 'Model; * for human windows and those of groups of cells',
  cell_group String COMMENT 'Group of cells, or *: a window of a group is of texts that are in one of their source as well',
  window Int64 COMMENT 'Number of the window in its scope',
  closed DateTime('UTC') COMMENT 'When it closed',
  documents Int32 COMMENT 'Documents',
  tokens Int64 COMMENT 'Words',
  embeddings Int64 COMMENT 'Documents with a sentence embedding, all-minilm-l6-v2-words-64-1; at a glance of one document in four',
  embedding_sum Array(Float32) COMMENT 'Sum of their vectors at length 1, in units of 2^-20; add up with sumForEach',
  embedding_products Array(Float32) COMMENT 'Second moments: sum of the products of their numbers, in units of 2^-20, the lower half row by row; add up with sumForEach',
  log_perplexities Array(Float64) COMMENT 'Log-perplexity of each document, at a glance of one in four, nats a token; quantilesTDigestArray makes one digest of many windows'
) AS
SELECT
  dataset, run, stage, generation, source, cell_group, window, toDateTime(created_at, 'UTC') AS closed, documents, tokens,
  embeddings, embedding_sum, embedding_products, log_perplexities
FROM stats FINAL
WHERE metric_index = 0 AND (embeddings > 0 OR notEmpty(log_perplexities))
  -- Of records under one number the newest counts. A band taken again tells all its human windows again, perhaps fewer.
  AND (slot, _offset) IN (
    SELECT slot, newest
    FROM (
      SELECT
        slot, stage, window, max(_offset) AS newest,
        argMax(argMax(human_windows, _offset), max(_offset)) OVER (PARTITION BY slot, scope, cell_group) AS windows
      FROM stats
      WHERE metric_index = 0
      GROUP BY slot, scope, cell_group, stage, window
    )
    WHERE stage != 'human' OR window < windows
  )
COMMENT 'Sums over the texts of closed windows, to be added up over any of them: cosines, Vendi q2, Fréchet distances, quantiles of log-perplexity';

-- Mild losses are told as well, by how even the probability of texts is; and of a source that was good for long and is not any more what it is now.
CREATE OR REPLACE VIEW diagnosis (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign',
  stage String COMMENT 'raw or accepted',
  generation Nullable(Int32) COMMENT 'Generation number of the texts; null when unknown',
  source String COMMENT 'Model, or * over all',
  windows UInt64 COMMENT 'Whole windows judged, beside a human band: the newest ten of each slot',
  diagnosis String COMMENT 'The strongest of signs, none, or NO_DATA without a band: recursion_drift, decoder_bias, mode_narrowing, template_filling',
  signs Array(String) COMMENT 'All that was found, the strongest first',
  evidence String COMMENT 'Why, in one sentence per sign',
  tail_types_z Nullable(Float64) COMMENT 'tail_types_kept, mean distance from human windows in their standard deviations; so are the others',
  tail_mass_z Nullable(Float64) COMMENT 'tail_mass',
  missing_mass_z Nullable(Float64) COMMENT 'missing_mass: f1 over N',
  heaps_beta_z Nullable(Float64) COMMENT 'heaps_beta',
  types_z Nullable(Float64) COMMENT 'types',
  entropy_z Nullable(Float64) COMMENT 'entropy_1_chao_shen',
  self_repetition_z Nullable(Float64) COMMENT 'self_repetition_4',
  mean_cosine_z Nullable(Float64) COMMENT 'embedding_cosine: how alike what texts are about is',
  mtld_z Nullable(Float64) COMMENT 'mtld: rises while the tail dies, so it is no sign',
  length_z Nullable(Float64) COMMENT 'length_mean: many metrics follow it',
  cluster_entropy_z Nullable(Float64) COMMENT 'cluster_entropy: how evenly texts are spread over the subjects of human text',
  crowding_z Nullable(Float64) COMMENT 'embedding_cosine_squared: above human where texts are about fewer things, however many there are of them',
  log_ppl_z Nullable(Float64) COMMENT 'log_ppl_mean: above human where texts are put together anew, below where decoding is cold or cut off',
  log_ppl_sd_z Nullable(Float64) COMMENT 'log_ppl_sd: below human where all texts are about as probable'
) AS
WITH
  tail_types_z IS NOT NULL AND tail_mass_z IS NOT NULL AS by_tail,
  -- What dies first, and what goes with it only when decoding is cut off or cold.
  arrayFilter(one -> isNotNull(one.1), [(tail_types_z, 'tail types kept'), (missing_mass_z, 'f1/N'), (heaps_beta_z, 'Heaps beta')]) AS dying,
  if(empty(dying), NULL, arrayMin(arrayMap(one -> assumeNotNull(one.1), dying))) AS rare,
  arrayFirst(one -> one.1 = rare, dying).2 AS rare_name,
  if(by_tail, tail_mass_z, entropy_z) AS common,
  if(by_tail, 'tail mass', 'entropy') AS common_name,
  ifNull(rare <= -3, false) AS lost,
  -- Before that: all texts are about as probable, which people's never are, and what is rare thins out.
  NOT lost AND ifNull(log_ppl_sd_z <= -3 AND rare <= -1, false) AS thinning,
  if(lost, ifNull(common <= -3, false), ifNull(log_ppl_z < 0, false)) AS decoded,
  if(lost,
    concat(rare_name, ' ', toString(round(rare, 1)), if(decoded,
      concat(' and ', common_name, ' ', toString(round(common, 1)), ' sd from human, both lost'),
      if(isNull(common), ' sd from human', concat(' sd from human while ', common_name, ' holds at ', toString(round(common, 1)))))),
    concat('texts are evenly probable, sd of log-perplexity ', toString(round(log_ppl_sd_z, 1)), ' sd from human, and ',
      if(decoded, 'more', 'less'), ' probable than people''s, ', toString(round(log_ppl_z, 1)), ', while ', rare_name, ' thins at ', toString(round(rare, 1)))) AS dying_words,
  if(lost, -rare, -log_ppl_sd_z) AS dying_strength,
  greatest(ifNull(-cluster_entropy_z, 0), ifNull(crowding_z, 0)) AS narrowing,
  [
    (ifNull(dying_strength, 0), 'recursion_drift', (lost OR thinning) AND NOT decoded, dying_words),
    (ifNull(dying_strength, 0), 'decoder_bias', (lost OR thinning) AND decoded, dying_words),
    (narrowing, 'mode_narrowing', narrowing >= 3,
      if(ifNull(-cluster_entropy_z, 0) >= ifNull(crowding_z, 0),
        concat('texts are about less: cluster entropy ', toString(round(cluster_entropy_z, 1)), ' sd from human'),
        concat('texts are about fewer things: mean squared cosine ', toString(round(crowding_z, 1)), ' sd from human'))),
    -- Phrases come back in drift as well, and when decoding is cold: there new words come slower, which patterns that are filled in leave as it is.
    (ifNull(self_repetition_z, 0), 'template_filling', ifNull(self_repetition_z >= 3, false) AND (ifNull(heaps_beta_z > -1, true) OR ifNull(cluster_entropy_z <= -3, false)) AND NOT ifNull(mean_cosine_z >= self_repetition_z, false),
      concat('phrases come back in other texts: self-repetition ', toString(round(self_repetition_z, 1)), ' sd from human'))
  ] AS candidates,
  arraySort(one -> -one.1, arrayFilter(one -> one.3, candidates)) AS found
SELECT
  dataset, run, stage, generation, source, windows,
  multiIf(windows = 0, 'NO_DATA', empty(found), 'none', found[1].2) AS diagnosis,
  arrayMap(one -> one.2, found) AS signs,
  arrayStringConcat(arrayMap(one -> ifNull(one.4, ''), found), '; ') AS evidence,
  tail_types_z, tail_mass_z, missing_mass_z, heaps_beta_z, types_z, entropy_z, self_repetition_z, mean_cosine_z, mtld_z, length_z, cluster_entropy_z,
  crowding_z, log_ppl_z, log_ppl_sd_z
FROM (
  SELECT
    toString(dataset) AS dataset, toString(run) AS run, toString(stage) AS stage, generation, toString(source) AS source,
    uniqExactIf((slot, _offset), isNotNull(z)) AS windows,
    avgOrNullIf(z, metric = 'tail_types_kept') AS tail_types_z, avgOrNullIf(z, metric = 'tail_mass') AS tail_mass_z,
    avgOrNullIf(z, metric = 'missing_mass') AS missing_mass_z, avgOrNullIf(z, metric = 'heaps_beta') AS heaps_beta_z,
    avgOrNullIf(z, metric = 'types') AS types_z, avgOrNullIf(z, metric = 'entropy_1_chao_shen') AS entropy_z,
    avgOrNullIf(z, metric = 'self_repetition_4') AS self_repetition_z, avgOrNullIf(z, metric = 'embedding_cosine') AS mean_cosine_z,
    avgOrNullIf(z, metric = 'mtld') AS mtld_z, avgOrNullIf(z, metric = 'length_mean') AS length_z,
    avgOrNullIf(z, metric = 'cluster_entropy') AS cluster_entropy_z, avgOrNullIf(z, metric = 'embedding_cosine_squared') AS crowding_z,
    avgOrNullIf(z, metric = 'log_ppl_mean') AS log_ppl_z, avgOrNullIf(z, metric = 'log_ppl_sd') AS log_ppl_sd_z
  FROM stats FINAL
  WHERE NOT partial AND stage != 'human' AND cell_group = '*'
    -- Of records under one number the newest counts. What was long ago must not hide what is.
    AND (slot, _offset) IN (
      SELECT slot, max(_offset)
      FROM stats
      WHERE metric_index = 0 AND NOT partial AND stage != 'human' AND cell_group = '*'
      GROUP BY slot, scope, window
      ORDER BY window DESC
      LIMIT 10 BY slot, scope
    )
  GROUP BY dataset, run, stage, generation, source
)
COMMENT 'Which way a source collapses, told from pairs of metrics of which one moves and the other does not';

CREATE OR REPLACE VIEW generation_trends (
  dataset String COMMENT 'Dataset',
  stage String COMMENT 'raw or accepted',
  source String COMMENT 'Model, or * over all',
  metric String COMMENT 'Key of the metric',
  generation Int32 COMMENT 'Generation number of the texts',
  windows UInt64 COMMENT 'Whole windows of it, over all runs of the dataset',
  mean Float64 COMMENT 'Mean value over them',
  sd Nullable(Float64) COMMENT 'Standard deviation over them; null below two',
  z Nullable(Float64) COMMENT 'Mean distance from human text in standard deviations of human windows; null without a band',
  generations UInt64 COMMENT 'Generations the line is laid through',
  slope Nullable(Float64) COMMENT 'Change of the mean per generation, by least squares over the generations; null for one',
  slope_z Nullable(Float64) COMMENT 'The same of z',
  intercept Nullable(Float64) COMMENT 'Value of the line at generation 0',
  tokenizer String COMMENT 'Name and version of the tokenizer',
  model String COMMENT 'Name and version of the model the metric rests on, and of which share of the documents; or empty'
) AS
SELECT
  dataset, stage, source, metric, depth AS generation, windows, mean, sd, z,
  count() OVER trend AS generations,
  (generations * sum(depth * mean) OVER trend - sum(depth) OVER trend * sum(mean) OVER trend)
    / nullIf(generations * sum(depth * depth) OVER trend - pow(sum(depth) OVER trend, 2), 0) AS slope,
  (count(z) OVER trend * sum(depth * z) OVER trend - sumIf(depth, isNotNull(z)) OVER trend * sum(z) OVER trend)
    / nullIf(count(z) OVER trend * sumIf(depth * depth, isNotNull(z)) OVER trend - pow(sumIf(depth, isNotNull(z)) OVER trend, 2), 0) AS slope_z,
  avg(mean) OVER trend - slope * avg(depth) OVER trend AS intercept,
  tokenizer, model
FROM (
  SELECT
    toString(dataset) AS dataset, toString(stage) AS stage, toString(source) AS source, toString(metric) AS metric,
    toString(tokenizer) AS tokenizer, toString(model) AS model, assumeNotNull(generation) AS depth,
    count() AS windows, avg(assumeNotNull(value)) AS mean, if(windows < 2, NULL, stddevSampStable(assumeNotNull(value))) AS sd,
    avgOrNull(stats.z) AS z
  FROM stats FINAL
  WHERE NOT partial AND stage != 'human' AND isNotNull(generation) AND isNotNull(value) AND cell_group = '*'
    -- Of records under one number the newest counts.
    AND (slot, _offset) IN (
      SELECT slot, max(_offset)
      FROM stats
      WHERE metric_index = 0 AND NOT partial AND stage != 'human' AND cell_group = '*'
      GROUP BY slot, scope, window
    )
  GROUP BY dataset, stage, source, metric, tokenizer, model, depth
)
WINDOW trend AS (PARTITION BY dataset, stage, source, metric, tokenizer, model)
COMMENT 'Each metric over the generations, and the line through them';

CREATE OR REPLACE VIEW coverage_gaps (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign',
  task String COMMENT 'What a human text of the cell is asked for; empty where its publisher does not say',
  topic String COMMENT 'What it is about; empty where its publisher does not say',
  format String COMMENT 'How it is laid out; empty where its publisher does not say',
  human UInt64 COMMENT 'Admitted human texts in the cell',
  human_share Float64 COMMENT 'Share of the human texts of the dataset that are labelled',
  verified UInt64 COMMENT 'Samples of the run in the cell that passed every check; what a human text does not say fits every sample',
  verified_share Nullable(Float64) COMMENT 'Share of the samples of the run that fit any human cell; null before the first',
  ratio Nullable(Float64) COMMENT 'verified_share / human_share: 1 when models write about it as often as people do',
  thin Bool COMMENT 'Less than half as often as people write about it, where at least ten samples would be as often',
  examples Array(String) COMMENT 'Sample ids of up to three human texts of the cell, of the reference split: text nobody generates from'
) AS
WITH
  labelled AS (
    SELECT dataset, task, topic, format, human, human / sum(human) OVER (PARTITION BY dataset) AS share
    FROM coverage
    WHERE run = '' AND human > 0 AND (task, topic, format) != ('', '', '')
  ),
  written AS (
    SELECT dataset, run, task, topic, format, sum(verified) AS verified
    FROM coverage
    WHERE run != ''
    GROUP BY dataset, run, task, topic, format
  ),
  pairs AS (
    SELECT
      labelled.dataset AS dataset, written.run AS run, labelled.task AS task, labelled.topic AS topic, labelled.format AS format,
      labelled.human AS human, labelled.share AS share, (written.task, written.topic, written.format) AS cell, written.verified AS verified,
      labelled.task IN ('', written.task) AND labelled.topic IN ('', written.topic) AND labelled.format IN ('', written.format) AS fits
    FROM labelled INNER JOIN written ON labelled.dataset = written.dataset
  ),
  fitting AS (
    SELECT dataset, run, task, topic, format, any(human) AS human, any(share) AS human_share, sumIf(verified, fits) AS verified
    FROM pairs
    GROUP BY dataset, run, task, topic, format
  ),
  -- A sample may fit several cells, and is one sample.
  written_in_all AS (
    SELECT dataset, run, sum(verified) AS verified
    FROM (SELECT DISTINCT dataset, run, cell, verified FROM pairs WHERE fits)
    GROUP BY dataset, run
  ),
  shown AS (
    SELECT dataset, task, cell_topic AS topic, format, groupArraySorted(3)(id) AS examples
    FROM samples FINAL
    WHERE _topic = 'samples.human' AND split = 'REFERENCE'
    GROUP BY dataset, task, cell_topic, format
  )
SELECT
  fitting.dataset AS dataset, fitting.run AS run, fitting.task AS task, fitting.topic AS topic, fitting.format AS format,
  human, human_share, fitting.verified AS verified,
  fitting.verified / nullIf(written_in_all.verified, 0) AS verified_share,
  verified_share / human_share AS ratio,
  toBool(ifNull(ratio < 0.5 AND human_share * written_in_all.verified >= 10, false)) AS thin, shown.examples AS examples
FROM fitting
LEFT JOIN written_in_all ON fitting.dataset = written_in_all.dataset AND fitting.run = written_in_all.run
LEFT JOIN shown
  ON fitting.dataset = shown.dataset AND fitting.task = shown.task AND fitting.topic = shown.topic AND fitting.format = shown.format
COMMENT 'Cells of human text beside how often models write about them';


CREATE OR REPLACE VIEW funnel (
  run String COMMENT 'Campaign',
  dataset String COMMENT 'Dataset',
  prompts UInt64 COMMENT 'Prompts, repairs not counted',
  expected Int64 COMMENT 'Samples asked for, repairs included',
  generated UInt64 COMMENT 'Answers of models, failed calls included',
  duplicates UInt64 COMMENT 'Answers turned down as duplicates',
  rejected UInt64 COMMENT 'Answers turned down, duplicates and failed calls included',
  rejected_by_check Map(String, UInt64) COMMENT 'Answers turned down per check',
  verified UInt64 COMMENT 'Samples that passed every check',
  parked Int64 COMMENT 'Samples never asked for because the run was stopped',
  dead Int64 COMMENT 'Samples lost to records that could not be processed',
  training UInt64 COMMENT 'Samples of the run in training'
) AS
SELECT
  run, max(dataset) AS dataset,
  toUInt64(sum(n * (kind = 'prompts'))) AS prompts,
  sum(n * (kind = 'expected')) AS expected,
  toUInt64(sum(n * (kind = 'generations'))) AS generated,
  toUInt64(sum(n * (kind = 'samples.rejected' AND endsWith(reason, 'duplicate')))) AS duplicates,
  toUInt64(sum(n * (kind = 'samples.rejected'))) AS rejected,
  sumMap(if(kind = 'samples.rejected', map(check, toUInt64(n)), CAST(map(), 'Map(String, UInt64)'))) AS rejected_by_check,
  toUInt64(sum(n * (kind = 'samples.verified'))) AS verified,
  sum(n * (kind = 'parked')) AS parked,
  sum(n * (kind = 'dead')) AS dead,
  toUInt64(sum(n * (kind = 'training'))) AS training
FROM (
  SELECT
    toString(run) AS run, toString(dataset) AS dataset, toString(_topic) AS kind, toString(check) AS check, toString(reason) AS reason,
    toInt64(bitmapCardinality(groupBitmapMergeState(offsets))) AS n
  FROM counts
  WHERE _topic IN ('generations', 'samples.rejected', 'samples.verified', 'training')
  GROUP BY run, dataset, kind, check, reason, slot
  UNION ALL
  SELECT run, dataset, 'prompts', '', '', toInt64(uniqExact(id)) FROM prompts GROUP BY run, dataset
  UNION ALL
  -- A prompt forwarded to its slot is in the topic twice; it is known by id, attempt and, when it repairs one of several samples, its index.
  SELECT run, dataset, 'expected', '', '', sum(asked)
  FROM (SELECT run, dataset, id, attempt, toInt64(any(samples)) AS asked FROM prompts GROUP BY run, dataset, id, attempt, sample_index)
  GROUP BY run, dataset
  UNION ALL
  -- A prompt that was told again after it was parked is open again.
  SELECT run, dataset, 'parked', '', '', sum(parkings.unsettled)
  FROM (
    SELECT
      run, dataset, id, attempt, ifNull(sample_index, -1) AS place, argMax(toInt64(parked.unsettled), _offset) AS unsettled,
      uniqExact(slot, _offset) AS times
    FROM parked
    GROUP BY run, dataset, id, attempt, place
  ) AS parkings
  LEFT JOIN (
    SELECT run, id, attempt, place, max(told) AS times
    FROM (
      SELECT run, id, attempt, ifNull(sample_index, -1) AS place, slot, uniqExact(_offset) AS told
      FROM prompts
      WHERE (run, id) IN (SELECT run, id FROM parked)
      GROUP BY run, id, attempt, place, slot
    )
    GROUP BY run, id, attempt, place
  ) AS tellings
  ON parkings.run = tellings.run AND parkings.id = tellings.id AND parkings.attempt = tellings.attempt AND parkings.place = tellings.place
  WHERE parkings.times >= tellings.times
  GROUP BY run, dataset
  UNION ALL
  SELECT run, '', 'dead', '', '', sum(toInt64(settles)) FROM dead_letters FINAL GROUP BY run
)
WHERE run != ''
GROUP BY run
COMMENT 'How far the samples of each run came';

-- A question about one stage reads no other.
CREATE OR REPLACE VIEW diversity (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts',
  stage String COMMENT 'raw: as generated; accepted: verified; human: admitted',
  generation Nullable(Int32) COMMENT '0 for human text, null when unknown',
  source String COMMENT 'Model; empty for people',
  texts UInt64 COMMENT 'Texts with at least one word',
  tokens UInt64 COMMENT 'Words',
  length_mean Float64 COMMENT 'Words per text',
  length_sd Nullable(Float64) COMMENT 'Standard deviation of the words per text; null below two texts',
  types UInt64 COMMENT 'Different words; exact up to 120, then within 5 %',
  distinct_2 Nullable(Float64) COMMENT 'Different 2-grams over all 2-grams; falls with the number of texts',
  mean_cosine Nullable(Float64) COMMENT 'Mean cosine between two texts, features hashed-256-1; null below two'
) AS
SELECT
  sums.dataset AS dataset, sums.run AS run, sums.stage AS stage,
  if(sums.depth < 0, NULL, sums.depth) AS generation, sums.source AS source, texts, tokens,
  tokens / texts AS length_mean,
  sqrt(greatest(squares - tokens * tokens / texts, 0) / nullIf(texts - 1, 0)) AS length_sd,
  states.types AS types,
  least(1, pairs / nullIf(tokens - texts, 0)) AS distinct_2,
  (length * length - m) / nullIf(m * (m - 1), 0) AS mean_cosine
FROM (
  SELECT
    toString(dataset) AS dataset, toString(run) AS run, transform(toString(_topic), ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage, generation AS depth, toString(source) AS source,
    sum(diversity_sums.texts) AS texts, sum(diversity_sums.tokens) AS tokens, sum(token_squares) AS squares,
    sum(vectors) AS m, L2Norm(sumForEach(vector_sum)) / 16777216 AS length
  FROM diversity_sums FINAL
  GROUP BY dataset, run, stage, depth, source
  HAVING texts > 0
) AS sums
INNER JOIN (
  SELECT
    toString(dataset) AS dataset, toString(run) AS run, transform(toString(_topic), ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage, generation AS depth, toString(source) AS source,
    uniqCombined64Merge(12)(grams_1) AS types, uniqCombined64Merge(12)(grams_2) AS pairs
  FROM diversity_states
  WHERE _topic != 'training'
  GROUP BY dataset, run, stage, depth, source
) AS states
ON sums.dataset = states.dataset AND sums.run = states.run AND sums.stage = states.stage AND sums.depth = states.depth
  AND sums.source = states.source
COMMENT 'Diversity of everything there is, up to the last insert, in no windows: compare groups of about as many texts';
