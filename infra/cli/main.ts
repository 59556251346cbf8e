/** The command line: `npx everseed <command>`. Each command loads only what it needs. */
import { Command, CommanderError, Option } from 'commander'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCodes, EverseedError } from '../../schemas/errors.ts'
import { versionsCommands } from './version-commands.ts'
import { addMeasure } from './measure-command.ts'
import { addLineageCommands } from './lineage-commands.ts'
import { json } from './options.ts'
import { keysCommands, publishCommands } from './publishers.ts'
import { views } from './views.ts'

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  version: string
}

const program = new Command('everseed')
  .description(
    'Synthetic training data that does not collapse: Kafka in, Kafka out, with provenance on every record.'
  )
  // The long form is a version of a dataset where a command takes one.
  .version(version, '-V', 'output the version number; so does --version')
  .option(
    '--data-dir <folder>',
    'folder of the embedded stack (EVERSEED_DATA_DIR, default .everseed); commands find the running stack by it'
  )
  .showSuggestionAfterError()
  .exitOverride()
  .hook('preAction', command => {
    const { dataDir } = command.opts<{ dataDir?: string }>()
    if (dataDir !== undefined) process.env['EVERSEED_DATA_DIR'] = dataDir
  })
  .addHelpText(
    'after',
    `
A first run: everseed up, then in another terminal
  everseed init                                       writes recipe.yaml
  everseed publish human FILE --recipe recipe.yaml    human documents: JSON lines, CSV, Parquet, texts
  everseed publish prompts FILE --recipe recipe.yaml  what the models are asked
  everseed subscribe training --follow                what training jobs get
  everseed metrics                                    diversity against human text

Exit codes: 0 done; 1 failed; 2 the input, an option or a setting is wrong; 3 the wrong moment (nothing runs, or
another holds it); 130 interrupted before it was done. Errors name a code and the next step.
Settings are environment variables EVERSEED_…, listed in docs/settings.md.`
  )

program
  .command('up')
  .description(
    'start what is not there yet (Kafka, registry, ClickHouse, processors) and keep it running until Ctrl-C'
  )
  .option('--only <processors>', 'comma-separated processors to run; none for the parts alone')
  .action(async (options: { only?: string }) => {
    const { up } = await import('./up.ts')
    await up(options)
  })

program
  .command('down')
  .description('stop the everseed that runs on the data folder')
  .action(async () => {
    const { down } = await import('./up.ts')
    await down()
  })

program
  .command('status')
  .description('where the parts are and how the processors do')
  .addOption(json())
  .action(async (options: { json?: boolean }) => {
    const { status } = await import('./status.ts')
    await status(options)
  })

program
  .command('doctor')
  .description('check everything that could be wrong and say what to do; exit code 1 when something is')
  .addOption(json())
  .action(async (options: { json?: boolean }) => {
    const { doctor } = await import('./doctor.ts')
    await doctor(options)
  })

program
  .command('init')
  .description('write a commented recipe, and beside it the schema with which editors complete it')
  .argument('[file]', 'where to write it', 'recipe.yaml')
  .option('--force', 'overwrite a recipe that is there')
  .action(async (file: string, options: { force?: boolean }) => {
    const { init } = await import('./init.ts')
    init(file, options)
  })

publishCommands(program)

program
  .command('run')
  .description('run one processor in the foreground')
  .argument('<processor>', 'admit, generate, deduplicate, verify, measure, guard, mix or store')
  .option(
    '--from-beginning',
    'start at the beginning although output or state exists: writes everything again'
  )
  .action(async (name: string, options: { fromBeginning?: boolean }) => {
    const [{ runProcessor }, { resolveConfig }] = await Promise.all([
      import('../run.ts'),
      import('./context.ts')
    ])
    process.exit(await runProcessor(name, resolveConfig(), options))
  })

program
  .command('subscribe')
  .description('print a topic as JSON lines, decoded')
  .argument('<topic>', 'for example training, samples.verified, samples.rejected, diversity.stats')
  .option('--follow', 'wait for more until Ctrl-C')
  .addOption(
    new Option('--from <position>', 'where to start').choices(['beginning', 'end']).default('beginning')
  )
  .option('--dataset <name>', 'only records of this dataset')
  .option('--run <id>', 'only records of this run')
  .option('--version <version>', 'of training: the rows of a version, DATASET@VERSION, and no others')
  .option('--limit <count>', 'stop after so many records')
  .addOption(
    new Option(
      '--format <format>',
      'json: the whole record; messages: {"messages": […]}, as trainers read it; text: {"text": the last message}; keys: the key alone'
    )
      .choices(['json', 'messages', 'text', 'keys'])
      .default('json')
  )
  .addOption(new Option('--json', 'as --format json').conflicts('format'))
  .action(async (topic: string, options) => {
    const { subscribe } = await import('./subscribe.ts')
    await subscribe(topic, options as never)
  })

program
  .command('metrics')
  .description('diversity against human text: the newest window of every run, stage and source')
  .option('--run <id>', 'only this run (and the human windows)')
  .addOption(
    new Option(
      '--stage <stage>',
      'raw: as generated; accepted: verified; human: the reference split'
    ).choices(['raw', 'accepted', 'human'])
  )
  .addHelpText(
    'after',
    '\nIn brackets: the distance from human windows of the same size, in standard deviations.\nEvery metric of every window: everseed sql "SELECT * FROM collapse"'
  )
  .addOption(json())
  .action(async options => {
    const { metrics } = await import('./sql.ts')
    await metrics(options as never)
  })

addMeasure(program)

program
  .command('sql')
  .description('ask ClickHouse, as a user who may only read')
  .argument('<query>', 'one SQL statement without FORMAT, in quotes')
  .addOption(json())
  .addHelpText(
    'after',
    `
Views: ${views.join(', ')}. Their columns: everseed sql "DESCRIBE collapse"
Example: everseed sql "SELECT source, accepted, rejected, duplicate_rate FROM sources"`
  )
  .action(async (query: string, options: { json?: boolean }) => {
    const { sql } = await import('./sql.ts')
    await sql(query, options)
  })

program
  .command('rebuild')
  .description(
    'fill every rollup of ClickHouse again from its raw rows, and say where they differed; the store must not run'
  )
  .addOption(json())
  .addHelpText(
    'after',
    '\nWith the embedded stack: everseed down, everseed up --only none, then everseed rebuild in another terminal.'
  )
  .action(async (options: { json?: boolean }) => {
    const { rebuild } = await import('./rebuild.ts')
    await rebuild(options)
  })

program
  .command('fold')
  .description(
    'sum up the chunks of old records in ClickHouse: fewer rows, the same answers; the store must not run'
  )
  .option('--days <days>', 'records of so many last days stay as they are', '7')
  .option(
    '--drop <days>',
    'also drop raw rows, texts and single windows older than so many days; what they were counted in stays'
  )
  .addOption(json())
  .addHelpText(
    'after',
    '\neverseed rebuild undoes it. Raw rows are touched by --drop alone, which nothing undoes but a new database.'
  )
  .action(async (options: { days: string; drop?: string; json?: boolean }) => {
    const { fold } = await import('./fold.ts')
    await fold(options)
  })

const models = program
  .command('models')
  .description('models and what they were trained on, from which the generation of their texts follows')
models
  .command('add')
  .description('register a model; say again what changed, and it becomes another revision')
  .argument('<model>', 'its id, as the provider knows it and recipes name it')
  .requiredOption('--family <family>', 'models that share training data or weights')
  .addOption(
    new Option('--provider <provider>', 'whose protocol it speaks')
      .choices(['openai', 'anthropic'])
      .default('openai')
  )
  .option('--trained-on <versions>', 'comma-separated versions it was trained on, DATASET@VERSION')
  .option('--base <model>', 'registered model it was fine-tuned from')
  .addOption(
    new Option('--terms <terms>', 'whether its terms allow training on its texts')
      .choices(['allowed', 'forbidden', 'unknown'])
      .default('unknown')
  )
  .addOption(json())
  .addHelpText(
    'after',
    `
Its generation is that of the newest text it ever saw; nobody can declare it. A model that names neither versions nor a
base is of unknown generation: the recipe says which one to assume.
Example: everseed models add tuned-b --family qwen --base qwen3 --trained-on letters@1`
  )
  .action(async (id: string, options) => {
    const { add } = await import('./models.ts')
    await add(id, options as never)
  })
models
  .command('list')
  .description('the registered models')
  .addOption(json())
  .action(async (options: { json?: boolean }) => {
    const { list } = await import('./models.ts')
    await list(options)
  })

keysCommands(program)

versionsCommands(program)

addLineageCommands(program)

const dead = program
  .command('deadletters')
  .description('records that could not be processed: list them, or give them back')
dead
  .command('list')
  .description('newest last: topic, partition, offset, processor and reason')
  .option('--limit <count>', 'at most so many', '100')
  .option('--reason <reason>', 'only this reason')
  .addOption(json())
  .action(async options => {
    const { list } = await import('./deadletters.ts')
    await list(options as never)
  })
dead
  .command('replay')
  .description(
    'give dead letters back to the processor that buried them, each once; no other reads them again'
  )
  .option('--reason <reason>', 'only this reason')
  .option('--offset <partition@offset>', 'only this dead letter, by its position in the list')
  .addOption(json())
  .action(async options => {
    const { replay } = await import('./deadletters.ts')
    await replay(options as never)
  })

/** A wrong call names the help of its own command. */
function pointToHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(${path} --help says more)`)
  for (const sub of command.commands) pointToHelp(sub, `${path} ${sub.name()}`)
}
pointToHelp(program, program.name())

process.stdout.on('error', error => {
  // The reader of a pipe has had enough.
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0)
})
const words = process.argv.slice(2)
try {
  await program.parseAsync(words[0] === '--version' ? ['-V'] : words, { from: 'user' })
} catch (error) {
  // Help and version end here too; commander has printed what it had to say.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
  if (error instanceof EverseedError) {
    const { note } = await import('./output.ts')
    note(`everseed: ${error.message} [${error.code}]`)
    process.exit(errorCodes[error.code].exit)
  }
  process.stderr.write(`everseed: ${(error as Error).stack ?? String(error)}\n`)
  process.exit(1)
}
