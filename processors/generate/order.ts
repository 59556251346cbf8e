/** One answer that is to be had: to which prompt, of which source, drawn how. */
import type { Prompt } from '../../schemas/types.ts'
import type { Draw } from '../draw.ts'
import type { Recipe, Source } from '../recipe.ts'

/** An order; `id` is its request id. */
export type Order = {
  readonly prompt: Prompt
  readonly recipe: Recipe
  readonly source: Source
  readonly id: string
  readonly drawn: Draw
}
