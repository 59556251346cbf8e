/** Reads recipes: YAML with errors that name the line, and the same thing as it lies in the `runs` table. */
import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument, type Document } from 'yaml'
import { z } from 'zod'
import { type Recipe, recipeSchema } from '../processors/recipe.ts'
import { EverseedError } from '../schemas/errors.ts'
import { sha128 } from '../schemas/identity.ts'

/**
 * Parses a recipe.
 * @param text YAML
 * @param name what errors call it, usually the file
 * @throws EverseedError RECIPE_INVALID, every problem on a line of its own as `name:line:column: field: what is wrong`
 */
export function parseRecipe(text: string, name: string): Recipe {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${line}:${col}`
  }
  if (document.errors.length > 0) {
    throw new EverseedError(
      'RECIPE_INVALID',
      document.errors.map(error => `${at(error.pos[0])}: ${error.message.split('\n')[0]}`).join('\n')
    )
  }
  const parsed = recipeSchema.safeParse(document.toJS())
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(
    issue => `${at(offsetOf(document, issue))}: ${pathOf(issue)}${issue.message}`
  )
  throw new EverseedError(
    'RECIPE_INVALID',
    `${problems.join('\n')}\nThe fields are documented by: npx everseed init`
  )
}

function pathOf(issue: z.core.$ZodIssue): string {
  return issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''
}

/** Where in the text an issue's field stands, or the nearest thing around it. */
function offsetOf(document: Document, issue: z.core.$ZodIssue): number {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : [...issue.path]
  for (; path.length > 0; path.pop()) {
    const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents
    const pairs = (
      parent as { items?: { key?: { value?: unknown; range?: [number, number, number] } }[] } | null
    )?.items
    const pair = pairs?.find(item => item.key?.value === path.at(-1))
    if (pair?.key?.range) return pair.key.range[0]
    const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined
    if (node?.range) return node.range[0]
  }
  return (document.contents as { range?: [number, number, number] } | null)?.range?.[0] ?? 0
}

/**
 * Reads a recipe file.
 * @throws EverseedError FILE_UNREADABLE, RECIPE_INVALID
 */
export function readRecipe(path: string): Recipe {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new EverseedError(
      'FILE_UNREADABLE',
      `the recipe ${path} cannot be read: ${(cause as Error).message}; write one with npx everseed init`,
      { cause }
    )
  }
  return parseRecipe(text, path)
}

/** Fingerprint of a recipe: the same for the same meaning, whatever the comments and the order of keys. */
export function fingerprint(recipe: Recipe): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, one]) => [key, sorted(one)])
    )
  }
  return sha128(JSON.stringify(sorted(recipe)))
}

/** The recipe's JSON schema, for editors. */
export function recipeJsonSchema(): object {
  return z.toJSONSchema(recipeSchema, { io: 'input' })
}
