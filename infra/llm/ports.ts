/** The ports `generate` asks for, on a connected deployment. */
import type { Log, Ports } from '../../processors/contract.ts'
import type { SeedDocument } from '../../processors/ports.ts'
import { ofSplit, textOf } from '../../processors/split.ts'
import { samplesHuman } from '../../schemas/topics.ts'
import type { OfflineModel } from '../../schemas/types.ts'
import type { Deployment } from '../deployment.ts'
import { readRanges } from '../kafka/reader.ts'
import { retractedBefore } from '../retractions.ts'
import { createOffline } from './offline.ts'
import { createProviders, type ProviderState } from './providers.ts'
import { createTexts, readTexts } from './texts.ts'

/**
 * The seed documents of a range of `samples.human`: the one way human text reaches a generator. What had been retracted
 * at a time is not among them.
 * @param at Unix time in microseconds
 */
export async function readSeed(
  deployment: Deployment,
  { dataset, slot, to }: OfflineModel,
  at: number
): Promise<SeedDocument[]> {
  const { kafka, config, codec, admin, registry } = deployment
  await registry.register([samplesHuman], config.prefix)
  const retracted = await retractedBefore(deployment, dataset, at)
  const documents: SeedDocument[] = []
  const { low } = (await admin.offsets(samplesHuman.name))[slot]!
  await readRanges(
    kafka,
    config,
    [{ topic: samplesHuman.name, partition: slot, from: low, to }],
    async records => {
      for (const { value } of records) {
        const sample = await codec.decode(samplesHuman, value)
        const seed = sample.dataset === dataset ? ofSplit(sample, 'SEED') : undefined
        if (!seed || retracted.has(seed.id)) continue
        const text = textOf(seed, messages => messages.at(-1)?.content ?? '')
        documents.push({ id: seed.id, topic: seed.cell.topic, text })
      }
    }
  )
  return documents
}

/** Providers and offline models of this process; `states` tells how the providers are doing. */
export function createPorts(
  deployment: Deployment,
  log: Log
): Omit<Ports, 'journal' | 'tagger'> & { states(): ProviderState[] } {
  const providers = createProviders({ env: process.env, log })
  return {
    providers,
    states: () => providers.states(),
    offline: createOffline({ read: (range, at) => readSeed(deployment, range, at), log }),
    texts: createTexts(readTexts(deployment))
  }
}
