/** Whether anything of a dataset's runs is still on its way to the mixer. */
import { samplesVerified } from '../../schemas/topics.ts'
import type { Run } from '../../schemas/types.ts'
import type { Tables } from '../contract.ts'

/**
 * Asked for each record of a dataset without runs that write, so it looks at all runs only when the table has changed; while
 * something is on its way it looks at the one run that was found to be.
 * @param position offset of the next verified sample that comes
 * @returns a function from a dataset to whether there are runs, all have ended, and all they made was read
 */
export function createRest(tables: Tables, position: () => number): (dataset: string) => boolean {
  const known = new Map<string, { readonly at: number; readonly waitsFor: Run | undefined; any: boolean }>()
  const isOpen = ({ state, until }: Run): boolean =>
    state !== 'ended' || position() < (until[samplesVerified.name] ?? 0)

  return dataset => {
    const last = known.get(dataset)
    if (last?.at === tables.changes()) {
      if (last.waitsFor === undefined) return last.any
      if (isOpen(last.waitsFor)) return false
    }
    let any = false
    let waitsFor: Run | undefined
    for (const run of tables.runs()) {
      if (run.dataset !== dataset) continue
      any = true
      if (!isOpen(run)) continue
      waitsFor = run
      break
    }
    known.set(dataset, { at: tables.changes(), waitsFor, any })
    return any && waitsFor === undefined
  }
}
