/** Short runs of the broker and the registry, out of everybody's way, from which their class archives are made. */
import { existsSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import type { Log } from '../../processors/contract.ts'
import { archiveFile, makeArchive } from './appcds.ts'
import { type Spawned, spawnChild, waitReady } from './child.ts'
import type { Jars } from './download.ts'
import type { Java } from './java.ts'
import { brokerArguments, brokerSettings, formatBroker } from './kafka.ts'
import { isTaken, type Lock, takeLock } from './lock.ts'
import { choosePorts } from './ports.ts'
import { registryAnswers, registryArguments } from './registry.ts'

/** The least share of the processor: what people wait for goes first. */
const background = 19

/**
 * Makes the archives that are missing for this Java. One start at a time does; the others go on without.
 * @param options `ready` asks a broker something real; `signal` ends it; a failure is only logged, the next start tries
 * again; `priority`: niceness of the runs
 */
export async function makeArchives(options: {
  java: Java
  jars: Jars
  ready: (brokers: readonly string[]) => Promise<void>
  signal: AbortSignal
  log: Log
  priority?: number
}): Promise<void> {
  const { java, jars, ready, signal, log, priority = background } = options
  const parts = (['kafka', 'registry'] as const).filter(part => !existsSync(archiveFile(java, jars, part)))
  if (parts.length === 0) return
  /** Runs until it answers, then ends it in order: the archive is written at the end. */
  const rehearse = async (dir: string, args: string[], probe: () => Promise<void>): Promise<void> => {
    const logFile = join(dir, 'rehearsal.log')
    const child: Spawned = spawnChild(java.path, args, logFile, { follow: true })
    if (!child.ended() && child.pid > 0) setPriority(child.pid, priority)
    const kill = (): void => child.kill()
    signal.addEventListener('abort', kill)
    try {
      await waitReady('the rehearsal', child, logFile, probe, signal)
      child.stop()
      await child.exited
    } finally {
      signal.removeEventListener('abort', kill)
      child.kill()
    }
  }

  const rehearsals = {
    kafka: async (dir: string, option: string): Promise<void> => {
      const ports = await choosePorts(join(dir, 'ports.json'), 'free')
      const settings = brokerSettings(ports, join(dir, 'logs'))
      const file = await formatBroker(java, jars, dir, settings, [], signal)
      await rehearse(dir, [option, ...brokerArguments(java, jars, dir, 'kafka.Kafka', [file])], () =>
        ready([`127.0.0.1:${ports.kafka}`])
      )
    },
    registry: async (dir: string, option: string): Promise<void> => {
      const { registry } = await choosePorts(join(dir, 'ports.json'), 'free')
      await rehearse(dir, [option, ...registryArguments(java, jars, dir, registry)], () =>
        registryAnswers(registry)
      )
    }
  }
  let lock: Lock | undefined
  try {
    // The cache may be one that can only be read: then there are no archives, and starts take a little longer.
    const outcome = await takeLock(join(jars.root, 'archives.lock'))
    if (!isTaken(outcome)) return
    lock = outcome
    for (const part of parts) {
      if (signal.aborted) return
      const made = await makeArchive(java, jars, part, rehearsals[part])
      log.debug({ part, made }, 'class archive')
    }
  } catch (error) {
    log.debug({ err: error }, 'no class archive was made; the next start tries again')
  } finally {
    lock?.release()
  }
}
