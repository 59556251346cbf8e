/** `everseed lineage`: where a text comes from, what was made of it, and everything a model or a run made. */
import { EverseedError } from '../../schemas/errors.ts'
import {
  type Ask,
  type Maker,
  madeBy,
  type ModelEntry,
  type Relation,
  retractionOf,
  type Text,
  textsOf,
  versionsWith
} from '../clickhouse/lineage.ts'
import { type Branch, type Lineage, lineageOf, withBases } from '../lineage.ts'
import { countOf } from './context.ts'
import { idOf } from './ids.ts'
import { note, print, printJson, shown, table } from './output.ts'
import { withWarehouse } from './sql.ts'

type Options = {
  readonly up?: boolean
  readonly down?: boolean
  readonly depth: string
  readonly limit: string
  readonly dataset?: string
  readonly model?: string
  readonly run?: string
  readonly json?: boolean
}

/** Texts in one tree at most, and the deepest one that is drawn. */
const mostTexts = 2000
const deepest = 1000

const upward: Readonly<Record<Relation, string>> = {
  derives_from: 'derives from',
  quotes: 'quotes',
  repairs: 'repairs',
  answers: 'answers',
  made_by: 'made by'
}
const downward: Readonly<Record<Relation, string>> = {
  derives_from: 'became',
  quotes: 'is quoted in',
  repairs: 'was repaired in',
  answers: 'was answered by',
  made_by: 'made'
}

/** A text in a few words. */
function words(text: Text | undefined): string {
  if (!text) return 'no record of it'
  const { origin, generation, model, family, run } = text
  const by = model === '' ? '' : `, by ${model} of family ${family}, run ${run}`
  return shown(`${origin}, generation ${generation ?? 'unknown'}${by}`)
}

/** A model in a few words: what its texts come from. */
function modelWords(id: string, models: ReadonlyMap<string, ModelEntry>): string[] {
  const lines: string[] = []
  const told = new Set<string>()
  for (let at: string = id, indent = ''; at !== '' && !told.has(at); indent += '  ') {
    told.add(at)
    const model = models.get(at)
    if (!model) {
      lines.push(`${indent}${at}: in no registry`)
      break
    }
    const { provider, family, base, trained_on, generation, registered } = model
    const trained =
      trained_on.length > 0
        ? `trained on ${trained_on.join(', ')}`
        : provider === 'offline'
          ? 'fitted on the seed split'
          : 'training data unknown'
    const said = generation === null ? 'unknown' : `${generation}${registered ? '' : ' (as its recipe says)'}`
    const from = base === '' ? '' : `, base ${base}`
    lines.push(`${indent}${at}: ${provider}, family ${family}, generation ${said}, ${trained}${from}`)
    at = base
  }
  return lines.map(shown)
}

/** The lines of what hangs on a branch. */
function* drawn(
  { branches, more = {}, cut }: Branch,
  texts: Lineage['texts'],
  says: Readonly<Record<Relation, string>>,
  indent = ''
): Generator<string> {
  const rest = Object.entries(more).map(
    ([relation, count]) => `… and ${count} more: ${says[relation as Relation]}`
  )
  if (cut && branches.length === 0) rest.push('… not looked at: --depth goes deeper')
  for (const [index, branch] of branches.entries()) {
    const last = index === branches.length - 1 && rest.length === 0
    const again = branch.again ? ' (above)' : ''
    yield `${indent}${last ? '└─' : '├─'} ${says[branch.relation!]} ${shown(branch.id)}  ${words(texts.get(branch.id))}${again}`
    if (!branch.again) yield* drawn(branch, texts, says, `${indent}${last ? '   ' : '│  '}`)
  }
  for (const [index, line] of rest.entries())
    yield `${indent}${index === rest.length - 1 ? '└─' : '├─'} ${line}`
}

/** A tree as JSON: every branch with its text. */
function plain(branch: Branch, texts: Lineage['texts']): object {
  const { branches, ...own } = branch
  return { ...own, text: texts.get(branch.id) ?? null, branches: branches.map(one => plain(one, texts)) }
}

/** What is known of a text: its tree, where it lies, whether it left. */
async function look(ask: Ask, text: Text, options: Options): Promise<object> {
  const both = options.up === options.down
  const ways = { up: both || options.up === true, down: both || options.down === true }
  const depth = Math.min(countOf('--depth', options.depth), deepest)
  const found = await lineageOf(ask, text, ways, {
    depth,
    fan: countOf('--limit', options.limit),
    texts: mostTexts
  })
  const [versions, retraction] = [await versionsWith(ask, text), await retractionOf(ask, text)]
  const { texts, models, up, down } = found
  if (options.json) {
    return {
      ...text,
      versions,
      retraction: retraction ?? null,
      models: [...models.values()],
      ...(up && { up: plain(up, texts) }),
      ...(down && { down: plain(down, texts) })
    }
  }
  print(`${shown(text.id)}  ${words(text)}; dataset ${shown(text.dataset)}`)
  if (text.prompt !== '') print(`answers prompt ${shown(text.prompt)}`)
  print(
    `lies in ${text.places.map(({ topic, slot, offset }) => `${topic}/${slot}@${offset}`).join(', ')}; ${versions.length > 0 ? `versions ${versions.join(', ')}` : 'no version'}`
  )
  if (retraction) {
    const whose = retraction.ancestor === '' ? '' : `, with its ancestor ${retraction.ancestor}`
    print(shown(`${retraction.kind === 'ERASED' ? 'erased' : 'retracted'}${whose}: ${retraction.reason}`))
  }
  if (up) {
    print('\nwhat it was made of')
    for (const line of drawn(up, texts, upward)) print(line)
    if (up.branches.length === 0 && !up.cut) print('└─ of no other text')
    const writers = new Set([text.model, ...ids(up).map(id => texts.get(id)?.model ?? '')])
    writers.delete('')
    if (writers.size > 0) print('\nmodels that wrote it and what it was made of')
    for (const writer of [...writers].toSorted()) for (const line of modelWords(writer, models)) print(line)
  }
  if (down) {
    print('\nwhat was made of it')
    for (const line of drawn(down, texts, downward)) print(line)
    if (down.branches.length === 0 && !down.cut) print('└─ nothing')
  }
  return {}
}

/** Ids in a tree. */
function ids({ id, branches }: Branch): string[] {
  return [id, ...branches.flatMap(ids)]
}

async function ofText(ask: Ask, id: string, options: Options): Promise<void> {
  const found = await textsOf(ask, [id], options.dataset)
  if (found.length === 0) {
    const where = options.dataset === undefined ? '' : ` in dataset ${options.dataset}`
    throw new EverseedError(
      'UNKNOWN_NAME',
      `there is no text ${id}${where}: give the id of a sample, as training and samples.human have it as key; what the store has not written yet (everseed status) is not found. Everything of a model or a run: --model, --run`
    )
  }
  const told: object[] = []
  for (const [index, text] of found.entries()) {
    if (index > 0 && !options.json) print('')
    told.push(await look(ask, text, options))
  }
  if (options.json) printJson(told)
}

async function ofMaker(ask: Ask, maker: Maker, options: Options): Promise<void> {
  const limit = countOf('--limit', options.limit)
  const { counts, ids: first } = await madeBy(ask, maker, limit)
  const texts = counts.reduce((sum, one) => sum + one.texts, 0)
  const known = 'model' in maker ? await withBases(ask, [maker.model]) : new Map<string, ModelEntry>()
  const models = 'model' in maker && known.has(maker.model) ? [known.get(maker.model)!] : []
  const name = 'model' in maker ? `model ${maker.model}` : `run ${maker.run}`
  if (texts === 0 && models.length === 0)
    throw new EverseedError('UNKNOWN_NAME', `nothing was made by ${name}, and no registry knows it`)
  if (options.json) return printJson({ ...maker, texts, models, counts, ids: first })
  for (const model of models) for (const line of modelWords(model.id, known)) print(line)
  const head = ['dataset', 'run', 'model', 'generation', 'texts']
  print(
    table(
      head,
      counts.map(one => [one.dataset, one.run, one.model, one.generation ?? 'unknown', one.texts])
    )
  )
  for (const id of first) print(shown(id))
  if (texts > first.length) note(`… and ${texts - first.length} more; --limit shows them`)
}

export async function lineage(id: string | undefined, options: Options): Promise<void> {
  const { model, run } = options
  if ([id, model, run].filter(one => one !== undefined).length !== 1)
    throw new EverseedError('CONFIG_INVALID', 'give one of these: the id of a text, --model or --run')
  await withWarehouse(async ask => {
    if (id !== undefined) return await ofText(ask, idOf(id), options)
    await ofMaker(ask, model === undefined ? { run: run! } : { model }, options)
  })
}
