/** The commands about what a text comes from. */
import { type Command, Option } from 'commander'

const json = (): Option => new Option('--json', 'print JSON')

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
}
