/** What keeps samples waiting, in rows that are missing, and the word about it. */
import type { Control } from '../../schemas/types.ts'
import { wordsOf } from '../mixing.ts'
import type { Class, Plan, Tally } from './plan.ts'

/** What waiting samples wait for, in rows. */
export type Shortage = {
  /** Verified samples that wait. */
  readonly waiting: number
  /** Human samples that wait, which have no place yet. */
  readonly human_waiting: number
  /** Human rows that are missing for all of them; null: no number is enough; 0: the floor is not why they wait. */
  readonly human_missing: number | null
  /** Groups whose smallest share keeps others waiting, with the rows of them that are missing. */
  readonly groups: readonly { readonly rows: string; readonly missing: number | null }[]
  /** Groups at their largest share, with the rows outside of them that would make room for all that wait. */
  readonly over: readonly { readonly rows: string; readonly waiting: number; readonly missing: number }[]
}

/** The last word, so that the next one is only said when it says something else. */
export type Said = { readonly at: number; readonly causes: string; readonly evidence: string }

/** Microseconds between words that differ in nothing but their numbers. */
const often = 10_000_000
/** Room for what floating point makes of a whole number. */
const rounding = 1e-9

/** Rows to add to both of a count and a whole so that the count is a share of it; null: none is enough. */
function lacking(count: number, share: number, whole: number): number | null {
  const behind = share * whole - count
  if (behind <= rounding) return 0
  return share >= 1 ? null : Math.ceil(behind / (1 - share) - rounding)
}

/**
 * What is missing for the samples that wait.
 * @param waiting verified and real samples that wait, by class
 * @param blocked why the first of each class cannot be laid
 */
export function shortageOf(
  plan: Plan,
  { rows, real, counts }: Tally,
  waiting: ReadonlyMap<Class, number>,
  blocked: ReadonlySet<'floor' | number>
): Shortage {
  const sum = (of: (one: Class) => boolean): number => {
    let all = 0
    for (const [one, count] of waiting) if (of(one)) all += count
    return all
  }
  const inGroup = (number: number): number => sum(({ groups }) => groups.includes(number))
  const human = sum(({ kind }) => kind === 'real')
  const whole = rows + sum(() => true)
  const numbers = [...blocked].filter(one => one !== 'floor').toSorted((a, b) => a - b)
  return {
    waiting: sum(({ kind }) => kind === 'verified'),
    human_waiting: human,
    human_missing: blocked.has('floor') ? lacking(real + human, plan.floor, whole) : 0,
    groups: numbers.flatMap(number => {
      const { least, rule } = plan.groups[number]!
      if (least === undefined) return []
      const missing = lacking(counts[number]! + inGroup(number), least, whole)
      return missing === 0 ? [] : [{ rows: wordsOf(rule), missing }]
    }),
    over: numbers.flatMap(number => {
      const { most, rule } = plan.groups[number]!
      if (most === undefined) return []
      const own = inGroup(number)
      const missing = Math.max(0, Math.ceil((counts[number]! + own) / most - whole - rounding))
      return [{ rows: wordsOf(rule), waiting: own, missing }]
    })
  }
}

/** A shortage in one sentence. */
export function sentenceOf(
  dataset: string,
  shortage: Shortage,
  floor: number,
  { rows, real }: Tally
): string {
  const { waiting, human_waiting, human_missing, groups, over } = shortage
  const causes: string[] = []
  const achieved = rows === 0 ? 'nothing is laid down' : `${real} of ${rows} rows are human`
  if (human_missing === null) causes.push(`no number of human rows is enough for a floor of ${floor}`)
  else if (human_missing > 0)
    causes.push(`${human_missing} human rows of the seed split are missing (floor ${floor}, ${achieved})`)
  for (const { rows: group, missing } of groups)
    causes.push(`${missing ?? 'any number of'} rows of ${group} are missing for their smallest share`)
  for (const { rows: group, waiting: own, missing } of over)
    causes.push(`${own} rows of ${group} are over their largest share: ${missing} other rows make room`)
  const who = [
    ...(waiting > 0 ? [`${waiting} verified`] : []),
    ...(human_waiting > 0 ? [`${human_waiting} human`] : [])
  ].join(' and ')
  return `dataset ${dataset}: ${who} samples wait; ${causes.join('; ')}`
}

/**
 * What to say about a dataset now, if it is something new.
 * @param shortage absent: nothing is missing
 * @param now Unix time in microseconds
 */
export function wordOf(
  dataset: string,
  slot: number,
  shortage: Shortage | undefined,
  { floor }: Plan,
  { rows, real }: Tally,
  said: Said | undefined,
  now: number
): { readonly word: Control; readonly said: Said | undefined } | undefined {
  const about = {
    scope: `dataset:${dataset}`,
    author: 'mix',
    temperature_delta: null,
    expires_at: null,
    created_at: now
  }
  if (!shortage) {
    if (!said) return undefined
    const reason = `dataset ${dataset}: nothing waits for missing rows any more`
    const word = { ...about, action: 'none', state: 'CONTINUE', reason, evidence: '{}' } as const
    return { word, said: undefined }
  }
  const { human_missing, groups, over } = shortage
  const evidence = JSON.stringify({ dataset, slot, rows, human: real, floor, ...shortage })
  const causes = JSON.stringify([human_missing !== 0, groups.map(one => one.rows), over.map(one => one.rows)])
  if (said && (said.evidence === evidence || (said.causes === causes && now - said.at < often)))
    return undefined
  const reason = sentenceOf(dataset, shortage, floor, { rows, real, counts: [] })
  return {
    word: { ...about, action: 'warn', state: 'STOP_MIX', reason, evidence },
    said: { at: now, causes, evidence }
  }
}
