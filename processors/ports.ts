/** What the outside world looks like to a processor. Implemented in infra/, handed to `create`. */
import type { Message, Model, Usage } from '../schemas/types.ts'
import type { Source } from './recipe.ts'
import type { SeedText } from './split.ts'

/** What a model is asked. */
export type CompletionRequest = {
  /** Id of the call; the same after a restart. */
  readonly requestId: string
  readonly messages: readonly Message[]
  /** Topic of the cell; offline models start from it. */
  readonly topic: string
  readonly temperature: number
  /** Below 2^53. */
  readonly seed: number
  /** Aborted: nothing is sent any more; what was sent may still be answered. */
  readonly signal: AbortSignal
  /** Aborted: a call under way is broken off as well. Absent: `signal` breaks it off. */
  readonly lost?: AbortSignal
  /** Awaited once, when everything was waited for and nothing is sent yet. What it throws ends the call. */
  readonly before?: () => Promise<void>
  /** Milliseconds to wait for a provider that answers nobody; absent: without end. One that answers, however slowly, is waited for. */
  readonly patienceMs?: number
}

/** What a model answered. */
export type Completion = {
  readonly reply: string
  readonly reasoning_content: string | null
  /** Mean natural logarithm of the probability of its tokens, as the provider says; absent: it was not told. */
  readonly log_probability?: number
  /** The provider's response body, JSON; null where there is none. */
  readonly raw: string | null
  /** stop, length, content_filter, tool_calls. */
  readonly finish_reason: string
  /** What this answer consumed; attempts before it that may have been paid are in `calls`. */
  readonly usage: Usage
  /** From the request that was answered to its last byte. */
  readonly latency_ms: number
  /** Calls that may have been paid, this one included; absent: 1. Each further one is worth the worst case to a budget. */
  readonly calls?: number
  /**
   * Decoding parameters as the provider took them, null where it takes none and its own default held; absent: as asked.
   * This, and not what was asked, belongs into provenance.
   */
  readonly sent?: {
    readonly temperature: number | null
    readonly top_p: number | null
    readonly seed: number | null
  }
}

/**
 * Why a call failed for good, after the retries the provider's errors deserve. The world's troubles that pass (the
 * provider is down) are not this: they keep being retried under backoff and show in the breaker's state.
 */
export class ProviderError extends Error {
  /** rejected: the request is at fault (400, 413, 422). unavailable: retries are used up. unauthorized: key or rights. malformed: the reply made no sense. */
  readonly kind: 'rejected' | 'unavailable' | 'unauthorized' | 'malformed'
  readonly status: number | undefined
  /** Calls that may have been paid, unlike those that were turned away; 0 when none was. */
  readonly calls: number

  constructor(
    kind: ProviderError['kind'],
    message: string,
    options: { status?: number; calls?: number; cause?: unknown } = {}
  ) {
    super(message, { cause: options.cause })
    this.name = 'ProviderError'
    this.kind = kind
    this.status = options.status
    this.calls = options.calls ?? 1
  }
}

/** The provider answered nobody for as long as the caller was patient. The request is not at fault: it may be asked again later. */
export class ProviderSilent extends Error {
  /** Calls that may have been paid. */
  readonly calls: number

  constructor(message: string, calls: number) {
    super(message)
    this.name = 'ProviderSilent'
    this.calls = calls
  }
}

/** The signal was aborted while the request waited to be sent, or sent again. */
export class Abandoned extends Error {
  /** Calls that may have been paid. */
  readonly calls: number

  constructor(reason: Error, calls: number) {
    super(`abandoned: ${reason.message}`, { cause: reason })
    this.name = 'Abandoned'
    this.calls = calls
  }
}

/** The most calls of one `complete` that may be paid: a reserve that holds whatever happens is this many worst cases. */
export const maxPaidCalls = 3

/** The model providers. */
export type Providers = {
  /**
   * One answer. Retries, rate limits, timeouts and the breaker are inside. Nothing is sent before `before` is through.
   * @throws ProviderError when the call failed for good; ProviderSilent when patience ran out while it waited; Abandoned
   * when the signal was aborted
   */
  complete(source: Source, request: CompletionRequest): Promise<Completion>
  /** Why a source cannot be called as it is configured, and what to do; undefined when it can. Known before anything is paid. */
  problem(source: Source): string | undefined
  /**
   * The most one call can cost, millionths of a US dollar, and consume, tokens: what the budget reserves before it.
   * `complete` makes at most {@link maxPaidCalls} that may be paid (`Completion.calls`, `ProviderError.calls`).
   */
  worstCase(source: Source, request: Pick<CompletionRequest, 'messages'>): { micros: number; tokens: number }
}

/** The texts of a dataset that were accepted: human ones, and verified answers of models. */
export type Texts = {
  /**
   * The newest generation among some of them, null where one is of unknown generation; or the first that is not there. Waits a
   * while for what was published and is still on its way.
   * @param ids as they are known in the topics, or as their publisher gave them
   */
  generation(
    dataset: string,
    ids: readonly string[]
  ): Promise<{ readonly generation: number | null } | { readonly missing: string }>
}

/** Human texts a generator may see: the seed split and nothing else. */
export type SeedDocument = { readonly id: string; readonly topic: string; readonly text: SeedText }

/** Offline models are fitted from exactly the range of `samples.human` their `models` entry names. */
export type OfflineModels = {
  /**
   * Fits (once per model id and process) and returns the model's sampler.
   * @throws EverseedError PROVIDER_UNCONFIGURED when the model sees no document: it never will
   */
  sampler(model: Model): Promise<OfflineSampler>
}
/** Draws a text. The same seed, topic and temperature draw the same text. */
export type OfflineSampler = (request: {
  topic: string
  temperature: number
  topP?: number
  seed: number
  maxTokens: number
}) => { text: string; tokens: number; finished: boolean }

/** Millionths of a US dollar and tokens set aside for calls whose outcome is unknown. */
export type Reserved = { readonly reservedMicros: number; readonly reservedTokens: number }

/** One paid call's life, as the journal remembers it. */
export type JournalMemory =
  | ({ readonly phase: 'intent'; readonly draw: string } & Reserved)
  | ({ readonly phase: 'result'; readonly draw: string; readonly reply: string } & Reserved)
  | { readonly phase: 'settled' }

/** The pay-once journal of a slot. */
export type Journal = {
  /** What is remembered of a call. */
  find(requestId: string): JournalMemory | undefined
  /** Sets aside for a call, in memory alone and in place of what was set aside for it; what a crash must not forget is in its intent. */
  reserve(entry: { requestId: string; run: string } & Reserved): void
  /** Resolves when the intent is committed; only then may the call be made. Rejects when this process was fenced. */
  intent(entry: { requestId: string; run: string; draw: string } & Reserved): Promise<void>
  /** Resolves when the reply is committed. What it cost stays set aside until it is settled. */
  result(entry: { requestId: string; run: string; draw: string; reply: string } & Reserved): Promise<void>
  /** Money and tokens of a run in this slot: settled, and reserved by calls under way or of unknown outcome. */
  spent(run: string): { costMicros: number; tokens: number; reservedMicros: number; reservedTokens: number }
}
