/** The open windows' panels. A closed window's panel keeps its memory for the next one. */
import type { DocumentBeside } from '../../metrics/beside-reference.ts'
import type { Fingerprint } from '../../metrics/fingerprint.ts'
import { type Panel, createPanel } from '../../metrics/panel.ts'

/** An open window. */
export type OpenWindow = {
  readonly panel: Panel
  /** Of its documents that came when there was a reference. */
  readonly beside: DocumentBeside[]
  /** Minus the mean log probability of the tokens of its documents, of those whose model told it. */
  readonly surprisals: number[]
  /** Offset after its last document. */
  to: number
  /** Tokens it holds, of either kind. */
  held: number
}

/** What else is known of a document. */
export type More = {
  readonly beside?: DocumentBeside | undefined
  readonly surprisal?: number | undefined
}

/** How much open windows may hold. */
export type Room = {
  /** 33 kB each, and the opening of the text. */
  readonly windows: number
  /** Words and tokens at white space: 8 to 16 bytes each. */
  readonly tokens: number
}

/** A slot's: at most a quarter of a gigabyte, and as much for the openings of texts. */
export const room: Room = { windows: 2000, tokens: 16_000_000 }

/** Panels kept for reuse: enough for the scopes that usually close at once. */
const spares = 8

/** The open windows of a slot, by scope. */
export type OpenWindows = {
  /** Adds a document to a scope's window, opening it if need be. */
  add(scope: string, document: Fingerprint, offset: number, more?: More): OpenWindow
  get(scope: string): OpenWindow | undefined
  /** Forgets a scope's window. */
  close(scope: string): void
  /** Forgets the windows nothing was added to for the longest time, until the others have room: they can be read again. */
  shrink(): void
  /** Lends an empty panel. */
  withPanel<Result>(use: (panel: Panel) => Result): Result
}

/**
 * No windows.
 * @param most what they may hold
 */
export function createOpenWindows(most: Room = room): OpenWindows {
  /** The one something was added to last comes last. */
  const open = new Map<string, OpenWindow>()
  const spare: Panel[] = []
  let tokens = 0
  const giveBack = (panel: Panel): void => {
    panel.clear()
    if (spare.length < spares) spare.push(panel)
  }
  const close = (scope: string): void => {
    const window = open.get(scope)
    if (window === undefined) return
    open.delete(scope)
    tokens -= window.held
    giveBack(window.panel)
  }
  return {
    add(scope, document, offset, { beside, surprisal } = {}) {
      let window = open.get(scope)
      if (window === undefined)
        window = { panel: spare.pop() ?? createPanel(), beside: [], surprisals: [], to: 0, held: 0 }
      else open.delete(scope)
      open.set(scope, window)
      window.panel.add(document)
      const added = document.words.length + document.whitespace.length
      window.held += added
      tokens += added
      if (beside !== undefined) window.beside.push(beside)
      if (surprisal !== undefined) window.surprisals.push(surprisal)
      window.to = offset + 1
      return window
    },
    get: scope => open.get(scope),
    close,
    shrink() {
      for (const scope of open.keys()) {
        const fits = open.size <= most.windows && tokens <= most.tokens
        // The last one stays, whatever its size: it is the one that is being added to.
        if (fits || open.size === 1) return
        close(scope)
      }
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
