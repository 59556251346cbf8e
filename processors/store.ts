/** Everything into ClickHouse: which topic fills which table. */
import { EverseedError } from '../schemas/errors.ts'
import * as topics from '../schemas/topics.ts'
import type { Topic } from '../schemas/topics.ts'
import type { Rows, Sink, SinkRecord } from './sink.ts'
import type { Shape } from './store/columns.ts'
import * as facts from './store/facts.ts'
import * as texts from './store/texts.ts'

/** Which topic fills which table. */
const filled: readonly (readonly [input: string, topic: Topic, shape: Shape])[] = [
  ['human', topics.human, texts.documents],
  ['admitted', topics.samplesHuman, texts.samples],
  ['prompts', topics.prompts, texts.prompts],
  ['parked', topics.promptsParked, texts.parked],
  ['generations', topics.generations, texts.generations],
  ['candidates', topics.candidates, texts.samples],
  ['verified', topics.samplesVerified, texts.samples],
  ['rejected', topics.samplesRejected, texts.rejections],
  ['stats', topics.diversityStats, facts.stats],
  ['training', topics.training, texts.samples],
  ['versions', topics.versions, facts.versions],
  ['dead', topics.deadLetters, facts.deadLetters],
  ['control', topics.control, facts.control],
  ['models', topics.models, facts.models],
  ['datasets', topics.datasets, facts.datasets],
  ['runs', topics.runs, facts.runs],
  ['retractions', topics.retractions, facts.retractions],
  ['keys', topics.keys, facts.keys]
]

const shapeOf = new Map(filled.map(([, topic, one]) => [topic.name, one]))

/** Rows of a record; see {@link Sink}. */
function rows(topic: string, record: SinkRecord): Rows {
  const one = shapeOf.get(topic)
  if (!one) {
    throw new EverseedError('UNKNOWN_NAME', `store does not read topic ${topic}: give it without the prefix`)
  }
  // A dead letter without a value is still a dead letter.
  const deleted = record.value === null && topic !== topics.deadLetters.name
  return { table: one.name, rows: deleted ? [] : one.rows(topic, record) }
}

export const store: Sink = {
  name: 'store',
  doc: 'writes every topic into ClickHouse, exactly once',
  inputs: Object.fromEntries(filled.map(([input, topic]) => [input, topic])),
  tables: Object.fromEntries(filled.map(([, , { name, columns }]) => [name, { name, columns }])),
  transformVersion: 2,
  rows
}
