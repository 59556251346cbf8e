/** How a processor says what became of a record. */
import type { Processor } from '../../processors/contract.ts'

/** The part of a context that makes verdicts and what is in them. */
export const verdicts: Pick<Parameters<Processor['create']>[0], 'out' | 'emit' | 'drop' | 'reject'> = {
  out: (to, key, value, toSlot) => ({
    to,
    key,
    value: value as object | null,
    ...(toSlot !== undefined && { slot: toSlot })
  }),
  emit: (...outputs) => ({ kind: 'emit', outputs }),
  drop: (reason, ...outputs) => ({ kind: 'drop', reason, outputs }),
  reject: (reason, message, settles = 0) => ({ kind: 'reject', reason, message, settles })
}
