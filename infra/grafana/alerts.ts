/** Alert rules of Grafana over the views, as data; `npm run generate` writes them to `provisioning/alerting/`. */
import { stringify } from 'yaml'
import { datasource, query } from './dashboards.ts'

type Alert = {
  /** Also the end of its uid. */
  readonly name: string
  readonly title: string
  /** What it means and what to do. */
  readonly summary: string
  /** Rows of labels and one number, `value`; no row, no alert. */
  readonly sql: string
  /** It fires above, or below, this number. */
  readonly fires: readonly ['gt' | 'lt', number]
  /** For how long it must hold. */
  readonly pending: string
  readonly severity: 'warning' | 'critical'
}

/** Runs that are not over: what ended nobody can help any more. */
const running = `run IN (SELECT id FROM runs GROUP BY id HAVING argMax(state, revision) != 'ended')`

/** The rules. */
export const alerts: readonly Alert[] = [
  {
    name: 'collapse',
    title: 'Synthetic text leaves the human band',
    summary:
      '{{ $labels.source }} of run {{ $labels.run }} collapses: {{ $labels.diagnosis }}. See the collapse dashboard for the evidence, and stop the run before its text is trained on: npx everseed publish close {{ $labels.run }}.',
    sql: `SELECT dataset, run, source, diagnosis, toFloat64(max(length(signs))) AS value
FROM diagnosis WHERE stage = 'accepted' AND diagnosis NOT IN ('none', 'NO_DATA') AND ${running}
GROUP BY dataset, run, source, diagnosis`,
    fires: ['gt', 0],
    pending: '5m',
    severity: 'critical'
  },
  {
    name: 'unjudged',
    title: 'Text that nothing is known about',
    summary:
      'The windows of run {{ $labels.run }} have no human band: whether it collapses nobody knows. Publish more documents: the reference split of {{ $labels.dataset }} has too few for windows of this size.',
    sql: `SELECT dataset, run, toFloat64(count()) AS value
FROM diagnosis WHERE stage = 'accepted' AND source = '*' AND diagnosis = 'NO_DATA' AND ${running}
GROUP BY dataset, run`,
    fires: ['gt', 0],
    pending: '10m',
    severity: 'warning'
  },
  {
    name: 'stopped',
    title: 'A run or dataset was stopped',
    summary:
      '{{ $labels.scope }} was stopped by {{ $labels.author }} ({{ $labels.state }}). Why: npx everseed sql "SELECT reason, evidence FROM control".',
    sql: `SELECT scope, author, last.2 AS state, toFloat64(1) AS value
FROM (SELECT scope, author, argMax((action, state, expires_at), (created_at, _offset)) AS last FROM control GROUP BY scope, author)
WHERE last.1 = 'stop' AND (last.3 IS NULL OR last.3 > now64(6))
  AND (NOT startsWith(scope, 'run:') OR substring(scope, 5) IN (SELECT id FROM runs GROUP BY id HAVING argMax(state, revision) != 'ended'))`,
    fires: ['gt', 0],
    pending: '0s',
    severity: 'critical'
  },
  {
    name: 'real-share',
    title: 'A prefix of training is below the floor',
    summary:
      'Slot {{ $labels.slot }} of {{ $labels.dataset }} had a real share below what is promised: stop its training jobs and run npx everseed doctor. This must never happen.',
    sql: `SELECT dataset, toString(slot) AS slot, smallest_prefix_share - promised AS value
FROM mix_ratio
INNER JOIN (
  SELECT name AS dataset, argMax(coalesce(floor, 0.5), (created_at, _offset)) AS promised,
    argMax(if(isValidJSON(mix), JSONExtractString(mix, 'strategy'), ''), (created_at, _offset)) AS strategy
  FROM datasets GROUP BY name
) AS promise USING dataset
WHERE strategy IN ('', 'accumulate')`,
    fires: ['lt', 0],
    pending: '0s',
    severity: 'critical'
  },
  {
    name: 'errors',
    title: 'A source fails',
    summary:
      'More than half of the calls of {{ $labels.source }} in run {{ $labels.run }} failed: look at its key, its limits and its status page; npx everseed subscribe generations shows the errors.',
    sql: `SELECT run, source, error_rate AS value FROM sources WHERE generations >= 20 AND ${running}`,
    fires: ['gt', 0.5],
    pending: '1m',
    severity: 'warning'
  },
  {
    name: 'nothing-accepted',
    title: 'Nothing is accepted',
    summary:
      'Run {{ $labels.run }} has {{ $values.A.Value }} answers and not one passed every check: its money is burned. See what they fail at on the pipeline dashboard.',
    sql: `SELECT run, toFloat64(generated) AS value FROM funnel WHERE verified = 0 AND generated >= 100 AND ${running}`,
    fires: ['gt', 0],
    pending: '1m',
    severity: 'warning'
  },
  {
    name: 'dead-letters',
    title: 'Records could not be processed',
    summary:
      '{{ $values.A.Value }} samples of run {{ $labels.run }} are lost to dead letters: npx everseed deadletters list says why, replay gives them back.',
    sql: `SELECT run, toFloat64(dead) AS value FROM funnel WHERE ${running}`,
    fires: ['gt', 0],
    pending: '1m',
    severity: 'warning'
  },
  {
    name: 'contamination',
    title: 'A human source looks like the text of models',
    summary:
      'Half of the words of source {{ $labels.source }} of {{ $labels.dataset }} stood in synthetic samples before: npx everseed retract takes it out of the versions to come.',
    sql: `SELECT dataset, source, mean_overlap AS value FROM contamination WHERE measured >= 20`,
    fires: ['gt', 0.5],
    pending: '0s',
    severity: 'warning'
  }
]

/** The rules as Grafana provisions them. */
export function alertsYaml(): string {
  const rules = alerts.map(({ name, title, summary, sql, fires: [type, limit], pending, severity }) => ({
    uid: `everseed-${name}`,
    title,
    condition: 'B',
    for: pending,
    // A rule asks for what is wrong: no row is no news.
    noDataState: 'OK',
    execErrState: 'Error',
    labels: { severity },
    // Grafana takes $NAME in a file for a variable of its environment, and $$ for a dollar.
    annotations: { summary: summary.split('$').join('$$') },
    data: [
      {
        refId: 'A',
        datasourceUid: datasource.uid,
        relativeTimeRange: { from: 600, to: 0 },
        model: query(sql)
      },
      {
        refId: 'B',
        datasourceUid: '__expr__',
        model: {
          refId: 'B',
          type: 'threshold',
          expression: 'A',
          datasource: { type: '__expr__', uid: '__expr__' },
          conditions: [{ evaluator: { type, params: [limit] } }]
        }
      }
    ]
  }))
  const file = {
    apiVersion: 1,
    groups: [{ orgId: 1, name: 'everseed', folder: 'everseed', interval: '1m', rules }]
  }
  return `# Made from infra/grafana/alerts.ts: npm run generate.\n${stringify(file, { lineWidth: 0, aliasDuplicateObjects: false })}`
}
