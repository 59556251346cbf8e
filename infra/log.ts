/** Structured logs by pino, one JSON object a line, to stderr: stdout belongs to what commands print. */
import { pino, stdSerializers } from 'pino'
import type { Log } from '../processors/contract.ts'

/** Field names whose values never reach a log. */
const secrets = [
  'password',
  'apiKey',
  'api_key',
  'authorization',
  'token',
  'headers',
  '*.password',
  '*.apiKey',
  '*.api_key',
  '*.authorization',
  '*.headers',
  'err.config',
  'err.headers',
  'err.request'
]

/**
 * A log.
 * @param level trace, debug, info, warn, error or silent
 * @param name who writes, for example a processor
 */
export function createLog(level: string, name: string): Log {
  return pino(
    {
      level,
      name,
      base: { pid: process.pid },
      redact: { paths: secrets, censor: '[secret]' },
      serializers: { err: stdSerializers.err }
    },
    pino.destination({ dest: 2, sync: true })
  )
}

/** A log that says nothing. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
