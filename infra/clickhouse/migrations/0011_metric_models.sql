-- What the value of a metric depends on beside the tokenizer.
ALTER TABLE stats
  ADD COLUMN IF NOT EXISTS model LowCardinality(String) COMMENT 'Name and version of the embedding it rests on, or empty' AFTER z;
