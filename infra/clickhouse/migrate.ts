/** Brings a database to the newest layout: numbered `.sql` files, each applied once, in order. */
import { hash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../processors/contract.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { serverCode, serverCodes, type Warehouse } from './client.ts'

/** A numbered file of statements. */
export type Migration = { readonly name: string; readonly sql: string }

/** How long a lock may stand without a statement of its holder running, seconds. */
const staleAfter = 30
/** How long to wait for another process that migrates, milliseconds. */
const patienceMs = 120_000

/** The migrations this version knows, in order. */
export function migrations(): Migration[] {
  const directory = join(import.meta.dirname, 'migrations')
  return readdirSync(directory)
    .filter(file => /^\d{4}_\w+\.sql$/.test(file))
    .toSorted()
    .map(name => ({ name, sql: readFileSync(join(directory, name), 'utf8') }))
}

/**
 * Cuts a file into statements at the semicolons outside of quotes and comments.
 * @param sql statements; comments are `--` to the end of the line
 */
export function statementsOf(sql: string): string[] {
  const statements: string[] = []
  let current = ''
  // A token: a quoted string with its escapes, a comment, a semicolon, or anything else.
  for (const [token] of sql.matchAll(/'(?:[^'\\]|\\.|'')*'|`[^`]*`|--[^\n]*|;|[^'`;-]+|-/g)) {
    if (token.startsWith('--')) continue
    if (token !== ';') current += token
    else {
      statements.push(current.trim())
      current = ''
    }
  }
  statements.push(current.trim())
  return statements.filter(statement => statement !== '')
}

/** Who holds the lock, for how many seconds, and whether any migration's statement is running. */
async function holder(
  warehouse: Warehouse
): Promise<{ holder: string; age: number; busy: number } | undefined> {
  const [found] = await warehouse.rows<{ holder: string; age: number; busy: number }>(
    `SELECT comment AS holder, dateDiff('second', metadata_modification_time, now()) AS age,
       (SELECT count() FROM system.processes WHERE startsWith(query_id, 'migrate-')) AS busy
     FROM system.tables WHERE database = {database:String} AND name = 'migration_lock'`,
    { params: { database: warehouse.database } }
  )
  return found
}

/**
 * The lock: a table only one can create, whose comment names who did. A holder that died leaves it behind, so one
 * without a running statement is pushed aside once it is old; renaming it to a name of its owner makes sure that only
 * this very lock goes.
 */
async function lock(
  warehouse: Warehouse,
  owner: string,
  log: Log,
  old: number
): Promise<() => Promise<void>> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      await warehouse.command(`CREATE TABLE migration_lock (held UInt8) ENGINE = Memory COMMENT '${owner}'`)
      return async () => {
        if ((await holder(warehouse))?.holder === owner)
          await warehouse.command('DROP TABLE IF EXISTS migration_lock')
      }
    } catch (error) {
      if (serverCode(error) !== serverCodes.tableExists) throw error
    }
    const found = await holder(warehouse)
    if (found && found.age >= old && found.busy === 0) {
      log.warn({ holder: found.holder, age: found.age }, 'pushing aside the lock of a migration that died')
      const aside = `migration_lock_${found.holder.replaceAll('-', '_')}`
      try {
        await warehouse.command(`RENAME TABLE migration_lock TO ${aside}`)
        await warehouse.command(`DROP TABLE IF EXISTS ${aside}`)
      } catch (error) {
        // Somebody else did it first.
        if (![serverCodes.tableExists, serverCodes.unknownTable].some(code => code === serverCode(error)))
          throw error
      }
    } else if (performance.now() > deadline) {
      throw new EverseedError(
        'TIMEOUT',
        `another process migrates database ${warehouse.database} for more than ${patienceMs / 1000} s; if none does, drop its table migration_lock`
      )
    } else await sleep(100)
  }
}

/**
 * Makes the database and applies what is missing. Two processes may start at once. Every statement can be repeated, so
 * a process that dies half-way through a file is taken over by the next.
 * @param files for tests; the files beside this one by default
 * @param options.staleAfter seconds after which the lock of a process that runs no statement is pushed aside
 * @returns names of the files applied now
 * @throws EverseedError SQL_FAILED when a file that was applied has changed since, or a statement fails
 */
export async function migrate(
  warehouse: Warehouse,
  log: Log,
  files: readonly Migration[] = migrations(),
  options: { readonly staleAfter?: number } = {}
): Promise<string[]> {
  await warehouse.createDatabase()
  await warehouse.command(
    `CREATE TABLE IF NOT EXISTS migrations (
       name String COMMENT 'File that was applied',
       sha256 FixedString(64) COMMENT 'Hash of the file as applied',
       applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When'
     ) ENGINE = ReplacingMergeTree ORDER BY name COMMENT 'Files this database was laid out by'`
  )
  const pending = async (): Promise<Migration[]> => {
    const applied = new Map(
      (
        await warehouse.rows<{ name: string; sha256: string }>('SELECT name, sha256 FROM migrations FINAL')
      ).map(({ name, sha256 }) => [name, sha256])
    )
    return files.filter(({ name, sql }) => {
      const before = applied.get(name)
      if (before === undefined || before === hash('sha256', sql, 'hex')) return before === undefined
      throw new EverseedError(
        'SQL_FAILED',
        `migration ${name} has changed since it was applied to database ${warehouse.database}: restore the file and put the change into a new one`
      )
    })
  }
  if ((await pending()).length === 0) return []
  const owner = randomUUID()
  const release = await lock(warehouse, owner, log, options.staleAfter ?? staleAfter)
  try {
    const applied: string[] = []
    for (const { name, sql } of await pending()) {
      for (const [index, statement] of statementsOf(sql).entries())
        await warehouse.command(statement, { queryId: `migrate-${owner}-${name}-${index}` })
      await warehouse.insert({
        table: 'migrations',
        columns: ['name', 'sha256'],
        rows: [[name, hash('sha256', sql, 'hex')]]
      })
      log.info({ database: warehouse.database, migration: name }, 'migration applied')
      applied.push(name)
    }
    return applied
  } finally {
    await release()
  }
}
