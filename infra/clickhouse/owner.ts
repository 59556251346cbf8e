/**
 * Whose database it is. A row is known by topic, slot and offset, and these are the same in every deployment: two in one
 * database would replace each other's rows.
 */
import { EverseedError } from '../../schemas/errors.ts'
import { quoted, serverCode, serverCodes, type StatementOptions, type Warehouse } from './client.ts'

/** What tells a deployment from every other: offsets of another cluster or prefix are other offsets. */
export type Owner = { readonly clusterId: string; readonly prefix: string }

/** The deployment that writes the database; undefined before the first store opened it. */
export async function ownerOf(
  warehouse: Warehouse,
  options: StatementOptions = {}
): Promise<Owner | undefined> {
  try {
    const sql = 'SELECT cluster_id AS clusterId, prefix FROM deployment'
    return (await warehouse.rows<Owner>(sql, options))[0]
  } catch (error) {
    const absent = [serverCodes.unknownTable, serverCodes.unknownDatabase]
    if (absent.some(code => code === serverCode(error))) return undefined
    throw error
  }
}

const named = ({ clusterId, prefix }: Owner): string => `cluster ${clusterId}, prefix ${quoted(prefix)}`

/** @throws EverseedError DATABASE_TAKEN when the database is another deployment's */
export function refuseOthers(database: string, found: Owner | undefined, own: Owner): void {
  if (!found || (found.clusterId === own.clusterId && found.prefix === own.prefix)) return
  throw new EverseedError(
    'DATABASE_TAKEN',
    `ClickHouse database ${database} belongs to another deployment (${named(found)}; this one is ${named(own)}), and rows of one would replace those of the other: set EVERSEED_CLICKHOUSE_DATABASE to a database of its own (the embedded ClickHouse has one only: set EVERSEED_DATA_DIR), or drop database ${database} if nobody needs it`
  )
}

/**
 * Makes the database this deployment's, or finds that it is. A view is made together with its row, in one statement and
 * by one process alone: of two that open the database at once the other finds it.
 * @throws EverseedError DATABASE_TAKEN
 */
export async function claim(warehouse: Warehouse, own: Owner): Promise<void> {
  await warehouse.command(
    `CREATE VIEW IF NOT EXISTS deployment (
       cluster_id String COMMENT 'Kafka cluster the rows were read from',
       prefix String COMMENT 'Prefix of its topics there'
     ) AS SELECT ${quoted(own.clusterId)} AS cluster_id, ${quoted(own.prefix)} AS prefix
     COMMENT 'The deployment that writes this database'`
  )
  refuseOthers(warehouse.database, await ownerOf(warehouse), own)
}
