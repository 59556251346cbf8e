/** What the two fake model servers share: listening, recording, scripts, and text to answer with. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { hash } from 'node:crypto'
import { random } from '../../metrics/random.ts'

/** What a server does with one request that it would accept. */
export type Behaviour =
  /** An answer: the text derived from the request unless one is given. `extra` is merged into the body's top level. */
  | {
      readonly kind: 'ok'
      readonly text?: string
      /** The text is not cut at max_tokens, as some servers do not. */
      readonly uncut?: boolean
      readonly reasoning?: string
      readonly cachedTokens?: number
    }
  /** An answer cut at max_tokens. */
  | { readonly kind: 'length' }
  /** OpenAI: finish_reason content_filter. Anthropic: stop_reason refusal. */
  | { readonly kind: 'filtered' }
  /** A 200 with this JSON as its body. */
  | { readonly kind: 'json'; readonly body: unknown }
  /** An error of this status in the provider's own words. */
  | {
      readonly kind: 'error'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly message?: string
      readonly type?: string
      readonly code?: string | null
      readonly param?: string | null
    }
  /** Never answers. */
  | { readonly kind: 'silent' }
  /** A 200 that says JSON and is none. */
  | { readonly kind: 'garbage' }
  /** Headers and half a body, then the connection is cut. */
  | { readonly kind: 'cut' }
  /** A 200 that answers after so many milliseconds. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** A redirect. */
  | { readonly kind: 'redirect'; readonly to: string; readonly status?: number }

/** A request as it came. */
export type Recorded = {
  /** From 1, in order of arrival. */
  readonly number: number
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The parsed body; undefined when it was none. */
  readonly body: Readonly<Record<string, unknown>> | undefined
  /** What the client says is the same call. */
  readonly idempotencyKey: string | undefined
  /** Status of the answer; undefined until there is one. */
  status: number | undefined
  /** Whether a real provider would have charged for it: the work was done, whether or not the answer arrived. */
  paid: boolean
  /** Whether what was paid for could not be read. */
  spoiled: boolean
}

/** Limits a server reports and enforces, per minute. */
export type FakeLimits = { readonly requests: number; readonly tokens: number }

/** How a fake server is set. */
export type FakeOptions = {
  /** The key it takes; absent: any. */
  readonly key?: string
  /** Models it knows; absent: any. */
  readonly models?: readonly string[]
  /** Models that refuse sampling parameters. */
  readonly fixedSampling?: readonly string[]
  /** Milliseconds before every answer. */
  readonly latencyMs?: number
  /** Reported in headers; not enforced, a script does that. */
  readonly limits?: FakeLimits
  /** What it does with a request it would accept; undefined is `ok`. Queued behaviours come first. */
  readonly script?: (request: Recorded) => Behaviour | undefined
}

/** A fake server. */
export type FakeServer = {
  /** To give as `base_url`. */
  readonly url: string
  readonly requests: readonly Recorded[]
  /** Requests a real provider would have charged for. */
  paid(): number
  /** Largest number of requests in work at once so far. */
  peak(): number
  /** Behaviours of the next requests, one each. */
  next(...behaviours: readonly Behaviour[]): void
  /** Resolves once so many requests have arrived. */
  arrived(count: number): Promise<void>
  close(): Promise<void>
}

/** An HTTP answer. */
export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}
/** One provider's words. */
export type Dialect = {
  /** Path under the address of the server. */
  readonly base: string
  /** What is wrong with a request, or undefined. */
  refuse(request: Recorded, method: string): Reply | undefined
  answer(request: Recorded, behaviour: Extract<Behaviour, { kind: 'ok' | 'length' | 'filtered' }>): Reply
  fail(request: Recorded, behaviour: Extract<Behaviour, { kind: 'error' }>): Reply
}

const subjects =
  'river,garden,engine,library,market,teacher,harbour,forest,kitchen,letter,winter,village,signal,bridge,doctor,orchard,railway,painter,island,machine'.split(
    ','
  )
const verbs =
  'carries,changes,follows,explains,protects,repeats,measures,remembers,supports,crosses,answers,collects,surprises,teaches,divides,opens'.split(
    ','
  )
const kinds =
  'quiet,careful,early,bright,narrow,common,distant,honest,heavy,simple,patient,old,curious,steady,sudden,gentle'.split(
    ','
  )
const ends =
  'before the rain,without a word,in the afternoon,near the old road,for many years,at the end of summer,with great care,under the open sky,after the meeting,by accident'.split(
    ','
  )

/**
 * English sentences derived from a request: the same request gets the same text, another request another.
 * @param seed anything that tells requests apart
 */
export function textFor(seed: string, sentences = 4): string {
  const draws = random(Number.parseInt(hash('sha256', seed, 'hex').slice(0, 13), 16))
  const of = (list: readonly string[]): string => list[draws.below(list.length)]!
  return Array.from(
    { length: sentences },
    () => `The ${of(kinds)} ${of(subjects)} ${of(verbs)} the ${of(kinds)} ${of(subjects)} ${of(ends)}.`
  ).join(' ')
}

/** Tokens as a fake tokenizer counts them: four bytes each, at least one. */
export function countTokens(text: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / 4))
}

/** Starts a server that speaks a dialect, on loopback. */
export async function startFake(dialect: Dialect, options: FakeOptions = {}): Promise<FakeServer> {
  const { latencyMs = 0, script } = options
  const requests: Recorded[] = []
  const queue: Behaviour[] = []
  const sockets = new Set<Socket>()
  const timers = new Set<NodeJS.Timeout>()
  const waiting = new Set<() => void>()
  let working = 0
  let peak = 0

  const later = (ms: number, then: () => void): void => {
    if (ms === 0) return then()
    const timer = setTimeout(() => {
      timers.delete(timer)
      then()
    }, ms)
    timers.add(timer)
  }
  const send = (response: ServerResponse, { status, headers, body }: Reply, request: Recorded): void => {
    request.status = status
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
  }

  function act(request: Recorded, behaviour: Behaviour, response: ServerResponse): void {
    const whole = (kind: 'ok' | 'length' | 'filtered' = 'ok'): Reply => dialect.answer(request, { kind })
    request.paid = !['error', 'redirect'].includes(behaviour.kind)
    request.spoiled = ['garbage', 'cut', 'silent'].includes(behaviour.kind)
    switch (behaviour.kind) {
      case 'ok':
      case 'length':
      case 'filtered':
        return send(response, dialect.answer(request, behaviour), request)
      case 'json':
        return send(response, { ...whole(), body: behaviour.body }, request)
      case 'error':
        return send(response, dialect.fail(request, behaviour), request)
      case 'garbage':
        return send(response, { ...whole(), body: '{"id": "half an ans' }, request)
      case 'slow':
        return later(behaviour.ms, () => send(response, whole(), request))
      case 'redirect':
        return send(
          response,
          { status: behaviour.status ?? 307, headers: { location: behaviour.to }, body: '' },
          request
        )
      case 'cut': {
        const { status, headers, body } = whole()
        const text = JSON.stringify(body)
        request.status = status
        const length = String(Buffer.byteLength(text))
        response.writeHead(status, {
          'content-type': 'application/json',
          ...headers,
          'content-length': length
        })
        response.write(text.slice(0, text.length / 2), () => response.socket?.destroy())
        return
      }
      case 'silent':
    }
  }

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    let body: Recorded['body']
    try {
      body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Recorded['body']
    } catch {
      body = undefined
    }
    const headers = incoming.headers as Recorded['headers']
    const request: Recorded = {
      number: requests.length + 1,
      path: incoming.url ?? '',
      headers,
      body,
      idempotencyKey: headers['idempotency-key'],
      status: undefined,
      paid: false,
      spoiled: false
    }
    requests.push(request)
    working += 1
    peak = Math.max(peak, working)
    response.once('close', () => (working -= 1))
    for (const check of waiting) check()
    const refusal = dialect.refuse(request, incoming.method ?? '')
    if (refusal) return send(response, refusal, request)
    const behaviour = queue.shift() ?? script?.(request) ?? { kind: 'ok' }
    later(latencyMs, () => act(request, behaviour, response))
  }

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy())
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}${dialect.base}`,
    requests,
    paid: () => requests.filter(request => request.paid).length,
    peak: () => peak,
    next: (...behaviours) => void queue.push(...behaviours),
    arrived: count =>
      new Promise(resolve => {
        const check = (): void => {
          if (requests.length < count) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    async close() {
      for (const timer of timers) clearTimeout(timer)
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    }
  }
}
