/** Configuration of a deployment: environment variables, checked, with every default in one place. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { EverseedError } from '../schemas/errors.ts'
import { checkUrl } from './url.ts'

const text = z.string().min(1)
const flag = z.enum(['true', 'false', '1', '0']).transform(value => value === 'true' || value === '1')
const count = z.coerce.number().int().min(1)

/** Every setting there is: type, bounds, default, and what it means; docs/settings.md is made from it. */
export const environment = {
  EVERSEED_DATA_DIR: text.default('.everseed').describe('Folder of the embedded stack'),
  EVERSEED_CACHE: text
    .optional()
    .describe('Folder of what is fetched once for the user; absent: everseed in XDG_CACHE_HOME or ~/.cache'),
  EVERSEED_PREFIX: z
    .string()
    .regex(/^[a-zA-Z0-9._-]*$/)
    .default('everseed.')
    .describe('Prefix of topics, groups and transactional ids'),
  EVERSEED_PARTITIONS: count.default(4).describe('Partitions of every data topic; fixed once topics exist'),
  EVERSEED_REPLICATION: count.default(1).describe('Replication factor of new topics'),
  EVERSEED_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Log level'),
  EVERSEED_KAFKA_BROKERS: text.optional().describe('host:port,… of an external Kafka; absent: embedded'),
  EVERSEED_KAFKA_TLS: flag.default(false).describe('Speak TLS to Kafka'),
  EVERSEED_KAFKA_CA: text
    .optional()
    .describe('File with the certificate authority of the brokers; absent: those Node trusts'),
  EVERSEED_KAFKA_CERT: text.optional().describe('File with the client certificate; with EVERSEED_KAFKA_KEY'),
  EVERSEED_KAFKA_KEY: text.optional().describe('File with the key of the client certificate'),
  EVERSEED_KAFKA_SASL_MECHANISM: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .optional()
    .describe('SASL mechanism; absent: no login'),
  EVERSEED_KAFKA_USERNAME: text.optional().describe('SASL user'),
  EVERSEED_KAFKA_PASSWORD: text.optional().describe('SASL password'),
  EVERSEED_SESSION_TIMEOUT_MS: count.default(10_000).describe('Consumer session timeout, milliseconds'),
  EVERSEED_HEARTBEAT_MS: count
    .default(1000)
    .describe('Consumer heartbeat interval, milliseconds; below half of the session timeout'),
  EVERSEED_DRAIN_MS: count
    .default(3500)
    .describe(
      'Milliseconds a processor that is told to stop may take to finish what it began, under everseed up at most 3500; less than whoever stops it waits before it kills'
    ),
  EVERSEED_REGISTRY_URL: text.optional().describe('Confluent-compatible schema registry; absent: embedded'),
  EVERSEED_REGISTRY_USER: text.optional().describe('Registry user'),
  EVERSEED_REGISTRY_PASSWORD: text.optional().describe('Registry password'),
  EVERSEED_REGISTRY_PLAIN_HTTP: flag
    .default(false)
    .describe('Allow a password over plain http to another machine, as inside a private network'),
  EVERSEED_CLICKHOUSE_URL: text.optional().describe('ClickHouse HTTP address; absent: embedded'),
  EVERSEED_CLICKHOUSE_USER: text.optional().describe('ClickHouse user that writes; absent: default'),
  EVERSEED_CLICKHOUSE_PASSWORD: z.string().optional().describe('Its password'),
  EVERSEED_CLICKHOUSE_DATABASE: z
    .string()
    .regex(/^\w+$/)
    .default('everseed')
    .describe('Database; of one deployment alone'),
  EVERSEED_CLICKHOUSE_READER: text
    .optional()
    .describe('ClickHouse user that only reads: what sql and metrics use'),
  EVERSEED_CLICKHOUSE_READER_PASSWORD: z.string().optional().describe('Its password'),
  EVERSEED_CLICKHOUSE_PLAIN_HTTP: flag
    .default(false)
    .describe('Allow a password over plain http to another machine, as inside a private network'),
  EVERSEED_HEALTH_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe(
      'Port of /healthz and /metrics, 0: any free one; everseed up gives it to admit and the next ones to the other processors'
    ),
  EVERSEED_HEALTH_HOST: text.default('127.0.0.1').describe('Address of /healthz and /metrics')
} as const

/** What a setting may be, in words; empty where it is any text. */
export function legalValues(setting: z.ZodType): string {
  const type =
    setting instanceof z.ZodDefault || setting instanceof z.ZodOptional ? setting.unwrap() : setting
  if (type instanceof z.ZodPipe) return 'true, false'
  if (type instanceof z.ZodEnum) return type.options.join(', ')
  if (!(type instanceof z.ZodNumber)) return ''
  const { minValue, maxValue } = type
  return `${minValue} ${maxValue === null || maxValue >= Number.MAX_SAFE_INTEGER ? 'or more' : `to ${maxValue}`}`
}

/** How to reach Kafka. */
export type KafkaConfig = {
  readonly brokers: readonly string[]
  readonly prefix: string
  readonly partitions: number
  readonly replication: number
  readonly sessionTimeoutMs: number
  readonly heartbeatMs: number
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined
  readonly sasl:
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
        readonly username: string
        readonly password: string
      }
    | undefined
}
/** How to reach the schema registry. */
export type RegistryConfig = {
  readonly url: string
  readonly user: string | undefined
  readonly password: string | undefined
}
/** How to reach ClickHouse. `reader` is the user people query with. */
export type ClickHouseConfig = {
  readonly url: string
  readonly database: string
  readonly user: string
  readonly password: string
  readonly reader: { readonly user: string; readonly password: string } | undefined
}
/** A deployment. Parts that are undefined are embedded. */
export type Config = {
  readonly dataDir: string
  readonly logLevel: string
  readonly health: { readonly host: string; readonly port: number }
  /** Milliseconds. */
  readonly drainMs: number
  readonly kafka: Omit<KafkaConfig, 'brokers'> & { readonly brokers: readonly string[] | undefined }
  readonly registry: RegistryConfig | undefined
  readonly clickhouse: ClickHouseConfig | undefined
}

const schema = z.object(environment)
type Settings = z.infer<typeof schema>
type Name = keyof Settings

/**
 * Settings that mean nothing without another one. They are refused when it is missing: a certificate without TLS or a
 * login without a mechanism, silently ignored, would be a connection in plain text.
 */
const dependents: readonly { readonly needed: Name; readonly by: readonly Name[] }[] = [
  {
    needed: 'EVERSEED_KAFKA_TLS',
    by: ['EVERSEED_KAFKA_CA', 'EVERSEED_KAFKA_CERT', 'EVERSEED_KAFKA_KEY']
  },
  { needed: 'EVERSEED_KAFKA_CERT', by: ['EVERSEED_KAFKA_KEY'] },
  { needed: 'EVERSEED_KAFKA_KEY', by: ['EVERSEED_KAFKA_CERT'] },
  { needed: 'EVERSEED_KAFKA_SASL_MECHANISM', by: ['EVERSEED_KAFKA_USERNAME', 'EVERSEED_KAFKA_PASSWORD'] },
  { needed: 'EVERSEED_KAFKA_USERNAME', by: ['EVERSEED_KAFKA_SASL_MECHANISM'] },
  { needed: 'EVERSEED_KAFKA_PASSWORD', by: ['EVERSEED_KAFKA_SASL_MECHANISM'] },
  { needed: 'EVERSEED_KAFKA_BROKERS', by: ['EVERSEED_KAFKA_TLS', 'EVERSEED_KAFKA_SASL_MECHANISM'] },
  { needed: 'EVERSEED_REGISTRY_USER', by: ['EVERSEED_REGISTRY_PASSWORD'] },
  { needed: 'EVERSEED_REGISTRY_URL', by: ['EVERSEED_REGISTRY_USER'] },
  { needed: 'EVERSEED_CLICKHOUSE_READER', by: ['EVERSEED_CLICKHOUSE_READER_PASSWORD'] },
  {
    needed: 'EVERSEED_CLICKHOUSE_URL',
    by: [
      'EVERSEED_CLICKHOUSE_USER',
      'EVERSEED_CLICKHOUSE_PASSWORD',
      'EVERSEED_CLICKHOUSE_DATABASE',
      'EVERSEED_CLICKHOUSE_READER'
    ]
  }
]

/** @throws EverseedError CONFIG_INVALID naming a setting that would be ignored, and what it needs */
function checkDependents(given: ReadonlySet<string>, settings: Settings): void {
  const isOn = (name: Name): boolean => given.has(name) && settings[name] !== false
  for (const { needed, by } of dependents) {
    const lost = by.find(isOn)
    if (lost !== undefined && !isOn(needed)) {
      const fix = needed === 'EVERSEED_KAFKA_TLS' ? `${needed}=true` : needed
      throw new EverseedError('CONFIG_INVALID', `${lost} needs ${fix}: set both, or neither`)
    }
  }
}

/** The address of a service as it was given; checked like that of a provider. */
function addressOf(part: 'REGISTRY' | 'CLICKHOUSE', settings: Settings): string | undefined {
  const name = `EVERSEED_${part}_URL` as const
  const address = settings[name]
  if (address === undefined) return undefined
  const sendsPassword = Boolean(
    part === 'REGISTRY'
      ? settings.EVERSEED_REGISTRY_PASSWORD
      : settings.EVERSEED_CLICKHOUSE_PASSWORD || settings.EVERSEED_CLICKHOUSE_READER_PASSWORD
  )
  checkUrl(address, {
    name,
    code: 'CONFIG_INVALID',
    plainHttp: !sendsPassword || settings[`EVERSEED_${part}_PLAIN_HTTP`],
    advice: {
      credentials: `put them into EVERSEED_${part}_USER and EVERSEED_${part}_PASSWORD`,
      plainHttp: `anybody on the way could read the password: use https, or, inside a private network, set EVERSEED_${part}_PLAIN_HTTP=true`
    }
  })
  return address
}

/** The settings of each part: those that say where it is, and all that mean something only together with these. */
export const partSettings = {
  // Records in Kafka carry the schema ids of one registry: the two belong together.
  stream: {
    addresses: ['EVERSEED_KAFKA_BROKERS', 'EVERSEED_REGISTRY_URL'],
    pattern: /^EVERSEED_(KAFKA_|REGISTRY_|PREFIX$|PARTITIONS$|REPLICATION$)/
  },
  clickhouse: { addresses: ['EVERSEED_CLICKHOUSE_URL'], pattern: /^EVERSEED_CLICKHOUSE_/ }
} as const

/** The folder of the embedded stack, absolute. */
export function dataDirOf(env: Readonly<Record<string, string | undefined>>): string {
  return resolve(env['EVERSEED_DATA_DIR'] || '.everseed')
}

/**
 * Reads the configuration.
 * @param env environment variables; an empty value counts as absent
 * @throws EverseedError CONFIG_INVALID that names the variable
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const known = Object.keys(environment).flatMap(name => (env[name] ? [[name, env[name]]] : []))
  const unknown = Object.keys(env).find(name => name.startsWith('EVERSEED_') && !(name in environment))
  if (unknown) {
    throw new EverseedError(
      'CONFIG_INVALID',
      `${unknown} is not a setting; known are ${Object.keys(environment).join(', ')}`
    )
  }
  const parsed = schema.safeParse(Object.fromEntries(known))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new EverseedError('CONFIG_INVALID', `${String(issue?.path[0])}: ${issue?.message}`)
  }
  const e = parsed.data
  checkDependents(new Set(known.map(([name]) => String(name))), e)
  const registryUrl = addressOf('REGISTRY', e)
  const clickhouseUrl = addressOf('CLICKHOUSE', e)
  const file = (
    name: 'EVERSEED_KAFKA_CA' | 'EVERSEED_KAFKA_CERT' | 'EVERSEED_KAFKA_KEY'
  ): string | undefined => {
    const path = e[name]
    if (path === undefined) return undefined
    try {
      return readFileSync(path, 'utf8')
    } catch (cause) {
      throw new EverseedError('CONFIG_INVALID', `${name}: cannot read ${path}`, { cause })
    }
  }
  const sasl = (): KafkaConfig['sasl'] =>
    e.EVERSEED_KAFKA_SASL_MECHANISM && {
      mechanism: e.EVERSEED_KAFKA_SASL_MECHANISM,
      username: e.EVERSEED_KAFKA_USERNAME!,
      password: e.EVERSEED_KAFKA_PASSWORD!
    }
  const tls = (): KafkaConfig['tls'] => {
    if (!e.EVERSEED_KAFKA_TLS) return undefined
    const ca = file('EVERSEED_KAFKA_CA')
    const cert = file('EVERSEED_KAFKA_CERT')
    const key = file('EVERSEED_KAFKA_KEY')
    return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  }
  if (e.EVERSEED_HEARTBEAT_MS * 2 >= e.EVERSEED_SESSION_TIMEOUT_MS) {
    throw new EverseedError(
      'CONFIG_INVALID',
      'EVERSEED_HEARTBEAT_MS must be below half of EVERSEED_SESSION_TIMEOUT_MS'
    )
  }
  return {
    dataDir: dataDirOf(env),
    logLevel: e.EVERSEED_LOG_LEVEL,
    health: { host: e.EVERSEED_HEALTH_HOST, port: e.EVERSEED_HEALTH_PORT },
    drainMs: e.EVERSEED_DRAIN_MS,
    kafka: {
      brokers: e.EVERSEED_KAFKA_BROKERS?.split(',').map(broker => broker.trim()),
      prefix: e.EVERSEED_PREFIX,
      partitions: e.EVERSEED_PARTITIONS,
      replication: e.EVERSEED_REPLICATION,
      sessionTimeoutMs: e.EVERSEED_SESSION_TIMEOUT_MS,
      heartbeatMs: e.EVERSEED_HEARTBEAT_MS,
      tls: tls(),
      sasl: sasl()
    },
    registry: registryUrl
      ? {
          url: registryUrl,
          user: e.EVERSEED_REGISTRY_USER,
          password: e.EVERSEED_REGISTRY_PASSWORD
        }
      : undefined,
    clickhouse: clickhouseUrl
      ? {
          url: clickhouseUrl,
          database: e.EVERSEED_CLICKHOUSE_DATABASE,
          user: e.EVERSEED_CLICKHOUSE_USER ?? 'default',
          password: e.EVERSEED_CLICKHOUSE_PASSWORD ?? '',
          reader: e.EVERSEED_CLICKHOUSE_READER
            ? { user: e.EVERSEED_CLICKHOUSE_READER, password: e.EVERSEED_CLICKHOUSE_READER_PASSWORD ?? '' }
            : undefined
        }
      : undefined
  }
}
