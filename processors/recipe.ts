/** The recipe: what a run is made of. One schema gives validation, defaults, the editor's completion and the docs. */
import { z } from 'zod'
import { impossibleShares, mixSection } from './mixing.ts'
import { isScript, languages } from './writing.ts'

const share = z.number().min(0).max(1)
/** How sources, families, runs and datasets are called. */
export const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'lower-case letters, digits, dot, dash and underscore, at most 100')

const source = z
  .strictObject({
    name: name.describe('How the source is called in metrics and logs'),
    provider: z
      .enum(['offline', 'openai', 'anthropic'])
      .describe('Whose protocol is spoken; openai serves every OpenAI-compatible server'),
    model: z.string().min(1).describe('Model id as the provider knows it; for offline: any name'),
    family: name.describe('Models that share training data or weights: the unit of the minimum share'),
    weight: z
      .number()
      .positive()
      .default(1)
      .describe('Share of the samples it is drawn for, relative to the others'),
    base_url: z
      .url()
      .optional()
      .describe('Another server that speaks the protocol, for example http://localhost:8000/v1'),
    api_key_env: z
      .string()
      .optional()
      .describe('Environment variable that holds the key; default OPENAI_API_KEY or ANTHROPIC_API_KEY'),
    max_tokens: z.int().positive().default(512).describe('Largest number of tokens of an answer'),
    top_p: z.number().gt(0).max(1).optional().describe('Nucleus sampling mass'),
    logprobs: z
      .boolean()
      .optional()
      .describe('openai: asks for the probabilities of the tokens, for log-perplexity by the model itself'),
    timeout_ms: z.int().positive().default(60_000).describe('Milliseconds a call may take'),
    parallel: z
      .int()
      .positive()
      .default(4)
      .describe('Calls in flight to start with; adapts to what the provider bears'),
    requests_per_minute: z
      .int()
      .positive()
      .optional()
      .describe('Request limit; learnt from headers where absent'),
    tokens_per_minute: z
      .int()
      .positive()
      .optional()
      .describe('Token limit; learnt from headers where absent'),
    price: z
      .strictObject({
        input: z.number().min(0).describe('US dollars per million tokens read'),
        output: z.number().min(0).describe('US dollars per million tokens written')
      })
      .optional()
      .describe('What a call costs; needed under budget.usd, zeros for a server of your own'),
    output_terms: z
      .enum(['allowed', 'forbidden', 'unknown'])
      .default('unknown')
      .describe('Whether the terms allow training on its output; forbidden never enters training'),
    trained_generation: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Generation of the newest text a model of unknown training data is assumed to have seen, default 0; of a registered model it is known'
      ),
    order: z.int().min(2).max(6).default(3).describe('offline: tokens of context plus one'),
    smoothing: share.default(0.1).describe('offline: weight of the shorter context'),
    sees: share.default(1).describe('offline: share of the seed documents it is fitted on')
  })
  .describe('A source of generations')

const fields = z.strictObject({
  $schema: z.string().optional(),
  dataset: name.describe('Dataset the samples go to'),
  run: name.describe('Campaign; a changed recipe needs a new name'),
  human: z
    .strictObject({
      floor: share.default(0.5).describe('Smallest real share of every prefix of training'),
      split: z
        .strictObject({
          seed: z.int().min(0).max(100).default(60),
          reference: z.int().min(0).max(100).default(30),
          audit: z.int().min(0).max(100).default(10)
        })
        .refine(split => split.seed + split.reference + split.audit === 100, 'the three shares sum to 100')
        .prefault({})
        .describe(
          'Percent of human documents for generators, metrics and calibration; fixed with the first dataset, for all of a deployment'
        ),
      signing: z
        .boolean()
        .default(false)
        .describe(
          'Whether human text must be signed with a listed key (everseed keys): what is not is of unknown origin; fixed with the dataset'
        )
    })
    .prefault({})
    .describe('The human side of the dataset'),
  mix: mixSection.prefault({}).describe('What training is mixed of; fixed with the dataset'),
  sources: z
    .array(source)
    .min(1)
    .refine(list => new Set(list.map(one => one.name)).size === list.length, 'source names are unique'),
  family_min_share: share.default(0).describe('Smallest share of the samples every family is drawn for'),
  samples_per_prompt: z
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe('Answers per prompt where the prompt does not say'),
  attempts: z
    .int()
    .min(1)
    .max(10)
    .default(1)
    .describe('Answers tried for a fixable failure, the first included'),
  temperature: z
    .strictObject({
      factual: z
        .number()
        .min(0)
        .max(2)
        .default(0.2)
        .describe('For cells whose task is listed in factual_tasks'),
      diverse: z
        .array(z.number().min(0).max(2))
        .min(1)
        .default([0.8, 1, 1.2])
        .describe('Taken in turn for every other cell'),
      factual_tasks: z.array(z.string()).default(['answer', 'extract', 'classify'])
    })
    .prefault({})
    .describe('Temperature schedule'),
  checks: z
    .strictObject({
      min_chars: z.int().min(0).default(20).describe('Shortest answer'),
      max_chars: z.int().positive().default(200_000).describe('Longest answer'),
      language: z
        .enum(languages, `a code the detector knows: ${languages.join(' ')}`)
        .optional()
        .describe('ISO 639-1 code every answer must be in'),
      script: z
        .string()
        .refine(isScript, 'the name of a Unicode script, for example Latin, Cyrillic or Han')
        .optional()
        .describe('Unicode script most letters must be of, for example Latin'),
      max_repetition: share
        .default(0.5)
        .describe('Largest share of 4-grams that occurred before in the same answer')
    })
    .prefault({})
    .describe('Shape checks'),
  dedup: z.enum(['dataset', 'run']).default('dataset').describe('Memory of the deduplication'),
  budget: z
    .strictObject({
      usd: z.number().min(0).optional().describe('Largest spend; calls stop before it would be passed'),
      tokens: z.int().min(0).optional().describe('Largest number of tokens, read and written'),
      error_rate: share.default(0.5).describe('Share of failed calls in the window that stops the run'),
      error_window: z.int().positive().default(100).describe('Calls the error rate is taken over'),
      waiting: z
        .int()
        .positive()
        .optional()
        .describe(
          'Verified samples that may wait for human text before the run is stopped; absent: any number'
        )
    })
    .prefault({})
    .describe('When to stop'),
  window: z.int().min(100).default(20_000).describe('Tokens in a metric window'),
  window_by: z
    .array(z.enum(['task', 'topic', 'format']))
    .default([])
    .describe('Windows besides, of the samples of each task, topic or format, over all sources'),
  metrics: z
    .enum(['glance', 'all'])
    .optional()
    .describe(
      'What windows are measured by, default all; glance takes a quarter of the time: what moves early, and models look at one document in four'
    ),
  parts_of_speech: z
    .boolean()
    .optional()
    .describe('Metrics of how sentences are built too, of the first 2,000 words of a window; English'),
  store_text: z
    .boolean()
    .optional()
    .describe(
      'Whether ClickHouse gets the words of prompts and answers, default true; hashes, counts and metrics are the same without'
    ),
  park_after: z
    .int()
    .min(0)
    .default(600)
    .describe(
      'Seconds a prompt waits for a provider that answers nobody before it is parked; one of a stopped run is parked at once'
    )
})

/**
 * The schema of a recipe that is written now. Recipes of runs that exist are read by {@link storedRecipe}: rules that were added
 * since must not keep a run from going on.
 */
export const recipeSchema = fields.superRefine(({ human, mix, sources, budget }, context) => {
  for (const message of mix.strategy === 'accumulate' ? impossibleShares(human.floor, mix) : [])
    context.addIssue({ code: 'custom', path: ['mix', 'min_share'], message })
  for (const [index, { name: called, provider, trained_generation }] of sources.entries()) {
    if (provider !== 'offline' || trained_generation === undefined) continue
    context.addIssue({
      code: 'custom',
      path: ['sources', index, 'trained_generation'],
      message: `${called} is fitted on human text here, so what it was trained on is known: leave trained_generation out`
    })
  }
  if (budget.usd === undefined) return
  // A call without a price costs nothing in the books: the budget would never stop it.
  for (const [index, { name: called, provider, price }] of sources.entries()) {
    if (provider === 'offline' || price) continue
    context.addIssue({
      code: 'custom',
      path: ['sources', index, 'name'],
      message: `budget.usd needs the price of ${called}: price: { input: …, output: … } in dollars per million tokens, zeros for a server of your own`
    })
  }
})

/** A recipe with every default filled in. */
export type Recipe = z.infer<typeof recipeSchema>

/** The schema of a recipe that a run was made of. */
export const storedRecipe = fields
/** One source of a recipe. */
export type Source = Recipe['sources'][number]
