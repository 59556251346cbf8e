/** Draws from offline models: nothing is paid, tokens count. */
import { EverseedError } from '../../schemas/errors.ts'
import type { Tables } from '../contract.ts'
import type { Completion, OfflineModels } from '../ports.ts'
import { type Budget, type Charge, nothing, Stopped } from './budget.ts'
import type { Order } from './order.ts'
import { fitting, noUsage, type Outcome } from './outcome.ts'

/**
 * Fills an order from its offline model.
 * @throws Stopped when there is no such model, when it sees nothing, when the budget does not take it
 */
export function createOffline(
  tables: Tables,
  models: OfflineModels,
  budget: Budget,
  now: () => number
): (order: Order) => Promise<Outcome> {
  return async ({ prompt, recipe, source, id, drawn }) => {
    const model = tables.model(drawn.model)
    if (!model?.offline) {
      throw new Stopped(
        `PROVIDER_UNCONFIGURED: offline model ${drawn.model} is in no table; publish the prompts with their recipe`
      )
    }
    const started = now()
    const sampler = await models.sampler(model).catch((error: unknown) => {
      if (!(error instanceof EverseedError && error.code === 'PROVIDER_UNCONFIGURED')) throw error
      throw new Stopped(`${error.code}: ${error.message}`)
    })
    // It reads none of the prompt. A draw that a crash loses is made again for nothing: no intent is needed.
    const worst: Charge = { micros: 0, tokens: source.max_tokens }
    const claim = { id, run: prompt.run, limits: recipe.budget, worst, lost: nothing }
    const release = await budget.reserve(claim)
    let charged = nothing
    try {
      const { text, tokens, finished } = sampler({
        topic: prompt.cell.topic,
        temperature: drawn.temperature,
        ...(source.top_p !== undefined && { topP: source.top_p }),
        seed: drawn.seed,
        maxTokens: source.max_tokens
      })
      charged = { micros: 0, tokens }
      const completion: Completion = {
        reply: text,
        reasoning_content: null,
        raw: null,
        finish_reason: finished ? 'stop' : 'length',
        usage: { ...noUsage, output_tokens: tokens },
        latency_ms: Math.round((now() - started) / 1000)
      }
      return fitting({ draw: drawn, completion, error: '', charged }, prompt)
    } finally {
      release(charged)
    }
  }
}
