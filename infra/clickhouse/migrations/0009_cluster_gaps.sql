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
    WHERE metric = 'cluster_entropy' AND notEmpty(cluster_documents) AND (slot, _offset) IN newest
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
