/**
 * The splits of human text as types: a generator takes nothing but {@link SeedText}, a metric nothing but
 * {@link ReferenceText}, a calibration nothing but {@link AuditText}. Only {@link ofSplit} makes them, and it looks.
 */
import type { Message, Sample } from '../schemas/types.ts'

/** A split with a use. */
export type Use = 'SEED' | 'REFERENCE' | 'AUDIT'

declare const split: unique symbol

/** A value that comes out of one split. */
export type Of<Split extends Use, Value> = Value & { readonly [split]: Split }

/** Human text a generator may see. */
export type SeedText = Of<'SEED', string>
/** Human text metrics compare with; no generator has seen it. */
export type ReferenceText = Of<'REFERENCE', string>
/** Human text thresholds are set on; neither a generator nor a metric has seen it. */
export type AuditText = Of<'AUDIT', string>

declare const answer: unique symbol

/** What may be laid down for training: what a model wrote, or human text of the seed split. */
export type Row = Of<'SEED', Sample> | (Sample & { readonly [answer]: true })

/**
 * A human sample as one of a split; undefined when it is of another, or of none, or no human sample.
 * @param sample a record of `samples.human`
 * @param wanted the split it must be of
 */
export function ofSplit<Split extends Use>(sample: Sample, wanted: Split): Of<Split, Sample> | undefined {
  const { origin, split: found } = sample.provenance
  return found === wanted && origin !== 'SYNTHETIC' ? (sample as Of<Split, Sample>) : undefined
}

/**
 * Text of a sample of a split: it is of the same one.
 * @param take what of its messages
 */
export function textOf<Split extends Use>(
  sample: Of<Split, Sample>,
  take: (messages: readonly Message[]) => string
): Of<Split, string> {
  return take(sample.messages) as Of<Split, string>
}

/** A sample as one that may be laid down; undefined for human text of another split. */
export function rowOf(sample: Sample): Row | undefined {
  return sample.provenance.origin === 'SYNTHETIC' ? (sample as Row) : ofSplit(sample, 'SEED')
}
