/** `everseed rebuild`: fills the rollups again from the raw rows. */
import { EverseedError } from '../../schemas/errors.ts'
import { createWarehouse } from '../clickhouse/client.ts'
import { ownerOf, refuseOthers } from '../clickhouse/owner.ts'
import { type Difference, rebuild as rebuildRollups } from '../clickhouse/rebuild.ts'
import type { ClusterAdmin } from '../kafka/admin.ts'
import { store } from '../processors.ts'
import { commandLog, withDeployment } from './context.ts'
import { note, print, printJson, table } from './output.ts'

/** A store that is killed stays a member for its session timeout, which is longer than an insert may take. */
async function refuseWhileStoring(admin: ClusterAdmin, advice: string): Promise<void> {
  const members = await admin.members(store.name)
  if (members === 0) return
  throw new EverseedError(
    'STORE_RUNNING',
    `${members} ${members === 1 ? 'process is' : 'processes are'} in the group of the store, and what it inserts meanwhile could be missing from the rollups: ${advice}`
  )
}

function told({ topic, slot, before, after }: Difference): string {
  const what =
    before.rows === after.rows && before.offsetSum === after.offsetSum
      ? `other sums over the same ${after.rows} rows`
      : `${before.rows} rows (offsets add up to ${before.offsetSum}) instead of ${after.rows} (${after.offsetSum})`
  return `${topic}/${slot} had ${what}`
}

export async function rebuild(options: { json?: boolean }): Promise<void> {
  const done = await withDeployment(async ({ admin, config: { prefix } }, { clickhouse }) => {
    if (!clickhouse)
      throw new EverseedError(
        'CONFIG_INVALID',
        'rebuild needs ClickHouse: set EVERSEED_CLICKHOUSE_URL, or run everseed up'
      )
    await refuseWhileStoring(
      admin,
      'stop it first (everseed down, then everseed up --only none), and start it again afterwards'
    )
    const { url, user, password, database } = clickhouse
    const warehouse = createWarehouse({ url, user, password, database, log: commandLog() })
    try {
      // The store of another deployment is in another group, and may run.
      refuseOthers(database, await ownerOf(warehouse), { clusterId: await admin.clusterId(), prefix })
      const rebuilt = await rebuildRollups(warehouse)
      await refuseWhileStoring(
        admin,
        'it started while the rollups were filled; stop it and run everseed rebuild again'
      )
      return rebuilt
    } finally {
      await warehouse.close()
    }
  })
  if (options.json) return printJson(done)
  print(
    table(
      ['rollup', 'rows', 'differences'],
      done.map(({ rollup, rows, differences }) => [rollup, rows, differences.length])
    )
  )
  for (const { rollup, differences } of done)
    for (const difference of differences) note(`${rollup}: ${told(difference)}`)
}
