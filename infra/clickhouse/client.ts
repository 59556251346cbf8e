/** The connection to ClickHouse: the one place that imports its client. */
import {
  ClickHouseError,
  type ClickHouseClientConfigOptions,
  ClickHouseLogLevel,
  type ClickHouseSettings,
  createClient,
  type ErrorLogParams,
  type LogParams
} from '@clickhouse/client'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../processors/contract.ts'
import type { Row } from '../../processors/sink.ts'
import { EverseedError } from '../../schemas/errors.ts'

/** Settings of one statement, by ClickHouse's names. */
export type Settings = Readonly<Record<string, string | number | Readonly<Record<string, string>>>>

/** What goes with a statement. */
export type StatementOptions = {
  /** Values of `{name:Type}` in the statement. */
  readonly params?: Readonly<Record<string, unknown>>
  readonly settings?: Settings
  readonly queryId?: string
  /** Milliseconds until it is given up, here and by the server; at most and by default 60,000. */
  readonly timeoutMs?: number
}

/** One database of a ClickHouse server or cluster. */
export type Warehouse = {
  readonly database: string
  /** The rows a statement answers with, as objects. Whole numbers beyond 2^53 come as strings of their digits. */
  rows<Result extends object>(sql: string, options?: StatementOptions): Promise<Result[]>
  /** A statement without an answer. */
  command(sql: string, options?: StatementOptions): Promise<void>
  /** Inserts rows whose values stand in the order of `columns`; `constant` is one more column, the same in every row. */
  insert(
    batch: {
      readonly table: string
      readonly columns: readonly string[]
      readonly rows: readonly Row[]
      readonly constant?: { readonly column: string; readonly value: string }
    },
    options?: Omit<StatementOptions, 'params'>
  ): Promise<void>
  /** Makes the database where it is missing. */
  createDatabase(): Promise<void>
  /** Resolves when the server answers a query of this user. */
  ready(timeoutMs: number): Promise<void>
  /** Ends a query and waits until it is over; nothing happens when there is none of this id. */
  kill(queryId: string): Promise<void>
  close(): Promise<void>
}

/** How to reach a database. */
export type WarehouseOptions = {
  /** HTTP address. */
  readonly url: string
  readonly user: string
  readonly password: string
  readonly database: string
  readonly log: Log
}

/** Longest a statement may take; beyond it the client would want progress headers to keep the line open. */
const longestMs = 60_000

/** Codes of refusals that are answers; see {@link serverCode}. */
export const serverCodes = {
  tableExists: '57',
  unknownTable: '60',
  unknownDatabase: '81',
  accessDenied: '497'
} as const

/** The server's error code of a failed statement, if the server sent one. */
export function serverCode(error: unknown): string | undefined {
  const cause = error instanceof EverseedError ? error.cause : error
  return cause instanceof ClickHouseError ? cause.code : undefined
}

/** Codes of refusals that say nothing about the statement: too much at once, too slow, not there for the moment. */
const passingCodes = new Set([
  '159', // TIMEOUT_EXCEEDED
  '202', // TOO_MANY_SIMULTANEOUS_QUERIES
  '209', // SOCKET_TIMEOUT
  '210', // NETWORK_ERROR
  '216', // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING
  '241', // MEMORY_LIMIT_EXCEEDED
  '242', // TABLE_IS_READ_ONLY
  '252', // TOO_MANY_PARTS
  '285', // TOO_FEW_LIVE_REPLICAS
  '319', // UNKNOWN_STATUS_OF_INSERT
  '394', // QUERY_WAS_CANCELLED
  '439', // CANNOT_SCHEDULE_TASK
  '999' // KEEPER_EXCEPTION
])

/** Whether a statement that failed may succeed when it is sent again: the server refused for now, or did not answer. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof EverseedError)) return false
  const code = serverCode(error)
  if (code !== undefined) return passingCodes.has(code)
  return error.code === 'CLICKHOUSE_FAILED' && error.cause !== undefined
}

/** The project's log as the client wants it. Errors are thrown as well, so here they are only worth a debug line. */
function loggerClass(log: Log): NonNullable<ClickHouseClientConfigOptions['log']>['LoggerClass'] {
  return class {
    trace({ module, message }: LogParams): void {
      log.debug({ module }, message)
    }
    debug({ module, message }: LogParams): void {
      log.debug({ module }, message)
    }
    info({ module, message }: LogParams): void {
      log.info({ module }, message)
    }
    warn({ module, message, err }: LogParams & { err?: Error }): void {
      log.warn({ module, reason: err?.message }, message)
    }
    error({ module, message, err }: ErrorLogParams): void {
      log.debug({ module, reason: err.message }, message)
    }
  }
}

/** Statement parameters as the client takes them. */
function parameters(params: StatementOptions['params']) {
  return params ? { query_params: { ...params } } : {}
}

/** The beginning of a statement, for messages. */
function short(sql: string): string {
  const line = sql.trim().replace(/\s+/g, ' ')
  return line.length > 80 ? `${line.slice(0, 79)}…` : line
}

/** A string in ClickHouse's quotes. */
export function quoted(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

/** JSON, but a whole number that a JavaScript number cannot hold stays a string of its digits. */
function parse(json: string): never {
  // Looking at every value is slow; without 16 digits in a row there is nothing to look for.
  if (!/\d{16}/.test(json)) return JSON.parse(json) as never
  return JSON.parse(json, (_, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' && source && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
      ? source
      : value
  ) as never
}

/** Each value as the query string carries it: maps in ClickHouse's own notation. */
function plainSettings(settings: Settings): ClickHouseSettings {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      typeof value === 'object'
        ? `{${Object.entries(value)
            .map(([key, one]) => `${quoted(key)}: ${quoted(one)}`)
            .join(', ')}}`
        : value
    ])
  )
}

/**
 * Opens a connection pool. Nothing is sent yet.
 * @throws EverseedError SQL_FAILED where the server refuses a statement, CLICKHOUSE_FAILED where it refuses an insert
 * or a login, cannot be reached or does not answer in time; all methods do
 */
export function createWarehouse(options: WarehouseOptions): Warehouse {
  const { url, user, password, database, log } = options
  const config: ClickHouseClientConfigOptions = {
    url,
    username: user,
    password,
    application: 'everseed',
    // Only inserts give it anything to write, and they give it lines.
    json: { parse, stringify: line => line as string },
    request_timeout: longestMs,
    log: { LoggerClass: loggerClass(log)!, level: ClickHouseLogLevel.WARN }
  }
  const client = createClient({ ...config, database })

  /** Says what failed, why, and what to do; `code` holds where the server answered. */
  const failure = (
    what: string,
    error: unknown,
    timeoutMs = longestMs,
    code: 'SQL_FAILED' | 'CLICKHOUSE_FAILED' = 'SQL_FAILED'
  ): EverseedError => {
    if (error instanceof ClickHouseError) {
      const told = error.message.replace(/ \(version [^)]*\)\s*$/, '')
      return new EverseedError(code, `${what}: ClickHouse refused (${error.type ?? error.code}): ${told}`, {
        cause: error
      })
    }
    const { name, message } = error as Error
    const why =
      name === 'TimeoutError' || message.includes('abort') ? `no answer in ${timeoutMs} ms` : message
    return new EverseedError(
      'CLICKHOUSE_FAILED',
      `${what}: ${why}; check that ClickHouse runs at ${url} and is not overloaded`,
      { cause: error }
    )
  }

  const common = ({ settings = {}, queryId, timeoutMs = longestMs }: StatementOptions) => ({
    clickhouse_settings: plainSettings({ max_execution_time: timeoutMs / 1000, ...settings }),
    query_id: queryId ?? randomUUID(),
    abort_signal: AbortSignal.timeout(timeoutMs)
  })
  const command: Warehouse['command'] = async (sql, given = {}) => {
    try {
      await client.command({ query: sql, ...common(given), ...parameters(given.params) })
    } catch (error) {
      throw failure(short(sql), error, given.timeoutMs)
    }
  }

  return {
    database,
    command,
    async rows<Result extends object>(sql: string, given: StatementOptions = {}) {
      const settings = { output_format_json_quote_64bit_integers: 0, ...given.settings }
      try {
        const answer = await client.query({
          query: sql,
          format: 'JSONEachRow',
          ...common({ ...given, settings }),
          ...parameters(given.params)
        })
        return await answer.json<Result>()
      } catch (error) {
        throw failure(short(sql), error, given.timeoutMs)
      }
    },
    async insert({ table, columns, rows, constant }, given = {}) {
      const names = constant ? [...columns, constant.column] : columns
      const end = constant ? `,${JSON.stringify(constant.value)}]` : ']'
      try {
        await client.insert({
          table,
          columns: names as [string, ...string[]],
          values: rows.map(row => JSON.stringify(row).slice(0, -1) + end),
          format: 'JSONCompactEachRow',
          ...common(given)
        })
      } catch (error) {
        throw failure(
          `insert of ${rows.length} rows into ${table}`,
          error,
          given.timeoutMs,
          'CLICKHOUSE_FAILED'
        )
      }
    },
    async createDatabase() {
      try {
        await client.command({ query: 'SELECT 1', ...common({}) })
        return
      } catch (error) {
        if (serverCode(error) !== serverCodes.unknownDatabase)
          throw failure(`use of database ${database}`, error)
      }
      // A connection that names a missing database is refused whatever it asks, so this one names none.
      const bare = createClient(config)
      try {
        await bare.command({ query: `CREATE DATABASE IF NOT EXISTS \`${database}\``, ...common({}) })
      } catch (error) {
        throw failure(`create database ${database}`, error)
      } finally {
        await bare.close()
      }
    },
    async ready(timeoutMs) {
      const deadline = performance.now() + timeoutMs
      for (;;) {
        const left = deadline - performance.now()
        const result = await client.ping({
          select: true,
          abort_signal: AbortSignal.timeout(Math.ceil(Math.max(1, Math.min(left, 2000))))
        })
        // The database is made later, by whoever migrates.
        if (result.success || serverCode(result.error) === serverCodes.unknownDatabase) return
        // A wrong password stays wrong.
        if (result.error instanceof ClickHouseError && result.error.type === 'AUTHENTICATION_FAILED')
          throw failure(`login of ${user}`, result.error, timeoutMs, 'CLICKHOUSE_FAILED')
        if (performance.now() >= deadline) throw failure('wait for ClickHouse', result.error, timeoutMs)
        await sleep(50)
      }
    },
    kill: queryId => command('KILL QUERY WHERE query_id = {id:String} SYNC', { params: { id: queryId } }),
    close: () => client.close()
  }
}
