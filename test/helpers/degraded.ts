/** Human text, and text of known kinds that was made from it. */
import { corpusLines } from '../../infra/demo/demo.ts'
import { type NgramDocument, fitNgram } from '../../metrics/ngram.ts'
import { random } from '../../metrics/random.ts'

const passages = corpusLines().map(line => JSON.parse(line) as NgramDocument)

/** The passages in a random order, cut in three: what people hold back, what generators may see, what nobody has seen. */
export function split(shuffle: number) {
  const draws = random(shuffle)
  const shuffled = passages
    .map(document => ({ at: draws.float(), document }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ document }) => document)
  const share = (from: number, to: number): NgramDocument[] =>
    shuffled.filter((_, index) => index % 20 >= from && index % 20 < to)
  return { reference: share(0, 11), seed: share(11, 17), held: share(17, 20) }
}
const { reference, seed, held } = split(2)
/** What people hold back: no kind is made of it. */
export { reference }

const sizeOf = (text: string): number => text.split(' ').length
const cut = (text: string, words: number): string => text.split(' ').slice(0, words).join(' ')

/** What a trigram model of the documents writes in their place, as long as they are. */
function rewritten(
  documents: readonly NgramDocument[],
  decoding: { temperature?: number; topP?: number } = {}
): NgramDocument[] {
  const model = fitNgram(documents, { order: 3, smoothing: 0.1 })
  return documents.map(({ topic, text }, index) => {
    const size = sizeOf(text)
    let made = ''
    for (let part = 0; sizeOf(made) <= size; part++) {
      const request = { temperature: 1, topic, seed: index * 64 + part, maxTokens: 200, ...decoding }
      made += `${model.sample(request).text} `
    }
    return { topic, text: cut(made, size) }
  })
}

/** Generation after generation fitted on the one before alone. */
function generations(): { g1: NgramDocument[]; g3: NgramDocument[]; g5: NgramDocument[] } {
  const [, g1, , g3, , g5] = Array.from({ length: 5 }).reduce<NgramDocument[][]>(
    all => [...all, rewritten(all.at(-1)!)],
    [seed]
  )
  return { g1: g1!, g3: g3!, g5: g5! }
}

const template = 'In view of the facts before us I recommend to the Congress that '
/** By what was done to it. */
export const kinds = {
  human: [...held, ...seed],
  ...generations(),
  'top-p .9': rewritten(seed, { topP: 0.9 }),
  'temperature .8': rewritten(seed, { temperature: 0.8 }),
  'temperature .5': rewritten(seed, { temperature: 0.5 }),
  'one topic': [...held, ...seed].filter(({ topic }) => topic === reference[0]!.topic),
  templates: [...held, ...seed].map(({ topic, text }) => ({ topic, text: template + cut(text, 60) }))
}
export type Kind = keyof typeof kinds
