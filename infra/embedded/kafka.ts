/** An embedded Apache Kafka: one KRaft node on loopback, a JVM child process. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EverseedError } from '../../schemas/errors.ts'
import { archiveOptions } from './appcds.ts'
import { followParent, spawnChild, waitReady } from './child.ts'
import type { Jars } from './download.ts'
import type { Java } from './java.ts'
import type { Child } from './supervisor.ts'

/** Options of a small JVM: the client compiler alone and the serial collector save a third of memory and start time. */
const jvm = [
  '-Xms64m',
  '-Xmx384m',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-XX:MaxMetaspaceSize=128m'
]

/** Settings of a single node that is also its own controller. */
export function brokerSettings(
  ports: { kafka: number; controller: number },
  logDir: string
): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${ports.kafka},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.kafka}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': logDir,
    'auto.create.topics.enable': 'false',
    'num.partitions': '1',
    // Eight idle days must not make a group forget where it was: it would write everything again.
    'offsets.retention.minutes': '2147483647',
    'message.max.bytes': String(11 * 1024 * 1024),
    'replica.fetch.max.bytes': String(11 * 1024 * 1024),
    'group.min.session.timeout.ms': '1000',
    'group.initial.rebalance.delay.ms': '0',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.coordinator.threads': '1',
    'num.network.threads': '2',
    'num.io.threads': '2',
    'background.threads': '2',
    'num.recovery.threads.per.data.dir': '1',
    'log.cleaner.threads': '1',
    'log.cleaner.dedupe.buffer.size': '16777216',
    'log.index.size.max.bytes': '1048576',
    'log.segment.bytes': '67108864',
    'controlled.shutdown.max.retries': '1',
    'metric.reporters': '',
    // After a SIGKILL the node waits until its old registration has run out.
    'broker.session.timeout.ms': '1500',
    'broker.heartbeat.interval.ms': '500'
  }
}

const log4j = `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR"><Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
<Loggers><Root level="warn"><AppenderRef ref="out"/></Root></Loggers></Configuration>
`

/** A line of a properties file: backslashes (paths on Windows, passwords) stand for themselves. */
export const property = (name: string, value: string): string => `${name}=${value.replaceAll('\\', '\\\\')}\n`

/** Arguments of the JVM that runs a class of the broker's jars. */
export function brokerArguments(
  java: Java,
  jars: Jars,
  dir: string,
  main: string,
  args: readonly string[]
): string[] {
  return [
    ...jvm,
    ...archiveOptions(java, jars, 'kafka'),
    `-Dlog4j2.configurationFile=${join(dir, 'log4j2.xml')}`,
    '-cp',
    join(jars.kafka, '*'),
    main,
    ...args
  ]
}

/** A cluster id: 16 random bytes as base64, never with a dash in front, which the storage tool would read as an option. */
export function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

/**
 * Writes a node's configuration and formats its folder, once.
 * @param settings of the broker; `log.dirs` is one folder
 * @param extra further arguments of the storage tool, for example SCRAM users
 * @returns the file with the settings
 * @throws EverseedError PART_FAILED
 */
export async function formatBroker(
  java: Java,
  jars: Jars,
  dir: string,
  settings: Readonly<Record<string, string>>,
  extra: readonly string[] = [],
  signal?: AbortSignal
): Promise<string> {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, 'server.properties')
  const text = Object.entries(settings).map(([name, value]) => property(name, value))
  writeFileSync(file, text.join(''), { mode: 0o600 })
  writeFileSync(join(dir, 'log4j2.xml'), log4j)
  // The tool writes this file last, so a format that was killed is done again.
  if (existsSync(join(settings['log.dirs']!, 'meta.properties'))) return file
  const args = ['format', '-t', newClusterId(), '-c', file, '--ignore-formatted', ...extra]
  const [command, all] = followParent(
    java.path,
    brokerArguments(java, jars, dir, 'kafka.tools.StorageTool', args)
  )
  try {
    await promisify(execFile)(command, all, signal ? { signal } : {})
  } catch (cause) {
    throw new EverseedError(
      'PART_FAILED',
      `the Kafka folder ${dir} could not be formatted: ${(cause as { stderr?: string }).stderr || String(cause)}`,
      { cause }
    )
  }
  return file
}

/** Resolves when somebody listens at a listener like `PLAINTEXT://127.0.0.1:9092`. */
async function accepts(listener: string): Promise<void> {
  const { hostname, port } = new URL(listener.replace(/^\w+:/, 'tcp:'))
  await new Promise<void>((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}

/**
 * A broker as a child to supervise.
 * @param dir its folder: settings, log, data
 * @param settings see {@link brokerSettings}
 * @param ready resolves when the broker answers a real request, rejects while it does not
 * @param options `format`: further arguments of the storage tool at the first start
 */
export function brokerChild(
  java: Java,
  jars: Jars,
  dir: string,
  settings: Readonly<Record<string, string>>,
  ready: () => Promise<void>,
  options: { readonly name?: string; readonly format?: readonly string[] } = {}
): Child {
  const { name = 'kafka', format = [] } = options
  return {
    name,
    async start(signal, spawned) {
      const file = await formatBroker(java, jars, dir, settings, format, signal)
      const logFile = join(dir, 'broker.log')
      const args = brokerArguments(java, jars, dir, 'kafka.Kafka', [file])
      const child = spawnChild(java.path, args, logFile, { follow: true })
      spawned?.(child)
      const probe = async (): Promise<void> => {
        // A client library that finds nobody waits longer and longer before it looks again.
        await accepts(settings['advertised.listeners']!)
        await ready()
      }
      await waitReady('Kafka', child, logFile, probe, signal)
      return child
    }
  }
}
