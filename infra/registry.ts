/** The schema registry: the only place that talks to it. Subjects are `<topic>-value`, FULL_TRANSITIVE. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EverseedError } from '../schemas/errors.ts'
import type { Topic } from '../schemas/topics.ts'
import { registeredSchema, type SchemaIds } from './codec.ts'
import type { RegistryConfig } from './config.ts'

/** Registry access of a process. */
export type Registry = SchemaIds & {
  /**
   * Registers the values of topics, or finds the ids they already have.
   * @throws EverseedError SCHEMA_INCOMPATIBLE, REGISTRY_UNREACHABLE
   */
  register(topics: readonly Topic[], prefix: string): Promise<void>
  /**
   * Subjects under which the registry does not hold the schema of a topic; nothing is changed.
   * @throws EverseedError REGISTRY_UNREACHABLE
   */
  missing(topics: readonly Topic[], prefix: string): Promise<string[]>
}

/** A registry for those who only read: every schema is looked up by its id, none is registered. */
export function readOnly({ schemaOf }: SchemaIds): SchemaIds {
  // No id equals this one, so that no record counts as written with the schema of this version.
  return { schemaOf, idOf: () => Number.NaN }
}

const subjectOf = (topic: Topic, prefix: string): string => `${prefix}${topic.name}-value`

/**
 * @param config address and credentials
 */
export function createRegistry(config: RegistryConfig): Registry {
  const { url, user, password } = config
  /** Loaded when it is needed: it brings validators of three languages, and many a command asks no registry. */
  const open = async () => {
    const { COMPATIBILITY, SchemaRegistry, SchemaType } = await import('@kafkajs/confluent-schema-registry')
    const client = new SchemaRegistry({
      host: url,
      clientId: 'everseed',
      retry: { maxRetryTimeInSecs: 5, initialRetryTimeInSecs: 0.1, retries: 6 },
      ...(user && { auth: { username: user, password: password ?? '' } })
    })
    const register = async (subject: string, schema: string): Promise<number> => {
      const options = { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE }
      return (await client.register({ type: SchemaType.AVRO, schema }, options)).id
    }
    const read = async (id: number): Promise<unknown> => {
      const type = (await client.getSchema(id)) as unknown as { schema?: (options: object) => unknown }
      return type.schema?.({ exportAttrs: true })
    }
    return { register, read }
  }
  let opened: ReturnType<typeof open> | undefined
  const client = (): ReturnType<typeof open> => (opened ??= open())
  const ids = new Map<string, number>()

  /** Asks what the client library has no call for; an error carries the status. */
  const ask = async (method: string, path: string, body: object): Promise<void> => {
    const login = `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`
    const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
      method,
      headers: {
        'content-type': 'application/vnd.schemaregistry.v1+json',
        ...(user && { authorization: login })
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000)
    })
    const text = await response.text()
    if (!response.ok) throw Object.assign(new Error(text), { status: response.status })
  }

  /** Sets the level of a subject that stands without one. */
  const setLevel = (subject: string): Promise<void> =>
    ask('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility: 'FULL_TRANSITIVE' })

  /** Registers, again where another registration came in between, and says in words what went wrong. */
  const insist = async (subject: string, register: () => Promise<number>): Promise<number> => {
    for (let tries = 1; ; tries++) {
      try {
        return await register()
      } catch (cause) {
        const { status, message } = cause as { status?: number; message: string }
        // Two writers at once, or a write whose answer was lost: the second look finds what the first one left.
        if (tries < 6 && status === 409 && /already exists/i.test(message)) {
          await sleep(50 * tries)
          continue
        }
        // The client writes the schema first and its level after: who was killed in between left none.
        if (tries < 6 && /does not match the configuration \(\w+ != NONE\)/.test(message)) {
          await setLevel(subject).catch((error: unknown) => Promise.reject(refusal(subject, error)))
          continue
        }
        throw refusal(subject, cause)
      }
    }
  }

  const refusal = (subject: string, cause: unknown, doing = 'registered'): EverseedError => {
    const { status, message } = cause as { status?: number; message: string }
    if (status === 401 || status === 403) {
      return new EverseedError(
        'REGISTRY_UNREACHABLE',
        `the schema registry at ${url} refuses ${user ? `user ${user}` : 'a login without user'} (${status}): check EVERSEED_REGISTRY_USER and EVERSEED_REGISTRY_PASSWORD`,
        { cause }
      )
    }
    if (message.startsWith('Compatibility does not match')) {
      return new EverseedError(
        'SCHEMA_INCOMPATIBLE',
        `${subject} is kept under another level. ${message}: set it to FULL_TRANSITIVE in the registry, or choose another EVERSEED_PREFIX`,
        { cause }
      )
    }
    if (status === 409 || /compatib/i.test(message)) {
      return new EverseedError(
        'SCHEMA_INCOMPATIBLE',
        `${subject}: ${message}; a schema grows by fields with defaults and never loses one`,
        { cause }
      )
    }
    return new EverseedError(
      'REGISTRY_UNREACHABLE',
      `${subject} could not be ${doing} at ${url}: ${message}; check that the registry runs and that EVERSEED_REGISTRY_URL is its Confluent-compatible address`,
      { cause }
    )
  }

  return {
    async register(topics, prefix) {
      const { register } = await client()
      await Promise.all(
        topics.map(async topic => {
          if (topic.record === null || ids.has(topic.name)) return
          const subject = subjectOf(topic, prefix)
          const schema = JSON.stringify(registeredSchema(topic.record))
          ids.set(topic.name, await insist(subject, () => register(subject, schema)))
        })
      )
    },

    async missing(topics, prefix) {
      const looks = topics.map(async topic => {
        if (topic.record === null) return []
        const subject = subjectOf(topic, prefix)
        const schema = JSON.stringify(registeredSchema(topic.record))
        try {
          await ask('POST', `/subjects/${encodeURIComponent(subject)}`, { schema })
          return []
        } catch (cause) {
          if ((cause as { status?: number }).status === 404) return [subject]
          throw refusal(subject, cause, 'looked up')
        }
      })
      return (await Promise.all(looks)).flat()
    },

    idOf(topic) {
      const id = ids.get(topic.name)
      if (id === undefined)
        throw new EverseedError('REGISTRY_UNREACHABLE', `topic ${topic.name} was never registered`)
      return id
    },

    async schemaOf(id) {
      const { read } = await client()
      try {
        return await read(id)
      } catch (cause) {
        if ((cause as { status?: number }).status === 404) return undefined
        throw refusal(`schema ${id}`, cause, 'read')
      }
    }
  }
}
