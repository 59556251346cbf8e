/**
 * A pipeline under faults: everything `up` runs, a workload that goes on while processes are killed and frozen by a
 * seeded plan, and an audit that reads every topic and every table and compares them record by record.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readConfig } from '../../infra/config.ts'
import { connect, type Deployment } from '../../infra/deployment.ts'
import { corpusLines } from '../../infra/demo/demo.ts'
import { openProducer } from '../../infra/kafka/producer.ts'
import { follow } from '../../infra/kafka/reader.ts'
import { silentLog } from '../../infra/log.ts'
import { allTopics, inputsOf, processorNames, storeName } from '../../infra/processors.ts'
import {
  closeRun,
  ensureDataset,
  ensureRun,
  listRuns,
  publishHuman,
  publishPrompts
} from '../../infra/publish.ts'
import { parseRecipe } from '../../infra/recipe.ts'
import { startUp, type Up } from '../../infra/up.ts'
import { slotOf } from '../../schemas/identity.ts'
import * as topics from '../../schemas/topics.ts'
import { type Asked, checkPipeline, type Compared, readPipeline, type Seen, strangerKey } from './audit.ts'
import { bareEnvironment, everseed } from './cli.ts'
import { readRaw } from './deployment.ts'
import type { Behaviour, Recorded } from './fake-model.ts'
import { startFakeAnthropic } from './fake-anthropic.ts'
import { startFakeOpenAI } from './fake-openai.ts'
import { random as seeded } from './random.ts'

/** A fault of the plan. */
export type Fault = { readonly kind: 'kill' | 'freeze'; readonly target: string; readonly afterMs: number }

/** What became of a run under faults. */
export type Verdict = Compared & {
  readonly kills: Readonly<Record<string, number>>
  readonly freezes: readonly string[]
  readonly deadLetters: number
  /** Calls a provider would have charged for. */
  readonly calls: number
  /** The same, of those that no answer came of: cut connections, broken bodies. */
  readonly spoiled: number
  /** Largest number of calls in flight at once, over both providers. */
  readonly inFlight: number
  /** Everything the pipeline held, and what was asked of it: a test breaks it and sees the audit notice. */
  readonly seen: Seen
  readonly asked: Asked
}

/**
 * The faults of a seed: every processor in turn in a shuffled order, parts now and then.
 * @param kills number of SIGKILLs over all targets
 */
export function planFaults(
  seed: number,
  kills: number,
  options: { brokerKills: number; engineKills: number; freezes: number }
): Fault[] {
  const random = seeded(seed)
  const { brokerKills, engineKills, freezes } = options
  const targets: string[] = []
  while (targets.length < kills - brokerKills - engineKills) targets.push(...processorNames)
  targets.length = kills - brokerKills - engineKills
  const faults: Fault[] = [
    ...targets.map(target => ({ kind: 'kill' as const, target, afterMs: 150 + random() * 900 })),
    ...Array.from({ length: engineKills }, () => ({
      kind: 'kill' as const,
      target: 'clickhouse',
      afterMs: 200 + random() * 800
    })),
    ...Array.from({ length: brokerKills }, () => ({ kind: 'kill' as const, target: 'kafka', afterMs: 2000 })),
    ...Array.from({ length: freezes }, (_, index) => ({
      kind: 'freeze' as const,
      target: ['store', 'generate', 'deduplicate', 'mix', 'measure'][index % 5]!,
      afterMs: 300
    }))
  ]
  // Fisher-Yates with the plan's own numbers.
  for (let index = faults.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1))
    ;[faults[index], faults[other]] = [faults[other]!, faults[index]!]
  }
  return faults
}

const recipeOf = (run: string, openai: string, anthropic: string): string => `
dataset: chaos
run: ${run}
human: { floor: 0.5, split: { seed: 50, reference: 40, audit: 10 } }
sources:
  - { name: free, provider: offline, model: ngram, family: ngram, order: 3, max_tokens: 120 }
  - { name: chat, provider: openai, model: fake-gpt, family: gpt, base_url: "${openai}", max_tokens: 60, price: { input: 1, output: 2 }, parallel: 16 }
  - { name: message, provider: anthropic, model: fake-claude, family: claude, base_url: "${anthropic}", max_tokens: 60, price: { input: 1, output: 2 }, parallel: 16 }
family_min_share: 0.25
attempts: 2
samples_per_prompt: 2
checks: { min_chars: 60 }
window: 1000
`

async function* numbered(lines: readonly string[]): AsyncGenerator<{ number: number; text: string }> {
  for (const [index, text] of lines.entries()) yield { number: index + 1, text }
}

async function until(what: string, condition: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      if (await condition()) return
    } catch (error) {
      // The broker may be down at the moment: that is the point of the exercise.
      last = error
    }
    if (Date.now() > deadline)
      throw new Error(`${what} did not happen in ${timeoutMs / 1000} s`, { cause: last })
    await sleep(100)
  }
}

/** The last lines of the logs of some processes. */
function logsOf(dataDir: string, names: Iterable<string>): string {
  return [...names]
    .map(name => {
      const file = join(dataDir, 'logs', `${name}.log`)
      return existsSync(file) ? `${name}:\n${readFileSync(file, 'utf8').slice(-4000)}` : `${name}: no log`
    })
    .join('\n')
}

/** Prompts that a paid model answers with five million characters, whatever it was asked for. */
const boundless = /matter (7|57|107)\./
const giant = 'A long story about the sea and the people who live by it. '.repeat(90_000)

/** What a provider does wrong now and then: text far too long, cut answers, overload, broken bodies and connections. */
function oddity({ number, body }: Recorded): Behaviour | undefined {
  if (boundless.test(JSON.stringify(body?.['messages']))) return { kind: 'ok', text: giant, uncut: true }
  if (number % 41 === 0) return { kind: 'length' }
  if (number % 43 === 0) return { kind: 'error', status: 429, headers: { 'retry-after-ms': '50' } }
  if (number % 47 === 0) return { kind: 'error', status: 500 }
  if (number % 53 === 0) return { kind: 'cut' }
  if (number % 59 === 0) return { kind: 'garbage' }
  return undefined
}

/** A record that was written although nobody can process it, and the reason it must die of. */
type Poison = { readonly topic: string; readonly key: string; readonly reason: string }

/** Records nobody can process, written by something that does not know the rules; each with the reason it must die of. */
async function publishPoison(deployment: Deployment, slot: number): Promise<Poison[]> {
  const { kafka, config, codec } = deployment
  const synthetic = {
    id: 'forged',
    request_id: 'r',
    dataset: 'chaos',
    run: 'chaos-1',
    reply: 'text',
    provenance: { origin: 'SYNTHETIC' }
  }
  const stranger = {
    id: strangerKey,
    dataset: 'chaos',
    run: 'no-such-run',
    messages: [{ role: 'user', content: 'x' }],
    provenance: { origin: 'HUMAN_AUTHORED' }
  }
  const unknownSchema = Buffer.concat([Buffer.from([0, 0, 15, 66, 63]), Buffer.from('whatever')])
  const truncated = codec.encode(topics.prompts, stranger).subarray(0, 20)
  const poison = [
    { topic: topics.generations, key: 'frame', value: Buffer.from('not avro'), reason: 'malformed_frame' },
    { topic: topics.prompts, key: 'schema', value: unknownSchema, reason: 'unknown_schema' },
    { topic: topics.prompts, key: 'body', value: truncated, reason: 'malformed_record' },
    {
      topic: topics.generations,
      key: 'forged',
      value: codec.encode(topics.generations, synthetic),
      reason: 'provenance'
    },
    {
      topic: topics.prompts,
      key: strangerKey,
      value: codec.encode(topics.prompts, stranger),
      reason: 'unknown_run'
    },
    { topic: topics.human, key: 'tombstone', value: null, reason: 'no_value' }
  ]
  const producer = await openProducer(kafka, config)
  try {
    for (const { topic, key, value } of poison)
      await producer.send([{ topic: topic.name, partition: slot, key, value }])
    const large = { topic: 'human', partition: slot, key: 'large', value: Buffer.alloc(9 * 1024 * 1024) }
    await assert.rejects(producer.send([large]), { code: 'RECORD_TOO_LARGE' })
  } finally {
    await producer.close()
  }
  return poison.map(({ topic, key, reason }) => ({ topic: topic.name, key, reason }))
}

/** Every poison is in the dead letters once per processor that reads its topic, with where it was and why it died. */
async function auditPoison(deployment: Deployment, slot: number, poison: readonly Poison[]): Promise<number> {
  const letters: { key: string; headers: Record<string, string> }[] = []
  for (const { headers } of await readRaw(deployment, 'dead-letters')) {
    const story = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.toString()]))
    letters.push({ key: story['x-key'] ?? '', headers: story })
  }
  const readers = (topic: string): string[] =>
    processorNames.filter(name => name !== storeName && inputsOf(name).includes(topic))
  const expected = poison.flatMap(({ topic, key, reason }) =>
    readers(topic).map(processor => `${processor} ${topic}/${slot} ${key} ${reason}`)
  )
  const found = letters.map(
    ({ key, headers }) =>
      `${headers['x-processor']} ${headers['x-topic']}/${headers['x-partition']} ${key} ${headers['x-reason']}`
  )
  assert.deepEqual(found.toSorted(), expected.toSorted(), 'dead letters')
  for (const { headers } of letters) assert.match(headers['x-offset'] ?? '', /^\d+$/)
  return letters.length
}

/** A second instance of a processor beside the supervised one, so that slots have somewhere to go. */
async function secondInstance(
  name: string,
  env: NodeJS.ProcessEnv
): Promise<{ child: ChildProcess; slots(): Promise<number[]> }> {
  const [program, ...first] = everseed
  const place = createServer().listen(0, '127.0.0.1')
  await once(place, 'listening')
  const port = String((place.address() as AddressInfo).port)
  place.close()
  await once(place, 'close')
  const child = spawn(program, [...first, 'run', name], {
    env: { ...env, EVERSEED_HEALTH_PORT: port },
    stdio: 'ignore'
  })
  return {
    child,
    async slots() {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { connection: 'close' } })
      return ((await answer.json()) as { slots: number[] }).slots
    }
  }
}

/**
 * Reads a topic along with whoever writes it, from its first record on, and starts again where it was when the broker
 * was away for too long.
 * @returns the keys that were seen by now, in order
 */
function readAlong(
  { kafka, config }: Deployment,
  topic: string,
  partition: number
): { keys: string[]; stop(): Promise<void> } {
  const keys: string[] = []
  let next = 0
  let stopping = false
  const stopped = Promise.withResolvers<void>()
  const read = async (): Promise<void> => {
    while (!stopping) {
      const reader = follow(kafka, config, [{ topic, partition, from: next, to: next }], records => {
        for (const { key, offset } of records) {
          keys.push(key?.toString() ?? '')
          next = offset + 1
        }
      })
      await Promise.race([reader.failed, stopped.promise]).catch(() => {})
      await reader.stop().catch(() => {})
    }
  }
  const reading = read()
  return {
    keys,
    async stop() {
      stopping = true
      stopped.resolve()
      await reading
    }
  }
}

/**
 * Runs the pipeline under a plan of faults and audits it.
 * @param options `documents` human documents of the corpus; `prompts` published before the faults stop, at least
 */
export async function runChaos(options: {
  faults: readonly Fault[]
  documents: number
  prompts: number
  log?: (line: string) => void
}): Promise<Verdict> {
  const { faults, documents, prompts: promptCount, log = () => {} } = options
  const dataDir = mkdtempSync(join(tmpdir(), 'everseed-chaos-'))
  const openai = await startFakeOpenAI({ latencyMs: 15, script: oddity })
  const anthropic = await startFakeAnthropic({ latencyMs: 15, script: oddity })
  const env = {
    ...bareEnvironment(),
    EVERSEED_DATA_DIR: dataDir,
    EVERSEED_SESSION_TIMEOUT_MS: '1500',
    EVERSEED_HEARTBEAT_MS: '300',
    OPENAI_API_KEY: 'test-key',
    ANTHROPIC_API_KEY: 'test-key'
  }
  const kills: Record<string, number> = {}
  const helpers = new Set<ChildProcess>()
  const freezes: string[] = []
  let up: Up | undefined
  let stopReading = async (): Promise<void> => {}
  try {
    up = await startUp({
      config: readConfig(
        Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('EVERSEED_')))
      ),
      env,
      log: silentLog,
      progress: log
    })
    const running = up
    const deployment = await connect(running.config, silentLog, 'chaos')
    try {
      await deployment.prepare(allTopics)
      const recipe = parseRecipe(recipeOf('chaos-1', openai.url, anthropic.url), 'chaos')
      const dataset = await ensureDataset(deployment, recipe)
      const rejected = (line: object): void => assert.fail(JSON.stringify(line))
      const lines = corpusLines().slice(0, documents)
      await publishHuman(deployment, dataset, numbered(lines), 'chaos', { rejected })
      await until('admission', async () => (await deployment.admin.lag('admit', ['human'])) === 0, 60_000)
      const run = await ensureRun(deployment, recipe)
      assert.equal(run.slot, slotOf('chaos', '', 1, deployment.config.partitions))

      const along = readAlong(deployment, topics.samplesVerified.name, run.slot)
      stopReading = along.stop
      const poison = await publishPoison(deployment, run.slot)
      const published = new Map<string, number>()
      /** Prompts keep coming as long as there are faults, spread over them: a crash with nothing to do proves nothing. */
      const batchSize = 10
      const publishBatch = async (): Promise<void> => {
        const first = published.size
        const ids = Array.from({ length: batchSize }, (_, index) => first + index)
        const list = ids.map(id =>
          JSON.stringify({ id: `p${id}`, prompt: `Say something about matter ${id}.`, topic: 'commerce' })
        )
        // The broker may be killed in the middle; publishing the same lines again is safe.
        await until(
          'publishing',
          async () =>
            (await publishPrompts(deployment, run, recipe, numbered(list), 'chaos', { rejected })).read ===
            batchSize,
          120_000
        )
        for (const id of ids) published.set(`p${id}`, 2)
      }
      const faultsPerBatch = Math.max(1, Math.floor(faults.length / Math.ceil(promptCount / batchSize)))

      const pidOf = (name: string): number | null =>
        running.states().find(state => state.name === name && state.state === 'running')?.pid ?? null
      const childEnv = { ...env, ...running.environment }
      const membersOf = (name: string): Promise<number> => deployment.admin.members(name)
      /** Its slots move to a second instance; then it wakes up, and must find itself fenced. */
      const freeze = async (target: string): Promise<void> => {
        const other = await secondInstance(target, childEnv)
        helpers.add(other.child)
        // Exactly two: members of earlier kills must have been put out, or their leaving would be taken for the frozen one's.
        await until(
          'two members',
          async () => (await membersOf(target)) === 2 && pidOf(target) !== null,
          60_000
        )
        // The slots are shared out when the second has joined: the one with the work in it belongs to one of the two.
        await until('slots of the second', async () => (await other.slots()).length > 0, 60_000)
        const second = (await other.slots()).includes(run.slot)
        const pid = second ? other.child.pid! : pidOf(target)!
        process.kill(pid, 'SIGSTOP')
        try {
          await until('the frozen member to be put out', async () => (await membersOf(target)) <= 1, 60_000)
          if (!second)
            await until('the slot to move', async () => (await other.slots()).includes(run.slot), 60_000)
        } finally {
          process.kill(pid, 'SIGCONT')
        }
        await until('the woken member to come back', async () => (await membersOf(target)) >= 2, 60_000)
        other.child.kill('SIGKILL')
        freezes.push(target)
      }
      const left = [...faults]
      for (let done = 0; left.length > 0; done++) {
        if (done % faultsPerBatch === 0 && published.size < promptCount) await publishBatch()
        // The next of the plan whose target is up: one that is still coming back does not hold up the others.
        let next = -1
        await until(
          'a target that runs',
          async () => (next = left.findIndex(({ target }) => pidOf(target) !== null)) >= 0,
          120_000
        ).catch((error: unknown) => {
          const targets = new Set(left.map(({ target }) => target))
          const states = running.states().filter(({ name }) => targets.has(name))
          throw new Error(
            `of ${JSON.stringify(left)}: ${JSON.stringify(states)}\n${logsOf(dataDir, targets)}`,
            {
              cause: error
            }
          )
        })
        const [{ kind, target, afterMs }] = left.splice(next, 1) as [Fault]
        await sleep(afterMs)
        const pid = pidOf(target)
        if (pid === null) left.push({ kind, target, afterMs })
        else if (kind === 'freeze') await freeze(target)
        else {
          process.kill(pid, 'SIGKILL')
          kills[target] = (kills[target] ?? 0) + 1
          await until(`the death of ${target}`, async () => pidOf(target) !== pid, 10_000)
        }
        if ((done + 1) % 10 === 0) log(`${done + 1} of ${faults.length} faults, ${published.size} prompts`)
      }
      while (published.size < promptCount) await publishBatch()
      log(
        `faults are over: ${JSON.stringify(kills)}, frozen ${freezes.join(', ')}, ${published.size} prompts`
      )
      await until('closing', async () => (await closeRun(deployment, run.id)).state !== 'open', 60_000)
      await until(
        'the end of the run',
        async () => (await listRuns(deployment)).get(run.id)?.state === 'ended',
        180_000
      )
      await until(
        'the last rows',
        async () => {
          const lags = await Promise.all(
            processorNames.map(name => deployment.admin.lag(name, inputsOf(name)))
          )
          return lags.every(lag => lag === 0)
        },
        120_000
      )
      // The last windows, the rest of the human data and the last rows come when the processors see the end of the run.
      // Topics only grow: what is there twice stays there twice, however often it is looked at.
      const asked = { prompts: published, documents }
      let seen: Seen
      let compared: Compared
      for (const deadline = Date.now() + 60_000; ; await sleep(1000)) {
        try {
          seen = await readPipeline(deployment, running, along.keys)
          compared = checkPipeline(seen, asked)
          break
        } catch (error) {
          if (Date.now() > deadline) throw error
        }
      }
      const deadLetters = await auditPoison(deployment, run.slot, poison)
      const paid = [...openai.requests, ...anthropic.requests].filter(request => request.paid)
      return {
        ...compared,
        deadLetters,
        kills,
        freezes,
        calls: paid.length,
        spoiled: paid.filter(({ spoiled }) => spoiled).length,
        inFlight: openai.peak() + anthropic.peak(),
        seen,
        asked
      }
    } finally {
      await stopReading()
      await deployment.close()
    }
  } finally {
    for (const child of helpers) child.kill('SIGKILL')
    await up?.stop()
    await Promise.all([openai.close(), anthropic.close()])
    if (process.env['CHAOS_KEEP'] === undefined) rmSync(dataDir, { recursive: true, force: true })
    else log(`kept ${dataDir}`)
  }
}
