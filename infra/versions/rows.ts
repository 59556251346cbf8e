/** The rows of a dataset's training stream, in the order everybody reads them in: slot by slot, offset by offset. */
import { EverseedError } from '../../schemas/errors.ts'
import { slotOf } from '../../schemas/identity.ts'
import { retractions, training } from '../../schemas/topics.ts'
import type { Dataset, ErasedRow, Sample, Version } from '../../schemas/types.ts'
import { ifReadable } from '../codec.ts'
import type { Deployment } from '../deployment.ts'
import { readRanges } from '../kafka/reader.ts'
import { erasedRowsOf } from '../retractions.ts'
import { excludedOf, type Manifest } from './manifest.ts'

/** A row and where it lies. */
export type Row<Value = Sample> = { readonly slot: number; readonly offset: number; readonly sample: Value }

/** What a version is counted by: everything but texts. */
export const countedFields = ['id', 'dataset', 'run', 'cell', 'provenance', 'epoch'] as const

/** What {@link countedFields} leave of a sample. */
export type Counted = Pick<Sample, (typeof countedFields)[number]>

/** Where a version of a dataset ends, and what it does not hold of the rows before that. */
export type Extent = {
  /** End offset per slot; a slot that is not named has none. */
  readonly offsets: readonly number[]
  /** Ids of rows that are passed over. */
  readonly without: ReadonlySet<string>
}

/** The extent of a closed version: reading by it gives its rows, as they were counted and hashed. */
export function extentOf({ offsets, manifest }: Pick<Version, 'offsets' | 'manifest'>): Extent {
  const { retracted, displaced } = excludedOf(JSON.parse(manifest) as Manifest)
  return { offsets, without: new Set([...retracted, ...displaced]) }
}

/** The slots a dataset's rows lie in, ascending. */
export function slotsOf({ name, shards }: Dataset, partitions: number): number[] {
  const first = slotOf(name, '', 1, partitions)
  return Array.from(
    { length: Math.min(shards, partitions) },
    (_, shard) => (first + shard) % partitions
  ).toSorted((a, b) => a - b)
}

/**
 * Puts rows that were erased back where they lay: they are not in the log, but of the versions that held them.
 * @param gaps of a slot, by offset
 * @returns to be called with the offset of each row that is there, before it is handed over, and of the end: hands over what
 *   lay before it. What lies there still has been named and not taken out yet: it is handed over once, by the caller.
 */
export function fillGaps(gaps: readonly ErasedRow[], onRow: (row: Row) => void): (offset: number) => void {
  let next = 0
  return offset => {
    for (; next < gaps.length && gaps[next]!.offset < offset; next++) onRow(gaps[next]!)
    if (gaps[next]?.offset === offset) next++
  }
}

/** How the value of a row is read; undefined for one that cannot be: it is a row of no version. */
type Decode<Value> = (
  bytes: Buffer | null,
  place: () => string
) => Value | undefined | Promise<Value | undefined>

async function readWith<Value extends Counted>(
  deployment: Deployment,
  dataset: Dataset,
  { offsets, without }: Extent,
  read: Decode<Value>,
  onRow: (row: Row<Value | Sample>) => void,
  onSlot: (slot: number) => void
): Promise<void> {
  const { kafka, config, admin } = deployment
  const bounds = await admin.offsets(training.name)
  const [before] = await admin.offsets(retractions.name)
  const erased = await erasedRowsOf(deployment, dataset.name)
  for (const slot of slotsOf(dataset, config.partitions)) {
    const to = offsets[slot] ?? 0
    const { low, high } = bounds[slot]!
    if (to > 0 && (low > 0 || high < to)) {
      throw new EverseedError(
        'VERSION_BROKEN',
        `${config.prefix}${training.name}/${slot} holds offsets ${low} to ${high}, and rows 0 to ${to} are asked for: rows were deleted; look at the topic's retention (everseed doctor)`
      )
    }
    const taken = (row: Row<Value | Sample>): void => {
      if (row.sample.dataset === dataset.name && !without.has(row.sample.id)) onRow(row)
    }
    const fill = fillGaps(erased.get(slot) ?? [], taken)
    await readRanges(
      kafka,
      config,
      [{ topic: training.name, partition: slot, from: 0, to }],
      async records => {
        for (const { offset, value } of records) {
          const found = read(value, () => `${training.name}/${slot}@${offset}`)
          const sample = found instanceof Promise ? await found : found
          fill(offset)
          if (sample) taken({ slot, offset, sample })
        }
      }
    )
    fill(to)
    onSlot(slot)
  }
  const [after] = await admin.offsets(retractions.name)
  if (after!.high === before!.high) return
  // Rows are named before they leave the log: who was not told of them in time may have missed them.
  const places = (rows: ReadonlyMap<number, readonly ErasedRow[]>): number =>
    [...rows].reduce((sum, [slot, { length }]) => sum + ((offsets[slot] ?? 0) > 0 ? length : 0), 0)
  if (places(await erasedRowsOf(deployment, dataset.name)) !== places(erased))
    throw new EverseedError(
      'ERASING',
      `rows of ${dataset.name} were erased while they were read: nothing was made of them, do it again`
    )
}

/**
 * Reads the rows of a dataset within an extent. Of one that was erased there is everything but its text and who wrote it.
 * @param onRow gets every row, in order
 * @param onSlot is told when the rows of a slot are over
 * @throws EverseedError VERSION_BROKEN when the topic lost its beginning; ERASING when rows were erased meanwhile
 */
export async function readRows(
  deployment: Deployment,
  dataset: Dataset,
  extent: Extent,
  onRow: (row: Row) => void,
  onSlot: (slot: number) => void = () => {}
): Promise<void> {
  const read: Decode<Sample> = (bytes, place) =>
    ifReadable(() => deployment.codec.decode(training, bytes), place)
  await readWith(deployment, dataset, extent, read, onRow, onSlot)
}

/** The same rows without their texts, several times as fast. */
export async function readCounted(
  deployment: Deployment,
  dataset: Dataset,
  extent: Extent,
  onRow: (row: Row<Counted>) => void,
  onSlot: (slot: number) => void = () => {}
): Promise<void> {
  const read: Decode<Counted> = (bytes, place) =>
    ifReadable(() => deployment.codec.decodeFields(training, countedFields, bytes), place)
  await readWith(deployment, dataset, extent, read, onRow, onSlot)
}
