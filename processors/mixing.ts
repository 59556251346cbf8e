/** What training is mixed of: the `mix` section of a recipe, and what it says of a row. Fixed with the dataset. */
import { z } from 'zod'
import type { Sample } from '../schemas/types.ts'

const share = z.number().min(0).max(1)
const most = 16

/** Rows a rule is about: those that agree with everything it names. Groups of cells leave parts of the cell out. */
const selector = {
  task: z.string().optional().describe('Task of the cell'),
  topic: z.string().optional().describe('Topic of the cell'),
  format: z.string().optional().describe('Format of the cell'),
  refusal: z.enum(['reject', 'allow', 'require']).optional().describe('Refusal policy of the cell'),
  model: z.string().optional().describe('Model, as its source names it'),
  family: z.string().optional().describe('Model family'),
  run: z.string().optional().describe('Run')
}
const selected = Object.keys(selector) as (keyof typeof selector)[]
const namesRows = (rule: Rule): boolean => selected.some(key => rule[key] !== undefined)
const nameless = `name the rows it is about by one or more of ${selected.join(', ')}`

/** A rule's rows. */
export type Rule = { readonly [Key in keyof typeof selector]?: string | undefined }

const settings = {
  strategy: z
    .enum(['accumulate', 'replace', 'accumulate-subsample'])
    .default('accumulate')
    .describe(
      'accumulate: human text stays and every prefix holds the floor. For experiments on collapse only, without floor: replace lays down models’ texts alone (Shumailov 2024); accumulate-subsample lays down everything as it comes, and each version names the rows of a sample of fixed size (Kazdan 2024)'
    ),
  subsample: z
    .int()
    .positive()
    .optional()
    .describe('accumulate-subsample: rows of the sample of each version'),
  edited_counts: z
    .boolean()
    .default(false)
    .describe(
      'Whether edited human text whose parents are all human counts for the floor; unknown never does'
    ),
  epochs: z
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe(
      'Passes over the human texts: where they run short, those already laid down may be repeated until each was there so often; rows of later passes are labelled'
    ),
  weights: z
    .record(z.string().regex(/^\d+$/, 'a generation number'), share)
    .default({})
    .describe('Share of the texts of a generation that are kept, chosen by a hash of their ids; absent: all'),
  min_share: z
    .array(
      z
        .strictObject({ ...selector, share: share.gt(0).describe('Smallest share of the rows of training') })
        .refine(namesRows, nameless)
    )
    .max(most)
    .default([])
    .describe(
      'Smallest shares of all rows, per cell, group of cells, model or family: a prefix of n rows holds at least share × n - (number of these rules + 2) of them, or the mixer waits'
    ),
  quota: z
    .array(
      z
        .strictObject({
          ...selector,
          share: share
            .gt(0)
            .optional()
            .describe('Largest share of every prefix; rows over it wait until others make room'),
          rows: z
            .int()
            .positive()
            .optional()
            .describe(
              'Largest number of rows, in the order they come, waiting ones counted; later ones are dropped'
            )
        })
        .refine(namesRows, nameless)
        .refine(rule => (rule.share === undefined) !== (rule.rows === undefined), 'either share or rows')
    )
    .max(most)
    .default([])
    .describe('Most rows per cell, group of cells, model, family or run')
}

type Strategy = { strategy: string; subsample?: number | undefined }

const sized = ({ strategy, subsample }: Strategy): boolean =>
  (strategy === 'accumulate-subsample') === (subsample !== undefined)
const unsized = {
  message: 'the rows of the sample: accumulate-subsample needs them, no other strategy has any',
  path: ['subsample']
}

const settingsSchema = z.strictObject(settings).refine(sized, unsized)

/** The section as a recipe has it. */
export const mixSection = z
  .strictObject({
    max_generation: z
      .int()
      .min(0)
      .default(1)
      .describe(
        'Deepest generation that enters training; unknown is deeper than any; fixed with the dataset'
      ),
    ...settings
  })
  .refine(sized, unsized)

/** How a dataset's rows are mixed, beyond the floor and the deepest generation. */
export type MixSettings = z.infer<typeof settingsSchema>

/** The settings as they lie in the `datasets` table: the same for the same meaning. */
export function mixText(section: z.infer<typeof mixSection>): string {
  // Whatever is the dataset's own field is left out.
  return JSON.stringify(z.object(settings).parse(section))
}

/** The settings of an entry of the `datasets` table; undefined where they do not fit their schema. */
export function parseMix(text: string): MixSettings | undefined {
  try {
    return settingsSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** Whether the floor counts a text: written by a person, or edited by one where nothing of a model is in it and edits count. */
export function isReal(
  { provenance: { origin, generation } }: Pick<Sample, 'provenance'>,
  { edited_counts }: Pick<MixSettings, 'edited_counts'>
): boolean {
  return origin === 'HUMAN_AUTHORED' || (edited_counts && origin === 'HUMAN_EDITED' && generation === 0)
}

/** Whether a model is meant: offline models carry what they were fitted on behind their name. */
function isModel(name: string, id: string | null): boolean {
  return id !== null && (id === name || id.startsWith(`${name}@`))
}

/** Whether a row is one of a rule's. */
export function isOf(
  rule: Rule,
  { cell, run, provenance }: Pick<Sample, 'cell' | 'run' | 'provenance'>
): boolean {
  return (
    (rule.task === undefined || rule.task === cell.task) &&
    (rule.topic === undefined || rule.topic === cell.topic) &&
    (rule.format === undefined || rule.format === cell.format) &&
    (rule.refusal === undefined || rule.refusal === cell.refusal) &&
    (rule.model === undefined || isModel(rule.model, provenance.model_id)) &&
    (rule.family === undefined || rule.family === provenance.model_family) &&
    (rule.run === undefined || rule.run === run)
  )
}

/** A rule's rows in words, for example `family=gpt topic=safety`. */
export function wordsOf(rule: Rule): string {
  return selected.flatMap(key => (rule[key] === undefined ? [] : [`${key}=${rule[key]}`])).join(' ')
}

/** The floor that is enforced: strategies of experiments have none. */
export function floorOf({ floor }: { readonly floor: number }, { strategy }: MixSettings): number {
  return strategy === 'accumulate' ? floor : 0
}

const experiments: Readonly<Record<Exclude<MixSettings['strategy'], 'accumulate'>, string>> = {
  replace:
    'strategy replace lays down no human text: for experiments on model collapse only; models trained on it degrade',
  'accumulate-subsample':
    'strategy accumulate-subsample holds no real share: for experiments on model collapse only; the share of human text shrinks as models add to the pool'
}

/** What whoever trains on a dataset must know of its mix. */
export function warningsOf({ strategy, epochs }: MixSettings): string[] {
  const warnings = strategy === 'accumulate' ? [] : [experiments[strategy]]
  if (epochs > 1)
    warnings.push(`human text may be repeated up to ${epochs} times; repeated rows have epoch 2 and more`)
  return warnings
}

/** What only models' texts have; of the cells human text may be. */
const ofModels: ReadonlySet<keyof Rule> = new Set(['model', 'family', 'run'])
const isOfModels = (rule: Rule): boolean => selected.some(key => ofModels.has(key) && rule[key] !== undefined)

/** Whether every row of a rule is one of a wider rule. */
const covers = (wider: Rule, rule: Rule): boolean =>
  selected.every(key => wider[key] === undefined || wider[key] === rule[key])

/**
 * What minimum shares ask for beyond what the floor, quotas and generations leave them, in words.
 * @param floor smallest real share
 */
export function impossibleShares(
  floor: number,
  { min_share, quota, weights, max_generation }: z.infer<typeof mixSection>
): string[] {
  const round = (value: number): number => +value.toFixed(6)
  const sums = selected.flatMap(key => {
    const own = min_share.filter(rule => selected.every(one => (rule[one] === undefined) === (one !== key)))
    const sum = own.reduce((all, rule) => all + rule.share, 0)
    const left = ofModels.has(key) ? 1 - floor : 1
    if (sum <= left + 1e-9) return []
    const why = ofModels.has(key)
      ? `human text has a floor of ${floor}: at most ${round(left)} is left`
      : 'no more than 1 there is'
    return [`the smallest shares per ${key} sum to ${round(sum)}, and ${why}`]
  })
  const narrow = min_share.flatMap(rule =>
    isOfModels(rule) &&
    rule.share > 1 - floor + 1e-9 &&
    selected.filter(key => rule[key] !== undefined).length > 1
      ? [
          `${wordsOf(rule)} has a smallest share of ${rule.share}, and human text has a floor of ${floor}: at most ${round(1 - floor)} is left`
        ]
      : []
  )
  const crossed = min_share.flatMap(rule =>
    quota
      .filter(one => covers(one, rule))
      .flatMap(one => {
        const words = `${wordsOf(rule)} has a smallest share of ${rule.share}, and ${wordsOf(one)}`
        if (one.rows !== undefined)
          return [`${words} at most ${one.rows} rows: a share of a stream has no last row`]
        return rule.share > one.share! + 1e-9 ? [`${words} a largest one of ${one.share}`] : []
      })
  )
  // Of more generations than there are weights one has none, and is kept whole.
  const generations = Math.min(max_generation, Object.keys(weights).length + 1)
  const kept = Array.from({ length: generations }, (_, before) => weights[before + 1] ?? 1)
  const none = kept.every(weight => weight === 0)
    ? min_share
        .filter(rule => isOfModels(rule))
        .map(
          rule =>
            `${wordsOf(rule)} has a smallest share of ${rule.share}, and no text of a model is kept: look at max_generation and weights`
        )
    : []
  return [...sums, ...narrow, ...crossed, ...none]
}
