/** What becomes of one record: decoded, let in or not, processed, encoded; poison becomes a dead letter. */
import type { InputRecord, Instance, Verdict } from '../../processors/contract.ts'
import { EverseedError } from '../../schemas/errors.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { Provenance } from '../../schemas/types.ts'
import { DecodeError, EncodeError } from '../codec.ts'
import { isErasure, type OutRecord, type RawRecord } from '../kafka/record.ts'
import { fits, recordBytes } from '../kafka/waves.ts'
import { within } from './deadline.ts'
import { type Death, deadLetter, deadLetterHeaders } from './deadletter.ts'
import { createDoor, subjectOf } from './door.ts'
import type { Encoder } from './encoder.ts'
import type { Limits, SlotOptions } from './slot-contract.ts'
import type { Memory } from './state.ts'

const noHeaders = {}

/** Nothing to write. */
export const noOutputs: readonly OutRecord[] = []

type Outcome = readonly OutRecord[] | Promise<readonly OutRecord[]>

/** Handles records one by one. */
export type Handler = {
  /**
   * What a record becomes. At once where nothing has to be waited for.
   * @throws EverseedError PROCESSOR_FAILED when the processor failed and trying again did not help, or took too long
   */
  handle(raw: RawRecord): Outcome
  /** Shows the instance a record from before the committed offsets. */
  replay(raw: RawRecord): void | Promise<void>
}

/**
 * @param options of the slot
 * @param encoder encodes verdicts
 * @param limits how often and how fast a failed record is tried again
 * @param instance the processor at work
 * @param memory changed by the instance; what a record staged is undone where nothing comes of it
 * @param signal aborted when the slot is lost or drains: nothing is tried again
 */
export function createHandler(
  options: SlotOptions,
  encoder: Encoder,
  limits: Limits,
  instance: Instance,
  memory: Pick<Memory, 'begin' | 'undo'>,
  signal: AbortSignal
): Handler {
  const { processor, slot, partitions, codec, tables, logger, metrics } = options
  const door = createDoor(tables, slot, partitions)
  const inputOf = new Map(
    Object.entries(processor.inputs).map(([name, topic]) => [topic.name, { name, topic }])
  )
  // What failed may have staged half of its changes: only a new start from what was committed is safe then.
  const retries = Object.keys(processor.state).length > 0 ? 0 : limits.retries

  /** Ends what never comes back: where one record waits for the other, everything behind it would wait for ever. */
  const inTime = <Answer>(raw: RawRecord, answer: Answer | Promise<Answer>): Answer | Promise<Answer> => {
    if (!(answer instanceof Promise) || (processor.concurrency ?? 1) > 1) return answer
    const late = (): EverseedError =>
      new EverseedError(
        'PROCESSOR_FAILED',
        `${processor.name} has worked on ${raw.topic}/${slot}@${raw.offset} for ${limits.deadlineMs / 1000} s and is not done: what it waits for does not answer; the next start tries the record again`
      )
    return within(limits.deadlineMs, answer, late)
  }

  const bury = (
    raw: RawRecord,
    death: Omit<Death, 'processor' | 'attempts' | 'sampleAttempt'>,
    value?: unknown
  ): readonly OutRecord[] => {
    const { topic, offset } = raw
    metrics.count('dead', death.reason)
    logger.warn({ topic, slot, offset, reason: death.reason }, death.message)
    const { attempt, provenance } = (value ?? {}) as { attempt?: number; provenance?: Partial<Provenance> }
    const sampleAttempt = attempt ?? provenance?.attempt ?? 1
    return [deadLetter(raw, { processor: processor.name, attempts: 1, sampleAttempt, ...death })]
  }

  const buryUnread = (raw: RawRecord, error: unknown): readonly OutRecord[] => {
    if (!(error instanceof DecodeError)) throw error
    const { reason, message, name: errorClass } = error
    return bury(raw, { reason, message, settles: 0, run: '', errorClass })
  }

  const settle = (
    raw: RawRecord,
    verdict: Verdict,
    record: InputRecord,
    run: string
  ): readonly OutRecord[] => {
    if (verdict.kind === 'reject') {
      const { reason, message, settles } = verdict
      return bury(raw, { reason, message, settles, run, errorClass: 'Reject' }, record.value)
    }
    let outputs = noOutputs
    try {
      if (verdict.outputs.length > 0) outputs = encoder.outputs(verdict.outputs)
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error
      memory.undo()
      const { message, name: errorClass } = error
      const settles = processor.settles?.(record) ?? 0
      return bury(raw, { reason: 'unencodable', message, settles, run, errorClass }, record.value)
    }
    if (verdict.kind === 'drop') metrics.count('dropped', verdict.reason)
    else metrics.count('emitted', '')
    return outputs
  }

  /**
   * Tries again what failed, under backoff.
   * @param most tries
   * @throws EverseedError PROCESSOR_FAILED; what is wrong with the bytes themselves, at once
   */
  const again = async <Answer>(
    raw: RawRecord,
    most: number,
    first: unknown,
    ask: () => Answer | Promise<Answer>
  ): Promise<Answer> => {
    const { topic, offset } = raw
    let error = first
    for (let tries = 1; ; tries++) {
      // Of a slot that was lost nobody hears any more; what is left in a drain is begun anew.
      if (error instanceof DecodeError || signal.aborted) throw error
      if (tries > most) {
        throw new EverseedError(
          'PROCESSOR_FAILED',
          `${processor.name} failed on ${topic}/${slot}@${offset}: ${(error as Error).message}`,
          { cause: error }
        )
      }
      metrics.count('retried', '')
      logger.warn({ err: error, topic, slot, offset, tries }, 'processing failed, trying again')
      await new Promise(resolve =>
        setTimeout(resolve, limits.retryMs * 2 ** (tries - 1) * (0.5 + Math.random()))
      )
      try {
        if (!signal.aborted) return await ask()
      } catch (next) {
        error = next
      }
    }
  }

  /** Asks the world before the processor sees a record: nothing was changed yet, so asking again is always safe. */
  const ask = <Answer>(
    raw: RawRecord,
    question: () => Answer | Promise<Answer>
  ): Answer | Promise<Answer> => {
    const answer = question()
    if (!(answer instanceof Promise)) return answer
    return answer.catch((error: unknown) => again(raw, limits.retries, error, question))
  }
  const decode = (raw: RawRecord, topic: Topic): unknown =>
    topic.record === null ? raw : ask(raw, () => codec.decode(topic, raw.value))

  const process = (raw: RawRecord, record: InputRecord, run: string): Outcome => {
    const retry = (error: unknown): Promise<readonly OutRecord[]> =>
      again(raw, retries, error, async () => settle(raw, await instance.process(record), record, run))
    memory.begin()
    try {
      const verdict = instance.process(record)
      if (!(verdict instanceof Promise)) return settle(raw, verdict, record, run)
      return verdict.then(late => settle(raw, late, record, run), retry)
    } catch (error) {
      return retry(error)
    }
  }

  const enter = (raw: RawRecord, input: { name: string; topic: Topic }, value: unknown): Outcome => {
    const fields = value as Record<string, unknown>
    const go = (problem: string): Outcome => {
      const { run: named } = subjectOf(input.topic, fields)
      const run = typeof named === 'string' ? named : ''
      if (problem !== '') {
        const [reason] = problem.split(':')
        return bury(raw, { reason: reason!, message: problem, settles: 0, run, errorClass: 'Refused' })
      }
      const home = door.homeOf(input.topic, fields)
      // Of everybody who reads the topic one forwards, untouched; the others meet the record again in its slot.
      if (home !== slot && input.topic.forwardedBy !== processor.name) return noOutputs
      if (isTooLarge(raw, input.topic)) {
        const message = `${recordBytes(raw)} bytes, once they are not compressed, are more than the ${input.topic.maxBytes} that ${raw.topic} takes: make it smaller`
        return bury(raw, { reason: 'too_large', message, settles: 0, run, errorClass: 'Refused' })
      }
      if (home !== slot) {
        const { topic, key, value: bytes, headers } = raw
        metrics.count('forwarded', '')
        return [{ topic, partition: home, key, value: bytes, headers }]
      }
      return process(raw, recordOf(raw, input.name, door.shown(input.topic, fields)), run)
    }
    const early = door.entryProblem(input.topic, fields)
    const problem = early === '' ? ask(raw, () => door.problem(input.topic, fields)) : early
    return typeof problem === 'string' ? go(problem) : problem.then(go)
  }

  const handle = (raw: RawRecord): Outcome => {
    if (isErasure(raw)) return noOutputs
    const input = inputOf.get(raw.topic)!
    const onlyFor = raw.headers[deadLetterHeaders.forGroup]
    if (onlyFor && onlyFor.toString() !== processor.name) return noOutputs
    let value: unknown
    try {
      value = decode(raw, input.topic)
    } catch (error) {
      return buryUnread(raw, error)
    }
    if (!(value instanceof Promise)) return enter(raw, input, value)
    return value.then(
      late => enter(raw, input, late),
      (error: unknown) => buryUnread(raw, error)
    )
  }

  const replay = (raw: RawRecord): void | Promise<void> => {
    if (isErasure(raw)) return
    const { name, topic } = inputOf.get(raw.topic)!
    const onlyFor = raw.headers[deadLetterHeaders.forGroup]
    if (onlyFor && onlyFor.toString() !== processor.name) return
    // What was not let in, or is not at home here, was not processed either.
    const see = (value: unknown): void | Promise<void> => {
      const fields = value as Record<string, unknown>
      const letIn = (problem: string): void => {
        if (problem === '' && door.homeOf(topic, fields) === slot && !isTooLarge(raw, topic))
          instance.replay?.(recordOf(raw, name, door.shown(topic, fields)))
      }
      const problem = ask(raw, () => door.problem(topic, fields))
      return typeof problem === 'string' ? letIn(problem) : problem.then(letIn)
    }
    const failed = (error: unknown): void => {
      // It went to the dead letters when it was first seen.
      if (!(error instanceof DecodeError)) throw error
    }
    let value: unknown
    try {
      value = decode(raw, topic)
    } catch (error) {
      return failed(error)
    }
    return value instanceof Promise ? value.then(see, failed) : see(value)
  }

  const timed = (raw: RawRecord): Outcome => {
    const started = performance.now()
    const done = (): void => metrics.handled(performance.now() - started)
    const outcome = inTime(raw, handle(raw))
    if (outcome instanceof Promise) return outcome.finally(done)
    done()
    return outcome
  }

  return { handle: timed, replay: raw => inTime(raw, replay(raw)) }
}

/**
 * Whether a record, which its producer may have compressed, is larger than its topic says: what it becomes in the next
 * topic, perhaps when another record is processed, could not be written.
 */
function isTooLarge(raw: RawRecord, topic: Topic): boolean {
  if (topic.record === null) return false
  // Headers go no further; but where a record is forwarded they go with it, and there is room for some.
  return recordBytes({ ...raw, headers: noHeaders }) > topic.maxBytes || !fits(raw, topic)
}

function recordOf({ key, offset }: RawRecord, input: string, value: unknown): InputRecord {
  return { input, offset, key: key?.toString() ?? '', value }
}
