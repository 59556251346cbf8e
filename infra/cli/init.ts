/** `everseed init`: writes a commented recipe, and its schema beside it for editors. */
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { recipeJsonSchema } from '../recipe.ts'
import { reasonOf } from './context.ts'
import { print } from './output.ts'

/** The recipe `init` writes: everything that is not commented out is needed, the rest shows defaults. */
export const exampleRecipe = `# yaml-language-server: $schema=./recipe.schema.json
# What a run is made of. Every field is explained in recipe.schema.json; editors complete it.
dataset: letters                # samples go here; human data and floor are fixed with it
run: letters-1                  # a campaign; a changed recipe needs a new name

human:
  floor: 0.5                    # smallest real share of every prefix of the training stream
  split: { seed: 60, reference: 30, audit: 10 }   # percent: generators / metrics / calibration; the same in every dataset
  # signing: true               # only text that a listed key signed is human (everseed keys)

mix:                            # fixed with the dataset
  max_generation: 1             # texts of models trained on models' texts stay out of training
  # edited_counts: true         # edits of human text count for the floor; unknown text never does
  # epochs: 3                   # human text may be repeated, labelled, where it runs short; default 1: never
  # weights: { 1: 1, 2: 0.25 }  # share of each generation's texts that is kept
  # min_share:                  # of all rows, per cell, group of cells, model or family
  #   - { topic: safety, refusal: require, share: 0.02 }
  #   - { family: ngram-short, share: 0.1 }
  # quota:                      # most rows: over a share they wait, over a number they are dropped
  #   - { family: ngram-long, share: 0.4 }
  #   - { run: letters-1, rows: 100000 }

sources:                        # several families: models of one family count as one source
  - name: ngram-long            # offline: fitted on the seed split, needs no key
    provider: offline
    model: ngram-4
    family: ngram-long
    order: 4
  - name: ngram-short
    provider: offline
    model: ngram-3
    family: ngram-short
    order: 3
    smoothing: 0.3
#  - name: gpt
#    provider: openai            # and every OpenAI-compatible server, by base_url
#    model: gpt-4.1-mini
#    family: gpt
#    base_url: http://localhost:8000/v1
#    api_key_env: OPENAI_API_KEY
#    max_tokens: 512
#    price: { input: 0.40, output: 1.60 }   # US dollars per million tokens
#    output_terms: unknown       # forbidden never enters training
#  - name: claude
#    provider: anthropic
#    model: claude-sonnet-4-5
#    family: claude
#    price: { input: 3, output: 15 }
family_min_share: 0.2           # no family is drawn for less than this

samples_per_prompt: 2
attempts: 2                     # a fixable failure is asked again, with the reason
temperature: { factual: 0.2, diverse: [0.8, 1.0, 1.2] }
checks: { min_chars: 20, max_chars: 20000, max_repetition: 0.5 }
budget:
  # usd: 5                      # calls stop before it would be passed; every paid source needs its price
  # waiting: 10000              # verified samples that may wait for human text; more stop the run
  error_rate: 0.5               # share of failed calls that stops the run
window: 20000                   # tokens in a metric window; window_by: [topic] adds windows of each topic
`

/**
 * Writes the recipe and its JSON schema.
 * @throws EverseedError CONFIG_INVALID when the file exists, FILE_UNWRITABLE
 */
export function init(file: string, options: { force?: boolean }): void {
  if (existsSync(file) && !options.force) {
    throw new EverseedError(
      'CONFIG_INVALID',
      `${file} exists: choose another name, or overwrite it with --force`
    )
  }
  const schema = join(dirname(file), 'recipe.schema.json')
  try {
    writeFileSync(file, exampleRecipe)
    writeFileSync(schema, `${JSON.stringify(recipeJsonSchema(), null, 2)}\n`)
  } catch (cause) {
    throw new EverseedError('FILE_UNWRITABLE', `${file} cannot be written: ${reasonOf(cause)}`, { cause })
  }
  print(`wrote ${file} and ${schema}; next: npx everseed publish human FILE --recipe ${file}`)
}
