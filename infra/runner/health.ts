/** `/healthz` and Prometheus' `/metrics` of a processor. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EverseedError } from '../../schemas/errors.ts'

/** Seconds a slot may take to open before its process counts as stuck; memory that is restored takes its time. */
const openingSeconds = 15

/** What does a process's work: a processor in its slots, or a sink. */
export type Worker = {
  /** Joins the group. */
  start(): Promise<void>
  /** Resolves once every slot of the first assignment is open or could not be opened; at once where there is none. */
  readonly opened: Promise<void>
  /** `stuck` says in `problem` what keeps it from working. */
  health(): {
    state: 'starting' | 'running' | 'stuck' | 'draining'
    slots: number[]
    backlog: number
    memory: number
    problem?: string
  }
  /** Finishes and commits what was begun, then leaves the group. */
  drain(): Promise<void>
}

/** Whether a processor does its work, as opposed to merely being there. */
export type Liveness = {
  /** The group confirmed that the process is a member. */
  beat(): void
  /** To be called once a second with the slots owned and whether each is open. */
  look(slots: Iterable<readonly [slot: number, open: boolean]>): void
  /** What keeps it from working; undefined when nothing does. */
  readonly stuck: string | undefined
}

/**
 * @param sessionMs milliseconds after which the group gives up a silent member
 */
export function createLiveness(sessionMs: number): Liveness {
  /** Undefined before the first sign of life. */
  let silentSeconds: number | undefined
  let closedSeconds = new Map<number, number>()
  return {
    beat() {
      silentSeconds = 0
    },
    look(slots) {
      if (silentSeconds !== undefined) silentSeconds++
      const before = closedSeconds
      closedSeconds = new Map()
      for (const [slot, open] of slots) if (!open) closedSeconds.set(slot, (before.get(slot) ?? 0) + 1)
    },
    get stuck() {
      if (silentSeconds !== undefined && silentSeconds * 1000 > sessionMs)
        return `no heartbeat for ${silentSeconds} s`
      for (const [slot, seconds] of closedSeconds)
        if (seconds > openingSeconds) return `slot ${slot} could not be opened for ${seconds} s`
      return undefined
    }
  }
}

/**
 * Serves until closed.
 * @param health answers /healthz; `ok` false becomes status 503
 * @param metrics answers /metrics
 * @returns the address it listens on
 * @throws EverseedError CONFIG_INVALID when the address cannot be listened on
 */
export async function serveHealth(
  address: { host: string; port: number },
  health: () => { ok: boolean } & Record<string, unknown>,
  metrics: { text(): Promise<string>; contentType: string }
): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      if (request.url === '/healthz') {
        const state = health()
        response
          .writeHead(state.ok ? 200 : 503, { 'content-type': 'application/json' })
          .end(`${JSON.stringify(state)}\n`)
      } else if (request.url === '/metrics') {
        response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.text())
      } else {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('/healthz and /metrics are here\n')
      }
    }
    answer().catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  server.keepAliveTimeout = 1000
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause =>
      reject(
        new EverseedError(
          'CONFIG_INVALID',
          `/healthz cannot be served on ${address.host}, port ${address.port} (${(cause as NodeJS.ErrnoException).code ?? cause.message}): set EVERSEED_HEALTH_PORT to a free port, or to 0 for any, and EVERSEED_HEALTH_HOST to an address of this machine`,
          { cause }
        )
      )
    )
    server.listen(address.port, address.host, resolve)
  })
  server.unref()
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`,
    close: () => new Promise(resolve => server.close(() => resolve()))
  }
}
