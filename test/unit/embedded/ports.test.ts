import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { identify } from '../../../infra/embedded/identity.ts'
import { choosePorts, isFree } from '../../../infra/embedded/ports.ts'

function portsFile(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-ports-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return join(dir, 'data', 'ports.json')
}

async function occupy(t: TestContext, port: number): Promise<Server> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return server
}

/** Ports belong to the whole machine: somebody may take one for a moment, but not three times in a row. */
const undisturbed = (scenario: (t: TestContext) => Promise<void>) => async (t: TestContext) => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await scenario(t)
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}

test(
  'ports are free, all different, and the same at the next start',
  undisturbed(async t => {
    const file = portsFile(t)
    const ports = await choosePorts(file, 'free')
    assert.equal(new Set(Object.values(ports)).size, Object.keys(ports).length)
    for (const port of Object.values(ports)) assert.ok(await isFree(port))
    assert.deepEqual(await choosePorts(file, 'free'), ports)
    assert.deepEqual(await choosePorts(file, 'usual'), ports, 'remembered ones go before the usual ones')
  })
)

test(
  'a remembered port somebody else took is replaced, the others stay',
  undisturbed(async t => {
    const file = portsFile(t)
    const before = await choosePorts(file, 'free')
    await occupy(t, before.registry)
    const now = await choosePorts(file, 'free')
    assert.notEqual(now.registry, before.registry)
    assert.deepEqual({ ...now, registry: 0 }, { ...before, registry: 0 })
    assert.deepEqual(await choosePorts(file, 'free'), now)
  })
)

test('the usual ports are taken where they are free', async t => {
  const file = portsFile(t)
  const usual = { kafka: 9092, registry: 8081, clickhouse: 8123, clickhouseTcp: 9000 }
  const free = await Promise.all(Object.values(usual).map(isFree))
  // Stacks that run beside this test may claim them; here nobody does.
  const ports = await choosePorts(file, 'usual', join(dirname(file), 'claims'))
  for (const [index, [part, port]] of Object.entries(usual).entries()) {
    const chosen = ports[part as keyof typeof ports]
    if (free[index]) assert.equal(chosen, port)
    else assert.notEqual(chosen, port)
  }
})

test('a file that was cut does not keep anything from starting', async t => {
  const file = portsFile(t)
  await choosePorts(file, 'free')
  writeFileSync(file, '{"kafka":')
  assert.ok((await choosePorts(file, 'free')).kafka > 1024)
})

test(
  'a port that a living stack claims is left alone while nobody listens on it; that of an ended one is taken',
  undisturbed(async t => {
    const file = portsFile(t)
    const claims = join(dirname(file), 'claims')
    const first = await choosePorts(file, 'free', claims)
    // The supervisor of another stack; its broker is being restarted and does not listen.
    const other = identify(process.ppid)!
    rmSync(claims, { recursive: true })
    mkdirSync(claims)
    writeFileSync(join(claims, `${first.kafka}.${other.pid}.${other.started}.0badcafe`), '')
    writeFileSync(join(claims, `${first.registry}.${other.pid}.never.0badcafe`), '')
    assert.ok(await isFree(first.kafka))
    const second = await choosePorts(file, 'free', claims)
    assert.notEqual(second.kafka, first.kafka)
    assert.deepEqual({ ...second, kafka: 0 }, { ...first, kafka: 0 })
    assert.deepEqual(
      readdirSync(claims).filter(name => name.includes('.never.')),
      []
    )
    // Two stacks of one process keep apart as well.
    const neighbour = portsFile(t)
    mkdirSync(dirname(neighbour))
    writeFileSync(neighbour, JSON.stringify(second))
    const third = await choosePorts(neighbour, 'free', claims)
    for (const part of Object.keys(second) as (keyof typeof second)[])
      assert.notEqual(third[part], second[part])
  })
)

test('where claims cannot be written, ports are chosen all the same', async t => {
  const file = portsFile(t)
  const blocked = join(dirname(dirname(file)), 'blocked')
  writeFileSync(blocked, '')
  assert.ok((await choosePorts(file, 'free', join(blocked, 'claims'))).kafka > 1024)
})

test(
  'where claims can be read but not written, the ports of the last start are kept',
  undisturbed(async t => {
    const file = portsFile(t)
    const claims = join(dirname(file), 'claims')
    const ports = await choosePorts(file, 'free', claims)
    // No right to write, in a form that holds for every user.
    for (const name of readdirSync(claims)) {
      rmSync(join(claims, name))
      mkdirSync(join(claims, name))
    }
    assert.deepEqual(await choosePorts(file, 'free', claims), ports)
  })
)
