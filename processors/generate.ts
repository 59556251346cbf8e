/** Answers prompts: draws a source per sample, calls it at most once per journal, stops before the budget is passed. */
import { promptKey, requestId } from '../schemas/identity.ts'
import { generations, journal, prompts, promptsParked } from '../schemas/topics.ts'
import type { JournalEntry, Prompt } from '../schemas/types.ts'
import { defineProcessor, type Output, type Verdict } from './contract.ts'
import { draw, type Draw } from './draw.ts'
import { createBudget, Stopped } from './generate/budget.ts'
import { generationOf } from './generate/generation.ts'
import { inheritedBy } from './generate/inherited.ts'
import { createOffline } from './generate/offline.ts'
import type { Order } from './generate/order.ts'
import { createPaid } from './generate/paid.ts'
import type { Recipe } from './recipe.ts'

/** Indexes of samples are 32-bit integers in the records. */
const lastIndex = 2 ** 31 - 1

function idOf({ run, id, attempt }: Prompt, index: number): string {
  return requestId(run, id, attempt, index)
}

export const generate = defineProcessor({
  name: 'generate',
  doc: 'answers prompts from several sources; every call is paid at most once',
  inputs: { prompts },
  outputs: { generated: generations, parked: promptsParked, journal },
  drops: ['settled'],
  state: {},
  needs: ['journal', 'providers', 'offline', 'texts'],
  concurrency: 64,
  settles: ({ value }) => value.samples,
  create: ({ tables, ports, now, signal, lost, log, out, emit, drop, reject }) => {
    const budget = createBudget(ports.journal, signal)
    const paid = createPaid({ ports, budget, log, signal, lost })
    const offline = createOffline(tables, ports.offline, budget, now)

    const sample = async (
      prompt: Prompt,
      inherited: number | null,
      recipe: Recipe,
      index: number
    ): Promise<Output[]> => {
      const id = idOf(prompt, index)
      const known = ports.journal.find(id)
      const shift = tables.control(prompt.run)?.temperature_delta ?? 0
      const drawn =
        known && known.phase !== 'settled'
          ? (JSON.parse(known.draw) as Draw)
          : draw(recipe, prompt, id, index, shift)
      const source = recipe.sources.find(one => one.name === drawn.source)!
      const order: Order = { prompt, recipe, source, id, drawn }
      const outcome = await (source.provider === 'offline' ? offline(order) : paid(order))
      const { micros, tokens } = outcome.charged
      const generation = generationOf(order, index, outcome, inherited, tables, now())
      const settled: JournalEntry = {
        request_id: id,
        run: prompt.run,
        phase: 'settled',
        draw: '',
        reply: '',
        reserved_micros: 0,
        cost_micros: micros,
        tokens,
        at: now()
      }
      return [out('generated', generation.id, generation), out('journal', id, settled)]
    }

    const park = (prompt: Prompt, reason: string, missing: number): Output => {
      log.warn({ run: prompt.run, prompt: prompt.id, samples: missing }, `parked: ${reason}`)
      return out('parked', promptKey(prompt), { prompt, reason, samples: missing, parked_at: now() })
    }

    return {
      async process({ value: prompt }): Promise<Verdict> {
        const recipe = tables.recipe(prompt.run)
        if (!recipe)
          return reject(
            'unreadable_recipe',
            `the recipe of run ${prompt.run} does not fit its schema`,
            prompt.samples
          )
        if (prompt.samples < 1 || prompt.samples > 1000) {
          return reject(
            'illegal_samples',
            `prompt ${prompt.id} asks for ${prompt.samples} samples; 1 to 1000 are legal`,
            prompt.samples
          )
        }
        if (prompt.messages.length === 0)
          return reject('empty_prompt', `prompt ${prompt.id} has no messages`, prompt.samples)
        // A retry is about one sample; its index keeps its call apart from those about its siblings.
        const first = prompt.provenance.sample_index ?? 0
        if (first < 0 || first > lastIndex - prompt.samples) {
          return reject(
            'illegal_samples',
            `prompt ${prompt.id} has provenance.sample_index ${first}; indexes are 0 to ${lastIndex}`,
            prompt.samples
          )
        }
        // A prompt that is told again is about what it left open: each sample is settled once.
        const open = Array.from({ length: prompt.samples }, (_, step) => first + step).filter(
          index => ports.journal.find(idOf(prompt, index))?.phase !== 'settled'
        )
        if (open.length === 0) return drop('settled')
        // At once, not after a while: what waits here holds up every other run of the slot.
        const word = tables.control(prompt.run)
        if (word?.action === 'stop') return emit(park(prompt, `${word.state}: ${word.reason}`, open.length))
        const inherited = await inheritedBy(prompt, tables, ports.texts)
        if ('missing' in inherited) {
          return reject(
            'parent_unknown',
            `prompt ${prompt.id} of dataset ${prompt.dataset} names parent ${inherited.missing}, which is neither a human text nor a verified sample there: publish it, or wait until it is verified, then everseed deadletters replay --reason parent_unknown`,
            open.length
          )
        }
        const { generation } = inherited
        const results = await Promise.allSettled(open.map(index => sample(prompt, generation, recipe, index)))
        const outputs: Output[] = []
        let stopped = ''
        let missing = 0
        for (const result of results) {
          if (result.status === 'fulfilled') outputs.push(...result.value)
          else if (result.reason instanceof Stopped) {
            stopped = result.reason.message
            missing++
          } else throw result.reason
        }
        if (missing > 0) outputs.push(park(prompt, stopped, missing))
        return emit(...outputs)
      }
    }
  }
})
