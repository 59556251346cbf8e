-- What every question about n-grams, lengths and similarity is answered from, whatever it groups by. Of each text the hashes
-- of its words and its features are kept beside it; from them come, for groups of all its properties and an hour:
-- idempotent states, and sums per chunk. The n-gram that starts with a word is a number of 64 bits made of the numbers of its
-- words; the same in every table and view.

ALTER TABLE generations
  ADD COLUMN IF NOT EXISTS words_base64 String EPHEMERAL COMMENT 'How words are written: base64 of little-endian numbers',
  ADD COLUMN IF NOT EXISTS features_base64 String EPHEMERAL COMMENT 'How features are written: base64 of their bytes',
  ADD COLUMN IF NOT EXISTS words Array(UInt32) DEFAULT reinterpret(base64Decode(words_base64), 'Array(UInt32)')
    COMMENT 'Hashes of the words of the text that is measured, in order, tokenizer words-1' CODEC(ZSTD(3)),
  ADD COLUMN IF NOT EXISTS features Array(Int8) DEFAULT reinterpret(base64Decode(features_base64), 'Array(Int8)')
    COMMENT 'Its features hashed-256-1 before they are scaled to length 1' CODEC(ZSTD(1));

ALTER TABLE samples
  ADD COLUMN IF NOT EXISTS words_base64 String EPHEMERAL COMMENT 'How words are written: base64 of little-endian numbers',
  ADD COLUMN IF NOT EXISTS features_base64 String EPHEMERAL COMMENT 'How features are written: base64 of their bytes',
  ADD COLUMN IF NOT EXISTS words Array(UInt32) DEFAULT reinterpret(base64Decode(words_base64), 'Array(UInt32)')
    COMMENT 'Hashes of the words of the text that is measured, in order, tokenizer words-1; empty but for samples.human and samples.verified' CODEC(ZSTD(3)),
  ADD COLUMN IF NOT EXISTS features Array(Int8) DEFAULT reinterpret(base64Decode(features_base64), 'Array(Int8)')
    COMMENT 'Its features hashed-256-1 before they are scaled to length 1; empty but for samples.human and samples.verified' CODEC(ZSTD(1));

CREATE TABLE IF NOT EXISTS diversity_states (
  dataset LowCardinality(String) COMMENT 'Dataset',
  run LowCardinality(String) COMMENT 'Campaign; empty for human texts',
  _topic LowCardinality(String) COMMENT 'Topic the texts were read from',
  slot UInt16 COMMENT 'Partition of the topic',
  source LowCardinality(String) COMMENT 'Model that wrote them; empty for people',
  family LowCardinality(String) COMMENT 'Models that share training data or weights',
  origin LowCardinality(String) COMMENT 'Who made the texts',
  split LowCardinality(String) COMMENT 'Human texts: SEED, REFERENCE, AUDIT; NONE otherwise',
  generation Int32 COMMENT 'Generation number; -1 when unknown',
  temperature Int16 COMMENT 'Sampling temperature in tenths, rounded; -1 for none',
  task LowCardinality(String) COMMENT 'What is asked for',
  cell_topic LowCardinality(String) COMMENT 'What it is about',
  `format` LowCardinality(String) COMMENT 'How it is laid out',
  hour DateTime('UTC') COMMENT 'Hour in which the broker got them',
  offsets AggregateFunction(groupBitmap, UInt64) COMMENT 'Offsets of the records; the cardinality is their number',
  grams_1 AggregateFunction(uniqCombined64(12), UInt32) COMMENT 'Different words',
  grams_2 AggregateFunction(uniqCombined64(12), UInt64) COMMENT 'Different pairs of neighbouring words',
  grams_3 AggregateFunction(uniqCombined64(12), UInt64) COMMENT 'Different 3-grams of words',
  grams_4 AggregateFunction(uniqCombined64(12), UInt64) COMMENT 'Different 4-grams of words'
) ENGINE = AggregatingMergeTree
ORDER BY (dataset, run, _topic, slot, source, family, origin, split, generation, temperature, task, cell_topic, `format`, hour)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Different n-grams by every property of a text and the hour; filled by views, the same under replays';

CREATE MATERIALIZED VIEW IF NOT EXISTS diversity_states_of_generations TO diversity_states AS
WITH
  arrayMap((a, b) -> bitShiftLeft(toUInt64(a), 32) + b, arrayPopBack(words), arrayPopFront(words)) AS pairs,
  arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(pairs), arraySlice(words, 3)) AS triples,
  arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(triples), arraySlice(words, 4)) AS fours
SELECT
  dataset, run, _topic, slot, source, family, origin, split, ifNull(generation, -1) AS generation,
  toInt16(if(isNull(temperature), -1, round(greatest(least(temperature, 1000), 0) * 10))) AS temperature, task, cell_topic, `format`, toStartOfHour(toDateTime(recorded_at, 'UTC')) AS hour,
  groupBitmapState(_offset) AS offsets,
  uniqCombined64ArrayState(12)(words) AS grams_1, uniqCombined64ArrayState(12)(pairs) AS grams_2,
  uniqCombined64ArrayState(12)(triples) AS grams_3, uniqCombined64ArrayState(12)(fours) AS grams_4
FROM generations
GROUP BY dataset, run, _topic, slot, source, family, origin, split, generation, temperature, task, cell_topic, `format`, hour;

CREATE MATERIALIZED VIEW IF NOT EXISTS diversity_states_of_samples TO diversity_states AS
WITH
  arrayMap((a, b) -> bitShiftLeft(toUInt64(a), 32) + b, arrayPopBack(words), arrayPopFront(words)) AS pairs,
  arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(pairs), arraySlice(words, 3)) AS triples,
  arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(triples), arraySlice(words, 4)) AS fours
SELECT
  dataset, run, _topic, slot, source, family, origin, split, ifNull(generation, -1) AS generation,
  toInt16(if(isNull(temperature), -1, round(greatest(least(temperature, 1000), 0) * 10))) AS temperature, task, cell_topic, `format`, toStartOfHour(toDateTime(recorded_at, 'UTC')) AS hour,
  groupBitmapState(_offset) AS offsets,
  uniqCombined64ArrayState(12)(words) AS grams_1, uniqCombined64ArrayState(12)(pairs) AS grams_2,
  uniqCombined64ArrayState(12)(triples) AS grams_3, uniqCombined64ArrayState(12)(fours) AS grams_4
FROM samples
WHERE _topic != 'candidates'
GROUP BY dataset, run, _topic, slot, source, family, origin, split, generation, temperature, task, cell_topic, `format`, hour;

CREATE TABLE IF NOT EXISTS diversity_sums (
  _topic LowCardinality(String) COMMENT 'Topic the texts were read from',
  slot UInt16 COMMENT 'Partition of the topic',
  chunk_id String COMMENT 'The chunk of the topic that was written with one insert; fold-… for many of them',
  dataset LowCardinality(String) COMMENT 'Dataset',
  run LowCardinality(String) COMMENT 'Campaign; empty for human texts',
  source LowCardinality(String) COMMENT 'Model that wrote them; empty for people',
  family LowCardinality(String) COMMENT 'Models that share training data or weights',
  origin LowCardinality(String) COMMENT 'Who made the texts',
  split LowCardinality(String) COMMENT 'Human texts: SEED, REFERENCE, AUDIT; NONE otherwise',
  generation Int32 COMMENT 'Generation number; -1 when unknown',
  temperature Int16 COMMENT 'Sampling temperature in tenths, rounded; -1 for none',
  task LowCardinality(String) COMMENT 'What is asked for',
  cell_topic LowCardinality(String) COMMENT 'What it is about',
  `format` LowCardinality(String) COMMENT 'How it is laid out',
  hour DateTime('UTC') COMMENT 'Hour in which the broker got them',
  first UInt64 COMMENT 'Smallest offset summed here',
  last UInt64 COMMENT 'Largest offset summed here',
  records UInt64 COMMENT 'Records, those without a text included',
  offset_sum UInt64 COMMENT 'Sum of their offsets: a checksum for the audit',
  texts UInt64 COMMENT 'Texts with at least one word',
  tokens UInt64 COMMENT 'Words',
  token_squares UInt64 COMMENT 'Sum of the squares of the words per text',
  vectors UInt64 COMMENT 'Texts with a feature vector',
  vector_sum Array(Int64) COMMENT 'Sum of their vectors at length 1, in units of 2^-24' CODEC(T64, LZ4),
  sampled_1 Array(UInt32) COMMENT 'Words, each time they occur, that intHash64 puts among one in sixteen' CODEC(ZSTD(1)),
  sampled_2 Array(UInt64) COMMENT 'The same of pairs' CODEC(ZSTD(1)),
  sampled_3 Array(UInt64) COMMENT 'The same of 3-grams' CODEC(ZSTD(1)),
  sampled_4 Array(UInt64) COMMENT 'The same of 4-grams' CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (_topic, slot, chunk_id, dataset, run, source, family, origin, split, generation, temperature, task, cell_topic, `format`, hour)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Sums over texts by every property and the hour, per chunk, and a sixteenth of their n-grams; filled by views';

CREATE MATERIALIZED VIEW IF NOT EXISTS diversity_sums_of_generations TO diversity_sums AS
WITH
  arrayMap((a, b) -> bitShiftLeft(toUInt64(a), 32) + b, arrayPopBack(words), arrayPopFront(words)) AS pairs,
  arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(pairs), arraySlice(words, 3)) AS triples,
  arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(triples), arraySlice(words, 4)) AS fours,
  L2Norm(features) AS norm
SELECT
  dataset, run, _topic, slot, source, family, origin, split, ifNull(generation, -1) AS generation,
  toInt16(if(isNull(temperature), -1, round(greatest(least(temperature, 1000), 0) * 10))) AS temperature, task, cell_topic, `format`, toStartOfHour(toDateTime(recorded_at, 'UTC')) AS hour, chunk_id,
  min(_offset) AS first, max(_offset) AS last, count() AS records, sum(_offset) AS offset_sum,
  countIf(notEmpty(words)) AS texts, sum(length(words)) AS tokens, sum(length(words) * length(words)) AS token_squares,
  countIf(notEmpty(features)) AS vectors, sumForEach(arrayMap(x -> toInt64(round(x / norm * 16777216)), features)) AS vector_sum,
  groupArrayArray(arrayFilter(x -> intHash64(x) % 16 = 0, words)) AS sampled_1,
  groupArrayArray(arrayFilter(x -> intHash64(x) % 16 = 0, pairs)) AS sampled_2,
  groupArrayArray(arrayFilter(x -> intHash64(x) % 16 = 0, triples)) AS sampled_3,
  groupArrayArray(arrayFilter(x -> intHash64(x) % 16 = 0, fours)) AS sampled_4
FROM generations
GROUP BY dataset, run, _topic, slot, source, family, origin, split, generation, temperature, task, cell_topic, `format`, hour, chunk_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS diversity_sums_of_samples TO diversity_sums AS
WITH
  arrayMap((a, b) -> bitShiftLeft(toUInt64(a), 32) + b, arrayPopBack(words), arrayPopFront(words)) AS pairs,
  arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(pairs), arraySlice(words, 3)) AS triples,
  arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(triples), arraySlice(words, 4)) AS fours,
  L2Norm(features) AS norm
SELECT
  dataset, run, _topic, slot, source, family, origin, split, ifNull(generation, -1) AS generation,
  toInt16(if(isNull(temperature), -1, round(greatest(least(temperature, 1000), 0) * 10))) AS temperature, task, cell_topic, `format`, toStartOfHour(toDateTime(recorded_at, 'UTC')) AS hour, chunk_id,
  min(_offset) AS first, max(_offset) AS last, count() AS records, sum(_offset) AS offset_sum,
  countIf(notEmpty(words)) AS texts, sum(length(words)) AS tokens, sum(length(words) * length(words)) AS token_squares,
  countIf(notEmpty(features)) AS vectors, sumForEach(arrayMap(x -> toInt64(round(x / norm * 16777216)), features)) AS vector_sum,
  groupArrayArray(arrayFilter(x -> intHash64(x) % 16 = 0, words)) AS sampled_1,
  groupArrayArray(arrayFilter(x -> intHash64(x) % 16 = 0, pairs)) AS sampled_2,
  groupArrayArray(arrayFilter(x -> intHash64(x) % 16 = 0, triples)) AS sampled_3,
  groupArrayArray(arrayFilter(x -> intHash64(x) % 16 = 0, fours)) AS sampled_4
FROM samples
WHERE _topic IN ('samples.human', 'samples.verified')
GROUP BY dataset, run, _topic, slot, source, family, origin, split, generation, temperature, task, cell_topic, `format`, hour, chunk_id;

-- What is asked. All columns of n-grams are the same in ngrams and ngrams_sampled, so that one question can be put to both.
CREATE VIEW IF NOT EXISTS texts (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts',
  stage String COMMENT 'raw: as generated; accepted: verified; human: admitted',
  split String COMMENT 'Human texts: SEED, REFERENCE, AUDIT; NONE otherwise',
  source String COMMENT 'Model; empty for people',
  family String COMMENT 'Models that share training data or weights',
  origin String COMMENT 'Who made the text',
  generation Nullable(Int32) COMMENT '0 for human text, null when unknown',
  temperature Nullable(Float64) COMMENT 'Sampling temperature, rounded to tenths; null for none',
  task String COMMENT 'What is asked for',
  topic String COMMENT 'What it is about',
  format String COMMENT 'How it is laid out',
  at DateTime64(3, 'UTC') COMMENT 'When the broker got it',
  id String COMMENT 'Sample id',
  words Array(UInt32) COMMENT 'Hashes of its words in order, tokenizer words-1',
  vector Array(Float64) COMMENT 'Its features hashed-256-1 at length 1; empty for a text without words'
) AS
SELECT
  dataset, run, stage, split, source, family, origin, generation, temperature, task, cell_topic AS topic, format, recorded_at AS at,
  id, words, arrayMap(x -> x / norm, features) AS vector
FROM (
  SELECT *, L2Norm(features) AS norm
  FROM (
    SELECT
      dataset, run, 'raw' AS stage, split, source, family, origin, generation,
      if(isNull(temperature), NULL, round(greatest(least(temperature, 1000), 0) * 10) / 10) AS temperature, task, cell_topic, `format`, recorded_at, id, words, features
    FROM generations FINAL WHERE notEmpty(words)
    UNION ALL
    SELECT
      dataset, run, 'accepted' AS stage, split, source, family, origin, generation,
      if(isNull(temperature), NULL, round(greatest(least(temperature, 1000), 0) * 10) / 10) AS temperature, task, cell_topic, `format`, recorded_at, id, words, features
    FROM samples FINAL WHERE _topic = 'samples.verified' AND notEmpty(words)
    UNION ALL
    SELECT
      dataset, run, 'human' AS stage, split, source, family, origin, generation,
      if(isNull(temperature), NULL, round(greatest(least(temperature, 1000), 0) * 10) / 10) AS temperature, task, cell_topic, `format`, recorded_at, id, words, features
    FROM samples FINAL WHERE _topic = 'samples.human' AND notEmpty(words)
  )
)
COMMENT 'Texts that are measured, with what is known of their words: any grouping, exactly, at about 10 microseconds a text';

CREATE VIEW IF NOT EXISTS ngrams (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts',
  stage String COMMENT 'raw: as generated; accepted: verified; human: admitted',
  split String COMMENT 'Human texts: SEED, REFERENCE, AUDIT; NONE otherwise',
  source String COMMENT 'Model; empty for people',
  family String COMMENT 'Models that share training data or weights',
  origin String COMMENT 'Who made the text',
  generation Nullable(Int32) COMMENT '0 for human text, null when unknown',
  temperature Nullable(Float64) COMMENT 'Sampling temperature, rounded to tenths; null for none',
  task String COMMENT 'What is asked for',
  topic String COMMENT 'What it is about',
  format String COMMENT 'How it is laid out',
  at DateTime64(3, 'UTC') COMMENT 'When the broker got the text',
  n UInt8 COMMENT 'Words of the n-gram, 1 to 4; name it in every question',
  gram UInt64 COMMENT 'The n-gram as a number; one row each time it occurs'
) AS
SELECT *
FROM (
  SELECT dataset, run, stage, split, source, family, origin, generation, temperature, task, topic, format, at, toUInt8(1) AS n, toUInt64(arrayJoin(words)) AS gram FROM texts
  UNION ALL
  WITH arrayMap((a, b) -> bitShiftLeft(toUInt64(a), 32) + b, arrayPopBack(words), arrayPopFront(words)) AS pairs
  SELECT dataset, run, stage, split, source, family, origin, generation, temperature, task, topic, format, at, toUInt8(2) AS n, toUInt64(arrayJoin(pairs)) AS gram FROM texts
  UNION ALL
  WITH
    arrayMap((a, b) -> bitShiftLeft(toUInt64(a), 32) + b, arrayPopBack(words), arrayPopFront(words)) AS pairs,
    arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(pairs), arraySlice(words, 3)) AS triples
  SELECT dataset, run, stage, split, source, family, origin, generation, temperature, task, topic, format, at, toUInt8(3) AS n, toUInt64(arrayJoin(triples)) AS gram FROM texts
  UNION ALL
  WITH
    arrayMap((a, b) -> bitShiftLeft(toUInt64(a), 32) + b, arrayPopBack(words), arrayPopFront(words)) AS pairs,
    arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(pairs), arraySlice(words, 3)) AS triples,
    arrayMap((a, b) -> a * 0x9E3779B97F4A7C15 + b, arrayPopBack(triples), arraySlice(words, 4)) AS fours
  SELECT dataset, run, stage, split, source, family, origin, generation, temperature, task, topic, format, at, toUInt8(4) AS n, toUInt64(arrayJoin(fours)) AS gram FROM texts
)
COMMENT 'Every n-gram of every text: counts of any grouping, exactly; up to some 20,000 texts at once';

CREATE VIEW IF NOT EXISTS ngrams_sampled (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts',
  stage String COMMENT 'raw: as generated; accepted: verified; human: admitted',
  split String COMMENT 'Human texts: SEED, REFERENCE, AUDIT; NONE otherwise',
  source String COMMENT 'Model; empty for people',
  family String COMMENT 'Models that share training data or weights',
  origin String COMMENT 'Who made the text',
  generation Nullable(Int32) COMMENT '0 for human text, null when unknown',
  temperature Nullable(Float64) COMMENT 'Sampling temperature, rounded to tenths; null for none',
  task String COMMENT 'What is asked for',
  topic String COMMENT 'What it is about',
  format String COMMENT 'How it is laid out',
  hour DateTime('UTC') COMMENT 'Hour in which the broker got the text',
  n UInt8 COMMENT 'Words of the n-gram, 1 to 4; name it in every question',
  gram UInt64 COMMENT 'The n-gram as a number, one in sixteen by its hash; one row each time it occurs'
) AS
SELECT *
FROM (
  SELECT
    dataset, run, transform(_topic, ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage, split, source, family, origin, if(generation < 0, NULL, generation) AS generation,
    if(temperature < 0, NULL, temperature / 10) AS temperature, task, cell_topic AS topic, `format`, hour,
    toUInt8(1) AS n, toUInt64(arrayJoin(sampled_1)) AS gram
  FROM diversity_sums FINAL
  UNION ALL
  SELECT
    dataset, run, transform(_topic, ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage, split, source, family, origin, if(generation < 0, NULL, generation) AS generation,
    if(temperature < 0, NULL, temperature / 10) AS temperature, task, cell_topic AS topic, `format`, hour,
    toUInt8(2) AS n, toUInt64(arrayJoin(sampled_2)) AS gram
  FROM diversity_sums FINAL
  UNION ALL
  SELECT
    dataset, run, transform(_topic, ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage, split, source, family, origin, if(generation < 0, NULL, generation) AS generation,
    if(temperature < 0, NULL, temperature / 10) AS temperature, task, cell_topic AS topic, `format`, hour,
    toUInt8(3) AS n, toUInt64(arrayJoin(sampled_3)) AS gram
  FROM diversity_sums FINAL
  UNION ALL
  SELECT
    dataset, run, transform(_topic, ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage, split, source, family, origin, if(generation < 0, NULL, generation) AS generation,
    if(temperature < 0, NULL, temperature / 10) AS temperature, task, cell_topic AS topic, `format`, hour,
    toUInt8(4) AS n, toUInt64(arrayJoin(sampled_4)) AS gram
  FROM diversity_sums FINAL
)
COMMENT 'One n-gram in sixteen: numbers of types times 16. A number x has a standard deviation of sqrt(15 x), so it is within 5 % from 54,000 on (three of them)';

CREATE VIEW IF NOT EXISTS text_sums (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts',
  stage String COMMENT 'raw: as generated; accepted: verified; human: admitted',
  split String COMMENT 'Human texts: SEED, REFERENCE, AUDIT; NONE otherwise',
  source String COMMENT 'Model; empty for people',
  family String COMMENT 'Models that share training data or weights',
  origin String COMMENT 'Who made the text',
  generation Nullable(Int32) COMMENT '0 for human text, null when unknown',
  temperature Nullable(Float64) COMMENT 'Sampling temperature, rounded to tenths; null for none',
  task String COMMENT 'What is asked for',
  topic String COMMENT 'What it is about',
  format String COMMENT 'How it is laid out',
  hour DateTime('UTC') COMMENT 'Hour in which the broker got the texts',
  texts UInt64 COMMENT 'Texts with at least one word',
  tokens UInt64 COMMENT 'Words',
  token_squares UInt64 COMMENT 'Sum of the squares of the words per text',
  vectors UInt64 COMMENT 'Texts with a feature vector',
  vector_sum Array(Int64) COMMENT 'Sum of their vectors at length 1, in units of 2^-24; add up with sumForEach'
) AS
SELECT
  dataset, run, transform(_topic, ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage, split, source, family, origin, if(generation < 0, NULL, generation) AS generation,
  if(temperature < 0, NULL, temperature / 10) AS temperature, task, cell_topic AS topic, `format`, hour,
  texts, tokens, token_squares, vectors, vector_sum
FROM diversity_sums FINAL
COMMENT 'Sums over texts, to be added up over any grouping and range of hours: exact';

CREATE VIEW IF NOT EXISTS text_states (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts',
  stage String COMMENT 'raw: as generated; accepted: verified; human: admitted',
  split String COMMENT 'Human texts: SEED, REFERENCE, AUDIT; NONE otherwise',
  source String COMMENT 'Model; empty for people',
  family String COMMENT 'Models that share training data or weights',
  origin String COMMENT 'Who made the text',
  generation Nullable(Int32) COMMENT '0 for human text, null when unknown',
  temperature Nullable(Float64) COMMENT 'Sampling temperature, rounded to tenths; null for none',
  task String COMMENT 'What is asked for',
  topic String COMMENT 'What it is about',
  format String COMMENT 'How it is laid out',
  hour DateTime('UTC') COMMENT 'Hour in which the broker got the texts',
  grams_1 AggregateFunction(uniqCombined64(12), UInt32) COMMENT 'Different words; merge with uniqCombined64Merge(12)',
  grams_2 AggregateFunction(uniqCombined64(12), UInt64) COMMENT 'Different 2-grams; merge with uniqCombined64Merge(12)',
  grams_3 AggregateFunction(uniqCombined64(12), UInt64) COMMENT 'Different 3-grams; merge with uniqCombined64Merge(12)',
  grams_4 AggregateFunction(uniqCombined64(12), UInt64) COMMENT 'Different 4-grams; merge with uniqCombined64Merge(12)'
) AS
SELECT
  dataset, run, transform(_topic, ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage, split, source, family, origin, if(generation < 0, NULL, generation) AS generation,
  if(temperature < 0, NULL, temperature / 10) AS temperature, task, cell_topic AS topic, `format`, hour,
  grams_1, grams_2, grams_3, grams_4
FROM diversity_states
WHERE _topic != 'training'
COMMENT 'Numbers of different n-grams, to be merged over any grouping and range of hours: exact up to 120, then within 5 %';

CREATE OR REPLACE VIEW sources (
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
  single_source_share Nullable(Float64) COMMENT 'Share of the accepted samples of the run that this source wrote',
  mean_cosine Nullable(Float64) COMMENT 'Mean cosine between two answers of it, features hashed-256-1; null below two',
  nearest String COMMENT 'The other source of the run whose mean answer is most like its own; empty for none',
  redundancy Nullable(Float64) COMMENT 'Cosine between their mean answers: 1 when it writes what the nearest one writes; null for a source alone',
  effective_sources Nullable(Float64) COMMENT 'Effective number of sources of the run, order 2: k^2 over the sum of the squared cosines between the mean answers of its k sources'
) AS
SELECT
  told.run AS run, told.source AS source, told.family AS family, told.dataset AS dataset, told.generations AS generations,
  told.input_tokens AS input_tokens, told.output_tokens AS output_tokens, told.cost_usd AS cost_usd,
  told.accepted AS accepted, told.rejected AS rejected, told.acceptance AS acceptance, told.duplicate_rate AS duplicate_rate,
  told.truncation_rate AS truncation_rate, told.refusal_rate AS refusal_rate, told.error_rate AS error_rate,
  told.mean_latency_ms AS mean_latency_ms, told.single_source_share AS single_source_share,
  alike.mean_cosine AS mean_cosine, ifNull(alike.nearest, '') AS nearest, alike.redundancy AS redundancy,
  alike.effective_sources AS effective_sources
FROM (
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
) AS told
LEFT JOIN (
  SELECT
    run, one.1 AS source,
    (one.4 * one.4 - one.3) / nullIf(one.3 * (one.3 - 1), 0) AS mean_cosine,
    arrayFilter(other -> other.1 != one.1, all) AS others,
    arrayMap(other -> arrayDotProduct(one.2, other.2), others) AS cosines,
    if(empty(others), '', others[indexOf(cosines, arrayMax(cosines))].1) AS nearest,
    if(empty(others), NULL, least(arrayMax(cosines), 1)) AS redundancy,
    length(all) * length(all) / arraySum(a -> arraySum(b -> pow(arrayDotProduct(a.2, b.2), 2), all), all) AS effective_sources
  FROM (
    -- Per source: the direction of the sum of its vectors, their number, the length of their sum.
    SELECT run, groupArray((source, arrayMap(x -> x / size, total), toFloat64(m), size / 16777216)) AS all
    FROM (
      SELECT toString(run) AS run, toString(source) AS source, sum(vectors) AS m, sumForEach(vector_sum) AS total, L2Norm(total) AS size
      FROM diversity_sums FINAL
      WHERE _topic = 'generations'
      GROUP BY run, source
      HAVING m > 0 AND size > 0
    )
    GROUP BY run
  )
  ARRAY JOIN all AS one
) AS alike ON told.run = alike.run AND told.source = alike.source
SETTINGS join_use_nulls = 1
COMMENT 'What each model contributes to each run, at what cost, and how much of it others write too';

CREATE VIEW IF NOT EXISTS source_pairs (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign',
  source String COMMENT 'Model',
  other String COMMENT 'Another model',
  same_family Bool COMMENT 'Whether both are said to share training data or weights',
  cosine Float64 COMMENT 'Cosine between their mean answers, features hashed-256-1',
  similarity Float64 COMMENT 'Mean cosine between an answer of one and an answer of the other',
  within Nullable(Float64) COMMENT 'Mean cosine between two answers of source; null below two',
  within_other Nullable(Float64) COMMENT 'Mean cosine between two answers of other; null below two',
  texts UInt64 COMMENT 'Answers of source with a feature vector',
  texts_other UInt64 COMMENT 'Answers of other with a feature vector'
) AS
SELECT
  dataset, run, a.source AS source, b.source AS other, toBool(a.family = b.family) AS same_family,
  dot / (a.size * b.size) AS cosine, dot / (a.m * b.m) AS similarity,
  (a.size * a.size - a.m) / nullIf(a.m * (a.m - 1), 0) AS within,
  (b.size * b.size - b.m) / nullIf(b.m * (b.m - 1), 0) AS within_other,
  a.m AS texts, b.m AS texts_other
FROM (
  SELECT dataset, run, a, b, arrayDotProduct(a.total, b.total) AS dot
  FROM (
    SELECT
      dataset, run,
      groupArray(CAST((source, family, m, size, total), 'Tuple(source String, family String, m UInt64, size Float64, total Array(Float64))')) AS all
    FROM (
      SELECT
        toString(dataset) AS dataset, toString(run) AS run, toString(source) AS source, any(family) AS family, sum(vectors) AS m,
        arrayMap(x -> x / 16777216, sumForEach(vector_sum)) AS total, L2Norm(total) AS size
      FROM diversity_sums FINAL
      WHERE _topic = 'generations'
      GROUP BY dataset, run, source
      HAVING m > 0 AND size > 0
    )
    GROUP BY dataset, run
  )
  ARRAY JOIN all AS a
  ARRAY JOIN arrayFilter(x -> x.source != a.source, all) AS b
)
COMMENT 'How alike two sources of a run answer: names are not sources';

CREATE OR REPLACE VIEW coverage (
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts',
  task String COMMENT 'What is asked for',
  topic String COMMENT 'What it is about',
  format String COMMENT 'How it is laid out',
  human UInt64 COMMENT 'Admitted human texts in the cell',
  generated UInt64 COMMENT 'Answers of models',
  verified UInt64 COMMENT 'Samples that passed every check',
  training UInt64 COMMENT 'Samples in training',
  declared Bool COMMENT 'Whether prompts of the run ask for it; of human texts every cell is',
  hits UInt64 COMMENT 'Texts that count: verified ones, of human texts the admitted ones',
  cells UInt64 COMMENT 'Declared cells of the run',
  cells_hit Nullable(Float64) COMMENT 'Share of them with at least one hit; null without declared cells',
  cells_hit_5 Nullable(Float64) COMMENT 'Share of them with at least five hits',
  entropy Nullable(Float64) COMMENT 'Entropy of the hits over the declared cells, over that of equal hits: 1 when all are hit alike; null below two cells or without hits',
  under_covered Bool COMMENT 'Declared, and with less than half the hits an equal share would be'
) AS
SELECT
  dataset, run, task, topic, format, human, generated, verified, training, declared, hits, cells, cells_hit, cells_hit_5, entropy,
  declared AND hits * cells < 0.5 * all_hits AS under_covered
FROM (
  SELECT
    dataset, run, task, topic, format, human, generated, verified, training, declared,
    if(empty(run), human, verified) AS hits,
    countIf(declared) OVER campaign AS cells,
    sumIf(hits, declared) OVER campaign AS all_hits,
    countIf(declared AND hits >= 1) OVER campaign / nullIf(cells, 0) AS cells_hit,
    countIf(declared AND hits >= 5) OVER campaign / nullIf(cells, 0) AS cells_hit_5,
    if(
      cells < 2 OR all_hits = 0, NULL,
      (log(all_hits) - sumIf(if(hits = 0, 0, hits * log(hits)), declared) OVER campaign / all_hits) / log(cells)
    ) AS entropy
  FROM (
    SELECT
      toString(dataset) AS dataset, toString(run) AS run, toString(task) AS task, toString(topic) AS topic, toString(format) AS format,
      sum(n * (kind = 'samples.human')) AS human, sum(n * (kind = 'generations')) AS generated,
      sum(n * (kind = 'samples.verified')) AS verified, sum(n * (kind = 'training')) AS training,
      toBool(max(kind IN ('prompts', 'samples.human')) = 1) AS declared
    FROM (
      SELECT
        dataset, run, task, cell_topic AS topic, `format`, toString(_topic) AS kind, bitmapCardinality(groupBitmapMergeState(offsets)) AS n
      FROM diversity_states
      GROUP BY dataset, run, task, topic, format, kind, slot
      UNION ALL
      SELECT DISTINCT dataset, run, task, cell_topic, `format`, 'prompts', 0 FROM prompts
    )
    GROUP BY dataset, run, task, topic, format
  )
  WINDOW campaign AS (PARTITION BY dataset, run)
)
COMMENT 'Texts per cell, and how evenly the cells of a run are filled';

CREATE VIEW IF NOT EXISTS diversity (
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
  sums.dataset AS dataset, sums.run AS run,
  transform(sums._topic, ['generations', 'samples.verified', 'samples.human'], ['raw', 'accepted', 'human'], '') AS stage,
  if(sums.depth < 0, NULL, sums.depth) AS generation, sums.source AS source, texts, tokens,
  tokens / texts AS length_mean,
  sqrt(greatest(squares - tokens * tokens / texts, 0) / nullIf(texts - 1, 0)) AS length_sd,
  states.types AS types,
  least(1, pairs / nullIf(tokens - texts, 0)) AS distinct_2,
  (length * length - m) / nullIf(m * (m - 1), 0) AS mean_cosine
FROM (
  SELECT
    toString(dataset) AS dataset, toString(run) AS run, toString(_topic) AS _topic, generation AS depth, toString(source) AS source,
    sum(diversity_sums.texts) AS texts, sum(diversity_sums.tokens) AS tokens, sum(token_squares) AS squares,
    sum(vectors) AS m, L2Norm(sumForEach(vector_sum)) / 16777216 AS length
  FROM diversity_sums FINAL
  GROUP BY dataset, run, _topic, depth, source
  HAVING texts > 0
) AS sums
INNER JOIN (
  SELECT
    toString(dataset) AS dataset, toString(run) AS run, toString(_topic) AS _topic, generation AS depth, toString(source) AS source,
    uniqCombined64Merge(12)(grams_1) AS types, uniqCombined64Merge(12)(grams_2) AS pairs
  FROM diversity_states
  WHERE _topic != 'training'
  GROUP BY dataset, run, _topic, depth, source
) AS states
ON sums.dataset = states.dataset AND sums.run = states.run AND sums._topic = states._topic AND sums.depth = states.depth
  AND sums.source = states.source
COMMENT 'Diversity of everything there is, up to the last insert, in no windows: compare groups of about as many texts';

CREATE VIEW IF NOT EXISTS generation_trends (
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
  WHERE NOT partial AND stage != 'human' AND isNotNull(generation) AND isNotNull(value)
  GROUP BY dataset, stage, source, metric, tokenizer, depth
)
WINDOW trend AS (PARTITION BY dataset, stage, source, metric, tokenizer)
COMMENT 'Each metric over the generations, and the line through them';

CREATE VIEW IF NOT EXISTS diagnosis (
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
  length_z Nullable(Float64) COMMENT 'length_mean: many metrics follow it'
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
    (ifNull(mean_cosine_z, 0), 'mode_narrowing', ifNull(mean_cosine_z >= 3, false),
      concat('texts are more alike: mean cosine ', toString(round(mean_cosine_z, 1)), ' sd from human')),
    (ifNull(self_repetition_z, 0), 'template_filling', ifNull(self_repetition_z >= 3, false) AND NOT ifNull(mean_cosine_z >= self_repetition_z, false),
      concat('phrases come back in other texts: self-repetition ', toString(round(self_repetition_z, 1)), ' sd from human'))
  ] AS candidates,
  arraySort(one -> -one.1, arrayFilter(one -> one.3, candidates)) AS found
SELECT
  dataset, run, stage, generation, source, windows,
  multiIf(windows = 0, 'NO_DATA', empty(found), 'none', found[1].2) AS diagnosis,
  arrayMap(one -> one.2, found) AS signs,
  arrayStringConcat(arrayMap(one -> ifNull(one.4, ''), found), '; ') AS evidence,
  tail_types_z, tail_mass_z, missing_mass_z, heaps_beta_z, types_z, entropy_z, self_repetition_z, mean_cosine_z, mtld_z, length_z
FROM (
  SELECT
    toString(dataset) AS dataset, toString(run) AS run, toString(stage) AS stage, generation, toString(source) AS source,
    uniqExactIf((slot, _offset), isNotNull(z)) AS windows,
    avgOrNullIf(z, metric = 'tail_types_kept') AS tail_types_z, avgOrNullIf(z, metric = 'tail_mass') AS tail_mass_z,
    avgOrNullIf(z, metric = 'missing_mass') AS missing_mass_z, avgOrNullIf(z, metric = 'heaps_beta') AS heaps_beta_z,
    avgOrNullIf(z, metric = 'types') AS types_z, avgOrNullIf(z, metric = 'entropy_1_chao_shen') AS entropy_z,
    avgOrNullIf(z, metric = 'self_repetition_4') AS self_repetition_z, avgOrNullIf(z, metric = 'mean_cosine') AS mean_cosine_z,
    avgOrNullIf(z, metric = 'mtld') AS mtld_z, avgOrNullIf(z, metric = 'length_mean') AS length_z
  FROM stats FINAL
  WHERE NOT partial AND stage != 'human'
  GROUP BY dataset, run, stage, generation, source
)
COMMENT 'Which way a source collapses, told from pairs of metrics of which one moves and the other does not';
