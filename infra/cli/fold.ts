/** `everseed fold`: makes one chunk of the old ones in the tables of sums, and drops what is older still. */
import { drop, type Dropped } from '../clickhouse/drop.ts'
import { fold as foldSums } from '../clickhouse/fold.ts'
import { countOf } from './context.ts'
import { withIdleStore } from './idle-store.ts'
import { print, printJson, table } from './output.ts'

const happened: Readonly<Record<Dropped['what'], string>> = {
  left: 'dropped; rollups keep what they say',
  emptied: 'without their texts',
  summed: 'dropped; collapse_days keeps them by the day'
}

export async function fold(options: { days: string; drop?: string; json?: boolean }): Promise<void> {
  const days = countOf('--days', options.days)
  const age = options.drop === undefined ? undefined : countOf('--drop', options.drop)
  const { dropped, folded } = await withIdleStore('fold', async warehouse => ({
    dropped: age === undefined ? [] : await drop(warehouse, age),
    folded: await foldSums(warehouse, days)
  }))
  if (options.json) return printJson(age === undefined ? folded : { dropped, folded })
  if (age !== undefined)
    print(
      table(
        ['table', 'rows', 'what became of them'],
        dropped.map(one => [one.table, one.rows, happened[one.what]])
      )
    )
  print(
    table(
      ['rollup', 'rows before', 'rows after'],
      folded.map(({ rollup, before, after }) => [rollup, before, after])
    )
  )
}
