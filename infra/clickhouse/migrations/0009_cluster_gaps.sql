-- What people write about, found by clustering their texts, and how often models do.
ALTER TABLE stats
  ADD COLUMN IF NOT EXISTS cluster_documents Array(Int32) COMMENT 'In the row of cluster_entropy: documents of the window per cluster of the human reference' AFTER z,
  ADD COLUMN IF NOT EXISTS cluster_examples Array(String) COMMENT 'In the same row, human windows only: sample ids of up to three documents per cluster, commas between' AFTER cluster_documents;

CREATE VIEW IF NOT EXISTS cluster_gaps (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign',
  stage String COMMENT 'raw: as generated; accepted: verified',
  source String COMMENT 'Model, or * over all',
  cluster UInt16 COMMENT 'Number of the cluster, from 0; clusters of a dataset are fixed when its reference is frozen',
  human Int64 COMMENT 'Human documents of the band in the cluster',
  human_share Nullable(Float64) COMMENT 'Their share of those in any cluster; null where none is',
  written Int64 COMMENT 'Documents of closed windows that are nearest to the cluster, of all generations',
  written_share Nullable(Float64) COMMENT 'Their share of those in any cluster; null before the first',
  ratio Nullable(Float64) COMMENT 'written_share / human_share: 1 when models write about it as often as people do',
  thin Bool COMMENT 'Less than half as often as people, where at least ten documents would be as often',
  examples Array(String) COMMENT 'Sample ids of up to three human documents of the cluster, of the reference split: text nobody generates from'
) AS
WITH
  -- Of records under one number the newest counts. A band taken again tells all its human windows again, perhaps fewer.
  newest AS (
    SELECT slot, newest_offset
    FROM (
      SELECT
        slot, stage, window, max(_offset) AS newest_offset,
        argMax(argMax(human_windows, _offset), max(_offset)) OVER (PARTITION BY slot, scope, cell_group) AS windows
      FROM stats
      WHERE metric = 'cluster_entropy'
      GROUP BY slot, scope, cell_group, stage, window
    )
    WHERE stage != 'human' OR window < windows
  ),
  hits AS (
    SELECT dataset, run, stage, source, window, cluster_documents, cluster_examples
    FROM stats FINAL
    WHERE metric = 'cluster_entropy' AND cell_group = '*' AND notEmpty(cluster_documents) AND (slot, _offset) IN newest
  ),
  people AS (
    SELECT dataset, sumForEach(cluster_documents) AS found, groupArray((window, cluster_examples)) AS shown
    FROM hits
    WHERE stage = 'human'
    GROUP BY dataset
  ),
  models AS (
    SELECT dataset, run, stage, source, sumForEach(cluster_documents) AS found
    FROM hits
    WHERE stage != 'human'
    GROUP BY dataset, run, stage, source
  )
SELECT
  people.dataset AS dataset, models.run AS run, models.stage AS stage, models.source AS source, toUInt16(place - 1) AS cluster,
  people.found[place] AS human, human / nullIf(arraySum(people.found), 0) AS human_share,
  models.found[place] AS written, written / nullIf(arraySum(models.found), 0) AS written_share,
  written_share / nullIf(human_share, 0) AS ratio,
  toBool(ifNull(ratio < 0.5 AND human_share * arraySum(models.found) >= 10, false)) AS thin,
  arraySlice(arrayFilter(
    id -> id != '', arrayFlatten(arrayMap(one -> splitByChar(',', one.2[place]), arraySort(one -> one.1, people.shown)))), 1, 3) AS examples
FROM models INNER JOIN people ON models.dataset = people.dataset
ARRAY JOIN arrayEnumerate(people.found) AS place
COMMENT 'Clusters of human text beside how often models write about them: what coverage_gaps says where texts carry no labels';

-- Narrowing shows in what texts are about, which no window before this one knew.
CREATE OR REPLACE VIEW diagnosis (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign',
  stage String COMMENT 'raw or accepted',
  generation Nullable(Int32) COMMENT 'Generation number of the texts; null when unknown',
  source String COMMENT 'Model, or * over all',
  windows UInt64 COMMENT 'Whole windows judged, beside a human band',
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
  mean_cosine_z Nullable(Float64) COMMENT 'mean_cosine',
  mtld_z Nullable(Float64) COMMENT 'mtld: rises while the tail dies, so it is no sign',
  length_z Nullable(Float64) COMMENT 'length_mean: many metrics follow it',
  cluster_entropy_z Nullable(Float64) COMMENT 'cluster_entropy: how evenly texts are spread over the subjects of human text'
) AS
WITH
  tail_types_z IS NOT NULL AND tail_mass_z IS NOT NULL AS by_tail,
  -- What dies first, and what goes with it only when decoding is cut off or cold.
  if(by_tail, tail_types_z, least(missing_mass_z, heaps_beta_z)) AS rare,
  if(by_tail, tail_mass_z, entropy_z) AS common,
  if(by_tail, 'tail types kept', 'f1/N or Heaps beta') AS rare_name,
  if(by_tail, 'tail mass', 'entropy') AS common_name,
  ifNull(rare <= -3, false) AS lost,
  [
    (ifNull(-rare, 0), 'recursion_drift', lost AND ifNull(common > -3, false),
      concat(rare_name, ' ', toString(round(rare, 1)), ' sd from human while ', common_name, ' holds at ', toString(round(common, 1)))),
    (ifNull(-rare, 0), 'decoder_bias', lost AND ifNull(common <= -3, false),
      concat(rare_name, ' ', toString(round(rare, 1)), ' and ', common_name, ' ', toString(round(common, 1)), ' sd from human, both lost')),
    (greatest(ifNull(mean_cosine_z, 0), ifNull(-cluster_entropy_z, 0)), 'mode_narrowing', ifNull(mean_cosine_z >= 3, false) OR ifNull(cluster_entropy_z <= -3, false),
      if(ifNull(-cluster_entropy_z, 0) > ifNull(mean_cosine_z, 0),
        concat('texts are about less: cluster entropy ', toString(round(cluster_entropy_z, 1)), ' sd from human'),
        concat('texts are more alike: mean cosine ', toString(round(mean_cosine_z, 1)), ' sd from human'))),
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
  tail_types_z, tail_mass_z, missing_mass_z, heaps_beta_z, types_z, entropy_z, self_repetition_z, mean_cosine_z, mtld_z, length_z, cluster_entropy_z
FROM (
  SELECT
    toString(dataset) AS dataset, toString(run) AS run, toString(stage) AS stage, generation, toString(source) AS source,
    uniqExactIf((slot, _offset), isNotNull(z)) AS windows,
    avgOrNullIf(z, metric = 'tail_types_kept') AS tail_types_z, avgOrNullIf(z, metric = 'tail_mass') AS tail_mass_z,
    avgOrNullIf(z, metric = 'missing_mass') AS missing_mass_z, avgOrNullIf(z, metric = 'heaps_beta') AS heaps_beta_z,
    avgOrNullIf(z, metric = 'types') AS types_z, avgOrNullIf(z, metric = 'entropy_1_chao_shen') AS entropy_z,
    avgOrNullIf(z, metric = 'self_repetition_4') AS self_repetition_z, avgOrNullIf(z, metric = 'mean_cosine') AS mean_cosine_z,
    avgOrNullIf(z, metric = 'mtld') AS mtld_z, avgOrNullIf(z, metric = 'length_mean') AS length_z,
    avgOrNullIf(z, metric = 'cluster_entropy') AS cluster_entropy_z
  FROM stats FINAL
  WHERE NOT partial AND stage != 'human' AND cell_group = '*'
  GROUP BY dataset, run, stage, generation, source
)
COMMENT 'Which way a source collapses, told from pairs of metrics of which one moves and the other does not';

-- Windows of groups of cells are of the same texts once more.
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
  tokenizer String COMMENT 'Name and version of the tokenizer'
) AS
SELECT
  dataset, stage, source, metric, depth AS generation, windows, mean, sd, z,
  count() OVER trend AS generations,
  (generations * sum(depth * mean) OVER trend - sum(depth) OVER trend * sum(mean) OVER trend)
    / nullIf(generations * sum(depth * depth) OVER trend - pow(sum(depth) OVER trend, 2), 0) AS slope,
  (count(z) OVER trend * sum(depth * z) OVER trend - sumIf(depth, isNotNull(z)) OVER trend * sum(z) OVER trend)
    / nullIf(count(z) OVER trend * sumIf(depth * depth, isNotNull(z)) OVER trend - pow(sumIf(depth, isNotNull(z)) OVER trend, 2), 0) AS slope_z,
  avg(mean) OVER trend - slope * avg(depth) OVER trend AS intercept,
  tokenizer
FROM (
  SELECT
    toString(dataset) AS dataset, toString(stage) AS stage, toString(source) AS source, toString(metric) AS metric,
    toString(tokenizer) AS tokenizer, assumeNotNull(generation) AS depth,
    count() AS windows, avg(assumeNotNull(value)) AS mean, if(windows < 2, NULL, stddevSampStable(assumeNotNull(value))) AS sd,
    avgOrNull(stats.z) AS z
  FROM stats FINAL
  WHERE NOT partial AND stage != 'human' AND isNotNull(generation) AND isNotNull(value) AND cell_group = '*'
  GROUP BY dataset, stage, source, metric, tokenizer, depth
)
WINDOW trend AS (PARTITION BY dataset, stage, source, metric, tokenizer)
COMMENT 'Each metric over the generations, and the line through them';
