/** OpenAI's chat completions, and every server that speaks them: vLLM, Ollama, llama.cpp, OpenRouter and others. */
import type OpenAI from 'openai'
import type { Message } from '../../schemas/types.ts'
import type { Source } from '../../processors/recipe.ts'
import { asCount, asObject, asText, parseBody, toolCalls, type Fields } from './body.ts'
import { CallFailure, malformed, type Answer, type Caller, type Sent, type Target } from './call.ts'
import { promptBound } from './cost.ts'
import { failureOf, statusFailure } from './failure.ts'
import { createTransport } from './transport.ts'

const finishes: Readonly<Record<string, Answer['finish_reason']>> = {
  stop: 'stop',
  eos: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  content_filter: 'content_filter',
  safety: 'content_filter',
  refusal: 'content_filter',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls'
}

function wireMessage(message: Message): object {
  const { role, content, tool_calls: calls, tool_call_id } = message
  if (role === 'tool') return { role, content, tool_call_id: tool_call_id ?? '' }
  if (role === 'assistant' && calls !== null) {
    const list = toolCalls(calls)
    if (!list)
      throw new CallFailure('rejected', 'tool_calls of a message is not a list of calls', { reached: false })
    return {
      role,
      content: content === '' ? null : content,
      tool_calls: list.map(({ id, name, arguments: given }) => ({
        id,
        type: 'function',
        function: { name, arguments: given }
      }))
    }
  }
  return { role: role === 'document' ? 'user' : role, content }
}

/**
 * Checks an answer and takes out what is used.
 * @param raw the response body
 * @throws CallFailure when it makes no sense, or is an error in the clothes of an answer
 */
export function readChatCompletion(
  raw: string,
  source: Pick<Source, 'max_tokens'>,
  messages: readonly Message[]
): Omit<Answer, 'sent' | 'headers'> {
  const body = parseBody(raw)
  const { error, choices } = body
  if (error !== undefined && error !== null) throw errorInside(body)
  if (!Array.isArray(choices) || choices.length === 0) throw malformed('choices is empty')
  const choice = asObject(choices[0], 'choices[0]')
  if (choice['error'] !== undefined && choice['error'] !== null) throw errorInside(choice)
  const message = asObject(choice['message'], 'choices[0].message')
  const content = asText(message['content'], 'content')
  const refusal = asText(message['refusal'], 'refusal')
  const reason = asText(choice['finish_reason'], 'finish_reason')
  let finish = finishes[reason ?? '']
  if (finish === undefined) throw malformed(`finish_reason ${JSON.stringify(reason)} is unknown`)
  // A refusal comes with finish_reason stop and no content.
  if (content === null && refusal !== null) finish = 'content_filter'
  if (content === null && refusal === null && finish === 'stop') throw malformed('content is null')
  const reply = content ?? refusal ?? ''
  const reasoning = asText(message['reasoning_content'] ?? message['reasoning'], 'reasoning_content')
  const probability = meanLogProbability(choice['logprobs'])
  return {
    reply,
    reasoning_content: reasoning,
    ...(probability !== undefined && { log_probability: probability }),
    raw,
    finish_reason: finish,
    ...readUsage(body)
  }

  function readUsage(from: Fields): Pick<Answer, 'input_tokens' | 'output_tokens' | 'reasoning_tokens'> {
    const usage = asObject(from['usage'] ?? {}, 'usage')
    const details = asObject(usage['completion_tokens_details'] ?? {}, 'completion_tokens_details')
    // Cached tokens are part of prompt_tokens. Where a server does not count, bounds stand in, so a budget holds.
    const written = Buffer.byteLength(reply) + Buffer.byteLength(reasoning ?? '')
    const output =
      asCount(usage['completion_tokens'], 'completion_tokens') ?? Math.min(source.max_tokens, written)
    return {
      input_tokens: asCount(usage['prompt_tokens'], 'prompt_tokens') ?? promptBound(messages),
      output_tokens: output,
      reasoning_tokens: asCount(details['reasoning_tokens'], 'reasoning_tokens') ?? 0
    }
  }
}

/** Over the tokens of an answer; undefined where they are not told, or not as the protocol has them: the answer is as good without. */
function meanLogProbability(logprobs: unknown): number | undefined {
  const tokens =
    typeof logprobs === 'object' && logprobs !== null && 'content' in logprobs && logprobs.content
  if (!Array.isArray(tokens) || tokens.length === 0) return undefined
  let sum = 0
  for (const token of tokens as { logprob?: unknown }[]) {
    const value = token?.logprob
    // -9999 stands for a probability that is not told.
    if (typeof value !== 'number' || !(value <= 0) || value <= -9999) return undefined
    sum += value
  }
  return sum / tokens.length
}

/** Gateways answer 200 and put the failure of the server behind them into the body. */
function errorInside(body: Fields): CallFailure {
  const { code } = asObject(body['error'], 'error')
  const status = typeof code === 'number' && code >= 400 && code < 600 ? code : 502
  return statusFailure(status, body, new Headers(), undefined, 0)
}

/** Parameters that some models refuse although the protocol has them. */
type Optional = 'temperature' | 'top_p' | 'seed' | 'max_tokens' | 'logprobs'
const optional: readonly string[] = [
  'temperature',
  'top_p',
  'seed',
  'max_tokens',
  'logprobs'
] satisfies Optional[]

/** A caller of one server. The SDK is loaded with the first call. */
export function createOpenAI(target: Target, now: () => number): Caller {
  const { url, key, official, log } = target
  const refused = new Map<string, Set<string>>()
  let client: Promise<OpenAI> | undefined

  const connect = async (): Promise<OpenAI> => {
    const { default: Client } = await import('openai')
    return new Client({
      // The SDK reads its own environment variables for whatever is left out here.
      apiKey: key?.reveal() ?? 'none',
      adminAPIKey: null,
      baseURL: url.href.replace(/\/$/, ''),
      webhookSecret: null,
      maxRetries: 0,
      logLevel: 'off',
      fetch: createTransport(url.origin),
      ...(!official && { organization: null, project: null }),
      ...(!key && { defaultHeaders: { Authorization: null } })
    })
  }

  return async (source, request, signal) => {
    const dropped = refused.get(source.model) ?? new Set<string>()
    const openai = await (client ??= connect())
    for (;;) {
      const sent: Sent = {
        temperature: dropped.has('temperature') ? null : request.temperature,
        top_p: dropped.has('top_p') ? null : (source.top_p ?? null),
        seed: dropped.has('seed') ? null : request.seed
      }
      // OpenAI's reasoning models know only the newer name, other servers often only the older one.
      const newer = official !== dropped.has('max_tokens')
      const body = {
        model: source.model,
        messages: request.messages.map(wireMessage),
        [newer ? 'max_completion_tokens' : 'max_tokens']: source.max_tokens,
        ...(sent.temperature !== null && { temperature: sent.temperature }),
        ...(sent.top_p !== null && { top_p: sent.top_p }),
        ...(sent.seed !== null && { seed: sent.seed }),
        ...(source.logprobs === true && !dropped.has('logprobs') && { logprobs: true })
      }
      try {
        const response = await openai
          .post('/chat/completions', {
            body,
            signal,
            // The signal is the timeout; the SDK's own must not come first.
            timeout: source.timeout_ms + 60_000,
            headers: { 'Idempotency-Key': request.requestId, 'X-Client-Request-Id': request.requestId }
          })
          .asResponse()
        const answer = readChatCompletion(await response.text(), source, request.messages)
        return { ...answer, sent, headers: response.headers }
      } catch (error) {
        const failure = failureOf(error, key, now())
        const parameter = failure.parameter?.replace('max_completion_tokens', 'max_tokens')
        if (failure.kind !== 'rejected' || !parameter || !isRefused(parameter, failure, dropped))
          throw failure
        dropped.add(parameter)
        refused.set(source.model, dropped)
        log.warn(
          { source: source.name, model: source.model, parameter },
          'the model refuses a parameter: sent without it'
        )
      }
    }
  }
}

/** Whether the server refuses the parameter itself, rather than its value as out of range. */
function isRefused(parameter: string, failure: CallFailure, dropped: ReadonlySet<string>): boolean {
  return (
    optional.includes(parameter) &&
    !dropped.has(parameter) &&
    /unsupported|not supported|unrecognized|deprecated/i.test(failure.message)
  )
}
