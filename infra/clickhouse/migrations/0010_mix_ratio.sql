-- A mark that can be null makes window functions over a million rows seven times as slow: whether a row counts is yes or no.

CREATE OR REPLACE VIEW mix_ratio (
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
      ifNull(origin = 'HUMAN_AUTHORED' OR (
        origin = 'HUMAN_EDITED' AND generation = 0
        AND dataset IN (SELECT name FROM datasets FINAL WHERE JSONExtractBool(mix, 'edited_counts'))
      ), false) AS counts
    FROM samples FINAL
    WHERE _topic = 'training'
  )
  WINDOW prefix AS (PARTITION BY dataset, slot ORDER BY _offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
GROUP BY dataset, slot
COMMENT 'The real share of training, achieved over all and in the worst prefix';

CREATE OR REPLACE VIEW mix_ratio_windows (
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
      ifNull(origin = 'HUMAN_AUTHORED' OR (
        origin = 'HUMAN_EDITED' AND generation = 0
        AND dataset IN (SELECT name FROM datasets FINAL WHERE JSONExtractBool(mix, 'edited_counts'))
      ), false) AS counts
    FROM samples FINAL
    WHERE _topic = 'training'
  )
  WINDOW prefix AS (PARTITION BY dataset, slot ORDER BY _offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
GROUP BY dataset, slot, window
COMMENT 'What training was mixed of, achieved per 1,000 rows and up to each of these windows';
