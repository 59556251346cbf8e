/**
 * docs/views.md: each view with its question, what a deployment answered, and its columns as the migrations comment
 * them. Answers stay as they are until `npm run answers` asks the deployment that runs again.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { migrations, statementsOf } from './clickhouse/migrate.ts'
import { objectsTable } from './cli/output.ts'
import { questions } from './cli/questions.ts'
import { ask } from './cli/sql.ts'
import { views } from './cli/views.ts'

export const viewsFile = join(import.meta.dirname, '../docs/views.md')

/** A view as its statement describes it. */
type Described = {
  readonly comment: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string }[]
}

/** Every view the migrations make; a later definition replaces an earlier one. */
export function describedViews(): Map<string, Described> {
  const found = new Map<string, Described>()
  for (const statement of migrations().flatMap(({ sql }) => statementsOf(sql))) {
    const [, name, list] =
      /^CREATE (?:OR REPLACE VIEW|VIEW IF NOT EXISTS) (\w+) \(([^]*?)\n\) AS\s/.exec(statement) ?? []
    if (name === undefined || list === undefined) continue
    const columns = [...list.matchAll(/^ {2}`?(\w+)`? (.+?) COMMENT '((?:[^']|'')*)',?$/gm)]
    found.set(name, {
      comment: /COMMENT '((?:[^']|'')*)'$/.exec(statement)?.[1] ?? '',
      columns: columns.map(([, column, type, comment]) => ({ name: column!, type: type!, comment: comment! }))
    })
  }
  return found
}

/** Text inside a cell of a Markdown table. */
const cell = (text: string): string => text.replaceAll('|', String.raw`\|`)

/** What is written under a question, by view. */
function answersIn(page: string): Map<string, string> {
  return new Map(
    [...page.matchAll(/<!-- answer (\w+) -->\n([^]*?)<!-- \/answer -->/g)].map(([, name, text]) => [
      name!,
      text!
    ])
  )
}

/**
 * The views, one section each.
 * @param page the page as it is: its answers are kept
 */
export function viewSections(page: string): string {
  const described = describedViews()
  const answers = answersIn(page)
  return views
    .map(name => {
      const { comment, columns } = described.get(name)!
      const { about, sql } = questions[name]
      return [
        `## ${name}`,
        '',
        `${comment}.`,
        '',
        about,
        '',
        '```sql',
        sql,
        '```',
        '',
        `<!-- answer ${name} -->`,
        `${answers.get(name) ?? ''}<!-- /answer -->`,
        '',
        '| column | type | what it is |',
        '|---|---|---|',
        ...columns.map(column => `| \`${column.name}\` | ${cell(column.type)} | ${cell(column.comment)} |`),
        ''
      ].join('\n')
    })
    .join('\n')
}

/** Lines of an answer that are shown. */
const most = 14

/** Asks the deployment that runs every question and writes what it answers. */
async function writeAnswers(): Promise<void> {
  let page = readFileSync(viewsFile, 'utf8')
  for (const name of views) {
    const lines = objectsTable(await ask(questions[name].sql), true)
      .split('\n')
      .map(line => line.trimEnd())
    const shown = lines.length > most ? [...lines.slice(0, most - 1), '…'] : lines
    const block = `<!-- answer ${name} -->\n\`\`\`text\n${shown.join('\n')}\n\`\`\`\n<!-- /answer -->`
    page = page.replace(new RegExp(`<!-- answer ${name} -->\\n[^]*?<!-- /answer -->`), () => block)
  }
  writeFileSync(viewsFile, page)
}

if (import.meta.main) await writeAnswers()
