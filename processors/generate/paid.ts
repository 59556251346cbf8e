/** Calls that are paid for, each at most once: the budget and the journal around the provider. */
import type { Message, Prompt } from '../../schemas/types.ts'
import type { Log, Ports } from '../contract.ts'
import { Abandoned, type Completion, maxPaidCalls, ProviderError, ProviderSilent } from '../ports.ts'
import { type Budget, type Charge, nothing, plus, Stopped, times } from './budget.ts'
import type { Order } from './order.ts'
import { fitting, noUsage, type Outcome, readable } from './outcome.ts'

/** What the model sees: the prompt, and after a failed attempt what was wrong with it. */
export function conversation({ messages, feedback }: Prompt): Message[] {
  if (feedback === null) return messages
  const content = `Your previous answer was turned down: ${feedback}\nAnswer the request again and avoid this.`
  return [
    ...messages,
    { role: 'user', content, tool_calls: null, tool_call_id: null, reasoning_content: null }
  ]
}

/** What paying for calls takes. */
export type PaidOptions = {
  readonly ports: Pick<Ports, 'journal' | 'providers'>
  readonly budget: Budget
  readonly log: Log
  /** Aborted: nothing more is begun. */
  readonly signal: AbortSignal
  /** Aborted: what is under way is of no use any more. */
  readonly lost: AbortSignal
}

/**
 * Fills an order by a call, or by what the journal says of it.
 * @throws Stopped when the call may not be made or nobody answers; the signal's reason when aborted
 */
export function createPaid({
  ports,
  budget,
  log,
  signal,
  lost
}: PaidOptions): (order: Order) => Promise<Outcome> {
  /** Asks the provider. A call that failed for good is an outcome as well. */
  const called = async (
    { prompt, recipe, source, id, drawn }: Order,
    worst: Charge,
    before: () => Promise<void>
  ): Promise<Outcome> => {
    try {
      const completion = await ports.providers.complete(source, {
        requestId: id,
        messages: conversation(prompt),
        topic: prompt.cell.topic,
        temperature: drawn.temperature,
        seed: drawn.seed,
        signal,
        lost,
        before,
        patienceMs: recipe.park_after * 1000
      })
      const { usage, calls = 1 } = completion
      const { input_tokens, output_tokens } = usage
      const once: Charge = { micros: usage.cost_micros, tokens: input_tokens + output_tokens }
      const charged = plus(once, times(calls - 1, worst))
      const counted = { ...completion, usage: { ...usage, cost_micros: charged.micros } }
      return { draw: drawn, completion: counted, error: '', charged }
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error
      log.warn(
        { source: source.name, kind: error.kind, status: error.status },
        `a call failed for good: ${error.message}`
      )
      // What was sent and not answered in full may have been charged.
      const charged = times(error.calls, worst)
      const completion: Completion = {
        reply: '',
        reasoning_content: null,
        raw: null,
        finish_reason: 'error',
        usage: { ...noUsage, cost_micros: charged.micros },
        latency_ms: 0
      }
      return { draw: drawn, completion, error: `${error.kind}: ${error.message}`, charged }
    }
  }

  return async order => {
    const { prompt, recipe, source, id, drawn } = order
    const known = ports.journal.find(id)
    if (known?.phase === 'result') return JSON.parse(known.reply) as Outcome
    // Before anything is set aside: a call that cannot be made costs nothing.
    const problem = ports.providers.problem(source)
    if (problem !== undefined) throw new Stopped(`PROVIDER_UNCONFIGURED: ${problem}`)
    const one = ports.providers.worstCase(source, { messages: conversation(prompt) })
    const worst = times(maxPaidCalls, one)
    // A call that was begun before a crash may have been paid: its reserve stays beside the new one, for good.
    const earlier: Charge =
      known?.phase === 'intent' ? { micros: known.reservedMicros, tokens: known.reservedTokens } : nothing
    const entry = ({ micros, tokens }: Charge) => ({
      requestId: id,
      run: prompt.run,
      draw: JSON.stringify(drawn),
      reservedMicros: micros,
      reservedTokens: tokens
    })
    const claim = { id, run: prompt.run, limits: recipe.budget, worst, lost: earlier }
    const release = await budget.reserve(claim)
    let begun = false
    let kept = earlier
    // Not before the call has its place: a crash must not count what was never sent.
    const before = async (): Promise<void> => {
      begun = true
      kept = plus(earlier, worst)
      await ports.journal.intent(entry(kept))
    }
    try {
      const answered = await called(order, one, before)
      const charged = plus(earlier, answered.charged)
      const outcome = fitting(readable({ ...answered, charged }), prompt)
      await ports.journal.result({ ...entry(outcome.charged), reply: JSON.stringify(outcome) })
      kept = outcome.charged
      return outcome
    } catch (error) {
      if (!(error instanceof ProviderSilent || error instanceof Abandoned)) throw error
      // Only what may have been paid by now stays set aside until the prompt is told again.
      kept = plus(earlier, times(error.calls, one))
      if (begun && !lost.aborted) await ports.journal.intent(entry(kept))
      throw error instanceof Abandoned ? signal.reason : new Stopped(error.message)
    } finally {
      release(kept)
    }
  }
}
