/** The open windows' panels. A closed window's panel keeps its memory for the next one. */
import type { DocumentBeside } from '../../metrics/beside-reference.ts'
import type { Fingerprint } from '../../metrics/fingerprint.ts'
import { type Panel, createPanel } from '../../metrics/panel.ts'

/** An open window. */
export type OpenWindow = {
  readonly panel: Panel
  /** Of its documents that came when there was a reference. */
  readonly beside: DocumentBeside[]
  /** Offset after its last document. */
  to: number
}

/** Panels kept for reuse: enough for the scopes that usually close at once. */
const spares = 8

/** The open windows of a slot, by scope. */
export type OpenWindows = {
  /** Adds a document to a scope's window, opening it if need be. */
  add(scope: string, document: Fingerprint, offset: number, beside?: DocumentBeside): OpenWindow
  get(scope: string): OpenWindow | undefined
  /** Forgets a scope's window. */
  close(scope: string): void
  /** Lends an empty panel. */
  withPanel<Result>(use: (panel: Panel) => Result): Result
}

/** No windows. */
export function createOpenWindows(): OpenWindows {
  const open = new Map<string, OpenWindow>()
  const spare: Panel[] = []
  const giveBack = (panel: Panel): void => {
    panel.clear()
    if (spare.length < spares) spare.push(panel)
  }
  return {
    add(scope, document, offset, beside) {
      let window = open.get(scope)
      if (window === undefined) {
        window = { panel: spare.pop() ?? createPanel(), beside: [], to: 0 }
        open.set(scope, window)
      }
      window.panel.add(document)
      if (beside !== undefined) window.beside.push(beside)
      window.to = offset + 1
      return window
    },
    get: scope => open.get(scope),
    close(scope) {
      const window = open.get(scope)
      open.delete(scope)
      if (window !== undefined) giveBack(window.panel)
    },
    withPanel(use) {
      const panel = spare.pop() ?? createPanel()
      try {
        return use(panel)
      } finally {
        giveBack(panel)
      }
    }
  }
}
