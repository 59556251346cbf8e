/** A real stack for tests: broker, registry and ClickHouse, embedded, in a temporary folder on free ports. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type Config, readConfig } from '../../infra/config.ts'
import { connect, warmCoordinators } from '../../infra/deployment.ts'
import { lockDataDir } from '../../infra/embedded/lock.ts'
import { partNames, startStack } from '../../infra/embedded/stack.ts'
import { createSupervisor, type Supervisor } from '../../infra/embedded/supervisor.ts'
import { brokerAnswers } from '../../infra/kafka/client.ts'
import { silentLog } from '../../infra/log.ts'
import type { Log } from '../../processors/contract.ts'
import { bareEnvironment } from './cli.ts'

/** Where the parts of a stack are. */
export type Endpoints = {
  readonly kafka: { readonly brokers: readonly string[] }
  readonly registry: { readonly url: string }
  readonly clickhouse: {
    readonly url: string
    readonly database: string
    readonly user: string
    readonly password: string
    readonly reader: { readonly user: string; readonly password: string }
  }
}
/** A stack that runs in this process's care. */
export type Stack = Endpoints & {
  readonly config: Config & { readonly kafka: { readonly brokers: readonly string[] } }
  readonly supervisor: Supervisor
  stop(): Promise<void>
}

/**
 * Starts a stack on a folder.
 * @param options `ports`: free takes any, usual the well-known ones where they are free
 */
export async function openStack(
  dataDir: string,
  options: {
    readonly log?: Log
    readonly progress?: (line: string) => void
    readonly ports?: 'free' | 'usual'
    readonly env?: NodeJS.ProcessEnv
  } = {}
): Promise<Stack> {
  const { log = silentLog, progress = () => {}, ports = 'free', env = bareEnvironment() } = options
  const config = readConfig({ EVERSEED_DATA_DIR: dataDir })
  const lock = await lockDataDir(dataDir)
  const supervisor = createSupervisor(log, () =>
    lock.children(supervisor.states().flatMap(({ pid }) => (pid === null ? [] : [pid])))
  )
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= supervisor.stopAll(partNames).then(() => lock.release())
    return stopping
  }
  try {
    const full = await startStack({
      config,
      supervisor,
      env,
      log,
      progress,
      ports,
      ready: brokers => brokerAnswers(config.kafka, brokers)
    })
    const deployment = await connect(full, log, 'test-stack')
    await warmCoordinators(deployment)
    await deployment.close()
    const { registry, clickhouse } = full
    return {
      config: full,
      kafka: { brokers: full.kafka.brokers },
      registry: { url: registry.url },
      clickhouse: { ...clickhouse, reader: clickhouse.reader! },
      supervisor,
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

let shared: Promise<Endpoints> | undefined
let own: { readonly stack: Stack; readonly dir: string } | undefined

// Registered while the file loads: inside a test it would belong to that test and end the stack with it.
after(async () => {
  if (!own) return
  await own.stack.stop()
  rmSync(own.dir, { recursive: true, force: true })
})

/**
 * The stack of this test run. With TEST_STACK set to an `endpoints.json` it is that one; otherwise it is started once
 * per process and stopped after its tests.
 */
export function sharedStack(): Promise<Endpoints> {
  const file = process.env['TEST_STACK']
  shared ??=
    file === undefined ? ownStack() : Promise.resolve(JSON.parse(readFileSync(file, 'utf8')) as Endpoints)
  return shared
}

async function ownStack(): Promise<Stack> {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-stack-'))
  const stack = await openStack(dir)
  own = { stack, dir }
  return stack
}
