/**
 * The closed list of error codes. Every error a person can meet carries one of them; the message names the
 * offending thing and the next step. `exit` is the process exit code the CLI ends with.
 */
export const errorCodes = {
  CLICKHOUSE_FAILED: { exit: 1, doc: 'ClickHouse answered with an error' },
  CLICKHOUSE_SELF_TEST: {
    exit: 1,
    doc: 'ClickHouse does not deduplicate inserts as exactly-once needs it to'
  },
  CONFIG_INVALID: { exit: 2, doc: 'an environment variable or option has an illegal value' },
  CORPUS_MISSING: { exit: 1, doc: 'the bundled corpus could not be read' },
  DATABASE_TAKEN: { exit: 2, doc: 'the ClickHouse database holds the rows of another deployment' },
  DATA_DIR_HELD: { exit: 3, doc: 'another everseed runs on this data directory' },
  DOWNLOAD_FAILED: { exit: 1, doc: 'the broker or registry could not be fetched' },
  ENGINE_MISSING: { exit: 1, doc: 'no ClickHouse engine for this platform' },
  ERASING: { exit: 1, doc: 'texts are erased at this moment' },
  EXPORT_REFUSED: { exit: 2, doc: 'an export would be empty, or its folder holds something else' },
  FENCED: { exit: 1, doc: 'another process took over this slot' },
  FILE_UNREADABLE: { exit: 2, doc: 'an input file cannot be read' },
  FILE_UNWRITABLE: { exit: 2, doc: 'an output file cannot be written' },
  JAVA_MISSING: { exit: 1, doc: 'no Java 17 or newer was found' },
  KAFKA_REFUSED: { exit: 1, doc: 'Kafka refuses for good: a right is missing or a setting does not fit' },
  KAFKA_UNREACHABLE: { exit: 1, doc: 'the Kafka cluster does not answer' },
  KEY_CONFLICT: { exit: 2, doc: 'a publisher’s key of this name is another one, or is revoked' },
  KEYS_REPEATED: {
    exit: 2,
    doc: 'records of a topic have the same key, so that none can be taken out by it'
  },
  MODEL_CYCLE: { exit: 2, doc: 'a model would descend from itself' },
  NOT_ERASED: { exit: 1, doc: 'words of an erased text are still found' },
  NOT_RUNNING: { exit: 3, doc: 'no everseed runs on this data directory' },
  OFFSETS_LOST: { exit: 1, doc: 'committed offsets and the log or the processor state disagree' },
  PART_FAILED: { exit: 1, doc: 'an embedded part did not start' },
  PROCESSOR_FAILED: { exit: 1, doc: 'a processor stopped on an error it could not retry' },
  PROCESSOR_INVALID: { exit: 2, doc: 'a processor declaration contradicts itself' },
  PROVENANCE_INVALID: { exit: 2, doc: 'a record violates the provenance rules' },
  PROVIDER_UNCONFIGURED: { exit: 2, doc: 'a source in the recipe cannot be called as configured' },
  RECIPE_INVALID: { exit: 2, doc: 'the recipe does not fit its schema' },
  RECORD_INVALID: { exit: 2, doc: 'a record does not fit its schema' },
  RECORD_TOO_LARGE: { exit: 2, doc: 'a record is larger than its topic allows' },
  REGISTRY_UNREACHABLE: { exit: 1, doc: 'the schema registry does not answer' },
  RUN_CONFLICT: { exit: 2, doc: 'a run or dataset of this name exists with another configuration' },
  SCHEMA_INCOMPATIBLE: { exit: 1, doc: 'the registry holds an incompatible schema' },
  SQL_FAILED: { exit: 1, doc: 'a SQL statement was refused or failed' },
  STORE_RUNNING: { exit: 3, doc: 'this needs the store stopped' },
  TIMEOUT: { exit: 1, doc: 'a condition was not reached in time' },
  TOPIC_MISMATCH: { exit: 1, doc: 'a topic exists with settings that would lose data or break order' },
  TOPIC_MISSING: { exit: 1, doc: 'a topic does not exist' },
  UNKNOWN_NAME: { exit: 2, doc: 'a topic, processor, dataset or run of this name does not exist' },
  VERSION_BROKEN: {
    exit: 1,
    doc: 'rows of a version are not those it was closed with, or it breaks a promise'
  },
  VERSION_EMPTY: { exit: 2, doc: 'there is nothing to close a version over' },
  WORDS_KEPT: { exit: 2, doc: 'words of a text stand where they cannot be erased' }
} as const

export type ErrorCode = keyof typeof errorCodes

/** An error a person can act on: a code of {@link errorCodes} and a message with the next step. */
export class EverseedError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'EverseedError'
    this.code = code
  }
}
