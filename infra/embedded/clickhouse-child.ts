/**
 * The process a ClickHouse server lives in: the whole engine is a library, called through its C entry point.
 * Arguments: the engine's folder and its HTTP port. It ends when its stdin closes: the parent asked, or died.
 */
import { createRequire } from 'node:module'
import { DataType, load, open } from 'ffi-rs'
import { engineArguments, stopStatement } from './clickhouse-config.ts'

const [dir = '', httpPort = ''] = process.argv.slice(2)
const argv = ['clickhouse', ...engineArguments(dir)]

/** Milliseconds for an orderly end. */
const graceMs = 3000

open({
  library: 'engine',
  path: createRequire(import.meta.url).resolve('@chdb/lib-linux-x64-gnu/libchdb.so')
})

let stopping = false
async function stop(): Promise<void> {
  if (stopping) return
  stopping = true
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs).unref()
  try {
    const response = await fetch(`http://127.0.0.1:${httpPort}/`, {
      method: 'POST',
      body: stopStatement,
      headers: { authorization: process.env['EVERSEED_ENGINE_STOP'] ?? '', connection: 'close' }
    })
    await response.text()
  } catch {
    // It does not listen yet or no longer: there is nothing to ask.
    process.kill(process.pid, 'SIGKILL')
  }
}
process.stdin.on('end', () => void stop()).resume()
process.on('SIGTERM', () => void stop())
// A terminal's interrupt is the supervisor's business.
process.on('SIGINT', () => {})

// In a thread of its own: the call returns when the server has ended.
const result = await load({
  library: 'engine',
  funcName: 'chdb_query_cmdline',
  retType: DataType.External,
  runInNewThread: true,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [argv.length, argv]
})
if (!stopping) {
  console.error(
    load({
      library: 'engine',
      funcName: 'chdb_result_error',
      retType: DataType.String,
      paramsType: [DataType.External],
      paramsValue: [result]
    })
  )
}
process.exit(stopping ? 0 : 1)
