/** Dashboards of Grafana over the views, as data; `npm run generate` writes them to `dashboards/`. */
import type { WindowKey } from '../../metrics/keys.ts'

/** The data source the dashboards and alerts ask; provisioned under this uid. */
export const datasource = { type: 'grafana-clickhouse-datasource', uid: 'everseed' } as const

/** A query as the ClickHouse plugin 4 keeps it. */
export function query(sql: string, refId = 'A'): Record<string, unknown> {
  return {
    refId,
    datasource,
    editorType: 'sql',
    queryType: 'table',
    format: 1,
    pluginVersion: '4.0.0',
    rawSql: sql
  }
}

/** A colour from a value up; the first one has none. */
type Step = readonly [color: 'green' | 'yellow' | 'red' | 'text', from: number | null]

type Panel = {
  readonly title: string
  /** What to look for. */
  readonly description: string
  /** trend: numbers over the first column, which is no time. */
  readonly type: 'stat' | 'table' | 'trend' | 'timeseries' | 'barchart'
  /** Columns of 24, and rows of 30 pixels. */
  readonly size: readonly [width: number, height: number]
  readonly sql: string
  readonly steps?: readonly Step[]
  readonly unit?: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly custom?: Readonly<Record<string, unknown>>
}

type Dashboard = {
  /** Name of its file, and its uid after `everseed-`. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly panels: readonly Panel[]
}

const inDatasets = 'dataset IN (${dataset:sqlstring})'
const inRuns = 'run IN (${run:sqlstring})'

/** Beyond two standard deviations a window is worth a look, beyond four it is no chance. */
const sigmas: readonly Step[] = [
  ['red', null],
  ['yellow', -4],
  ['green', -2],
  ['yellow', 2],
  ['red', 4]
]
const bad: readonly Step[] = [
  ['green', null],
  ['red', 1]
]
const lines = { drawStyle: 'line', lineWidth: 2, showPoints: 'auto', spanNulls: true }

/** Over windows, the distance from human text of the metrics that see a collapse first. */
const seen = [
  'missing_mass',
  'heaps_beta',
  'types',
  'distinct_2_inter',
  'self_repetition_4',
  'feature_cosine'
] as const satisfies readonly WindowKey[]

/** The dashboards, in the order people need them. */
export const dashboards: readonly Dashboard[] = [
  {
    name: 'collapse',
    title: 'everseed: collapse',
    description: 'Synthetic text beside human text: which metric leaves the human band, since when, and how.',
    panels: [
      {
        title: 'Sources that collapse',
        description:
          'Of those whose accepted text was diagnosed, the table below says which way; and those that have no human band, of which nobody knows.',
        type: 'stat',
        size: [6, 8],
        steps: bad,
        sql: `SELECT uniqExactIf((run, source), diagnosis NOT IN ('none', 'NO_DATA')) AS sources, uniqExactIf((run, source), diagnosis = 'NO_DATA') AS unjudged
FROM diagnosis WHERE ${inDatasets} AND ${inRuns} AND stage = 'accepted' AND source != '*'`
      },
      {
        title: 'Distance from human text, accepted',
        description:
          'Standard deviations from windows of held-out human text, over all sources. A line that leaves the band and stays out is a collapse.',
        type: 'trend',
        size: [18, 8],
        steps: sigmas,
        custom: { ...lines, thresholdsStyle: { mode: 'dashed' } },
        options: { xField: 'window' },
        sql: `SELECT window, ${seen.map(key => `avgIf(z, metric = '${key}') AS ${key}`).join(', ')}
FROM collapse WHERE ${inDatasets} AND ${inRuns} AND stage = 'accepted' AND source = '*' AND cell_group = '*' AND z IS NOT NULL
GROUP BY window ORDER BY window`
      },
      {
        title: 'If it collapses, which way',
        description:
          'Recursion drift, decoder bias, mode narrowing or template filling, told from pairs of metrics.',
        type: 'table',
        size: [24, 8],
        sql: `SELECT run, source, generation, stage, windows, diagnosis, evidence
FROM diagnosis WHERE ${inDatasets} AND ${inRuns} ORDER BY run, source, generation, stage`
      },
      {
        title: 'Newest window of every metric',
        description: 'Value, human mean and distance; what is furthest from human text is first.',
        type: 'table',
        size: [14, 12],
        sql: `SELECT run, source, metric, argMax(value, window) AS value, argMax(human_mean, window) AS human,
  argMax(z, window) AS distance, argMax(n, window) AS tokens
FROM collapse WHERE ${inDatasets} AND ${inRuns} AND stage = 'accepted' AND cell_group = '*'
GROUP BY run, source, metric ORDER BY abs(distance) DESC NULLS LAST`
      },
      {
        title: 'From generation to generation',
        description: 'Change of the mean per generation of models, by least squares.',
        type: 'table',
        size: [10, 12],
        sql: `SELECT metric, source, generations, slope, slope_z
FROM generation_trends WHERE ${inDatasets} AND stage = 'accepted' AND slope IS NOT NULL
GROUP BY metric, source, generations, slope, slope_z ORDER BY abs(slope_z) DESC NULLS LAST`
      }
    ]
  },
  {
    name: 'pipeline',
    title: 'everseed: pipeline',
    description: 'What becomes of prompts, what it costs, and which source is worth it.',
    panels: [
      {
        title: 'What became of the samples',
        description: 'From what was asked for to what is in training; parked and dead ones never come.',
        type: 'table',
        size: [24, 7],
        sql: `SELECT run, prompts, expected, generated, duplicates, rejected, verified, parked, dead, training
FROM funnel WHERE ${inDatasets} AND ${inRuns} ORDER BY run`
      },
      {
        title: 'Turned down, by check',
        description: 'What the verification loops found.',
        type: 'barchart',
        size: [12, 9],
        options: { xField: 'check', orientation: 'horizontal' },
        sql: `SELECT check, sum(found) AS samples
FROM funnel ARRAY JOIN mapKeys(rejected_by_check) AS check, mapValues(rejected_by_check) AS found
WHERE ${inDatasets} AND ${inRuns} GROUP BY check ORDER BY samples DESC`
      },
      {
        title: 'Spent per day',
        description: 'US dollars, by the prices of the recipe.',
        type: 'timeseries',
        size: [12, 9],
        unit: 'currencyUSD',
        custom: { drawStyle: 'bars', fillOpacity: 60 },
        sql: `SELECT toDateTime(day) AS time, sum(cost_usd) AS dollars
FROM spend WHERE ${inRuns} AND day >= toDate($__fromTime) AND day <= toDate($__toTime) GROUP BY day ORDER BY day`
      },
      {
        title: 'Sources',
        description:
          'Redundancy near 1: a source that writes what the nearest one writes. Below as many effective sources as there are names, some are the same voice.',
        type: 'table',
        size: [24, 10],
        sql: `SELECT run, source, family, generations, acceptance, duplicate_rate, refusal_rate, error_rate, mean_latency_ms,
  cost_usd, single_source_share, mean_cosine, nearest, redundancy, effective_sources
FROM sources WHERE ${inDatasets} AND ${inRuns} ORDER BY run, source`
      }
    ]
  },
  {
    name: 'mix',
    title: 'everseed: mix',
    description:
      'What training jobs get: the real share, as it was achieved, and what of the world is missing.',
    panels: [
      {
        title: 'Smallest real share of any prefix',
        description: 'What the floor promises: no reader of a prefix ever saw less.',
        type: 'stat',
        size: [6, 8],
        unit: 'percentunit',
        sql: `SELECT min(smallest_prefix_share) AS share FROM mix_ratio WHERE ${inDatasets}`
      },
      {
        title: 'Real share over training',
        description: 'Per 1,000 rows, and of all rows up to there.',
        type: 'trend',
        size: [18, 8],
        unit: 'percentunit',
        custom: lines,
        options: { xField: 'window' },
        sql: `SELECT window, sum(real) / sum(rows) AS here, sum(real_share_so_far * rows_so_far) / sum(rows_so_far) AS so_far
FROM mix_ratio_windows WHERE ${inDatasets} GROUP BY window ORDER BY window`
      },
      {
        title: 'Cells that are under-covered',
        description: 'Declared by the recipe, and hit less than half as often as an equal share would be.',
        type: 'table',
        size: [12, 10],
        sql: `SELECT run, task, topic, format, human, verified, training, cells_hit, entropy
FROM coverage WHERE ${inDatasets} AND ${inRuns} AND under_covered ORDER BY verified, run, task, topic, format`
      },
      {
        title: 'What people write about and models do not',
        description: 'Cells of human text that are thin among accepted samples, with texts to look at.',
        type: 'table',
        size: [12, 10],
        sql: `SELECT run, task, topic, format, human, verified, ratio, examples
FROM coverage_gaps WHERE ${inDatasets} AND ${inRuns} AND thin ORDER BY ratio, human DESC`
      },
      {
        title: 'Subjects people write about and models do not',
        description:
          'Clusters of human text that models write about less than half as often: where texts carry no labels.',
        type: 'table',
        size: [12, 10],
        sql: `SELECT run, source, cluster, human, round(human_share, 3) AS human_share, written, round(ratio, 2) AS ratio, examples
FROM cluster_gaps WHERE ${inDatasets} AND ${inRuns} AND stage = 'accepted' AND thin ORDER BY ratio, human DESC`
      },
      {
        title: 'Human text that models may have written',
        description: 'Share of a source that stood in synthetic samples before it was admitted.',
        type: 'table',
        size: [12, 10],
        sql: `SELECT dataset, source, origin, documents, measured, mean_overlap, above_half, worst_overlap, worst_document
FROM contamination WHERE ${inDatasets} ORDER BY mean_overlap DESC NULLS LAST`
      },
      {
        title: 'Rows by generation of their model',
        description: '0 is human text; a deeper generation than the cap never enters.',
        type: 'barchart',
        size: [12, 10],
        options: { xField: 'generation' },
        sql: `SELECT generation, sum(found) AS texts
FROM mix_ratio_windows ARRAY JOIN mapKeys(generations) AS generation, mapValues(generations) AS found
WHERE ${inDatasets} GROUP BY generation ORDER BY generation`
      }
    ]
  }
]

/** What people choose from at the top of a dashboard. */
export const variables: readonly { readonly name: string; readonly label: string; readonly sql: string }[] = [
  { name: 'dataset', label: 'Dataset', sql: 'SELECT DISTINCT name FROM datasets ORDER BY name' },
  {
    name: 'run',
    label: 'Run',
    sql: `SELECT DISTINCT run FROM funnel WHERE ${inDatasets} ORDER BY run`
  }
]

/** Panels side by side while there is room, one row under the other. */
function placed(panels: readonly Panel[]): { x: number; y: number; w: number; h: number }[] {
  let [x, y, tallest] = [0, 0, 0]
  return panels.map(({ size: [w, h] }) => {
    if (x + w > 24) {
      y += tallest
      x = 0
      tallest = 0
    }
    const place = { x, y, w, h }
    x += w
    tallest = Math.max(tallest, h)
    return place
  })
}

/** A dashboard as Grafana reads it. */
export function dashboardJson({ name, title, description, panels }: Dashboard): string {
  const places = placed(panels)
  const json = {
    uid: `everseed-${name}`,
    title,
    description,
    tags: ['everseed'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-24h', to: 'now' },
    links: [
      { type: 'dashboards', title: 'everseed', tags: ['everseed'], asDropdown: false, includeVars: true }
    ],
    templating: {
      list: variables.map(one => ({
        name: one.name,
        label: one.label,
        type: 'query',
        datasource,
        query: query(one.sql),
        definition: one.sql,
        refresh: 2,
        multi: true,
        includeAll: true,
        current: { selected: true, text: ['All'], value: ['$__all'] }
      }))
    },
    panels: panels.map((panel, index) => ({
      id: index + 1,
      type: panel.type,
      title: panel.title,
      description: panel.description,
      datasource,
      gridPos: places[index],
      fieldConfig: {
        defaults: {
          unit: panel.unit ?? 'short',
          custom: panel.custom ?? {},
          thresholds: {
            mode: 'absolute',
            steps: (panel.steps ?? [['text', null]]).map(([color, value]) => ({ color, value }))
          }
        },
        overrides: []
      },
      options: panel.options ?? {},
      targets: [query(panel.sql)]
    }))
  }
  return `${JSON.stringify(json, null, 2)}\n`
}
