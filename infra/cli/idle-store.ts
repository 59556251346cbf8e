/** What may be done to ClickHouse only while no store writes. */
import { EverseedError } from '../../schemas/errors.ts'
import { createWarehouse, type Warehouse } from '../clickhouse/client.ts'
import { migrate } from '../clickhouse/migrate.ts'
import { ownerOf, refuseOthers } from '../clickhouse/owner.ts'
import type { ClusterAdmin } from '../kafka/admin.ts'
import { eraseGroup } from '../kafka/settings.ts'
import { storeName } from '../processors.ts'
import { commandLog, withDeployment } from './context.ts'
import { takingTurns } from './turns.ts'

/** A store that is killed stays a member for its session timeout, which is longer than an insert may take. */
async function refuseWhileStoring(admin: ClusterAdmin, advice: string): Promise<void> {
  const members = await admin.members(storeName)
  if (members === 0) return
  throw new EverseedError(
    'STORE_RUNNING',
    `${members} ${members === 1 ? 'process is' : 'processes are'} in the group of the store, and what it inserts meanwhile could be missing from the rollups: ${advice}`
  )
}

/**
 * Works on the database of the deployment while nobody writes it.
 * @param command name of the command, for messages
 * @throws EverseedError STORE_RUNNING where a store runs, before or after
 */
export async function withIdleStore<Result>(
  command: string,
  work: (warehouse: Warehouse) => Promise<Result>
): Promise<Result> {
  return withDeployment(async (deployment, { clickhouse }) => {
    const {
      admin,
      config: { prefix }
    } = deployment
    if (!clickhouse)
      throw new EverseedError(
        'CONFIG_INVALID',
        `${command} needs ClickHouse: set EVERSEED_CLICKHOUSE_URL, or run everseed up`
      )
    await refuseWhileStoring(
      admin,
      'stop it first (everseed down, then everseed up --only none), and start it again afterwards'
    )
    const { url, user, password, database } = clickhouse
    const warehouse = createWarehouse({ url, user, password, database, log: commandLog() })
    try {
      // The store of another deployment is in another group, and may run.
      const owner = await ownerOf(warehouse)
      refuseOthers(database, owner, { clusterId: await admin.clusterId(), prefix })
      // The store of this version may never have opened it.
      if (owner) await migrate(warehouse, commandLog())
      // Erasing empties rows and rollups, whether a store runs or not.
      const result = await takingTurns(deployment, eraseGroup, 'erases texts, folds or rebuilds', () =>
        work(warehouse)
      )
      await refuseWhileStoring(
        admin,
        'it started while the rollups were filled; stop it and run everseed rebuild'
      )
      return result
    } finally {
      await warehouse.close()
    }
  })
}
