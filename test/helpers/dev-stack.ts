/** A long-lived stack for development: `node test/helpers/dev-stack.ts DIR` writes DIR/endpoints.json and runs until SIGTERM. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createLog } from '../../infra/log.ts'
import { openStack } from './stack.ts'

const dir = resolve(process.argv[2] ?? '.everseed')
const file = join(dir, 'endpoints.json')
const started = performance.now()
const stack = await openStack(dir, {
  log: createLog('info', 'dev-stack'),
  progress: line => console.error(line)
})
const { kafka, registry, clickhouse } = stack
const environment = {
  EVERSEED_KAFKA_BROKERS: kafka.brokers.join(','),
  EVERSEED_REGISTRY_URL: registry.url,
  EVERSEED_CLICKHOUSE_URL: clickhouse.url,
  EVERSEED_CLICKHOUSE_DATABASE: clickhouse.database,
  EVERSEED_CLICKHOUSE_USER: clickhouse.user,
  EVERSEED_CLICKHOUSE_PASSWORD: clickhouse.password,
  EVERSEED_CLICKHOUSE_READER: clickhouse.reader.user,
  EVERSEED_CLICKHOUSE_READER_PASSWORD: clickhouse.reader.password
}
writeFileSync(
  `${file}.part`,
  JSON.stringify({ pid: process.pid, kafka, registry, clickhouse, environment }, null, 2),
  { mode: 0o600 }
)
renameSync(`${file}.part`, file)
console.error(`ready after ${Math.round(performance.now() - started)} ms: ${file}`)

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    rmSync(file, { force: true })
    void stack.stop().then(() => process.exit(0))
  })
}
