/** `everseed measure` on the command line: its options and its help. */
import { type Command, Option } from 'commander'

const measureHelp = `
The text of a row is its text, the last of its messages or conversations, or its output, completion or response; records
as everseed subscribe prints them are looked into. Rows without one are named, counted and left out.

z is the distance from human windows of the same size, in their standard deviations. Half of the reference is looked into
(tail types, perplexity), half makes the windows; under five windows there is NO_DATA. Without --window the windows are as
large as the whole file.

FILE OTHER: metrics that count types over documents are compared over disjoint windows of one size (Welch's interval):
drawing documents with replacement would itself lose rare words. Statistics of single documents (length, MATTR, MTLD,
intra distinct-n, perplexity) are compared by a bootstrap over documents.

Example: everseed measure synthetic.jsonl --reference human.jsonl --window 20000 --by model --plot drift.html`

/** Adds the command. */
export function addMeasure(program: Command): void {
  program
    .command('measure')
    .description('every metric of a file of texts, beside human text; needs nothing that runs')
    .argument(
      '<file>',
      'JSON lines, CSV, Parquet, text, a folder of them, or - for JSON lines on standard input'
    )
    .argument('[other]', 'a second one: what it has more or less of, with intervals')
    .option(
      '--reference <file>',
      'held-out human texts, which no generator has seen: mean, sd and z beside each value'
    )
    .option('--seed <file>', 'texts the generators were fitted on, for novel_type_share')
    .option('--by <field>', 'groups side by side, for example model, source or provenance.model_id')
    .option('--field <name>', 'field that holds the text; default: found by the shape of the row')
    .addOption(
      new Option(
        '--split <unit>',
        'what is a document of a text file; default: line, in a folder file'
      ).choices(['line', 'paragraph', 'file'])
    )
    .option('--window <tokens>', 'also measure windows of so many tokens, and compare at that size')
    .option('--self-bleu-sample <count>', 'documents self-BLEU takes, from the first (200)')
    .option('--pos', 'also parts of speech: how alike sentences are built (English)')
    .option('--plot <file>', 'write a chart, .svg or .html')
    .addOption(new Option('--json', 'print JSON'))
    .addHelpText('after', () => measureHelp)
    .action(async (file: string, other: string | undefined, options) => {
      const { measure } = await import('./measure.ts')
      await measure(file, other, options as never)
    })
}
