/** Answers of 200 words from an offline model fitted on the bundled corpus, as `generate` writes them. */
import { corpusLines } from '../../infra/demo/demo.ts'
import { fitNgram, type NgramModel } from '../../metrics/ngram.ts'
import { contentHash, sha128 } from '../../schemas/identity.ts'
import type { Generation, Run } from '../../schemas/types.ts'
import { asking, generation, message, provenance, run, usage } from '../helpers/records.ts'

/** Words of an answer. */
const answerWords = 200

/** The dataset and the run benchmarks work in. */
export const names = { dataset: 'bench', run: 'bench' } as const

/** The models that answer. */
const models = ['ngram-4@1a2b3c4d', 'ngram-2@5e6f7a8b'] as const

/**
 * The run they answer in, and no check turns any of them down.
 * @param recipe what its recipe asks for beside the usual
 */
export const benchRun = (recipe: object = {}): Run =>
  run(
    names.run,
    { dataset: names.dataset, checks, ...asking(...models), ...recipe },
    { dataset: names.dataset }
  )

/** Texts that are drawn; the others are made of their halves. */
const drawn = 1500
const halves: [string, string][] = []

function draw(model: NgramModel, seed: number): [string, string] {
  let words: string[] = []
  for (let part = 0; words.length < answerWords; part++) {
    const { text } = model.sample({ temperature: 1, seed: seed * 64 + part, maxTokens: answerWords + 50 })
    words = [...words, ...text.split(/\s+/)]
  }
  const half = answerWords / 2
  return [words.slice(0, half).join(' '), words.slice(half, answerWords).join(' ')]
}

/**
 * Exactly 200 words, different for every number below two million: the first half of one drawn text and the second half
 * of another, in pairs that are far apart.
 */
export function answer(number: number): string {
  if (halves.length === 0) {
    const documents = corpusLines().map(line => JSON.parse(line) as { topic: string; text: string })
    const model = fitNgram(documents, { order: 3, smoothing: 0.1 })
    for (let seed = 0; seed < drawn; seed++) halves.push(draw(model, seed))
  }
  const first = number % drawn
  const second = (first + Math.floor(number / drawn)) % drawn
  return `${halves[first]![0]} ${halves[second]![1]}.`
}

/**
 * The raw reply of a number.
 * @param number seeds the text and names the record
 * @param text it says instead
 */
export function reply(number: number, text = answer(number)): Generation {
  const id = sha128(`bench-${number}`)
  const prompt = [
    message('user', 'Report on the state of the treasury, in one passage of an annual address.')
  ]
  return generation(id, text, {
    ...names,
    content_hash: contentHash([...prompt, message('assistant', text)]),
    prompt,
    samples: 1,
    usage: usage({ input_tokens: 16, output_tokens: 250 }),
    provenance: provenance({
      prompt_id: sha128(`bench-prompt-${number}`),
      created_by: 'everseed bench',
      model_id: models[number % 2]!,
      created_at: 1_700_000_000_000_000
    })
  })
}

/** The checks of the demo. */
const checks = { min_chars: 80, max_chars: 4000, language: 'en' }
