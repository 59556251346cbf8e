/** Anthropic's messages, and every server that speaks them. */
import type Anthropic from '@anthropic-ai/sdk'
import type { Message } from '../../schemas/types.ts'
import { asCount, asObject, asText, parseBody, toolCalls } from './body.ts'
import { CallFailure, malformed, type Answer, type Caller, type Sent, type Target } from './call.ts'
import { failureOf, statusFailure } from './failure.ts'
import { createTransport } from './transport.ts'

/**
 * The version of the protocol. Later ones refuse every sampling parameter (the SDK would send 2026-10-21), and the
 * temperature schedule is what keeps answers apart; models that take none say so and get none.
 */
const version = '2023-06-01'
/** The highest temperature of this protocol. */
const maxTemperature = 1

const finishes: Readonly<Record<string, Answer['finish_reason']>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'content_filter',
  tool_use: 'tool_calls'
}

type Turn = { role: 'user' | 'assistant'; content: string | object[] }

function wireTurn(message: Message): Turn {
  const { role, content, tool_calls: calls, tool_call_id } = message
  if (role === 'tool') {
    return { role: 'user', content: [{ type: 'tool_result', tool_use_id: tool_call_id ?? '', content }] }
  }
  if (role === 'assistant' && calls !== null) {
    const list = toolCalls(calls)
    const inputs = list?.map(call => parsed(call.arguments))
    if (!list || !inputs || inputs.includes(undefined)) {
      throw new CallFailure('rejected', 'tool_calls of a message is not a list of calls', { reached: false })
    }
    const uses = list.map(({ id, name }, at) => ({ type: 'tool_use', id, name, input: inputs[at] }))
    return { role, content: [...(content === '' ? [] : [{ type: 'text', text: content }]), ...uses] }
  }
  return { role: role === 'assistant' ? 'assistant' : 'user', content }
}

function parsed(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** System messages stand apart in this protocol; a conversation of nothing else is asked as a user's. */
function conversation(messages: readonly Message[]): { system: string | undefined; turns: Turn[] } {
  const system = messages.filter(message => message.role === 'system').map(message => message.content)
  const turns = messages.filter(message => message.role !== 'system').map(wireTurn)
  if (turns.length === 0)
    return { system: undefined, turns: [{ role: 'user', content: system.join('\n\n') }] }
  return { system: system.length > 0 ? system.join('\n\n') : undefined, turns }
}

/**
 * Checks an answer and takes out what is used.
 * @param raw the response body
 * @throws CallFailure when it makes no sense
 */
export function readMessage(raw: string): Omit<Answer, 'sent' | 'headers'> {
  const body = parseBody(raw)
  if (body['type'] === 'error') throw statusFailure(502, body, new Headers(), undefined, 0)
  const { content } = body
  if (!Array.isArray(content)) throw malformed('content is not a list')
  let reply = ''
  let reasoning: string | null = null
  for (const one of content as unknown[]) {
    const block = asObject(one, 'a content block')
    if (block['type'] === 'text') {
      const text = asText(block['text'], 'text')
      if (text === null) throw malformed('text is missing')
      reply += text
    } else if (block['type'] === 'thinking') {
      reasoning = (reasoning ?? '') + (asText(block['thinking'], 'thinking') ?? '')
    }
  }
  const reason = asText(body['stop_reason'], 'stop_reason')
  const finish = finishes[reason ?? '']
  if (finish === undefined) throw malformed(`stop_reason ${JSON.stringify(reason)} is unknown`)
  const usage = asObject(body['usage'], 'usage')
  const details = asObject(usage['output_tokens_details'] ?? {}, 'output_tokens_details')
  const fresh = asCount(usage['input_tokens'], 'input_tokens')
  const output = asCount(usage['output_tokens'], 'output_tokens')
  if (fresh === undefined || output === undefined) throw malformed('usage does not count')
  // Unlike OpenAI's, input_tokens leaves out what was read from a cache or written to it.
  const written = asCount(usage['cache_creation_input_tokens'], 'cache_creation_input_tokens') ?? 0
  const cached = asCount(usage['cache_read_input_tokens'], 'cache_read_input_tokens') ?? 0
  return {
    reply,
    reasoning_content: reasoning,
    raw,
    finish_reason: finish,
    input_tokens: fresh + written + cached,
    output_tokens: output,
    reasoning_tokens: asCount(details['thinking_tokens'], 'thinking_tokens') ?? 0
  }
}

/** The sampling parameter a message refuses for this model, whatever its value. */
function refusedParameter(failure: CallFailure): 'temperature' | 'top_p' | undefined {
  const { kind, status, message } = failure
  if (kind !== 'rejected' || status !== 400) return undefined
  if (!/deprecated|not supported|not permitted|cannot both/i.test(message)) return undefined
  // Where only one of the two may be given, the schedule's temperature stays.
  if (/\btop_p\b/.test(message)) return 'top_p'
  return /\btemperature\b/.test(message) ? 'temperature' : undefined
}

/** A caller of one server. The SDK is loaded with the first call. */
export function createAnthropic(target: Target, now: () => number): Caller {
  const { url, key, log } = target
  const refused = new Map<string, Set<string>>()
  let client: Promise<Anthropic> | undefined

  const connect = async (): Promise<Anthropic> => {
    const { default: Client } = await import('@anthropic-ai/sdk')
    return new Client({
      // Given, so that the SDK looks for no other credential; the header below is the one this version documents.
      apiKey: key?.reveal() ?? 'none',
      webhookKey: null,
      // The SDK adds the version to the path; people write it or leave it out.
      baseURL: url.href.replace(/\/$/, '').replace(/\/v1$/, ''),
      maxRetries: 0,
      logLevel: 'off',
      openTelemetry: false,
      fetch: createTransport(url.origin),
      defaultHeaders: {
        'anthropic-version': version,
        Authorization: null,
        'x-api-key': key?.reveal() ?? 'none'
      }
    })
  }

  return async (source, request, signal) => {
    const dropped = refused.get(source.model) ?? new Set<string>()
    const anthropic = await (client ??= connect())
    const { system, turns } = conversation(request.messages)
    for (;;) {
      const sent: Sent = {
        temperature: dropped.has('temperature') ? null : Math.min(maxTemperature, request.temperature),
        top_p: dropped.has('top_p') ? null : (source.top_p ?? null),
        // The protocol has none.
        seed: null
      }
      const body = {
        model: source.model,
        max_tokens: source.max_tokens,
        messages: turns,
        ...(system !== undefined && { system }),
        ...(sent.temperature !== null && { temperature: sent.temperature }),
        ...(sent.top_p !== null && { top_p: sent.top_p })
      }
      try {
        const response = await anthropic
          .post('/v1/messages', {
            body,
            signal,
            // The signal is the timeout; the SDK's own must not come first.
            timeout: source.timeout_ms + 60_000,
            headers: { 'Idempotency-Key': request.requestId }
          })
          .asResponse()
        return { ...readMessage(await response.text()), sent, headers: response.headers }
      } catch (error) {
        const failure = failureOf(error, key, now())
        const parameter = refusedParameter(failure)
        if (parameter === undefined || dropped.has(parameter) || sent[parameter] === null) throw failure
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
