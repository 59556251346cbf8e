/**
 * A process that takes a data folder: `node lock-holder.ts DIR [CHILD_PID]`. It prints `held`, or the error's code and
 * message, and holds on until its stdin closes.
 */
import { lockDataDir } from '../../infra/embedded/lock.ts'
import { EverseedError } from '../../schemas/errors.ts'

const [dir = '', child] = process.argv.slice(2)
try {
  const lock = await lockDataDir(dir)
  if (child !== undefined) lock.children([Number(child)])
  console.log('held')
  process.stdin.resume().once('end', () => lock.release())
} catch (error) {
  if (!(error instanceof EverseedError)) throw error
  console.log(`${error.code} ${error.message}`)
}
