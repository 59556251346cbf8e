/** The commands about versions, as the command line declares them. */
import { type Command, Option } from 'commander'
import { json } from './options.ts'

/** Adds `versions` and `export`. */
export function versionsCommands(program: Command): void {
  const versions = program
    .command('versions')
    .description('immutable versions of a dataset: cuts of its training stream')
  versions
    .command('create')
    .description('close a version over everything the training stream of a dataset holds now')
    .argument('<dataset>', 'dataset')
    .addOption(json())
    .addHelpText(
      'after',
      `
The rows are read once: those of the parent version must be there still, and every prefix must hold the real share. The
digest is sha256 over the ordered ids, a line each; anyone can compute it again:
  everseed subscribe training --version DATASET@VERSION --format keys | sha256sum`
    )
    .action(async (dataset: string, options: { json?: boolean }) => {
      const { create } = await import('./versions.ts')
      await create(dataset, options)
    })
  versions
    .command('list')
    .description('the versions there are, oldest first')
    .argument('[dataset]', 'only of this dataset')
    .addOption(json())
    .action(async (dataset: string | undefined, options: { json?: boolean }) => {
      const { list } = await import('./versions.ts')
      await list(dataset, options)
    })
  versions
    .command('show')
    .description('what a version holds, by origin, generation, model, family and cell')
    .argument('<version>', 'DATASET@VERSION, or DATASET for its newest')
    .addOption(json())
    .action(async (name: string, options: { json?: boolean }) => {
      const { show } = await import('./versions.ts')
      await show(name, options)
    })
  versions
    .command('diff')
    .description('what one version holds more or less of than another')
    .argument('<from>', 'DATASET@VERSION')
    .argument('<to>', 'DATASET@VERSION')
    .addOption(json())
    .action(async (from: string, to: string, options: { json?: boolean }) => {
      const { diff } = await import('./versions.ts')
      await diff(from, to, options)
    })
  versions
    .command('verify')
    .description(
      'read the rows of a version again and compare them with its record; exit code 1 when they differ'
    )
    .argument('<version>', 'DATASET@VERSION, or DATASET for its newest')
    .addOption(json())
    .action(async (name: string, options: { json?: boolean }) => {
      const { verify } = await import('./versions.ts')
      await verify(name, options)
    })

  program
    .command('export')
    .description(
      'write a version as files: JSON lines and Parquet, a dataset card and a Croissant description'
    )
    .argument('<version>', 'DATASET@VERSION, or DATASET for its newest')
    .requiredOption('--out <folder>', 'an empty folder, or the one of the same export, which is written anew')
    .addOption(
      new Option(
        '--format <format>',
        'messages: everything, as trainers of chat models read it; sharegpt, alpaca: conversations; text: the document or the last answer; preference: an answer beside one that was turned down'
      )
        .choices(['messages', 'sharegpt', 'alpaca', 'text', 'preference'])
        .default('messages')
    )
    .addOption(
      new Option('--files <kind>', 'kinds of files').choices(['jsonl', 'parquet', 'both']).default('both')
    )
    .option(
      '--validation <share>',
      'share of the rows for a validation split; 0 for none. Rows that share a parent, a prompt or nearly their text are never parted',
      '0.05'
    )
    .addOption(json())
    .addHelpText(
      'after',
      `
What does not fit the format is left out, counted and named in the card. The same version gives the same bytes, until
something of it is retracted: that is left out, and what had its place in the mix by it, so that every prefix holds the floor.
In Python: datasets.load_dataset("FOLDER")
Example: everseed export letters@1 --format messages --out letters-1`
    )
    .action(async (name: string, options) => {
      const { exportTo } = await import('./export.ts')
      await exportTo(name, options as never)
    })
}
