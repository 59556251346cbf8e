import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import * as fc from 'fast-check'
import { supportedLanguages, toISO2 } from 'tinyld'
import { language, loadLanguage, wordShare } from '../../../processors/verify/language.ts'
import { recipeSchema } from '../../../processors/recipe.ts'
import { languages } from '../../../processors/writing.ts'
import { cell } from '../../helpers/records.ts'

/** One passage, written for this test in each language. */
const passages = {
  en: 'The minister reported yesterday on the state of the public finances and proposed to reduce the expenses of defence in the coming year. Many members agreed with him, others warned of what it would mean for the workers.',
  de: 'Der Minister berichtete gestern über den Zustand der öffentlichen Finanzen und schlug vor, die Ausgaben für die Verteidigung im kommenden Jahr zu senken. Viele Abgeordnete stimmten ihm zu, andere warnten vor den Folgen.',
  nl: 'De minister rapporteerde gisteren over de toestand van de openbare financiën en stelde voor om de uitgaven voor defensie volgend jaar te verlagen. Veel kamerleden waren het met hem eens, anderen waarschuwden.',
  af: 'Die minister het gister verslag gedoen oor die toestand van die openbare finansies en voorgestel dat die uitgawes vir verdediging volgende jaar verlaag word. Baie lede het saamgestem, ander het gewaarsku.',
  fr: "Le ministre a présenté hier un rapport sur l'état des finances publiques et a proposé de réduire les dépenses de la défense l'année prochaine. De nombreux députés étaient d'accord, d'autres ont averti.",
  es: 'El ministro informó ayer sobre el estado de las finanzas públicas y propuso reducir los gastos de defensa el próximo año. Muchos diputados estuvieron de acuerdo, otros advirtieron de las consecuencias.',
  da: 'Ministeren berettede i går om tilstanden for de offentlige finanser og foreslog at nedsætte udgifterne til forsvaret næste år. Mange medlemmer var enige, andre advarede om følgerne for arbejderne.',
  no: 'Ministeren rapporterte i går om tilstanden for de offentlige finansene og foreslo å redusere utgiftene til forsvaret neste år. Mange representanter var enige, andre advarte om følgene for arbeiderne.',
  ru: 'Министр вчера доложил о состоянии государственных финансов и предложил сократить расходы на оборону в следующем году. Многие депутаты согласились, другие предупредили о последствиях для рабочих.'
} as const
const codes = Object.keys(passages) as (keyof typeof passages)[]

const find = (text: string, code: string) =>
  language.find({
    text,
    cell: cell(),
    finishReason: 'stop',
    checks: recipeSchema.shape.checks.parse({ language: code })
  })

before(loadLanguage)

test('no passage is clearly in another language, not even in its neighbour', () => {
  for (const asked of codes) {
    for (const code of codes) {
      if (code !== asked) assert.ok(wordShare(passages[code], asked)! < 0.6, `${code} read as ${asked}`)
    }
  }
})

test('most languages are told by their words alone; neighbours are left to the detector', () => {
  for (const code of ['en', 'de', 'nl', 'fr', 'es'] as const) {
    assert.ok(wordShare(passages[code], code)! >= 2 / 3, code)
  }
  assert.ok(wordShare(passages.no, 'no')! < 2 / 3)
})

test('either way the finding is that of the detector', () => {
  for (const code of codes) {
    // The detector takes Afrikaans for Dutch.
    if (code !== 'af') assert.equal(find(passages[code], code)?.failure, undefined, code)
    const other = code === 'en' ? 'de' : 'en'
    assert.equal(find(passages[code], other)?.failure?.reason, 'wrong_language', `${code} for ${other}`)
  }
})

test('a few words tell nothing', () => {
  assert.equal(wordShare('The minister reported.', 'en'), undefined)
  assert.equal(wordShare('', 'en'), undefined)
})

test('what the words say depends neither on their order nor on what was asked before', () => {
  const words = Object.values(passages).flatMap(passage => passage.split(' '))
  fc.assert(
    fc.property(
      fc.shuffledSubarray(words, { minLength: 12, maxLength: 60 }),
      fc.constantFrom(...codes),
      (some, code) => {
        const share = wordShare(some.join(' '), code)
        const again = wordShare(some.toReversed().join(' '), code)
        if (share === undefined || again === undefined) return assert.equal(again, share)
        assert.ok(Math.abs(again - share) < 1e-9)
        assert.ok(share >= 0 && share <= 1)
      }
    ),
    { numRuns: 100 }
  )
})

test('a recipe may ask for every language the detector knows, and for no other', () => {
  assert.deepEqual(languages.toSorted(), supportedLanguages.map(iso3 => toISO2(iso3)).toSorted())
})
