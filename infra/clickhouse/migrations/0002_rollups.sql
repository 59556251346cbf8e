-- Counts that survive any replay: the offsets themselves, as a bitmap per group. One bit a record.
CREATE TABLE IF NOT EXISTS counts (
  dataset LowCardinality(String) COMMENT 'Dataset',
  run LowCardinality(String) COMMENT 'Campaign; empty for human texts',
  _topic LowCardinality(String) COMMENT 'Topic the records were read from',
  slot UInt16 COMMENT 'Partition of the topic',
  source LowCardinality(String) COMMENT 'Model that wrote them; empty for people',
  family LowCardinality(String) COMMENT 'Models that share training data or weights',
  origin LowCardinality(String) COMMENT 'Who made the texts',
  check LowCardinality(String) COMMENT 'Rejections: name of the check; empty otherwise',
  reason LowCardinality(String) COMMENT 'Rejections: machine-readable reason; generations: why they are no sample, if so',
  refused Bool COMMENT 'Samples and rejections: whether a check saw a refusal',
  offsets AggregateFunction(groupBitmap, UInt64) COMMENT 'Offsets of the records; the cardinality is their number'
) ENGINE = AggregatingMergeTree
ORDER BY (dataset, run, _topic, slot, source, family, origin, check, reason, refused)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Records by run, source and reason; filled by views, exact under replays';

CREATE MATERIALIZED VIEW IF NOT EXISTS counts_of_generations TO counts AS
SELECT
  dataset, run, _topic, slot, source, family, origin, '' AS check,
  multiIf(error != '', 'failed', finish_reason = 'length', 'truncated', finish_reason = 'content_filter', 'filtered', '') AS reason,
  false AS refused, groupBitmapState(_offset) AS offsets
FROM generations
GROUP BY dataset, run, _topic, slot, source, family, origin, check, reason;

CREATE MATERIALIZED VIEW IF NOT EXISTS counts_of_samples TO counts AS
SELECT
  dataset, run, _topic, slot, source, family, origin, '' AS check, '' AS reason,
  refused, groupBitmapState(_offset) AS offsets
FROM samples
GROUP BY dataset, run, _topic, slot, source, family, origin, refused;

CREATE MATERIALIZED VIEW IF NOT EXISTS counts_of_rejections TO counts AS
SELECT
  dataset, run, _topic, slot, source, family, origin, check, reason,
  refused, groupBitmapState(_offset) AS offsets
FROM rejections
GROUP BY dataset, run, _topic, slot, source, family, origin, check, reason, refused;

-- Sums cannot be made of sets. They are kept per chunk, and a chunk written again replaces itself; who reads sums over
-- chunks. The columns after the key are added up, `first` and `last` tell where a chunk lies.
CREATE TABLE IF NOT EXISTS usage (
  _topic LowCardinality(String) COMMENT 'Topic the records were read from',
  slot UInt16 COMMENT 'Partition of the topic',
  chunk_id String COMMENT 'The chunk of the topic that was written with one insert',
  dataset LowCardinality(String) COMMENT 'Dataset',
  run LowCardinality(String) COMMENT 'Campaign',
  source LowCardinality(String) COMMENT 'Model that was called',
  family LowCardinality(String) COMMENT 'Models that share training data or weights',
  day Date COMMENT 'Day of the answer, UTC',
  first UInt64 COMMENT 'Smallest offset summed here',
  last UInt64 COMMENT 'Largest offset summed here',
  calls UInt64 COMMENT 'Answers, failed ones included',
  offset_sum UInt64 COMMENT 'Sum of their offsets: a checksum for the audit',
  input_tokens Int64 COMMENT 'Tokens read',
  output_tokens Int64 COMMENT 'Tokens written',
  reasoning_tokens Int64 COMMENT 'Tokens thought, included in output_tokens',
  cost_micros Int64 COMMENT 'Cost in millionths of a US dollar',
  latency_ms Int64 COMMENT 'Sum of the latencies, milliseconds'
) ENGINE = ReplacingMergeTree
ORDER BY (_topic, slot, chunk_id, dataset, run, source, family, day)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What calls consumed, per chunk; filled by a view';

CREATE MATERIALIZED VIEW IF NOT EXISTS usage_of_generations TO usage AS
SELECT
  _topic, slot, chunk_id, dataset, run, source, family, toDate(created_at) AS day,
  min(_offset) AS first, max(_offset) AS last, count() AS calls, sum(_offset) AS offset_sum,
  sum(toInt64(input_tokens)) AS input_tokens, sum(toInt64(output_tokens)) AS output_tokens,
  sum(toInt64(reasoning_tokens)) AS reasoning_tokens, sum(cost_micros) AS cost_micros, sum(toInt64(latency_ms)) AS latency_ms
FROM generations
GROUP BY _topic, slot, chunk_id, dataset, run, source, family, day;
