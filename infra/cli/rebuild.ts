/** `everseed rebuild`: fills the rollups again from the raw rows. */
import { type Difference, rebuild as rebuildRollups } from '../clickhouse/rebuild.ts'
import { withIdleStore } from './idle-store.ts'
import { note, print, printJson, table } from './output.ts'

function told({ topic, slot, before, after }: Difference): string {
  const what =
    before.rows === after.rows && before.offsetSum === after.offsetSum
      ? `other sums over the same ${after.rows} rows`
      : `${before.rows} rows (offsets add up to ${before.offsetSum}) instead of ${after.rows} (${after.offsetSum})`
  return `${topic}/${slot} had ${what}`
}

export async function rebuild(options: { json?: boolean }): Promise<void> {
  const done = await withIdleStore('rebuild', rebuildRollups)
  if (options.json) return printJson(done)
  print(
    table(
      ['rollup', 'rows', 'differences'],
      done.map(({ rollup, rows, differences }) => [rollup, rows, differences.length])
    )
  )
  for (const { rollup, differences, kept } of done) {
    for (const difference of differences) note(`${rollup}: ${told(difference)}`)
    for (const { topic, slot, to, rows } of kept)
      note(`${rollup}: ${topic}/${slot} keeps ${rows} rows below offset ${to}, whose raw rows were dropped`)
  }
}
