/** `everseed sql` and `everseed metrics`: ClickHouse, as the user who may only read. */
import { EverseedError } from '../../schemas/errors.ts'
import type { Ask } from '../clickhouse/lineage.ts'
import { openReader } from '../clickhouse/open.ts'
import { clickhouseOf, commandLog, resolveConfig } from './context.ts'
import { note, objectsTable, print, printJson, table } from './output.ts'
import { views } from './views.ts'

/** Does something with ClickHouse, as the user who may only read. */
export async function withWarehouse<Result>(work: (ask: Ask) => Promise<Result>): Promise<Result> {
  const reader = openReader(clickhouseOf(resolveConfig()), commandLog())
  const asking: Ask = async <Row extends object>(query: string, parameters = {}) => {
    try {
      return (await reader.rows(query, parameters)) as Row[]
    } catch (error) {
      throw error instanceof EverseedError ? explained(query, error) : error
    }
  }
  try {
    return await work(asking)
  } finally {
    await reader.close()
  }
}

/** Asks ClickHouse and returns rows. */
export async function ask(
  query: string,
  parameters: Readonly<Record<string, unknown>> = {}
): Promise<Record<string, unknown>[]> {
  return await withWarehouse(one => one<Record<string, unknown>>(query, parameters))
}

/** What the server refuses, with what to do about it. */
function explained(query: string, error: EverseedError): EverseedError {
  const { code } = error
  // The client asks for its own format behind the statement; whoever wrote the statement knows nothing of it.
  const message = error.message
    .replaceAll(/\s*\bFORMAT JSONEachRow\b/g, '')
    .replace(/ Expected one of: [^]*$/, '')
    .trim()
  const advice = /\bFORMAT\s+\w+$/i.test(query)
    ? 'Leave FORMAT out: rows are printed as a table, or as JSON with --json'
    : /ACCESS_DENIED|READONLY/.test(message)
      ? 'This command only reads, and only the database of the deployment'
      : /NO_PASSWORD|AUTHENTICATION_FAILED/.test(message)
        ? 'Check EVERSEED_CLICKHOUSE_READER and EVERSEED_CLICKHOUSE_READER_PASSWORD'
        : /UNKNOWN_TABLE/.test(message)
          ? `The views are ${views.join(', ')}; SHOW TABLES lists everything (the store makes them when it first runs)`
          : undefined
  return new EverseedError(code, advice ? `${message.replace(/\.?$/, '.')} ${advice}` : message, {
    cause: error.cause
  })
}

export async function sql(query: string, options: { json?: boolean }): Promise<void> {
  // The answer's format is this command's business, and a statement ends where its text does.
  const statement = query.trim().replace(/;\s*$/, '')
  if (statement === '')
    throw new EverseedError('SQL_FAILED', 'the query is empty; try everseed sql "SHOW TABLES"')
  const rows = await ask(statement)
  if (options.json) return printJson(rows)
  if (rows.length === 0) return note('no rows')
  print(objectsTable(rows))
}

/** Metrics worth a first look, in the order they are shown. */
const glance = [
  'types',
  'missing_mass',
  'heaps_beta',
  'distinct_1_inter',
  'distinct_2_inter',
  'distinct_3_inter',
  'distinct_4_inter',
  'entropy_1',
  'self_repetition_4',
  'length_mean'
]

/**
 * The newest window of every scope beside the human band; a whole one where there is one. Human windows are those of the
 * run's dataset.
 */
export const newestWindows = `
  SELECT run, dataset, stage, source, generation, window, metric, value, human_mean, human_sd, z, n
  FROM (
    SELECT *, max(isNotNull(human_mean)) OVER (PARTITION BY run, dataset, stage, source, generation, window) AS judged
    FROM collapse
    WHERE
      ({run:String} = '' OR run = {run:String} OR (stage = 'human' AND dataset IN (SELECT dataset FROM runs WHERE id = {run:String})))
      AND ({stage:String} = '' OR stage = {stage:String}) AND metric IN {glance:Array(String)} AND cell_group = '*'
  )
  ORDER BY run, dataset, stage, source, generation, judged DESC, window DESC
  LIMIT 1 BY run, dataset, stage, source, generation, metric`

export async function metrics(options: { run?: string; stage?: string; json?: boolean }): Promise<void> {
  const rows = await ask(newestWindows, { run: options.run ?? '', stage: options.stage ?? '', glance })
  if (options.json) return printJson(rows)
  if (rows.length === 0)
    return note('no windows yet: one closes after the tokens the recipe names (window), or when its run ends')
  print(diversityTable(rows))
}

/** One line per scope, one column per metric, z in brackets where there is one; the dataset where there are several. */
export function diversityTable(
  rows: readonly Record<string, unknown>[],
  terminal = process.stdout.isTTY
): string {
  const present = glance.filter(metric => rows.some(row => row['metric'] === metric))
  const several = new Set(rows.map(row => row['dataset'])).size > 1
  const fields = ['run', ...(several ? ['dataset'] : []), 'stage', 'source', 'generation', 'n']
  const scopes = new Map<string, Map<string, string>>()
  for (const row of rows) {
    const scope = fields
      .map(field => row[field] ?? '')
      .map(String)
      .join('\u0000')
    const z = typeof row['z'] === 'number' ? ` (${row['z'] >= 0 ? '+' : ''}${row['z'].toFixed(1)})` : ''
    const value = typeof row['value'] === 'number' ? Number(row['value'].toPrecision(4)).toString() : ''
    const cells = scopes.get(scope) ?? new Map<string, string>()
    scopes.set(scope, cells.set(String(row['metric']), value + z))
  }
  return table(
    [...fields.slice(0, -2), 'gen', 'tokens', ...present],
    [...scopes].map(([scope, cells]) => [
      ...scope.split('\u0000'),
      ...present.map(metric => cells.get(metric) ?? '')
    ]),
    terminal
  )
}
