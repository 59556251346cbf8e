-- Which cells of human text are thin among what models wrote.
CREATE VIEW IF NOT EXISTS coverage_gaps (
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
  thin Bool COMMENT 'Less than half as often as people write about it',
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
  fitting AS (
    SELECT
      labelled.dataset AS dataset, written.run AS run, labelled.task AS task, labelled.topic AS topic, labelled.format AS format,
      any(labelled.human) AS human, any(labelled.share) AS human_share, sum(if(
        labelled.task IN ('', written.task) AND labelled.topic IN ('', written.topic) AND labelled.format IN ('', written.format),
        written.verified, 0)) AS verified
    FROM labelled INNER JOIN written ON labelled.dataset = written.dataset
    GROUP BY dataset, run, task, topic, format
  ),
  shown AS (
    SELECT dataset, task, cell_topic AS topic, format, groupArraySorted(3)(id) AS examples
    FROM samples
    WHERE _topic = 'samples.human' AND split = 'REFERENCE'
    GROUP BY dataset, task, cell_topic, format
  )
SELECT
  fitting.dataset AS dataset, fitting.run AS run, fitting.task AS task, fitting.topic AS topic, fitting.format AS format,
  human, human_share, verified,
  if(sum(verified) OVER of_run = 0, NULL, verified / sum(verified) OVER of_run) AS verified_share,
  verified_share / human_share AS ratio, toBool(ifNull(ratio < 0.5, false)) AS thin, shown.examples AS examples
FROM fitting LEFT JOIN shown
  ON fitting.dataset = shown.dataset AND fitting.task = shown.task AND fitting.topic = shown.topic AND fitting.format = shown.format
WINDOW of_run AS (PARTITION BY fitting.dataset, fitting.run)
COMMENT 'Cells of human text beside how often models write about them';
