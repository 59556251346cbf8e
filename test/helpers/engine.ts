/** A ClickHouse of a test's own, to be killed and started again. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWarehouse, type Warehouse } from '../../infra/clickhouse/client.ts'
import { engineChild, engineUsers, readerName, writerName } from '../../infra/embedded/clickhouse.ts'
import { choosePorts } from '../../infra/embedded/ports.ts'
import type { Running } from '../../infra/embedded/supervisor.ts'
import { silentLog } from '../../infra/log.ts'

/** What a test ends with. */
type Ending = { after(done: () => Promise<void>): void }

/** An engine on a folder of its own. */
export type Engine = {
  readonly url: string
  /** A database of its own for a test, not made yet, with all rights on it. */
  warehouse(database?: string): Warehouse
  /** The users of a deployment, who see its one database. */
  login(user: 'writer' | 'reader'): { user: string; password: string; database: string }
  /** Connected as one of them. */
  as(user: 'writer' | 'reader'): Warehouse
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again on the same folder and ports. */
  start(): Promise<void>
}

/**
 * Starts an engine; ends it and removes its folder after the test or suite.
 * @param t a test's context, or `{ after }` of node:test for a file
 */
export async function startEngine(t: Ending): Promise<Engine> {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-engine-'))
  const ports = await choosePorts(join(dir, 'ports.json'), 'free')
  const child = engineChild(
    join(dir, 'clickhouse'),
    { http: ports.clickhouse, tcp: ports.clickhouseTcp },
    'everseed'
  )
  const users = engineUsers(join(dir, 'clickhouse'))
  const url = `http://127.0.0.1:${ports.clickhouse}`
  const opened: Warehouse[] = []
  const open = (user: string, password: string, database: string): Warehouse => {
    const warehouse = createWarehouse({ url, user, password, database, log: silentLog })
    opened.push(warehouse)
    return warehouse
  }
  const login: Engine['login'] = one =>
    one === 'writer'
      ? { user: writerName, password: users.writer, database: 'everseed' }
      : { user: readerName, password: users.reader, database: 'everseed' }
  let running: Running | undefined
  const start = async (): Promise<void> => {
    running = await child.start(new AbortController().signal)
  }
  const kill = async (): Promise<void> => {
    running?.kill()
    await running?.exited
  }
  t.after(async () => {
    await Promise.all(opened.map(warehouse => warehouse.close()))
    await kill()
    rmSync(dir, { recursive: true, force: true })
  })
  await start()
  return {
    url,
    warehouse: (database = `test_${randomUUID().replaceAll('-', '')}`) =>
      open('supervisor', users.supervisor, database),
    login,
    as: one => {
      const { user, password, database } = login(one)
      return open(user, password, database)
    },
    kill,
    start
  }
}
