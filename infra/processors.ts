/** The composition root: the one place that knows every processor. */
import { admit } from '../processors/admit.ts'
import type { Processor } from '../processors/contract.ts'
import { deduplicate } from '../processors/deduplicate.ts'
import { generate } from '../processors/generate.ts'
import { guard } from '../processors/guard.ts'
import { measure } from '../processors/measure.ts'
import { mix } from '../processors/mix.ts'
import { store } from '../processors/store.ts'
import { verify } from '../processors/verify.ts'
import { EverseedError } from '../schemas/errors.ts'
import { stateTopic, topics, type Topic } from '../schemas/topics.ts'

/** Every processor but the store, in the order of the flow. */
export const processors: readonly Processor[] = [admit, generate, deduplicate, verify, measure, guard, mix]

/** Names of everything `everseed run` can run. */
export const processorNames: readonly string[] = [...processors.map(processor => processor.name), store.name]

/** Every topic of a deployment, the processors' memories included. */
export const allTopics: readonly Topic[] = [
  ...topics,
  ...processors
    .filter(processor => Object.keys(processor.state).length > 0)
    .map(processor => stateTopic(processor.name))
]

/** Topics each processor reads, by processor name: what its lag is counted over. */
export function inputsOf(name: string): string[] {
  if (name === store.name) return Object.values(store.inputs).map(topic => topic.name)
  return Object.values(findProcessor(name).inputs).map(topic => topic.name)
}

const processed = new Set(processors.flatMap(({ name }) => inputsOf(name)))
/** Topics only the store reads: nobody else would bury what in them cannot be read. */
export const readByStoreOnly: ReadonlySet<string> = new Set(
  inputsOf(store.name).filter(name => !processed.has(name))
)

/**
 * A processor by name.
 * @throws EverseedError UNKNOWN_NAME
 */
export function findProcessor(name: string): Processor {
  const found = processors.find(processor => processor.name === name)
  if (!found)
    throw new EverseedError(
      'UNKNOWN_NAME',
      `there is no processor ${name}; there are ${processorNames.join(', ')}`
    )
  return found
}

export { store }
