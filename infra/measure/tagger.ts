/** The packaged part-of-speech tagger: wink-nlp with its English model, universal tags. */
import { createRequire } from 'node:module'
import type WinkModel from 'wink-eng-lite-web-model'
import type winkNLP from 'wink-nlp'
import type { Tagger } from '../../metrics/pos-compression-ratio.ts'

/** The model and its version, as package.json has it. */
export const taggerId = 'wink-eng-lite-web-1.8.1'

/** Characters of a token that are looked at: of longer ones, which are no words, its time grows with the square. */
const tooLong = /\S{101,}/g

/**
 * Loads it, in a tenth of a second. It knows English; what it says of other languages is one value of many, the same for human
 * and synthetic text. About 4 microseconds a word.
 */
export function createTagger(): Tagger {
  // Not imported: who asks for no tagger, as most do not, loads none.
  const load = createRequire(import.meta.url)
  const wink = load('wink-nlp') as typeof winkNLP
  const nlp = wink(load('wink-eng-lite-web-model') as typeof WinkModel, ['sbd', 'pos'])
  const { pos } = nlp.its
  return {
    id: taggerId,
    tags(text) {
      const tags = nlp
        .readDoc(text.replaceAll(tooLong, token => token.slice(0, 100)))
        .tokens()
        .out(pos)
      return (tags as string[]).filter(tag => tag !== 'SPACE')
    }
  }
}
