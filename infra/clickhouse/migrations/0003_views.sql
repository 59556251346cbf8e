-- The public interface. Columns only ever get added.
CREATE VIEW IF NOT EXISTS collapse (
  run String COMMENT 'Campaign; empty for human windows',
  dataset String COMMENT 'Dataset',
  stage String COMMENT 'raw: as generated; accepted: verified; human: the reference split',
  generation Nullable(Int32) COMMENT 'Generation number of the texts; null when unknown',
  source String COMMENT 'Model, or * over all',
  cell_group String COMMENT 'Group of cells, or *',
  window Int64 COMMENT 'Number of the window in its scope, from 0; scopes of one dataset in several slots count apart',
  metric String COMMENT 'Key of the metric',
  value Nullable(Float64) COMMENT 'Its value; null when undefined',
  human_mean Nullable(Float64) COMMENT 'Mean over human windows of the same size; null unless the window is whole',
  human_sd Nullable(Float64) COMMENT 'Standard deviation over human windows; null unless the window is whole',
  z Nullable(Float64) COMMENT '(value - human_mean) / human_sd; null unless the window is whole',
  n Int64 COMMENT 'Tokens in the window',
  tokenizer String COMMENT 'Name and version of the tokenizer',
  e_value Nullable(Float64) COMMENT 'Evidence against the human band; null until a guard judges it',
  severity Nullable(String) COMMENT 'OK, WARNING, ALERT or NO_DATA; null until a guard judges it'
) AS
SELECT
  run, dataset, stage, generation, source, cell_group, window, metric, value,
  if(partial, NULL, human_mean) AS human_mean, if(partial, NULL, human_sd) AS human_sd, if(partial, NULL, z) AS z,
  tokens AS n, tokenizer, NULL AS e_value, NULL AS severity
FROM stats FINAL
-- Of records under one number the newest counts. A band taken again tells all its human windows again, perhaps fewer.
WHERE (slot, _offset) IN (
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
COMMENT 'Diversity metrics per window beside the human band';

CREATE VIEW IF NOT EXISTS sources (
  run String COMMENT 'Campaign',
  source String COMMENT 'Model',
  family String COMMENT 'Models that share training data or weights',
  dataset String COMMENT 'Dataset',
  generations UInt64 COMMENT 'Answers, failed ones included',
  input_tokens Int64 COMMENT 'Tokens read',
  output_tokens Int64 COMMENT 'Tokens written',
  cost_usd Float64 COMMENT 'Cost, US dollars',
  accepted UInt64 COMMENT 'Samples that passed every check',
  rejected UInt64 COMMENT 'Answers turned down',
  acceptance Nullable(Float64) COMMENT 'accepted / (accepted + rejected); null before the first',
  duplicate_rate Nullable(Float64) COMMENT 'Share of the judged answers that were duplicates',
  truncation_rate Nullable(Float64) COMMENT 'Share of the answers cut off at the token limit',
  refusal_rate Nullable(Float64) COMMENT 'Share of the judged answers that are refusals, accepted or not',
  error_rate Nullable(Float64) COMMENT 'Share of the answers that are failed calls',
  mean_latency_ms Nullable(Float64) COMMENT 'Mean time from request to last byte, milliseconds',
  single_source_share Nullable(Float64) COMMENT 'Share of the accepted samples of the run that this source wrote'
) AS
SELECT
  run, source, any(family) AS family, any(dataset) AS dataset,
  sum(n * (kind = 'generated')) AS generations,
  sum(input) AS input_tokens, sum(output) AS output_tokens, sum(cost) / 1e6 AS cost_usd,
  sum(n * (kind = 'accepted')) AS accepted,
  sum(n * (kind = 'rejected')) AS rejected,
  accepted / nullIf(accepted + rejected, 0) AS acceptance,
  sum(n * (kind = 'rejected' AND endsWith(reason, 'duplicate'))) / nullIf(accepted + rejected, 0) AS duplicate_rate,
  sum(n * (kind = 'generated' AND reason = 'truncated')) / nullIf(generations, 0) AS truncation_rate,
  sum(n * (kind IN ('accepted', 'rejected') AND refused)) / nullIf(accepted + rejected, 0) AS refusal_rate,
  sum(n * (kind = 'generated' AND reason = 'failed')) / nullIf(generations, 0) AS error_rate,
  sum(latency) / nullIf(sum(calls), 0) AS mean_latency_ms,
  accepted / nullIf(sum(accepted) OVER (PARTITION BY run), 0) AS single_source_share
FROM (
  SELECT
    run, source, family, dataset, refused, reason,
    transform(_topic, ['generations', 'samples.verified', 'samples.rejected'], ['generated', 'accepted', 'rejected'], '') AS kind,
    bitmapCardinality(groupBitmapMergeState(offsets)) AS n,
    0 AS calls, 0 AS input, 0 AS output, 0 AS cost, 0 AS latency
  FROM counts
  WHERE _topic IN ('generations', 'samples.verified', 'samples.rejected')
  GROUP BY run, source, family, dataset, refused, reason, _topic, slot
  UNION ALL
  SELECT run, source, family, dataset, false, '', '', 0, calls, input_tokens, output_tokens, cost_micros, latency_ms
  FROM usage FINAL
)
GROUP BY run, source
COMMENT 'What each model contributes to each run, and at what cost';

CREATE VIEW IF NOT EXISTS funnel (
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
  SELECT run, dataset, 'parked', '', '', sum(toInt64(unsettled)) FROM parked FINAL GROUP BY run, dataset
  UNION ALL
  SELECT run, '', 'dead', '', '', sum(toInt64(settles)) FROM dead_letters FINAL GROUP BY run
)
WHERE run != ''
GROUP BY run
COMMENT 'How far the samples of each run came';

CREATE VIEW IF NOT EXISTS mix_ratio (
  dataset String COMMENT 'Dataset',
  slot UInt16 COMMENT 'Partition of training',
  rows UInt64 COMMENT 'Samples laid down',
  human UInt64 COMMENT 'Of these, written by people and nobody else',
  synthetic UInt64 COMMENT 'Of these, written by models',
  other UInt64 COMMENT 'Of these, edited or of unknown origin',
  real UInt64 COMMENT 'Of these, what the floor counts: human ones, and edits of human text where the dataset says so',
  repeated UInt64 COMMENT 'Of these, human texts laid down once more: epoch 2 and later',
  real_share Float64 COMMENT 'real / rows',
  smallest_prefix_share Float64 COMMENT 'Smallest real share of any prefix of the slot',
  smallest_prefix_offset UInt64 COMMENT 'Offset the prefix with the smallest real share ends at'
) AS
SELECT
  dataset, slot, count() AS rows,
  countIf(origin = 'HUMAN_AUTHORED') AS human, countIf(origin = 'SYNTHETIC') AS synthetic, rows - human - synthetic AS other,
  countIf(counts) AS real, countIf(epoch > 1) AS repeated,
  real / rows AS real_share,
  min(share) AS smallest_prefix_share, argMin(_offset, (share, _offset)) AS smallest_prefix_offset
FROM (
  SELECT
    dataset, slot, _offset, origin, epoch, counts,
    countIf(counts) OVER prefix / count() OVER prefix AS share
  FROM (
    SELECT
      dataset, slot, _offset, origin, epoch,
      origin = 'HUMAN_AUTHORED' OR (
        origin = 'HUMAN_EDITED' AND generation = 0
        AND dataset IN (SELECT name FROM datasets FINAL WHERE JSONExtractBool(mix, 'edited_counts'))
      ) AS counts
    FROM samples FINAL
    WHERE _topic = 'training'
  )
  WINDOW prefix AS (PARTITION BY dataset, slot ORDER BY _offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
GROUP BY dataset, slot
COMMENT 'The real share of training, achieved over all and in the worst prefix';

CREATE VIEW IF NOT EXISTS mix_ratio_windows (
  dataset String COMMENT 'Dataset',
  slot UInt16 COMMENT 'Partition of training',
  window UInt64 COMMENT 'Number of the window of 1,000 rows of the dataset in the slot, from 0; the last one may have fewer',
  first_offset UInt64 COMMENT 'Offset of its first row',
  last_offset UInt64 COMMENT 'Offset of its last row',
  rows UInt64 COMMENT 'Rows in the window',
  real UInt64 COMMENT 'Of these, what the floor counts',
  synthetic UInt64 COMMENT 'Of these, written by models',
  repeated UInt64 COMMENT 'Of these, human texts laid down once more: epoch 2 and later',
  real_share Float64 COMMENT 'real / rows',
  rows_so_far UInt64 COMMENT 'Rows up to the end of the window',
  real_share_so_far Float64 COMMENT 'Real share of all rows up to the end of the window',
  generations Map(String, UInt64) COMMENT 'Rows in the window per generation; unknown where there is none',
  families Map(String, UInt64) COMMENT 'Rows in the window per model family',
  models Map(String, UInt64) COMMENT 'Rows in the window per model',
  cells Map(String, UInt64) COMMENT 'Rows in the window per task/topic/format'
) AS
SELECT
  dataset, slot, toUInt64(intDiv(number - 1, 1000)) AS window,
  min(_offset) AS first_offset, max(_offset) AS last_offset, count() AS rows,
  countIf(counts) AS real, countIf(origin = 'SYNTHETIC') AS synthetic, countIf(epoch > 1) AS repeated,
  real / rows AS real_share,
  max(number) AS rows_so_far, argMax(reals, number) / rows_so_far AS real_share_so_far,
  sumMap(map(ifNull(toString(generation), 'unknown'), toUInt64(1))) AS generations,
  mapFilter((name, n) -> name != '', sumMap(map(toString(family), toUInt64(1)))) AS families,
  mapFilter((name, n) -> name != '', sumMap(map(toString(source), toUInt64(1)))) AS models,
  sumMap(map(concat(task, '/', cell_topic, '/', format), toUInt64(1))) AS cells
FROM (
  SELECT
    *, toUInt64(count() OVER prefix) AS number, toUInt64(countIf(counts) OVER prefix) AS reals
  FROM (
    SELECT
      dataset, slot, _offset, origin, epoch, generation, family, source, task, cell_topic, format,
      origin = 'HUMAN_AUTHORED' OR (
        origin = 'HUMAN_EDITED' AND generation = 0
        AND dataset IN (SELECT name FROM datasets FINAL WHERE JSONExtractBool(mix, 'edited_counts'))
      ) AS counts
    FROM samples FINAL
    WHERE _topic = 'training'
  )
  WINDOW prefix AS (PARTITION BY dataset, slot ORDER BY _offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
GROUP BY dataset, slot, window
COMMENT 'What training was mixed of, achieved per 1,000 rows and up to each of these windows';

CREATE VIEW IF NOT EXISTS spend (
  run String COMMENT 'Campaign',
  source String COMMENT 'Model',
  day Date COMMENT 'Day of the answers, UTC',
  calls UInt64 COMMENT 'Answers, failed ones included',
  input_tokens Int64 COMMENT 'Tokens read',
  output_tokens Int64 COMMENT 'Tokens written',
  cost_usd Float64 COMMENT 'Cost, US dollars'
) AS
SELECT
  run, source, day, sum(calls) AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cost_micros) / 1e6 AS cost_usd
FROM usage FINAL
GROUP BY run, source, day
COMMENT 'What models cost';

CREATE VIEW IF NOT EXISTS coverage (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts',
  task String COMMENT 'What is asked for',
  topic String COMMENT 'What it is about',
  format String COMMENT 'How it is laid out',
  human UInt64 COMMENT 'Admitted human texts in the cell',
  generated UInt64 COMMENT 'Answers of models',
  verified UInt64 COMMENT 'Samples that passed every check',
  training UInt64 COMMENT 'Samples in training'
) AS
SELECT
  dataset, run, task, cell_topic AS topic, format,
  countIf(_topic = 'samples.human') AS human, countIf(_topic = 'generations') AS generated,
  countIf(_topic = 'samples.verified') AS verified, countIf(_topic = 'training') AS training
FROM (
  SELECT dataset, run, task, cell_topic, format, _topic FROM generations FINAL
  UNION ALL
  SELECT dataset, run, task, cell_topic, format, _topic FROM samples FINAL
  WHERE _topic IN ('samples.human', 'samples.verified', 'training')
)
GROUP BY dataset, run, task, topic, format
COMMENT 'Texts per cell';
