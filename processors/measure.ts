/**
 * measure: windows of consecutive documents, the panel of each beside the human band at the same size. A window belongs
 * to one scope (run, stage, generation, source) and closes with the document that reaches the dataset's budget.
 */
import { createFingerprinter, isSampled } from '../metrics/fingerprint.ts'
import { hashWords } from '../metrics/hash-text.ts'
import { createHashes } from '../metrics/hashes.ts'
import { providerLogPerplexity } from '../metrics/provider-log-perplexity.ts'
import { diversityStats, generations, samplesHuman, samplesVerified } from '../schemas/topics.ts'
import type { Generation, Metric, Sample } from '../schemas/types.ts'
import { type Output, type Processor, type Verdict, defineProcessor, memory } from './contract.ts'
import { type BandOfGroup, type HumanMemory, bandOf, missingDocuments } from './measure/band.ts'
import { type Frozen, type Taken, createHumans } from './measure/humans.ts'
import { clustersHit, type WindowValues, windowValues } from './measure/reference.ts'
import { createReturns } from './measure/returns.ts'
import { type Scope, inputOf, scopeKey, scopeName, scopesOf, stages, surprisalOf } from './measure/scope.ts'
import { type Speech, createSpeech } from './measure/speech.ts'
import { metricsBeside, noSums, statKey, statOf, sumsOf } from './measure/stat.ts'
import { type OpenWindow, type Room, createOpenWindows, room } from './measure/windows.ts'
import { minimumWindows, shuffleRank } from './reservoir.ts'
import { ofSplit, textOf } from './split.ts'
import { humanText, modelText } from './text.ts'

/** Where a scope stands. Its text is not in here: a restart reads it again from `from` on. */
type WindowState = Scope & {
  /** Number of the open or next window. */
  readonly window: number
  /** Offset of the open window's first document; null between windows. */
  readonly from: number | null
}

/** Records a restart reads again at most for windows that are open. */
const mostReplayed = 200_000

/** A record of a model's text. */
type ModelRecord =
  | { readonly input: 'generations'; readonly offset: number; readonly value: Generation }
  | { readonly input: 'verified'; readonly offset: number; readonly value: Sample }

/**
 * The processor with a given room.
 * @param most what open windows of a slot may hold
 */
export const measureIn = (most: Room): Processor =>
  defineProcessor({
    name: 'measure',
    doc: 'diversity of raw and accepted texts in windows of fixed size, beside human text',
    inputs: { generations, verified: samplesVerified, human: samplesHuman },
    outputs: { stats: diversityStats },
    drops: [],
    needs: ['tagger'],
    state: {
      /** By scope. */
      windows: memory<WindowState>(),
      /** By run that is over: the number its next windows would have, should text still come. */
      ended: memory<{ readonly window: number }>(),
      /** By dataset: when the band in force was taken. */
      bands: memory<Taken>(),
      /** By dataset: when the reference was frozen. */
      references: memory<Frozen>()
    },
    create: ({ slot, tables, state, ports, now, position, reread, soon, log, out, emit, reject }) => {
      const fingerprint = createFingerprinter()
      const counted = createHashes()
      const open = createOpenWindows(most)
      const humans = createHumans(state, open.withPanel)

      let speech: Speech | undefined

      function addHuman(offset: number, sample: Sample, budget: number): void {
        const { dataset } = sample
        const seed = ofSplit(sample, 'SEED')
        if (seed) humans.addSeed(dataset, textOf(seed, humanText), budget)
        const reference = ofSplit(sample, 'REFERENCE')
        if (!reference) return
        const { id, cell } = reference
        const text = textOf(reference, humanText)
        hashWords(text, counted)
        const tokens = counted.length
        const rank = shuffleRank(id)
        humans.add(dataset, { id, offset, topic: cell.topic, cell, text, tokens, rank }, budget)
      }

      let restored = false
      /** Once everything was read again: what is in force was taken from no more than that. */
      function restoreAll(): void {
        if (restored) return
        restored = true
        for (const [dataset] of [...state.references.entries(), ...state.bands.entries()]) {
          const budget = tables.dataset(dataset)?.window
          if (budget !== undefined) humans.restore(dataset, humans.of(dataset, budget))
        }
      }

      /** Takes the band again if it is out of date, and tells of the human windows it was taken from. */
      function refreshBand(dataset: string, known: HumanMemory): Output[] {
        const windows = humans.refresh(dataset, known, position('human'))
        if (windows.length < minimumWindows) return []
        const human = { dataset, run: '', stage: 'human', generation: 0, source: '*' } as const
        const scope = `${dataset}//human//*`
        const band = { human_windows: windows.length, human_missing: 0 }
        const where = { topic: samplesHuman.name, slot, budget: known.budget, partial: false }
        return windows.map(({ values, sums, from, to, documents, tokens, clusters }, window) => {
          const metrics = metricsBeside(values, known.band?.spread)
          const stat = {
            scope,
            ...human,
            window,
            ...where,
            from,
            to,
            documents,
            tokens,
            clusters,
            metrics,
            ...sums,
            ...band,
            created_at: now()
          }
          return out('stats', statKey(scope, window), statOf(stat))
        })
      }

      const isAtAGlance = (run: string): boolean => tables.recipe(run)?.metrics === 'glance'

      /** Metrics beside those of human windows, those of parts of speech among them where the recipe asks for them. */
      function metricsOf(
        values: WindowValues,
        run: string,
        opening: readonly string[],
        { reference }: HumanMemory,
        beside: BandOfGroup | undefined
      ): Metric[] {
        const atAGlance = isAtAGlance(run)
        if (tables.recipe(run)?.parts_of_speech !== true)
          return metricsBeside(values, beside?.spread, { atAGlance })
        speech ??= createSpeech(ports.tagger())
        const spread = new Map([
          ...(beside?.spread ?? []),
          ...(beside ? speech.spread(beside, reference) : [])
        ])
        const { tagger } = speech
        return metricsBeside({ ...values, ...speech.values(opening, reference) }, spread, {
          atAGlance,
          tagger
        })
      }

      /** The record of a window that ends here, after those of the human windows where they are new. */
      function report(
        ending: WindowState & { from: number },
        opened: OpenWindow,
        budget: number,
        partial: boolean
      ) {
        const scope = scopeName(ending)
        const { cell_group: group = '*' } = ending
        const atAGlance = isAtAGlance(ending.run)
        const { documents, tokens } = opened.panel
        const known = humans.of(ending.dataset, budget)
        const ofHumans = partial ? [] : refreshBand(ending.dataset, known)
        const { values, beside: documentsBeside } = windowValues(opened.panel, known.reference, known.seeds, {
          documents: opened.beside,
          atAGlance
        })
        const { surprisals } = opened
        const measured = surprisals.length > 0 ? { ...values, ...providerLogPerplexity(surprisals) } : values
        const clusters = clustersHit(documentsBeside, known.reference.frozen?.clusters)
        // A window of another size is compared with nothing.
        const beside = partial ? known.band : open.withPanel(panel => bandOf(known, group, atAGlance, panel))
        const metrics = metricsOf(
          measured,
          ending.run,
          opened.panel.opening,
          known,
          partial ? undefined : beside
        )
        const human_windows = beside?.windows.length ?? 0
        const human_missing = missingDocuments(known, tokens / Math.max(documents, 1), human_windows, group)
        const where = { topic: stages[inputOf(ending)].topic, slot, to: opened.to, documents, tokens, budget }
        const band = { partial, metrics, clusters, human_windows, human_missing }
        const sums = ending.source === '*' && group === '*' ? noSums : sumsOf(opened.panel, documentsBeside)
        const stat = statOf({ scope, ...ending, ...where, ...band, ...sums, created_at: now() })
        return [...ofHumans, out('stats', statKey(scopeKey(ending), ending.window), stat)]
      }

      /** Whether this slot has read everything an ended run will ever have in it. */
      function isOver(run: string): boolean {
        const known = tables.run(run)
        if (known?.state !== 'ended' || known.slot !== slot) return false
        return (['generations', 'verified'] as const).every(input => {
          const until = known.until[stages[input].topic]
          return until !== undefined && position(input) >= until
        })
      }

      const returns = createReturns(reread, open.close)
      /** Forgotten windows of which nothing is left to be read. */
      const erased = new Set<string>()

      /** Where a window begins of which nothing is in memory; undefined: it is there, or there is none. */
      function forgottenFrom(key: string): number | undefined {
        return open.get(key) === undefined ? (state.windows.get(key)?.from ?? undefined) : undefined
      }

      let told = false
      /** Says once that windows are read again while text still comes to them: that is slow. */
      function crowded(run: string): void {
        if (told) return
        told = true
        log.warn(
          { run, ...most },
          'more windows are open than there is room for, and are read again whenever text comes to them: fewer values in window_by, or a smaller window, is faster'
        )
      }

      /** Reads the forgotten window of a run that is over; the next look around finds it, or that there is nothing left of it. */
      function bringBack(key: string, scope: Scope, from: number): void {
        if (returns.busy) return
        const input = inputOf(scope)
        const { run } = scope
        returns
          .read(input, [key], from, position(input))
          .then(() => {
            if (open.get(key) === undefined) erased.add(key)
            soon()
          })
          .catch((error: unknown) =>
            log.warn({ err: error, run }, 'the text of a window could not be read again; trying again')
          )
      }

      /** A text as its windows take it; models look at all of them, at a glance at those of the sample. */
      function lookAt(text: string, offset: number, { run, dataset }: Generation | Sample) {
        const hashes = fingerprint(text, !isAtAGlance(run) || isSampled(offset))
        return { hashes, beside: hashes.looked ? humans.beside(dataset, hashes.words) : undefined }
      }

      /** Takes a model's text into its windows. */
      function take(
        { offset, value }: ModelRecord,
        text: string,
        scopes: readonly Scope[],
        budget: number
      ): Output[] {
        const { hashes, beside } = lookAt(text, offset, value)
        const outputs: Output[] = []
        // A window closes by its words: texts without any would pile up in it.
        if (hashes.words.length === 0) return outputs
        for (const scope of scopes) {
          const key = scopeKey(scope)
          const held = state.windows.get(key)
          const window = held?.window ?? state.ended.get(scope.run)?.window ?? 0
          const from = held?.from ?? offset
          const opened = open.add(key, hashes, offset, { beside, surprisal: surprisalOf(value, scope) })
          if (opened.panel.tokens >= budget) {
            outputs.push(...report({ ...scope, window, from }, opened, budget, false))
            state.windows.stage(key, { ...scope, window: window + 1, from: null })
            open.close(key)
          } else if (typeof held?.from !== 'number') {
            state.windows.stage(key, { ...scope, window, from })
          }
        }
        open.shrink()
        return outputs
      }

      return {
        process(record) {
          restoreAll()
          const { offset, value } = record
          const budget = tables.dataset(value.dataset)?.window
          if (budget === undefined) return reject('unknown_dataset', `no dataset is called ${value.dataset}`)
          if (record.input === 'human') {
            addHuman(offset, record.value, budget)
            return emit()
          }
          const text = modelText(record.value)
          if (text === undefined) return emit()
          const scopes = scopesOf(record.input, record.value, tables.recipe(value.run)?.window_by)
          const forgotten = (): string[] =>
            scopes.map(scopeKey).filter(key => forgottenFrom(key) !== undefined)
          if (!returns.busy && forgotten().length === 0) return emit(...take(record, text, scopes, budget))
          const takeLater = async (): Promise<Verdict> => {
            await returns.idle()
            const keys = forgotten()
            if (keys.length > 0) {
              crowded(value.run)
              const from = Math.min(...keys.map(key => forgottenFrom(key)!))
              await returns.read(record.input, keys, from, offset)
            }
            return emit(...take(record, text, scopes, budget))
          }
          return takeLater()
        },

        replayFrom() {
          // All human text: the band's memory is nowhere else.
          const starts: { generations?: number; verified?: number; human: number } = { human: 0 }
          for (const [, scope] of state.windows.entries()) {
            const input = inputOf(scope)
            // What nothing came to for long is read when something does.
            if (scope.from === null || position(input) - scope.from > mostReplayed) continue
            starts[input] = Math.min(starts[input] ?? Infinity, scope.from)
          }
          return starts
        },

        replay(record) {
          const { offset, value } = record
          if (record.input === 'human') {
            const budget = tables.dataset(value.dataset)?.window
            if (budget === undefined) return
            const known = humans.of(value.dataset, budget)
            humans.restore(value.dataset, known, offset)
            addHuman(offset, record.value, budget)
            // As soon as it is there: what is read again of models is held against it.
            humans.restore(value.dataset, known, offset + 1)
            return
          }
          const text = modelText(record.value)
          if (text === undefined) return
          const scopes = scopesOf(record.input, record.value, tables.recipe(value.run)?.window_by).filter(
            scope => {
              const key = scopeKey(scope)
              const from = state.windows.get(key)?.from ?? Infinity
              // After a restart a window is read from its first text on, or, if it was forgotten on the way, later.
              return returns.busy ? returns.wants(key) && offset >= from : offset === from || open.get(key)
            }
          )
          if (scopes.length === 0) return
          const { hashes, beside } = lookAt(text, offset, value)
          if (hashes.words.length === 0) return
          for (const scope of scopes)
            open.add(scopeKey(scope), hashes, offset, { beside, surprisal: surprisalOf(record.value, scope) })
          if (!returns.busy) open.shrink()
        },

        tick() {
          restoreAll()
          // Half of a window that is being read again is none.
          if (returns.busy) return undefined
          const outputs: Output[] = []
          let forgotten = false
          const over = new Map<string, boolean>()
          for (const [key, scope] of Array.from(state.windows.entries())) {
            const { run, dataset, window, from } = scope
            if (!over.has(run)) over.set(run, isOver(run))
            if (over.get(run) !== true) continue
            if (from !== null && open.get(key) === undefined && !erased.has(key)) {
              bringBack(key, scope, from)
              continue
            }
            const opened = open.get(key)
            const budget = tables.dataset(dataset)?.window
            if (from !== null && opened !== undefined && budget !== undefined) {
              outputs.push(...report({ ...scope, from }, opened, budget, true))
            }
            // What comes late, given back from the dead letters, begins a window with a number nothing else of the run has.
            const next = Math.max(from === null ? window : window + 1, state.ended.get(run)?.window ?? 0)
            state.ended.stage(run, { window: next })
            state.windows.forget(key)
            erased.delete(key)
            forgotten = true
            open.close(key)
          }
          return outputs.length > 0 || forgotten ? emit(...outputs) : undefined
        }
      }
    }
  })

export const measure = measureIn(room)
