/** What a broker refuses for good: trying again meets the same answer until a person has done something about it. */
import { createRequire } from 'node:module'
import { EverseedError } from '../../schemas/errors.ts'
import type { KafkaConfig } from '../config.ts'

type LibraryError = {
  type?: string
  topic?: string
  cause?: unknown
  errors?: readonly unknown[]
  message: string
}

/** Looks through the library's wrappers for the broker's own answer. */
export function protocolError(error: unknown): (LibraryError & { type: string }) | undefined {
  let one = error as LibraryError | undefined
  while (one && one.type === undefined) one = (one.cause ?? one.errors?.[0]) as LibraryError | undefined
  return one as (LibraryError & { type: string }) | undefined
}

/** Rights on a topic, as Kafka spells them, and what they allow. */
const verbs = {
  Create: 'create',
  Describe: 'ask about',
  Read: 'read',
  Write: 'write to',
  AlterConfigs: 'change the settings of'
} as const

/** What was asked for, by the names the broker knows. */
export type Asked = {
  readonly right: keyof typeof verbs
  readonly topics: readonly string[]
  readonly group?: string
  readonly transactionalId?: string
}

/** Answers that no new connection, assignment or transaction changes, the missing rights apart. */
const final = new Set([
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_REQUIRED_ACKS',
  'INVALID_GROUP_ID',
  'INVALID_SESSION_TIMEOUT',
  'INVALID_TIMESTAMP',
  'INVALID_TRANSACTION_TIMEOUT',
  'INVALID_RECORD',
  'INVALID_REQUEST',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'OFFSET_METADATA_TOO_LARGE',
  'POLICY_VIOLATION',
  'SECURITY_DISABLED'
])

/**
 * What to tell the person who can change it.
 * @param error what the client said
 * @param config whose user asked
 * @param asked what it wanted to do
 * @returns EverseedError KAFKA_REFUSED; undefined for everything else, which may pass
 */
export function refusalOf(error: unknown, config: KafkaConfig, asked: Asked): EverseedError | undefined {
  const answer = protocolError(error)
  if (!answer) return undefined
  const { right } = asked
  const user = config.sasl?.username
  const refused = (words: string): EverseedError =>
    new EverseedError('KAFKA_REFUSED', words, { cause: error })
  const lacks = (what: string, ...rights: string[]): EverseedError =>
    refused(
      `${user === undefined ? 'this client' : `Kafka user ${user}`} may not ${what}: grant it with kafka-acls --add --allow-principal User:${user ?? 'NAME'} ${rights.join(' ')}`
    )
  switch (answer.type) {
    case 'TOPIC_AUTHORIZATION_FAILED': {
      const topics = answer.topic === undefined ? asked.topics : [answer.topic]
      return lacks(
        `${verbs[right]} ${topics.join(', ')}`,
        `--operation ${right}`,
        ...topics.map(topic => `--topic ${topic}`)
      )
    }
    case 'GROUP_AUTHORIZATION_FAILED':
      return lacks(`be in the group ${asked.group}`, '--operation Read', `--group ${asked.group}`)
    case 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED':
      return lacks(
        `write under the transactional id ${asked.transactionalId}`,
        '--operation Write --operation Describe',
        `--transactional-id ${asked.transactionalId}`
      )
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return lacks('write without duplicates', '--operation IdempotentWrite', '--cluster')
    default:
      if (!final.has(answer.type)) return undefined
      return refused(
        `Kafka will not let ${asked.topics.join(', ') || asked.transactionalId || asked.group} be used as it is asked to: ${answer.message} (${answer.type}); trying again changes nothing, look at the settings of the brokers and the topic`
      )
  }
}

type AddPartitionsResponse = {
  parse(data: { errors: { topic: string; partitionErrors: { errorCode: number }[] }[] }): Promise<unknown>
}

const topicAuthorizationFailed = 29

/**
 * Where one of several topics is refused the broker answers of the others that nothing was attempted, and the library
 * throws whichever it meets first, without a name. Here the one that is refused is thrown, with its name.
 */
export function nameRefusedTopics(): void {
  const require = createRequire(import.meta.url)
  const { createErrorFromCode } = require('kafkajs/src/protocol/error') as {
    createErrorFromCode(code: number): Error
  }
  for (const version of ['v0', 'v1']) {
    const response = require(
      `kafkajs/src/protocol/requests/addPartitionsToTxn/${version}/response`
    ) as AddPartitionsResponse
    const { parse } = response
    response.parse = data => {
      const refused = data.errors.find(({ partitionErrors }) =>
        partitionErrors.some(({ errorCode }) => errorCode === topicAuthorizationFailed)
      )
      if (!refused) return parse(data)
      const { topic } = refused
      return Promise.reject(Object.assign(createErrorFromCode(topicAuthorizationFailed), { topic }))
    }
  }
}

/** What kept the first connection from being made, in words. */
export function unreachable(config: KafkaConfig, cause: unknown): EverseedError {
  const at = config.brokers.join(', ')
  const { message } = cause as Error
  const words = /SASL|authentication/i.test(message)
    ? config.sasl
      ? `Kafka at ${at} refuses the login of user ${config.sasl.username}: ${message}; check EVERSEED_KAFKA_USERNAME, EVERSEED_KAFKA_PASSWORD and EVERSEED_KAFKA_SASL_MECHANISM`
      : `Kafka at ${at} wants a login: ${message}; set EVERSEED_KAFKA_SASL_MECHANISM, EVERSEED_KAFKA_USERNAME and EVERSEED_KAFKA_PASSWORD`
    : /certificate|altname|self.signed/i.test(message)
      ? `the certificate of Kafka at ${at} is not trusted: ${message}; set EVERSEED_KAFKA_CA to the file with the authority that signed it`
      : /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH/.test(message)
        ? `no broker answers at ${at}: ${message}; check that Kafka runs and EVERSEED_KAFKA_BROKERS`
        : `no broker answers at ${at}: ${message}; check EVERSEED_KAFKA_BROKERS, and whether the listener wants TLS (EVERSEED_KAFKA_TLS is ${config.tls !== undefined}) or a login (EVERSEED_KAFKA_SASL_MECHANISM is ${config.sasl?.mechanism ?? 'not set'})`
  return new EverseedError('KAFKA_UNREACHABLE', words, { cause })
}
