/** The commands about what a text comes from and how it leaves. */
import { type Command, Option } from 'commander'
import { json } from './options.ts'

/** Adds them to the program. */
export function addLineageCommands(program: Command): void {
  program
    .command('lineage')
    .description('where a text comes from, and what was made of it; or everything a model or a run made')
    .argument('[id]', 'id of a sample')
    .option('--up', 'only what it was made of')
    .option('--down', 'only what was made of it')
    .option('--depth <steps>', 'steps from the text', '20')
    .option('--limit <count>', 'others shown at each text; ids shown of a model or run', '20')
    .option('--dataset <name>', 'only of this dataset')
    .option('--model <model>', 'everything this model made')
    .option('--run <run>', 'everything this run made')
    .addOption(json())
    .addHelpText(
      'after',
      `
The tree ends at human texts and at models with the versions they were trained on. The view lineage holds the same:
  everseed sql "SELECT id FROM lineage WHERE parent = '…'"`
    )
    .action(async (id: string | undefined, options) => {
      const { lineage } = await import('./lineage.ts')
      await lineage(id, options as never)
    })

  program
    .command('retract')
    .description(
      'take texts out of all versions that are closed from now on: a licence withdrawn, a poisoned source'
    )
    .argument('<dataset>', 'dataset')
    .argument('[ids...]', 'ids of samples, human ones too')
    .requiredOption('--reason <text>', 'why; it is kept with each')
    .option('--file <file>', 'more ids, one a line; - for standard input')
    .option('--descendants', 'and everything that was made of them')
    .option('--unseen', 'also texts that are not there yet')
    .option('--by <name>', 'who retracts', 'everseed retract')
    .option('--yes', 'do it; otherwise only what it would do is printed')
    .addOption(new Option('--dry-run', 'only print what it would do').conflicts('yes'))
    .addOption(json())
    .addHelpText(
      'after',
      `
Closed versions stay as they are; versions show counts what was retracted since. Rows that had their places in the mix by
retracted human rows leave with them, so that what remains holds the floor. With --descendants what is made of the texts
later, by prompts that are under way, never enters the mix. Nobody can take a retraction back.`
    )
    .action(async (dataset: string, ids: string[], options) => {
      const { retract } = await import('./retract.ts')
      await retract(dataset, ids, options as never)
    })

  program
    .command('erase')
    .description('take the words of texts out of every topic, ClickHouse and the data folder, and prove it')
    .argument('<dataset>', 'dataset')
    .argument('[ids...]', 'ids of human texts or verified samples, at most 100')
    .requiredOption('--reason <text>', 'why; it is kept with each')
    .option('--file <file>', 'more ids, one a line; - for standard input')
    .option('--by <name>', 'who erases', 'everseed erase')
    .option('--lose-repeated', 'also where records of a topic share a key, or have none, and would be lost')
    .option('--yes', 'do it; otherwise only what it would do is printed')
    .addOption(new Option('--dry-run', 'only print what it would do').conflicts('yes'))
    .addOption(json())
    .addHelpText(
      'after',
      `
Everything that holds the words goes: the texts, what quotes them, answers that say them, dead letters. Of a conversation its
last message is looked for. Who says only a part of a text is not found by it: everseed lineage lists what was made of a text.
Files are searched byte by byte; what ClickHouse holds compressed in them is searched by asking it.
It takes about a minute, while the processors run on. Closed versions stay and verify; the ids, and what rows were counted by,
are kept. Exports are files of their own: those of the versions that are named hold the words. So may the query log of a
ClickHouse that is not the embedded one.
Nobody can take an erasure back. One that was interrupted is finished by the same command.`
    )
    .action(async (dataset: string, ids: string[], options) => {
      const { erase } = await import('./erase.ts')
      await erase(dataset, ids, options as never)
    })
}
