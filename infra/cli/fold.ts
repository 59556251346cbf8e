/** `everseed fold`: makes one chunk of the old ones in the tables of sums. */
import { fold as foldSums } from '../clickhouse/fold.ts'
import { countOf } from './context.ts'
import { withIdleStore } from './idle-store.ts'
import { print, printJson, table } from './output.ts'

export async function fold(options: { days: string; json?: boolean }): Promise<void> {
  const days = countOf('--days', options.days)
  const done = await withIdleStore('fold', warehouse => foldSums(warehouse, days))
  if (options.json) return printJson(done)
  print(
    table(
      ['rollup', 'rows before', 'rows after'],
      done.map(({ rollup, before, after }) => [rollup, before, after])
    )
  )
}
