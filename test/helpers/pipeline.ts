/** Deployments for tests of commands and clients: a folder to work in, and commands that find the deployment. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, readConfig } from '../../infra/config.ts'
import { connect, type Deployment } from '../../infra/deployment.ts'
import { silentLog } from '../../infra/log.ts'
import { allTopics } from '../../infra/processors.ts'
import { listRuns } from '../../infra/publish.ts'
import { untilQuiet } from '../../infra/quiet.ts'
import { startUp, type Up } from '../../infra/up.ts'
import { type Answer, bareEnvironment, type CommandOptions, runEverseed } from './cli.ts'
import { until } from './until.ts'
import { sharedStack } from './stack.ts'

/** What a file of tests ends with. */
type Ending = { after(done: () => Promise<void>): void }

/** A deployment, a folder to work in, and the commands that find the deployment. */
export type Workplace = {
  readonly deployment: Deployment
  /** Where commands run and files are written; removed afterwards. */
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** Runs a command against the deployment. */
  everseed(args: readonly string[], options?: CommandOptions): Promise<Answer>
  /** Writes a file into the folder. */
  file(name: string, content: string | Buffer): string
}

/** A workplace with all processors and a ClickHouse of its own. */
export type Pipeline = Workplace & { readonly up: Up }

async function workplace(
  folder: string,
  env: Readonly<Record<string, string>>,
  config: Config
): Promise<Workplace> {
  const deployment = await connect(config, silentLog, 'test')
  await deployment.prepare(allTopics)
  return {
    deployment,
    folder,
    env,
    everseed: (args, more = {}) => runEverseed(args, { cwd: folder, ...more, env: { ...env, ...more.env } }),
    file(name, content) {
      const path = join(folder, name)
      writeFileSync(path, content)
      return path
    }
  }
}

/** Variables that lead to the Kafka and the registry of the shared stack, under a prefix of their own. */
async function sharedKafka(folder: string): Promise<Record<string, string>> {
  const { kafka, registry } = await sharedStack()
  return {
    EVERSEED_DATA_DIR: join(folder, '.everseed'),
    EVERSEED_PREFIX: `t${randomBytes(5).toString('hex')}.`,
    EVERSEED_KAFKA_BROKERS: kafka.brokers.join(','),
    EVERSEED_REGISTRY_URL: registry.url
  }
}

/**
 * Starts all processors and a ClickHouse, as `everseed up` does, on the shared Kafka and registry.
 * @param t `{ after }` of node:test for a file
 * @param extra variables its processes see
 */
export async function startPipeline(
  t: Ending,
  extra: Readonly<Record<string, string>> = {}
): Promise<Pipeline> {
  const folder = mkdtempSync(join(tmpdir(), 'everseed-test-'))
  const env = await sharedKafka(folder)
  const all = { ...bareEnvironment(), ...env, ...extra }
  let up: Up | undefined
  let place: Workplace | undefined
  t.after(async () => {
    await place?.deployment.close()
    await up?.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  up = await startUp({ config: readConfig(all), env: all, log: silentLog, progress: () => {} })
  place = await workplace(folder, env, up.config)
  return { ...place, up }
}

/**
 * A deployment without processors on the shared stack, under a prefix of its own.
 * @param t `{ after }` of node:test for a file
 */
export async function startWorkplace(t: Ending): Promise<Workplace> {
  const folder = mkdtempSync(join(tmpdir(), 'everseed-test-'))
  const env = await sharedKafka(folder)
  const place = await workplace(folder, env, readConfig(env))
  t.after(async () => {
    await place.deployment.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return place
}

/** Resolves when a run has ended and every processor has done everything there is. */
export async function runEnded(deployment: Deployment, run: string, timeoutMs = 180_000): Promise<void> {
  await until(
    `the end of run ${run}`,
    async () => (await listRuns(deployment)).get(run)?.state === 'ended',
    timeoutMs
  )
  await untilQuiet(deployment, timeoutMs)
}
