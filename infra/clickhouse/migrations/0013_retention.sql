-- What is known of rows that are no longer there, or are about to be other rows.

CREATE TABLE IF NOT EXISTS dropped (
  `table` LowCardinality(String) COMMENT 'Raw table',
  _topic LowCardinality(String) COMMENT 'Topic its rows were read from',
  slot UInt16 COMMENT 'Partition of the topic',
  to UInt64 COMMENT 'Offset below which rows were dropped: what rollups say of them is all there is',
  dropped_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When'
) ENGINE = ReplacingMergeTree
ORDER BY (`table`, _topic, slot, to)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Up to where raw rows were dropped for their age; the largest offset of a partition counts';

CREATE TABLE IF NOT EXISTS emptied (
  _topic LowCardinality(String) COMMENT 'Topic of an erased text',
  slot UInt16 COMMENT 'Partition of the topic',
  _offset UInt64 COMMENT 'Its offset'
) ENGINE = ReplacingMergeTree
ORDER BY (_topic, slot, _offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Places of texts whose words were taken out of the rows and are not yet out of the rollups; empty but during an erasure';

-- Windows by the day. Rows are replaced by the same again, whoever was killed in between; what comes later of a day has an end of its own.
CREATE TABLE IF NOT EXISTS window_days (
  slot UInt16 COMMENT 'Partition of diversity.stats',
  dataset LowCardinality(String) COMMENT 'Dataset',
  run LowCardinality(String) COMMENT 'Campaign',
  stage LowCardinality(String) COMMENT 'raw or accepted',
  source LowCardinality(String) COMMENT 'Model, or * over all',
  generation Int32 COMMENT 'Generation number of the texts; -1 when unknown',
  cell_group LowCardinality(String) COMMENT 'Group of cells, or *',
  metric LowCardinality(String) COMMENT 'Key of the metric',
  tokenizer LowCardinality(String) COMMENT 'Name and version of the tokenizer',
  model LowCardinality(String) COMMENT 'Name and version of the embedding it rests on, or empty',
  day Date COMMENT 'Day in which the broker got the windows, UTC',
  to UInt64 COMMENT 'Offset below which they lay: that of dropped',
  windows UInt64 COMMENT 'Whole windows in which the metric is defined',
  mean Float64 COMMENT 'Mean value over them',
  spread AggregateFunction(varSampStable, Float64) COMMENT 'Their variance, to be merged',
  judged UInt64 COMMENT 'Windows beside a human band',
  z_sum Float64 COMMENT 'Sum of their distances from human text',
  lowest Float64 COMMENT 'Smallest value',
  highest Float64 COMMENT 'Largest value',
  tokens Int64 COMMENT 'Tokens in the windows'
) ENGINE = ReplacingMergeTree
ORDER BY (slot, dataset, run, stage, source, generation, cell_group, metric, tokenizer, model, day, to)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Windows that were dropped for their age, summed up by the day';

CREATE VIEW IF NOT EXISTS collapse_days (
  run String COMMENT 'Campaign',
  dataset String COMMENT 'Dataset',
  stage String COMMENT 'raw or accepted',
  generation Nullable(Int32) COMMENT 'Generation number of the texts; null when unknown',
  source String COMMENT 'Model, or * over all',
  cell_group String COMMENT 'Group of cells, or *',
  metric String COMMENT 'Key of the metric',
  day Date COMMENT 'Day in which the windows were measured, UTC',
  windows UInt64 COMMENT 'Whole windows in which the metric is defined',
  mean Float64 COMMENT 'Mean value over them',
  sd Nullable(Float64) COMMENT 'Standard deviation over them; null below two',
  mean_z Nullable(Float64) COMMENT 'Mean distance from human text in standard deviations of human windows; null without a band',
  lowest Float64 COMMENT 'Smallest value',
  highest Float64 COMMENT 'Largest value',
  tokens Int64 COMMENT 'Tokens in the windows',
  tokenizer String COMMENT 'Name and version of the tokenizer',
  model String COMMENT 'Name and version of the embedding the metric rests on, or empty'
) AS
WITH (
  SELECT mapFromArrays(groupArray(slot), groupArray(end))
  FROM (SELECT slot, max(dropped.to) AS end FROM dropped WHERE `table` = 'stats' GROUP BY slot)
) AS ends
SELECT
  run, dataset, stage, if(depth < 0, NULL, depth) AS generation, source, cell_group, metric, day,
  sum(found) AS windows, sum(average * found) / sum(found) AS mean,
  if(windows < 2, NULL, sqrt(varSampStableMerge(spread))) AS sd,
  sum(z_sum) / nullIf(sum(judged), 0) AS mean_z,
  min(smallest) AS lowest, max(largest) AS highest, sum(words) AS tokens, tokenizer, model
FROM (
  SELECT
    toString(run) AS run, toString(dataset) AS dataset, toString(stage) AS stage, generation AS depth, toString(source) AS source,
    toString(cell_group) AS cell_group, toString(metric) AS metric, toString(tokenizer) AS tokenizer, toString(model) AS model, day,
    windows AS found, mean AS average, spread, judged, z_sum, lowest AS smallest, highest AS largest, tokens AS words
  FROM window_days FINAL
  WHERE (slot, to) IN (SELECT slot, to FROM dropped WHERE `table` = 'stats')
  UNION ALL
  SELECT
    toString(run) AS run, toString(dataset) AS dataset, toString(stage) AS stage, ifNull(generation, -1) AS depth, toString(source) AS source,
    toString(cell_group) AS cell_group, toString(metric) AS metric, toString(tokenizer) AS tokenizer, toString(model) AS model,
    toDate(recorded_at) AS day,
    count() AS found, avg(assumeNotNull(value)) AS average, varSampStableState(assumeNotNull(value)) AS spread,
    count(z) AS judged, sum(ifNull(z, 0)) AS z_sum, min(assumeNotNull(value)) AS smallest, max(assumeNotNull(value)) AS largest,
    sum(stats.tokens) AS words
  FROM stats FINAL
  WHERE NOT partial AND stage != 'human' AND isNotNull(value) AND _offset >= ends[slot]
    -- Of records under one number the newest counts.
    AND (slot, _offset) IN (
      SELECT slot, max(_offset) FROM stats WHERE metric_index = 0 GROUP BY slot, scope, cell_group, stage, window
    )
  GROUP BY run, dataset, stage, depth, source, cell_group, metric, tokenizer, model, day
)
GROUP BY run, dataset, stage, depth, source, cell_group, metric, day, tokenizer, model
COMMENT 'Diversity metrics by the day, beyond what is kept of single windows: whole windows of models, old and new';
