/** The commands of publishers: documents, prompts, and the keys they sign with. */
import { type Command, Option } from 'commander'
import type { Format } from './input.ts'
import { json } from './options.ts'

const formats = ['jsonl', 'csv', 'parquet', 'text'] as const satisfies readonly Format[]

const cellFields = `  topic, task, format  the cell it belongs to, for coverage and schedules
  refusal              reject (default), allow or require: what an answer that refuses is worth
  source_uri, license, author, metadata {name: value}`
const documentFields = `  text, or messages    [{"role", "content"}, …]
  origin               HUMAN_AUTHORED, HUMAN_EDITED (with parent_ids) or UNKNOWN; needed
  parent_ids           ids of the texts that were edited, as they were published, or of verified samples; they must be
                       there: publish them first. How far the edit went is computed (edit_distance), as is its generation
  id                   default: a hash of the content, so that the same text is published once; under several ids it is
                       published as often and taken in once (content_hash in ClickHouse's documents tells them)
${cellFields}
Or the shape of others: ShareGPT (conversations [{"from": "human", "value"}, …], system, tools) or Alpaca (instruction,
input, output, system, history); what else such a line holds goes into metadata. Conversations with turns of a model are
UNKNOWN, unless people wrote them all.

Example: {"text": "Dear sister, …", "origin": "HUMAN_AUTHORED", "topic": "letters", "license": "CC0-1.0"}`
const formatWords = `
  .csv .tsv    the first row names the columns: the fields above, messages and metadata as JSON, parent_ids as JSON or
               separated by semicolons, metadata.NAME for one entry; all other columns go into metadata
  .parquet     the same, lists and structures as they are or as JSON; read one row group at a time
  .txt .md     one document, and so is each such file of a folder, however deep; source_uri is its path in the folder,
               behind --source where that is given
  others, -    JSON lines, unless --format says what they are

The options give what rows do not say themselves; they never take the place of what a row says.
`
const promptFields = `  prompt, or messages  [{"role", "content"}, …]
  system               system message before prompt
  samples              answers wanted; default samples_per_prompt of the recipe
  origin               default HUMAN_AUTHORED
  id                   default: a hash of run, content and cell
${cellFields}

Example: {"prompt": "Write a letter to a sister abroad.", "topic": "letters", "samples": 4}`
const publishHelp = (fields: string, more = ''): string => `
Every line of the file is one JSON object:
${fields}
${more}
Lines that cannot be published go to FILE.rejects.jsonl with line number and reason; all others are published, and the
exit code is 2. After an interruption publish the same file again: nothing is lost, nothing is published twice.`

/** `everseed publish` */
export function publishCommands(program: Command): void {
  const publish = program.command('publish').description('publish human documents or prompts')
  publish
    .command('human')
    .description('publish human documents: each id once, however often the same file is published')
    .argument('<file>', 'JSON lines, CSV, Parquet, a text, a folder of texts, or - for standard input')
    .option('--recipe <file>', 'recipe whose dataset they belong to')
    .option('--dataset <name>', 'dataset they belong to, when it exists already')
    .addOption(
      new Option('--format <format>', 'what the file is, where its name does not say').choices(formats)
    )
    .addOption(
      new Option('--origin <origin>', 'who wrote what does not say it').choices([
        'HUMAN_AUTHORED',
        'HUMAN_EDITED',
        'UNKNOWN'
      ])
    )
    .option('--license <license>', 'licence, as SPDX identifier or URL')
    .option('--author <author>', 'author')
    .option('--source <uri>', 'where it was found')
    .option('--topic <topic>', 'topic of the cell')
    .option('--task <task>', 'task of the cell')
    .option('--sign-with <key>', 'listed key to sign every document with (everseed keys)')
    .option('--key <file>', 'its private half, a PEM')
    .option('--by <name>', 'who publishes, for the provenance', 'everseed publish')
    .addOption(json())
    .addHelpText('after', () => publishHelp(documentFields, formatWords))
    .action(async (file: string, options) => {
      const { human } = await import('./publish.ts')
      await human(file, options as never)
    })
  publish
    .command('prompts')
    .description(
      'publish the prompts of a run and close it; registers the run, or finds it when it is there already'
    )
    .argument('<file>', 'JSON lines, or - for standard input')
    .requiredOption('--recipe <file>', 'recipe of the run')
    .option('--keep-open', 'more prompts will come: leave the run open until everseed publish close RUN')
    .option('--wait', 'stay until the run has ended and everything of it is in ClickHouse')
    .option('--by <name>', 'who publishes, for the provenance', 'everseed publish')
    .addOption(json())
    .addHelpText('after', () => publishHelp(promptFields))
    .action(async (file: string, options) => {
      const { prompts } = await import('./publish.ts')
      await prompts(file, options as never)
    })
  publish
    .command('close')
    .description('say that no more prompts will come: the run ends when everything is settled')
    .argument('<run>', 'run id')
    .action(async (run: string) => {
      const { close } = await import('./publish.ts')
      await close(run)
    })
}

/** `everseed keys` */
export function keysCommands(program: Command): void {
  const keys = program
    .command('keys')
    .description('keys human text is signed with, where a recipe asks for it (human: { signing: true })')
  keys
    .command('generate')
    .description('make a key: the private half into a file, the public one is printed')
    .argument('<file>', 'file that is not there yet')
    .addOption(json())
    .action(async (file: string, options: { json?: boolean }) => {
      const { generate } = await import('./keys.ts')
      generate(file, options)
    })
  keys
    .command('add')
    .description('list a key and what it may vouch for; say again what changed')
    .argument('<id>', 'name of the key')
    .requiredOption('--public <key>', 'public key: 32 bytes in base64, or a file with them or a PEM')
    .requiredOption('--origins <origins>', 'comma-separated: HUMAN_AUTHORED, HUMAN_EDITED')
    .option('--by <name>', 'who lists it', 'everseed keys')
    .addOption(json())
    .addHelpText(
      'after',
      `
A dataset whose recipe says human: { signing: true } takes a document for human only when a listed key that may vouch for
its origin signed it: everseed publish human FILE --sign-with ID --key FILE. Everything else is of origin UNKNOWN, with
the reason in its metadata (unknown_because). A signature that does not hold is refused everywhere.
Example: everseed keys add archive --public "$(everseed keys generate archive.pem)" --origins HUMAN_AUTHORED`
    )
    .action(async (id: string, options) => {
      const { add } = await import('./keys.ts')
      await add(id, options as never)
    })
  keys
    .command('list')
    .description('the listed keys')
    .addOption(json())
    .action(async (options: { json?: boolean }) => {
      const { list } = await import('./keys.ts')
      await list(options)
    })
  keys
    .command('revoke')
    .description('believe a key no more: what is signed with it is as good as unsigned from then on')
    .argument('<id>', 'name of the key')
    .addOption(json())
    .action(async (id: string, options: { json?: boolean }) => {
      const { revoke } = await import('./keys.ts')
      await revoke(id, options)
    })
}
