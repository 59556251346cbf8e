/** A first look at the rows of an export: what its card says of them, and which of them are kin. */
import type { Sample } from '../../schemas/types.ts'
import { createFamilies, type Families } from './families.ts'

/** What the rows say of a model. */
export type ModelFacts = {
  readonly id: string
  readonly provider: string
  readonly family: string
  /** What its provider allows with its texts, as the rows carry it. */
  readonly terms: readonly string[]
  readonly generations: readonly string[]
  readonly rows: number
}

/** Counts rows; its memory grows with their ids. */
export type Survey = {
  add(sample: Sample): void
  rows(): number
  models(): ModelFacts[]
  /** Human rows whose licence nobody stated. */
  unlicensed(): number
  /** Rows of texts that are laid down again, in a second epoch or a later one. */
  repeated(): number
  readonly families: Families
}

/** No rows. */
export function createSurvey(): Survey {
  const families = createFamilies()
  const models = new Map<
    string,
    { provider: string; family: string; terms: Set<string>; generations: Set<string>; rows: number }
  >()
  let rows = 0
  let unlicensed = 0
  let repeated = 0
  return {
    families,
    add(sample) {
      rows++
      families.add(sample)
      const { model_id, model_provider, model_family, output_terms, generation, license } = sample.provenance
      if (sample.epoch > 1) repeated++
      if (model_id === null) {
        if (license === null || license === '') unlicensed++
        return
      }
      let facts = models.get(model_id)
      if (!facts) {
        const [provider, family] = [model_provider ?? '', model_family ?? '']
        facts = { provider, family, terms: new Set(), generations: new Set(), rows: 0 }
        models.set(model_id, facts)
      }
      facts.terms.add(output_terms ?? 'unknown')
      facts.generations.add(String(generation ?? 'unknown'))
      facts.rows++
    },
    rows: () => rows,
    models: () =>
      Array.from(models, ([id, { terms, generations, ...facts }]) => ({
        id,
        ...facts,
        terms: [...terms].toSorted(),
        generations: [...generations].toSorted()
      })).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    unlicensed: () => unlicensed,
    repeated: () => repeated
  }
}
