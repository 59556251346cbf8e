/** The draw of a call: which source, how warm, which seed. Made once and stored in the call's intent. */
import { hash32, sha128 } from '../schemas/identity.ts'
import type { Prompt } from '../schemas/types.ts'
import type { Recipe, Source } from './recipe.ts'

/** A draw, as the journal stores it. */
export type Draw = {
  readonly source: string
  readonly model: string
  readonly temperature: number
  readonly seed: number
}

/**
 * Shares of the sources: their weights, with every family lifted to its minimum share and the others scaled down.
 * @param minimum smallest share of a family, 0 to 1; more than 1 / families means equal shares
 * @returns a probability per source, summing to 1
 */
export function sourceShares(
  sources: readonly Pick<Source, 'family' | 'weight'>[],
  minimum: number
): number[] {
  const families = new Map<string, number>()
  let total = 0
  for (const { family, weight } of sources) {
    families.set(family, (families.get(family) ?? 0) + weight)
    total += weight
  }
  const floor = Math.min(minimum, 1 / families.size)
  const shares = new Map([...families].map(([family, weight]) => [family, weight / total]))
  // Lifting one family may push another under the floor: at most one pass per family settles it.
  const lifted = new Set<string>()
  for (let pass = 0; pass < families.size; pass++) {
    const low = [...shares].filter(([family, share]) => !lifted.has(family) && share < floor)
    if (low.length === 0) break
    for (const [family] of low) lifted.add(family)
    const free = [...shares].filter(([family]) => !lifted.has(family))
    const weight = free.reduce((sum, [family]) => sum + families.get(family)!, 0)
    const left = 1 - floor * lifted.size
    for (const family of lifted) shares.set(family, floor)
    for (const [family] of free) shares.set(family, (left * families.get(family)!) / weight)
  }
  return sources.map(({ family, weight }) => (shares.get(family)! * weight) / families.get(family)!)
}

/** A number in [0, 1) from a string. */
function unit(text: string): number {
  return hash32(text) / 2 ** 32
}

/**
 * Draws for one call, the same for the same request id, recipe and temperature shift.
 * @param sampleIndex position in the temperature cycle
 * @param shift added to the scheduled temperature by control, kept within 0 to 2
 */
export function draw(
  recipe: Recipe,
  prompt: Prompt,
  requestId: string,
  sampleIndex: number,
  shift: number
): Draw {
  const shares = sourceShares(recipe.sources, recipe.family_min_share)
  let point = unit(`source:${requestId}`)
  let chosen = recipe.sources.length - 1
  for (const [index, share] of shares.entries()) {
    if (point < share) {
      chosen = index
      break
    }
    point -= share
  }
  const source = recipe.sources[chosen]!
  const { factual, factual_tasks, diverse } = recipe.temperature
  const scheduled = factual_tasks.includes(prompt.cell.task)
    ? factual
    : diverse[(hash32(prompt.id) + sampleIndex) % diverse.length]!
  const temperature = Math.min(2, Math.max(0, scheduled + shift))
  return {
    source: source.name,
    model: source.model,
    temperature,
    seed: Number.parseInt(sha128(`seed:${requestId}`).slice(0, 8), 16) >>> 1
  }
}
