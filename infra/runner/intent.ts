/** The intents of the store: what is committed beside an offset while the chunk after it is under way. */
import type { Log } from '../../processors/contract.ts'
import { EverseedError } from '../../schemas/errors.ts'
import type { Committed } from '../kafka/admin.ts'

/**
 * The words committed beside the offset a chunk starts at.
 * @param to offset after its last record
 */
export function intent(to: number): string {
  return JSON.stringify({ to })
}

/** Where a lane starts, and where the chunk ends that was under way there, if one was. */
export type Start = { readonly from: number; readonly to: number | undefined }

/**
 * @param lane topic and slot, for messages
 * @param log offsets there are in the partition
 * @param found what is committed; undefined for nothing
 * @param options.fromBeginning start at the first record where what is committed is outside the log
 * @throws EverseedError OFFSETS_LOST otherwise
 */
export function startOf(
  lane: string,
  { low, high }: { readonly low: number; readonly high: number },
  found: Committed | undefined,
  options: { readonly group: string; readonly fromBeginning: boolean; readonly log: Log }
): Start {
  if (!found) return { from: low, to: undefined }
  const { offset, metadata } = found
  const to = metadata === '' ? undefined : (JSON.parse(metadata) as { to: number }).to
  if (offset >= low && Math.max(offset, to ?? 0) <= high + 1) return { from: offset, to }
  if (!options.fromBeginning) {
    throw new EverseedError(
      'OFFSETS_LOST',
      `${options.group}: committed offset ${offset} of ${lane} is outside the log (${low} to ${high}): records were lost or the topic was made anew; check its retention, then start once with --from-beginning`
    )
  }
  options.log.warn(
    { lane, committed: offset, low },
    'the committed offset is outside the log; starting at the beginning'
  )
  return { from: low, to: undefined }
}
