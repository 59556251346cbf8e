/** What Grafana is given: dashboards, alert rules and how it finds them, as it reads them. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { alerts } from '../../../infra/grafana/alerts.ts'
import { dashboards, datasource, variables } from '../../../infra/grafana/dashboards.ts'
import { views } from '../../../infra/cli/views.ts'

const root = join(import.meta.dirname, '../../..')
const folder = join(root, 'infra/grafana')
const read = (path: string): string => readFileSync(join(folder, path), 'utf8')

const source = z.strictObject({ type: z.literal(datasource.type), uid: z.literal(datasource.uid) })
const target = z.strictObject({
  refId: z.literal('A'),
  datasource: source,
  editorType: z.literal('sql'),
  queryType: z.literal('table'),
  format: z.literal(1),
  pluginVersion: z.string().regex(/^4\.\d+\.\d+$/),
  rawSql: z.string().min(1)
})
const place = z.strictObject({
  x: z.int().min(0),
  y: z.int().min(0),
  w: z.int().min(1),
  h: z.int().min(3)
})
const panel = z.strictObject({
  id: z.int().positive(),
  type: z.enum(['stat', 'table', 'trend', 'timeseries', 'barchart']),
  title: z.string().min(1),
  description: z.string().min(10),
  datasource: source,
  gridPos: place,
  fieldConfig: z.strictObject({
    defaults: z.strictObject({
      unit: z.string(),
      custom: z.record(z.string(), z.unknown()),
      thresholds: z.strictObject({
        mode: z.literal('absolute'),
        steps: z
          .array(
            z.strictObject({
              color: z.enum(['green', 'yellow', 'red', 'text']),
              value: z.number().nullable()
            })
          )
          .min(1)
      })
    }),
    overrides: z.array(z.never())
  }),
  options: z.record(z.string(), z.unknown()),
  targets: z.tuple([target])
})
const dashboard = z.object({
  uid: z.string().max(40),
  title: z.string(),
  schemaVersion: z.int().min(39),
  time: z.object({ from: z.string(), to: z.string() }),
  templating: z.object({
    list: z.array(
      z.object({
        name: z.string(),
        type: z.literal('query'),
        datasource: source,
        query: target,
        multi: z.literal(true),
        includeAll: z.literal(true)
      })
    )
  }),
  panels: z.array(panel).min(3)
})

const files = readdirSync(join(folder, 'dashboards'))
const readDashboard = (file: string) => dashboard.parse(JSON.parse(read(`dashboards/${file}`)))

test('a file of each dashboard and no other, with a uid of its own', () => {
  assert.deepEqual(files.toSorted(), dashboards.map(({ name }) => `${name}.json`).toSorted())
  const uids = files.map(file => readDashboard(file).uid)
  assert.equal(new Set(uids).size, files.length)
})

test('panels have ids, lie within 24 columns and on nobody, and thresholds rise', () => {
  for (const file of files) {
    const { panels } = readDashboard(file)
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
    const taken = new Set<string>()
    for (const { gridPos, title, fieldConfig } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!taken.has(`${x},${y}`), `${file}: ${title} lies on another panel`)
          taken.add(`${x},${y}`)
        }
      const [first, ...rest] = fieldConfig.defaults.thresholds.steps.map(({ value }) => value)
      assert.equal(first, null)
      assert.deepEqual(
        rest,
        rest.toSorted((a, b) => a! - b!)
      )
    }
  }
})

/** Where a statement reads: views and tables, without names it gives itself. */
const readsOf = (sql: string): string[] =>
  Array.from(sql.matchAll(/(?<!ARRAY )\b(?:FROM|JOIN)\s+([a-z_]+)/gi), ([, name]) => name!)
const tables = new Set(['runs', 'datasets', 'control'])

test('they ask documented views, by variables that are declared, and name what they look for', () => {
  const declared = new Set(variables.map(({ name }) => name))
  const statements = [...dashboards.flatMap(({ panels }) => panels), ...variables, ...alerts].map(
    ({ sql }) => sql
  )
  const asked = new Set(statements.flatMap(readsOf))
  for (const name of asked)
    assert.ok(
      (views as readonly string[]).includes(name) || tables.has(name),
      `${name} is no documented view`
    )
  for (const view of ['collapse', 'diagnosis', 'sources', 'funnel', 'spend', 'mix_ratio', 'coverage'])
    assert.ok(asked.has(view), `nobody looks at ${view}`)
  for (const sql of statements)
    for (const [, name] of sql.matchAll(/\$\{(\w+)/g)) assert.ok(declared.has(name!), name)
})

const rule = z.strictObject({
  uid: z.string().max(40),
  title: z.string(),
  condition: z.literal('B'),
  for: z.string().regex(/^\d+[sm]$/),
  noDataState: z.literal('OK'),
  execErrState: z.literal('Error'),
  labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
  annotations: z.strictObject({ summary: z.string().min(20) }),
  data: z.tuple([
    z.strictObject({
      refId: z.literal('A'),
      datasourceUid: z.literal(datasource.uid),
      relativeTimeRange: z.strictObject({ from: z.int(), to: z.int() }),
      model: target
    }),
    z.strictObject({
      refId: z.literal('B'),
      datasourceUid: z.literal('__expr__'),
      model: z.strictObject({
        refId: z.literal('B'),
        type: z.literal('threshold'),
        expression: z.literal('A'),
        datasource: z.strictObject({ type: z.literal('__expr__'), uid: z.literal('__expr__') }),
        conditions: z.tuple([
          z.strictObject({
            evaluator: z.strictObject({ type: z.enum(['gt', 'lt']), params: z.tuple([z.number()]) })
          })
        ])
      })
    })
  ])
})
const provisioned = z.strictObject({
  apiVersion: z.literal(1),
  groups: z.tuple([
    z.strictObject({
      orgId: z.literal(1),
      name: z.string(),
      folder: z.string(),
      interval: z.string().regex(/^\d+m$/),
      rules: z.array(rule)
    })
  ])
})

test('rules are as Grafana provisions them: a number over a limit, and words whose labels the query gives', () => {
  const [{ rules }] = provisioned.parse(parse(read('provisioning/alerting/everseed.yaml'))).groups
  assert.deepEqual(
    rules.map(({ uid }) => uid),
    alerts.map(({ name }) => `everseed-${name}`)
  )
  assert.equal(new Set(rules.map(({ uid }) => uid)).size, rules.length)
  for (const { uid, annotations, data } of rules) {
    const { rawSql } = data[0].model
    assert.doesNotMatch(rawSql, /\$/, `${uid}: Grafana would take it for a variable of its environment`)
    const words = annotations.summary
    assert.doesNotMatch(words.replaceAll('$$', ''), /\$/, uid)
    for (const [, label] of words.matchAll(/\$\$labels\.(\w+)/g))
      assert.match(rawSql, new RegExp(`\\b${label}\\b`), uid)
    assert.match(rawSql, /AS value\b/, uid)
  }
})

test('compose gives it the data source, the dashboards and the rules, by one password', () => {
  type Service = { volumes: string[]; environment: Record<string, string> }
  const { services } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    services: Record<string, Service>
  }
  const { grafana, clickhouse } = services
  const { datasources } = parse(read('provisioning/datasources/everseed.yaml')) as {
    datasources: {
      uid: string
      type: string
      jsonData: Record<string, unknown>
      secureJsonData: { password: string }
    }[]
  }
  assert.equal(datasources.length, 1)
  const [{ uid, type, jsonData, secureJsonData } = assert.fail()] = datasources
  assert.deepEqual({ uid, type }, datasource)
  assert.deepEqual(jsonData, {
    host: 'clickhouse',
    port: 9000,
    protocol: 'native',
    secure: false,
    defaultDatabase: 'everseed',
    username: 'reader'
  })
  const variable = secureJsonData.password.slice(1)
  assert.equal(grafana!.environment[variable], clickhouse!.environment[variable])
  assert.ok(read('reader.xml').includes(`from_env="${variable}"`))
  assert.ok(clickhouse!.volumes.some(one => one.startsWith('./infra/grafana/reader.xml:')))
  const { providers } = parse(read('provisioning/dashboards/everseed.yaml')) as {
    providers: { options: { path: string } }[]
  }
  const mounted = grafana!.volumes.map(one => one.split(':').slice(0, 2))
  assert.deepEqual(
    mounted.find(([from]) => from === './infra/grafana/dashboards')?.[1],
    providers[0]!.options.path
  )
  assert.ok(
    mounted.some(
      ([from, to]) => from === './infra/grafana/provisioning' && to === '/etc/grafana/provisioning'
    )
  )
  const home = grafana!.environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']!
  assert.ok(files.includes(home.split('/').at(-1)!))
})
