/** `everseed subscribe`: a topic as lines. */
import { EverseedError } from '../../schemas/errors.ts'
import { type Topic, retractions, training, versions as versionsTopic } from '../../schemas/topics.ts'
import type { Message, Version } from '../../schemas/types.ts'
import { DecodeError } from '../codec.ts'
import type { Deployment } from '../deployment.ts'
import { follow } from '../kafka/reader.ts'
import type { RawRecord } from '../kafka/record.ts'
import { allTopics } from '../processors.ts'
import { findDataset } from '../datasets.ts'
import { retractionsOf } from '../retractions.ts'
import { extentOf, readCounted } from '../versions/rows.ts'
import { findVersion, nameOf } from '../versions/versions.ts'
import { countOf, withReader } from './context.ts'
import { note, printSlowly } from './output.ts'
import { interruptedExit, untilInterrupted } from './up.ts'

type Options = {
  follow?: boolean
  from: string
  dataset?: string
  run?: string
  version?: string
  limit?: string
  format: 'json' | 'messages' | 'text' | 'keys'
}

type Fields = { id?: string; dataset?: string; run?: string; messages?: readonly Message[] }

/** One record as one line; undefined where the format has nothing to say of it. */
function lineOf(
  record: Pick<RawRecord, 'key' | 'partition' | 'offset'>,
  value: unknown,
  format: Options['format']
): string | undefined {
  const key = record.key?.toString() ?? ''
  const { id, messages } = (value ?? {}) as Fields
  switch (format) {
    case 'keys':
      return id ?? key
    case 'text':
      return messages?.at(-1) ? JSON.stringify({ text: messages.at(-1)!.content }) : undefined
    case 'messages':
      return messages
        ? JSON.stringify({ messages: messages.map(({ role, content }) => ({ role, content })) })
        : undefined
    case 'json':
      return JSON.stringify({ partition: record.partition, offset: record.offset, key, value })
  }
}

/** The topic of that name, prefix or not. */
function findTopic(name: string, prefix: string): Topic {
  const short = name.startsWith(prefix) ? name.slice(prefix.length) : name
  const topic = allTopics.find(one => one.name === short)
  if (!topic)
    throw new EverseedError(
      'UNKNOWN_NAME',
      `there is no topic ${name}; there are ${allTopics.map(one => one.name).join(', ')}`
    )
  return topic
}

/** The version whose rows are asked for. */
async function versionOf(deployment: Deployment, topic: Topic, options: Options): Promise<Version> {
  const { version = '', dataset, from } = options
  if (topic !== training || from === 'end') {
    throw new EverseedError(
      'CONFIG_INVALID',
      `--version ${version}: versions are cuts of training, from its beginning`
    )
  }
  if (dataset === undefined && /^\d+$/.test(version))
    throw new EverseedError(
      'CONFIG_INVALID',
      `--version ${version}: of which dataset? Name it: --version DATASET@${version}`
    )
  if (dataset !== undefined && version.includes('@') && !version.startsWith(`${dataset}@`))
    throw new EverseedError(
      'CONFIG_INVALID',
      `--version ${version} is none of dataset ${dataset}: leave --dataset out, or name a version of it`
    )
  await deployment.admin.requireTopics([versionsTopic, retractions])
  return await findVersion(
    deployment,
    version.includes('@') || dataset === undefined ? version : `${dataset}@${version}`
  )
}

export async function subscribe(name: string, options: Options): Promise<void> {
  const limit = options.limit === undefined ? Infinity : countOf('--limit', options.limit)
  if (options.from !== 'beginning' && options.from !== 'end')
    throw new EverseedError('CONFIG_INVALID', `--from ${options.from}: beginning or end`)
  const interrupt = untilInterrupted()
  await withReader(async deployment => {
    const { kafka, config, admin, codec } = deployment
    const topic = findTopic(name, config.prefix)
    await admin.requireTopics([topic])
    const version = options.version === undefined ? undefined : await versionOf(deployment, topic, options)
    const ranges = (await admin.ranges(topic.name)).map(({ partition, from, to }) => ({
      topic: topic.name,
      partition,
      from: options.from === 'end' ? to : from,
      to: version ? (version.offsets[partition] ?? 0) : to
    }))
    if (version && options.format === 'keys') {
      // In the order its digest is taken in, and with the ids of what was erased since.
      const ids: string[] = []
      const dataset = await findDataset(deployment, version.dataset)
      const read = readCounted(
        deployment,
        dataset,
        extentOf(version),
        ({ sample }) => void ids.push(sample.id)
      )
      if (await Promise.race([read.then(() => false), interrupt.then(() => true)])) {
        process.exitCode = interruptedExit
        return
      }
      for (const id of ids.slice(0, limit)) await printSlowly(id)
      return
    }
    // A version has an end, however long one waits.
    const follows = options.follow === true && version === undefined
    const without = version ? extentOf(version).without : new Set<string>()
    const only = { dataset: version?.dataset ?? options.dataset, run: options.run }
    const enough = Promise.withResolvers<void>()
    const gone = new Set(version ? (await retractionsOf(deployment, version.dataset)).keys() : [])
    let printed = 0
    let retracted = 0
    let cut = false
    let skipped = 0
    const reader = follow(
      kafka,
      config,
      ranges,
      async records => {
        for (const record of records) {
          if (printed >= limit || cut) return
          let value: unknown
          try {
            value =
              topic.record === null
                ? { headers: textOf(record.headers), value: record.value?.toString('base64') }
                : record.value === null
                  ? null
                  : await codec.decode(topic, record.value)
          } catch (error) {
            if (!(error instanceof DecodeError)) throw error
            note(`${topic.name}/${record.partition}@${record.offset}: ${error.message}`)
            continue
          }
          const { id, dataset, run } = (value ?? {}) as Fields
          if (
            (id !== undefined && without.has(id)) ||
            (only.dataset !== undefined && dataset !== only.dataset) ||
            (only.run !== undefined && run !== only.run)
          )
            continue
          const line = lineOf(record, value, options.format)
          if (line === undefined) {
            skipped++
            continue
          }
          await printSlowly(line)
          if (id !== undefined && gone.has(id)) retracted++
          if (++printed >= limit) enough.resolve()
        }
      },
      { bounded: !follows }
    )
    const finished = [enough.promise, follows ? reader.failed : reader.caughtUp]
    const interrupted = interrupt.then(() => void (cut = true))
    let whole = false
    try {
      whole = await Promise.race([
        ...finished.map(one => one.then(() => true)),
        interrupted.then(() => false)
      ])
    } finally {
      await reader.stop()
    }
    // Whoever follows ends by an interrupt; without --follow it leaves a file that is not whole.
    if (!whole && !follows) process.exitCode = interruptedExit
    if (retracted > 0)
      note(
        `${nameOf(version!)}: ${retracted} of these rows were retracted since it was closed: versions show ${nameOf(version!)} --json lists their ids; the next version is without them`
      )
    if (printed === 0 && skipped > 0)
      note(`${topic.name} holds no messages to print as ${options.format}; --format json prints its records`)
  })
}

function textOf(headers: RawRecord['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.toString()]))
}
