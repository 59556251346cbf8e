-- What was made of what. A record has a row that says what it is, found by its id, in every topic it lies in; where it was
-- made it has one more for each thing it was made of, found by that. `relation` comes first in the order: who follows one
-- kind of thread reads nothing of the others.
CREATE TABLE IF NOT EXISTS threads (
  relation LowCardinality(String) COMMENT 'What the text has to do with node: is it; derives_from, quotes, repairs (a text); answers (a prompt); made_by (a model)',
  node String COMMENT 'Id of the text, the prompt or the model the row is found by' CODEC(ZSTD(1)),
  dataset LowCardinality(String) COMMENT 'Dataset',
  id String COMMENT 'Id of the text' CODEC(ZSTD(1)),
  _topic LowCardinality(String) COMMENT 'Topic the record was read from',
  slot UInt16 COMMENT 'Partition of the topic',
  _offset UInt64 COMMENT 'Offset of the record',
  run LowCardinality(String) COMMENT 'Campaign; empty for human texts',
  origin LowCardinality(String) COMMENT 'Who made the text',
  generation Nullable(Int32) COMMENT '0 for human text, null when unknown',
  model LowCardinality(String) COMMENT 'Model that wrote it; empty for people',
  family LowCardinality(String) COMMENT 'Models that share training data or weights',
  prompt String COMMENT 'Prompt it answers, where it was made; empty for human texts' CODEC(ZSTD(1)),
  parent_ids Array(String) COMMENT 'Relation is, where it was made: accepted texts the content derives from; empty otherwise' CODEC(ZSTD(1)),
  quoted_ids Array(String) COMMENT 'Relation is, where it was made: human texts whose words stand in it; empty otherwise' CODEC(ZSTD(1)),
  repairs Array(String) COMMENT 'Relation is, where it was made: failed attempts it repairs; empty otherwise' CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
PARTITION BY _topic
ORDER BY (relation, node, dataset, id, _topic, slot, _offset)
PRIMARY KEY (relation, node, dataset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Threads of lineage, by what they start from; filled by views';

-- A call that failed made nothing.
CREATE MATERIALIZED VIEW IF NOT EXISTS threads_of_generations TO threads AS
SELECT
  thread.1 AS relation, thread.2 AS node, dataset, id, _topic, slot, _offset, run, origin, generation, model, family, prompt,
  if(relation = 'is', parents, []) AS parent_ids, if(relation = 'is', quoted, []) AS quoted_ids,
  if(relation = 'is', repaired, []) AS repairs
FROM (
  SELECT
    dataset, id, _topic, slot, _offset, run, origin, generation, source AS model, family, prompt_id AS prompt,
    parent_ids AS parents, quoted_ids AS quoted, repairs AS repaired,
    arrayJoin(arrayConcat([('is', id)], if(error != '', [], arrayConcat(
      arrayMap(one -> ('derives_from', one), arrayDistinct(parents)), arrayMap(one -> ('quotes', one), arrayDistinct(quoted)),
      arrayMap(one -> ('repairs', one), arrayDistinct(repaired)),
      if(prompt = '', [], [('answers', prompt)]), if(source = '', [], [('made_by', toString(source))])
    )))) AS thread
  FROM generations
);

-- Beyond the door of samples.human a sample is what it was; its other records say only where it lies.
CREATE MATERIALIZED VIEW IF NOT EXISTS threads_of_samples TO threads AS
SELECT
  thread.1 AS relation, thread.2 AS node, dataset, id, _topic, slot, _offset, run, origin, generation, model, family, prompt,
  if(made AND relation = 'is', parents, []) AS parent_ids, if(made AND relation = 'is', quoted, []) AS quoted_ids,
  if(made AND relation = 'is', repaired, []) AS repairs
FROM (
  SELECT
    dataset, id, _topic, slot, _offset, run, origin, generation, source AS model, family,
    parent_ids AS parents, quoted_ids AS quoted, repairs AS repaired, _topic = 'samples.human' AS made,
    if(made, prompt_id, '') AS prompt,
    arrayJoin(arrayConcat([('is', id)], if(NOT made, [], arrayConcat(
      arrayMap(one -> ('derives_from', one), arrayDistinct(parents)), arrayMap(one -> ('quotes', one), arrayDistinct(quoted)),
      arrayMap(one -> ('repairs', one), arrayDistinct(repaired))
    )))) AS thread
  FROM samples
);

CREATE VIEW IF NOT EXISTS lineage (
  id String COMMENT 'Sample id: an answer, accepted or not, or an admitted human text',
  relation String COMMENT 'What it has to do with parent: derives_from, quotes, repairs (a text), answers (a prompt), made_by (a model); empty for a human text, once',
  parent String COMMENT 'The text, prompt or model, one row each; empty where relation is',
  prompt String COMMENT 'Prompt it answers; empty for human texts',
  model String COMMENT 'Model that wrote it; empty for people',
  family String COMMENT 'Models that share training data or weights',
  generation Nullable(Int32) COMMENT '0 for human text, null when unknown',
  origin String COMMENT 'Who made it',
  dataset String COMMENT 'Dataset',
  run String COMMENT 'Campaign; empty for human texts'
) AS
SELECT id, relation, node AS parent, prompt, model, family, generation, origin, dataset, run
FROM threads FINAL
WHERE relation != 'is'
UNION ALL
SELECT id, '' AS relation, '' AS parent, prompt, model, family, generation, origin, dataset, run
FROM threads AS thread FINAL
WHERE thread.relation = 'is' AND _topic = 'samples.human'
COMMENT 'Where each text came from, and what was made of it';
