/** Commands that one process carries out at a time. */
import type { Deployment } from '../deployment.ts'
import { inTurn } from '../kafka/turn.ts'
import { commandLog } from './context.ts'
import { note } from './output.ts'

/**
 * Does a command's work when nobody else does the same, and says so where that has to be waited for.
 * @param group whose only slot is the turn
 * @param doing what somebody else does meanwhile
 * @param signal stops the waiting
 * @throws see `inTurn`
 */
export async function takingTurns<Result>(
  deployment: Deployment,
  group: string,
  doing: string,
  work: () => Promise<Result>,
  signal?: AbortSignal
): Promise<Result> {
  const waiting = (): void =>
    note(`somebody else ${doing}, or was killed over it a moment ago: waiting for the turn`)
  return await inTurn(deployment, commandLog(), group, work, waiting, signal)
}
