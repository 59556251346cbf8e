// Generated from the .avsc files by `npm run generate`; do not edit.

/** What a refusal means in a cell. */
export type RefusalPolicy = 'reject' | 'allow' | 'require'

/** The coordinates coverage is counted in. */
export type Cell = {
  /** What is asked for, for example explain or write. */
  task: string
  /** What it is about. */
  topic: string
  /** How it is laid out, for example paragraph or dialogue. */
  format: string
  /** Whether a refusal is a failure, data, or the right answer. */
  refusal: RefusalPolicy
}

/** What is to be done. */
export type ControlAction = 'none' | 'continue' | 'warn' | 'stop'

/** A word about a scope: by the guard or an operator. Key: scope|author. */
export type Control = {
  /** run:<id>, dataset:<name> or *. */
  scope: string
  /** guard or operator. */
  author: string
  /** none clears an earlier word. */
  action: ControlAction
  /** CONTINUE, WARNING, STOP_BUDGET, STOP_ERRORS, STOP_QUALITY, STOP_MIX, STOP_COLLAPSE, STOP_SATURATED. */
  state: string
  /** The evidence in one sentence. */
  reason: string
  /** JSON object with the numbers. */
  evidence: string
  /** Added to the scheduled temperature. */
  temperature_delta: number | null
  /** Unix time in microseconds after which the word is void. */
  expires_at: number | null
  /** Unix time in microseconds. */
  created_at: number
}

/** A dataset: what training jobs consume and versions are cut from. */
export type Dataset = {
  /** Name. */
  name: string
  /** Slots the dataset is spread over. */
  shards: number
  /** Share of human documents for generators, percent. */
  split_seed: number
  /** Share for metrics, percent. */
  split_reference: number
  /** Share for calibration, percent. */
  split_audit: number
  /** Smallest real share of every prefix of training, 0 to 1. */
  floor: number
  /** Deepest generation that enters training; unknown is deeper than any. */
  max_generation: number
  /** What else training is mixed of, as the recipe says it: strategy, shares, weights, quotas, epochs; JSON. */
  mix: string
  /** Whether human text must be signed: what is not is of unknown origin. */
  signing: boolean
  /** Tokens in a metric window. */
  window: number
  /** Unix time in microseconds. */
  created_at: number
}

/** Where in the flow texts were looked at. */
export type Stage = 'unknown' | 'raw' | 'accepted' | 'human'

/** One value beside the human band at the same window size */
export type Metric = {
  /** Key of the metric. */
  name: string
  /** The value; null when undefined. */
  value: number | null
  /** Why it is undefined, or empty. */
  undefined: string
  /** Mean over the human windows. */
  human_mean: number | null
  /** Standard deviation over the human windows (n - 1). */
  human_sd: number | null
  /** (value - human_mean) / human_sd. */
  z: number | null
  /** Name and version of the model it rests on, or empty. */
  model: string
  /** Tokenizer of the value where it is another than the window's, or empty. */
  tokenizer: string
}

/** Documents of a window that fall into one cluster of the human reference */
export type ClusterHits = {
  /** How many. */
  documents: number
  /** Sample ids of up to three of them; human windows only. */
  examples: string[]
}

/** Sums over the sentence embeddings of the documents: those of windows add up */
export type EmbeddingSums = {
  /** Documents with an embedding. */
  count: number
  /** Sum of the vectors, in units of 2^-20. */
  sum: number[]
  /** Sum of the products of their numbers, in units of 2^-20, the lower half row by row: of one number, of two, and so on. */
  products: number[]
}

/** One metric panel of one window. */
export type DiversityStat = {
  /** dataset/run/stage/generation/source. */
  scope: string
  /** Dataset. */
  dataset: string
  /** Campaign; empty for human windows. */
  run: string
  /** raw = generations, accepted = samples.verified, human = the reference split. */
  stage: Stage
  /** Model id, or * over all sources. */
  source: string
  /** Generation number of the texts. */
  generation: number | null
  /** Group of cells, or *. */
  cell_group: string
  /** Number of the window in its scope, from 0. */
  window: number
  /** Topic the window was read from. */
  topic: string
  /** Partition. */
  slot: number
  /** Offset of its first document. */
  from: number
  /** Offset after its last document. */
  to: number
  /** Documents in the window. */
  documents: number
  /** Tokens in the window. */
  tokens: number
  /** Tokens a whole window holds. */
  budget: number
  /** True when the run ended before the budget was reached: never judged. */
  partial: boolean
  /** Name and version of the tokenizer. */
  tokenizer: string
  /** The panel. */
  metrics: Metric[]
  /** By cluster of the human reference, in their order; empty before there are any. */
  clusters: ClusterHits[]
  /** Of windows of one source, of a group of cells and of people; empty for all sources, whose text is theirs once more. */
  embeddings: EmbeddingSums
  /** Log-perplexity of each document under the model of the human reference, in nats a token, of the same windows. */
  log_perplexities: number[]
  /** Number of human windows the band was taken from. */
  human_windows: number
  /** Reference documents missing for a band; 0 when there is one, or more would not help. */
  human_missing: number
  /** Unix time in microseconds. */
  created_at: number
}

/** A human document as published. */
export type Document = {
  /** Publisher's id, or sha256-128 of the canonical content. */
  id: string
  /** Dataset it belongs to. */
  dataset: string
  /** Coordinates. */
  cell: Cell
  /** The text; a plain document is one message with role document. */
  messages: Message[]
  /** Origin, source, licence, author; split and generation are set by admit. */
  provenance: Provenance
  /** Ed25519 signature of what was published, by the key provenance.signed_by names, base64; null: unsigned. */
  signature: string | null
  /** Everything else. */
  metadata: Record<string, string>
}

/** A raw reply, whole, as the provider gave it. */
export type Generation = {
  /** Sample id: sha256-128 of (request id, content hash). */
  id: string
  /** hash(run, prompt id, attempt, sample index). */
  request_id: string
  /** sha256-128 of the normalised messages, hex. */
  content_hash: string
  /** Dataset. */
  dataset: string
  /** Campaign. */
  run: string
  /** Coordinates. */
  cell: Cell
  /** What was asked. */
  prompt: Message[]
  /** How many samples the prompt asked for: what settling is counted against. */
  samples: number
  /** The text of the answer. */
  reply: string
  /** Reasoning the provider returned. */
  reasoning_content: string | null
  /** The provider's response body, JSON. */
  raw: string | null
  /** stop, length, content_filter, tool_calls, error. */
  finish_reason: string
  /** Why the call failed for good; empty when it did not. */
  error: string
  /** What the call consumed. */
  usage: Usage
  /** Mean natural logarithm of the probability of its tokens, as the provider says; null where it was not asked. */
  log_probability: number | null
  /** From request to last byte. */
  latency_ms: number
  /** Model, decoding, generation number. */
  provenance: Provenance
  /** Everything else. */
  metadata: Record<string, string>
}

/** How far a call has come. */
export type Phase = 'none' | 'intent' | 'result' | 'settled'

/** One paid call: intent before it, result as it arrives, settled with its output. */
export type JournalEntry = {
  /** hash(run, prompt id, attempt, sample index). */
  request_id: string
  /** Campaign. */
  run: string
  /** intent, result or settled. */
  phase: Phase
  /** The draw made once: model, temperature, seed, JSON; empty once settled. */
  draw: string
  /** The whole reply, JSON; only for results. */
  reply: string
  /** Cost reserved for calls whose outcome is unknown, millionths of a US dollar, summed over crashes. */
  reserved_micros: number
  /** Cost settled, millionths of a US dollar. */
  cost_micros: number
  /** Tokens, input and output: reserved in an intent or a result, consumed once settled. */
  tokens: number
  /** Unix time in microseconds. */
  at: number
}

/** One turn of a conversation; a plain document is one message with role document. */
export type Message = {
  /** system, user, assistant, tool or document. */
  role: string
  /** The text. */
  content: string
  /** JSON array of tool calls, as the provider returned it. */
  tool_calls: string | null
  /** The call a tool message answers. */
  tool_call_id: string | null
  /** Reasoning the provider returned beside the answer. */
  reasoning_content: string | null
}

/** An n-gram model fitted on a fixed range of the seed split */
export type OfflineModel = {
  /** Dataset whose seed split it is fitted on. */
  dataset: string
  /** Partition of samples.human. */
  slot: number
  /** Offset the range [0, to) ends at. */
  to: number
  /** Tokens of context plus one. */
  order: number
  /** Weight of the shorter context, 0 to 1. */
  smoothing: number
  /** Share of the seed documents it sees, by hash. */
  share: number
}

/** A model that may generate. Key: id@revision; immutable. */
export type Model = {
  /** Model id as written in provenance. */
  id: string
  /** Fingerprint of everything below. */
  revision: string
  /** openai, anthropic, offline. */
  provider: string
  /** Models that share training data or weights. */
  family: string
  /** Model it was fine-tuned from. */
  base: string | null
  /** Dataset versions (dataset@version) it was trained on. */
  trained_on: string[]
  /** Generation of the newest data it was trained on; null when unknown. */
  generation: number | null
  /** allowed, forbidden, unknown. */
  output_terms: string
  /** Parameters of an offline model. */
  offline: OfflineModel | null
  /** Added to the registry: its generation follows from what it was trained on. Otherwise a recipe assumed it. */
  registered: boolean
  /** Unix time in microseconds. */
  created_at: number
}

/** A prompt set aside because its scope is stopped; `control` resume re-injects it. */
export type ParkedPrompt = {
  /** The prompt, unchanged. */
  prompt: Prompt
  /** Why it was parked. */
  reason: string
  /** How many samples it leaves unsettled; all of them count as parked. */
  samples: number
  /** Unix time in microseconds. */
  parked_at: number
}

/** A request for samples. Identity is (id, attempt). */
export type Prompt = {
  /** Prompt id; the same for every repair attempt. */
  id: string
  /** Dataset the samples go to. */
  dataset: string
  /** Campaign the prompt belongs to. */
  run: string
  /** Coordinates of the samples asked for. */
  cell: Cell
  /** What the model is asked. */
  messages: Message[]
  /** How many samples to draw. */
  samples: number
  /** 1 for the first, raised by every repair. */
  attempt: number
  /** Why the previous attempt failed, shown to the model. */
  feedback: string | null
  /** Where the prompt came from. */
  provenance: Provenance
  /** Everything else. */
  metadata: Record<string, string>
}

/** Who made a text. */
export type Origin = 'UNKNOWN' | 'HUMAN_AUTHORED' | 'HUMAN_EDITED' | 'SYNTHETIC'

/** Which use a human text is set aside for. */
export type Split = 'NONE' | 'SEED' | 'REFERENCE' | 'AUDIT'

/** Where a text came from. Stands in every prompt and sample; enforced where a record enters a topic. */
export type Provenance = {
  /** Who made the text. UNKNOWN is legal and never counts as human. */
  origin: Origin
  /** The model that wrote it; required for SYNTHETIC, forbidden for HUMAN_AUTHORED. */
  model_id: string | null
  /** openai, anthropic, offline, … : whose protocol was spoken. */
  model_provider: string | null
  /** Models that share training data or weights: the unit of the minimum share. */
  model_family: string | null
  /** Sampling temperature. */
  temperature: number | null
  /** Nucleus sampling mass, 0 to 1. */
  top_p: number | null
  /** Number of most likely tokens sampled from. */
  top_k: number | null
  /** Sampling seed, below 2^53. */
  seed: number | null
  /** Largest number of tokens the model was allowed to write. */
  max_tokens: number | null
  /** 0 for human text; 1 + the largest generation it derives from for synthetic; null when unknown. Computed, never declared. */
  generation: number | null
  /** Ids of accepted texts the content derives from. */
  parent_ids: string[]
  /** HUMAN_EDITED only: Levenshtein distance to the nearest parent, divided by the length of the longer text, 0 to 1; null where no parent's text was there to compare with. */
  edit_distance: number | null
  /** Ids of failed attempts this one repairs; they do not count for the generation. */
  repairs: string[]
  /** Ids of human texts whose words stand in it, for example as examples in a prompt; they do not count for the generation. */
  quoted_ids: string[]
  /** The prompt that was answered. */
  prompt_id: string | null
  /** 1 for a first answer, n for the answer to the n-th repair prompt. */
  attempt: number
  /** Which of the samples asked for by one prompt. */
  sample_index: number | null
  /** The program or person that wrote the record. */
  created_by: string
  /** Where a human text was found. */
  source_uri: string | null
  /** SPDX identifier or URL of the licence. */
  license: string | null
  /** Author of a human text. */
  author: string | null
  /** Id of the key a published human text is signed with; admit keeps it only where the signature holds. */
  signed_by: string | null
  /** What the provider allows with its output: allowed, forbidden, unknown. */
  output_terms: string | null
  /** Human texts only: seed (generators may see it), reference (metrics only), audit (calibration only). */
  split: Split | null
  /** Fingerprint of the configuration. */
  recipe: string
  /** Unix time in microseconds. */
  created_at: number
}

/** A key human text may be signed with. Key: its id. */
export type PublisherKey = {
  /** Name of the key, as provenance.signed_by gives it. */
  id: string
  /** Ed25519 public key, the 32 bytes in base64. */
  public_key: string
  /** Origins it may vouch for: HUMAN_AUTHORED, HUMAN_EDITED. */
  origins: string[]
  /** No longer believed: what is signed with it is as good as unsigned. */
  revoked: boolean
  /** Who listed it. */
  author: string
  /** Unix time in microseconds. */
  created_at: number
}

/** A sample that was turned down, and by what. */
export type Rejection = {
  /** Sample id. */
  id: string
  /** The sample as it was. */
  sample: Sample
  /** Who turned it down. */
  processor: string
  /** Name of the check. */
  check: string
  /** Version of the check. */
  version: string
  /** Machine-readable reason. */
  reason: string
  /** What exactly was seen. */
  detail: string
  /** Id of the record it collided with. */
  hit: string | null
  /** Whether a repair prompt was written in the same transaction. */
  retried: boolean
  /** Unix time in microseconds. */
  rejected_at: number
}

/** How far a text leaves: out of future versions, or its words out of everything. */
export type RetractionKind = 'RETRACTED' | 'ERASED'

/** A row of training that was taken out of the log: what the versions that hold it were counted and hashed by. */
export type ErasedRow = {
  /** Partition of training it lay in. */
  slot: number
  /** Offset it lay at. */
  offset: number
  /** The row without its messages, metadata, author and source. */
  sample: Sample
}

/** A text that leaves: a licence withdrawn, a poisoned source, a law. Versions closed later do not hold it. Key: dataset/id. */
export type Retraction = {
  /** Sample id. */
  id: string
  /** Dataset it is in. */
  dataset: string
  /** Out of future versions, or its words out of everything. */
  kind: RetractionKind
  /** Why. */
  reason: string
  /** The retracted text it descends from, for which it leaves too; null: it was named itself. */
  ancestor: string | null
  /** sha256-128 of the normalised messages, hex: what is left of an erased text. */
  content_hash: string
  /** Who retracted it. */
  author: string
  /** Unix time in microseconds. */
  created_at: number
  /** ERASED only: the rows of training that were taken out of the log. */
  rows: ErasedRow[]
  /** ERASED only: when its words were found nowhere any more, Unix time in microseconds; null: the erasure is not done. */
  erased_at: number | null
  /** Whether everything that is made of it leaves too, whenever it comes. */
  descendants: boolean
}

/** Life of a run. */
export type RunState = 'unknown' | 'open' | 'draining' | 'ended'

/** A campaign into one dataset. */
export type Run = {
  /** Run id. */
  id: string
  /** Dataset. */
  dataset: string
  /** The recipe, JSON. */
  recipe: string
  /** sha256-128 of the recipe. */
  fingerprint: string
  /** open: prompts may come; draining: publishing is closed; ended: every sample is settled. */
  state: RunState
  /** Raised by every change of state. */
  revision: number
  /** When draining: the end offset of prompts per slot; nothing of this run comes after it. */
  prompts_to: number[]
  /** When ended: topic to offset by which everything of this run was written. */
  until: Record<string, number>
  /** Slot of the dataset, which `until` speaks of. */
  slot: number
  /** Unix time in microseconds. */
  created_at: number
}

/** A training sample: human or synthetic. */
export type Sample = {
  /** sha256-128: of the canonical content for a human sample, of (request id, content hash) for a synthetic one. */
  id: string
  /** sha256-128 of the normalised messages, hex. */
  content_hash: string
  /** Dataset the sample belongs to. */
  dataset: string
  /** Campaign that made it; empty for human samples. */
  run: string
  /** Coordinates. */
  cell: Cell
  /** The conversation or document. */
  messages: Message[]
  /** Where it came from. */
  provenance: Provenance
  /** What making it consumed. */
  usage: Usage
  /** What the checks said. */
  verdicts: Verdict[]
  /** Everything else. */
  metadata: Record<string, string>
  /** Which pass over the human texts a row of training belongs to; above 1 only where the recipe allows repeating them. */
  epoch: number
}

/** One entry of a processor's memory. Key: table|key; a null value forgets it. */
export type State = {
  /** Name of the state table. */
  table: string
  /** The entry, JSON. */
  value: string
}

/** What a call consumed. */
export type Usage = {
  /** Tokens read. */
  input_tokens: number
  /** Tokens written. */
  output_tokens: number
  /** Tokens thought, included in output_tokens. */
  reasoning_tokens: number
  /** Cost in millionths of a US dollar. */
  cost_micros: number
}

/** What one check said. */
export type Verdict = {
  /** Name of the check. */
  check: string
  /** Version of the check. */
  version: string
  /** Whether the sample passed. */
  is_valid: boolean
  /** Score, where the check gives one. */
  score: number | null
  /** Why. */
  reasoning: string
}

/** An immutable version of a dataset. The first record of a key wins. */
export type Version = {
  /** Dataset. */
  dataset: string
  /** Version. */
  version: string
  /** Parent version. */
  parent: string | null
  /** End offset of training per slot. */
  offsets: number[]
  /** sha256 over the ordered sample ids. */
  digest: string
  /** JSON object with counts and achieved ratios. */
  manifest: string
  /** Unix time in microseconds. */
  created_at: number
}
