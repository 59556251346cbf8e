/** `npm start`: the demo on the embedded stack. `--once` ends after the tables; `--recipe FILE` generates with other sources. */
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { errorCodes, EverseedError } from '../schemas/errors.ts'
import { note, print } from './cli/output.ts'
import { interruptedExit, interruption } from './cli/up.ts'
import { readConfig } from './config.ts'
import { runDemo } from './demo/demo.ts'
import { createLog } from './log.ts'
import { readRecipe } from './recipe.ts'
import { startUp } from './up.ts'

const program = new Command('npm start --')
  .description('The demo: human text in, two generators, verified and mixed, with the diversity measured.')
  .option('--once', 'end after the tables')
  .option(
    '--recipe <file>',
    'another recipe, for example with real models',
    join(import.meta.dirname, 'demo/recipe.yaml')
  )
  .option('--data-dir <folder>', 'folder of the embedded stack (EVERSEED_DATA_DIR)')
  .exitOverride()
try {
  program.parse()
} catch (error) {
  // Commander has printed what it had to say.
  process.exit(error instanceof CommanderError && error.exitCode === 0 ? 0 : 2)
}
const options = program.opts<{ once?: boolean; recipe: string; dataDir?: string }>()
if (options.dataDir !== undefined) process.env['EVERSEED_DATA_DIR'] = options.dataDir

const interrupt = interruption()
try {
  const started = performance.now()
  const recipe = readRecipe(options.recipe)
  const config = readConfig(process.env)
  const { promise: interrupted, signal } = interrupt
  print('everseed: starting Kafka, the schema registry, ClickHouse and the processors …')
  const up = await startUp({
    config,
    env: process.env,
    log: createLog(process.env['EVERSEED_LOG_LEVEL'] ?? 'warn', 'up'),
    progress: note,
    signal
  })
  let done = false
  try {
    print(`  up after ${((performance.now() - started) / 1000).toFixed(1)} s, data in ${config.dataDir}`)
    done = await Promise.race([runDemo(up, recipe).then(() => true), interrupted.then(() => false)])
    if (done) {
      print(
        `\nDone after ${((performance.now() - started) / 1000).toFixed(0)} s. While this runs, try in another terminal:`
      )
      const everseed = `npx everseed${options.dataDir === undefined ? '' : ` --data-dir ${options.dataDir}`}`
      print(`  ${everseed} subscribe training --limit 3 --format text`)
      print(`  ${everseed} sql "SELECT source, accepted, rejected FROM sources"`)
      print(`  ${everseed} metrics --stage accepted`)
      if (!options.once) {
        print('\nCtrl-C stops everything.')
        await interrupted
      }
    }
    // An interrupt has said so already.
    if (!signal.aborted) note('stopping …')
  } finally {
    await up.stop()
  }
  process.exit(done ? 0 : interruptedExit)
} catch (error) {
  if (interrupt.signal.aborted) {
    note('interrupted before everything was up; what ran is stopped')
    process.exit(interruptedExit)
  }
  if (error instanceof EverseedError) {
    process.stderr.write(`everseed: ${error.message} [${error.code}]\n`)
    process.exit(errorCodes[error.code].exit)
  }
  process.stderr.write(`everseed: ${(error as Error).stack ?? String(error)}\n`)
  process.exit(1)
}
