/** A broker as production ones are: TLS by an authority of its own, logins by SCRAM, rights by access lists. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readConfig } from '../../infra/config.ts'
import type { Jars } from '../../infra/embedded/download.ts'
import type { Java } from '../../infra/embedded/java.ts'
import { brokerChild, brokerSettings } from '../../infra/embedded/kafka.ts'
import type { Child } from '../../infra/embedded/supervisor.ts'
import { brokerAnswers } from '../../infra/kafka/client.ts'

const storePass = 'store-pass'

/** Certificates made by the tool that every Java brings. */
function certificates(java: Java, dir: string): { store: string; ca: string; stranger: string } {
  const tool = java.path === 'java' ? 'keytool' : join(dirname(java.path), 'keytool')
  const store = join(dir, 'broker.p12')
  const keytool = (file: string, input: string, ...args: string[]): string =>
    execFileSync(tool, [...args, '-keystore', file, '-storetype', 'PKCS12', '-storepass', storePass], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore']
    })
  const authority = (name: string): { file: string; pem: string } => {
    const file = join(dir, `${name}.p12`)
    const pem = join(dir, `${name}.pem`)
    keytool(
      file,
      '',
      '-genkeypair',
      '-alias',
      'ca',
      '-keyalg',
      'EC',
      '-dname',
      `CN=${name}`,
      '-ext',
      'bc:c=ca:true'
    )
    writeFileSync(pem, keytool(file, '', '-exportcert', '-rfc', '-alias', 'ca'))
    return { file, pem }
  }
  const own = authority('authority')
  const other = authority('stranger')
  keytool(store, '', '-genkeypair', '-alias', 'broker', '-keyalg', 'EC', '-dname', 'CN=localhost')
  const request = keytool(store, '', '-certreq', '-alias', 'broker')
  const signed = keytool(
    own.file,
    request,
    '-gencert',
    '-rfc',
    '-alias',
    'ca',
    '-ext',
    'SAN=IP:127.0.0.1,DNS:localhost'
  )
  keytool(store, '', '-importcert', '-noprompt', '-alias', 'ca', '-file', own.pem)
  keytool(store, signed, '-importcert', '-noprompt', '-alias', 'broker')
  return { store, ca: own.pem, stranger: other.pem }
}

/** A user of a broker. */
export type Login = { readonly user: string; readonly password: string }

/** A broker to supervise, and how it is reached. */
export type SecureBroker = {
  readonly child: Child
  /** What a person sets to reach it. */
  readonly environment: Readonly<Record<string, string>>
  /** A certificate of an authority that signed nothing of this broker. */
  readonly stranger: string
}

/**
 * Prepares a broker that takes TLS and SCRAM-SHA-512 and nothing less.
 * @param dir folder of its own
 * @param login user and password of the pipeline, who may do everything
 * @param others users who may do nothing until they are granted it
 */
export function secureBroker(
  java: Java,
  jars: Jars,
  dir: string,
  ports: { readonly kafka: number; readonly controller: number },
  login: Login,
  others: readonly Login[] = []
): SecureBroker {
  mkdirSync(dir, { recursive: true })
  const { store, ca, stranger } = certificates(java, dir)
  const broker = `127.0.0.1:${ports.kafka}`
  const settings = {
    ...brokerSettings(ports, join(dir, 'logs')),
    listeners: `SASL_SSL://${broker},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `SASL_SSL://${broker}`,
    'listener.security.protocol.map': 'SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'SASL_SSL',
    'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="admin-pass";',
    'ssl.keystore.location': store,
    'ssl.keystore.password': storePass,
    'ssl.key.password': storePass,
    'ssl.keystore.type': 'PKCS12',
    'ssl.truststore.location': ca,
    'ssl.truststore.type': 'PEM',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // The controller's listener asks for no login.
    'super.users': `User:ANONYMOUS;User:admin;User:${login.user}`
  }
  const users = [{ user: 'admin', password: 'admin-pass' }, login, ...others].map(
    ({ user, password }) => `SCRAM-SHA-512=[name=${user},password=${password}]`
  )
  const environment = {
    EVERSEED_KAFKA_BROKERS: broker,
    EVERSEED_KAFKA_TLS: 'true',
    EVERSEED_KAFKA_CA: ca,
    EVERSEED_KAFKA_SASL_MECHANISM: 'scram-sha-512',
    EVERSEED_KAFKA_USERNAME: login.user,
    EVERSEED_KAFKA_PASSWORD: login.password
  }
  const ready = (): Promise<void> => brokerAnswers(readConfig(environment).kafka, [broker])
  const child = brokerChild(java, jars, dir, settings, ready, {
    name: 'secure-broker',
    format: users.flatMap(user => ['--add-scram', user])
  })
  return { child, environment, stranger }
}
