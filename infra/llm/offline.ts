/** Offline models: n-gram models fitted on the seed documents a `models` entry names. */
import { fitNgram } from '../../metrics/ngram.ts'
import type { Log } from '../../processors/contract.ts'
import type { OfflineModels, OfflineSampler, SeedDocument } from '../../processors/ports.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { hash32 } from '../../schemas/identity.ts'
import type { Model, OfflineModel } from '../../schemas/types.ts'

/** What offline models need. */
export type OfflineOptions = {
  /**
   * The seed documents of [0, to) of the slot that were not retracted at a time, in offset order; never another split.
   * @param at Unix time in microseconds
   */
  readonly read: (range: OfflineModel, at: number) => Promise<readonly SeedDocument[]>
  readonly log: Log
}

/**
 * Whether a model sees a document: by a hash of both, so that two models that see a share see different ones.
 * @param share 0 to 1
 */
export function sees(modelId: string, documentId: string, share: number): boolean {
  return hash32(`${modelId}:${documentId}`) < share * 2 ** 32
}

/** Offline models; each is fitted once per id and revision, at its first use. */
export function createOffline(options: OfflineOptions): OfflineModels {
  const { read, log } = options
  const fitted = new Map<string, Promise<OfflineSampler>>()

  async function fit({ id, offline, created_at }: Model): Promise<OfflineSampler> {
    if (!offline) {
      throw new EverseedError(
        'PROVIDER_UNCONFIGURED',
        `model ${id} is not offline: its entry names no seed range`
      )
    }
    const { dataset, slot, to, order, smoothing, share } = offline
    const started = performance.now()
    // What was retracted later stays in it: a model does not change under its name, but for words that were erased since.
    const documents = await read(offline, created_at)
    const seen = documents.filter(document => sees(id, document.id, share) && document.text.trim() !== '')
    if (seen.length === 0) {
      throw new EverseedError(
        'PROVIDER_UNCONFIGURED',
        `offline model ${id} sees none of the ${documents.length} seed documents of dataset ${dataset} ` +
          `(slot ${slot}, offsets 0 to ${to}): publish more human documents or raise "sees", then start a new run`
      )
    }
    const model = fitNgram(seen, { order, smoothing })
    const { tokens, types } = model
    const fields = { model: id, dataset, documents: seen.length, tokens, types, order }
    log.info({ ...fields, took_ms: Math.round(performance.now() - started) }, 'offline model fitted')
    return request => model.sample(request)
  }

  return {
    sampler(model) {
      const key = `${model.id}@${model.revision}`
      let sampler = fitted.get(key)
      if (!sampler) {
        sampler = fit(model)
        fitted.set(key, sampler)
        // A failure may be the world's: the next call reads again. What a range holds does not change.
        sampler.catch((error: unknown) => {
          if (!(error instanceof EverseedError && error.code === 'PROVIDER_UNCONFIGURED')) fitted.delete(key)
        })
      }
      return sampler
    }
  }
}
