-- Text of models among what was published as human.
CREATE VIEW IF NOT EXISTS contamination (
  dataset String COMMENT 'Dataset',
  source String COMMENT 'Where the texts were found; where that is not said, who published them',
  origin String COMMENT 'Who made them, as was said when they were published; what people edited may well be the text of models',
  documents UInt64 COMMENT 'Admitted human texts',
  measured UInt64 COMMENT 'Of these, those long enough to compare: 8 words',
  mean_overlap Nullable(Float64) COMMENT 'Mean share of a text that stood in synthetic samples of the dataset before it was admitted; null when none was measured',
  above_half UInt64 COMMENT 'Texts more than half of which stood there',
  worst_overlap Nullable(Float64) COMMENT 'Largest share of a text',
  worst_document String COMMENT 'Sample id of that text; empty when none was measured'
) AS
SELECT
  dataset, source, origin, count() AS documents, countIf(isNotNull(overlap)) AS measured,
  avg(overlap) AS mean_overlap, countIf(overlap > 0.5) AS above_half,
  max(overlap) AS worst_overlap, ifNull(argMax(id, (overlap, id)), '') AS worst_document
FROM (
  SELECT
    dataset, if(source_uri = '', created_by, source_uri) AS source, origin, if(said = '', '', samples.id) AS id,
    arrayFirst(one -> JSONExtractString(one, 'check') = 'synthetic_overlap', JSONExtractArrayRaw(verdicts)) AS said,
    if(said = '', NULL, JSONExtractFloat(said, 'score')) AS overlap
  FROM samples FINAL
  WHERE _topic = 'samples.human'
)
GROUP BY dataset, source, origin
COMMENT 'Share of each source of human text that stood in synthetic samples before';
