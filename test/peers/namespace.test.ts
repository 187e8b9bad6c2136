import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startGorilla } from './gorilla.ts'
import { createNamespaces, type Direction, type Firewall, type Host, type Namespaces } from './namespace.ts'
import { EventLog, type PeerEvent } from './peer.ts'
import type { ProcessPeer } from './process.ts'
import { needs } from './requirement.ts'

const outageMs = 3_000
const isMessage = ({ event }: PeerEvent): boolean => event === 'message'

describe('two hosts on one machine', needs('namespaces', 'gorilla'), () => {
  let hosts: Namespaces
  let peer: ProcessPeer
  before(async () => {
    hosts = await createNamespaces()
    peer = await startGorilla({ host: hosts.server.address, within: hosts.server.within })
  })
  after(async () => {
    await peer?.stop()
    await hosts?.dispose()
  })

  test('a connection whose packets are dropped is still open to TCP after 3 s, and goes on when they pass', async () => {
    await using client = startClient(hosts.client, `${peer.url}/feed?every=20ms`)
    await client.log.waitFor(isMessage)
    await hosts.dropPackets()
    await sleep(outageMs)
    const before = client.log.count(isMessage)
    assert.ok((client.log.events.at(-1)?.at ?? 0) < performance.now() - outageMs / 2, 'nothing has come for a while')
    assert.match(sockets(hosts.client), new RegExp(`^ESTAB.*${peer.url.slice('ws://'.length)}`, 'm'))
    await hosts.passPackets()
    await client.log.waitFor(() => client.log.count(isMessage) > before + 150, 30_000)
    const numbers = client.log.events.filter(isMessage).map(({ data }) => Number(data))
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      'and TCP has lost nothing',
    )
    assert.equal(client.log.count('closed'), 0)
  })

  test('a connection outlives its link', async () => {
    await using client = startClient(hosts.client, `${peer.url}/feed?every=20ms`)
    await client.log.waitFor(isMessage)
    await hosts.client.linkDown()
    await sleep(500)
    const before = client.log.count(isMessage)
    await hosts.client.linkUp()
    await client.log.waitFor(() => client.log.count(isMessage) > before + 50, 30_000)
    assert.equal(client.log.count('closed'), 0)
  })

  test('packets can be dropped on one way only', async () => {
    const path = '/echo?one-way'
    await using client = startClient(hosts.client, peer.url + path)
    const { id } = await peer.waitFor((event) => event.event === 'connected' && event.path === path)
    const pinged = (): boolean => peer.count((event) => event.event === 'ping' && event.id === id) > 0
    await client.log.waitFor('open')
    await hosts.dropPackets('toClient')
    client.ping()
    await peer.waitFor(pinged)
    await sleep(200)
    assert.equal(client.log.count('pong'), 0, 'the ping arrived, its pong did not')
    await hosts.passPackets()
    await client.log.waitFor('pong', 30_000)
  })

  test('a dial into dropped packets waits in silence', async () => {
    await hosts.dropPackets('toServer')
    await using client = startClient(hosts.client, `${peer.url}/echo`)
    await sleep(1_000)
    assert.deepEqual(client.log.events, [])
    await hosts.passPackets()
    await client.log.waitFor('open', 30_000)
  })
})

describe('the namespaces', { ...needs('namespaces'), concurrency: true }, () => {
  test('are gone when they are disposed of, with a frozen process still inside', async () => {
    const hosts = await createNamespaces()
    const child = hosts.server.run('sleep', ['600'], { stdio: 'ignore' })
    await hosts.dropPackets()
    child.kill('SIGSTOP')
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
    await hosts.dispose()
    await hosts.dispose()
    assert.equal(await ended, 'SIGKILL')
    assert.ok(!execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).includes(hosts.server.name))
  })

  test('of a test process that was killed are removed by the next one', async () => {
    const script = `
      const { createNamespaces } = await import(${JSON.stringify(new URL('./namespace.ts', import.meta.url).href)})
      const hosts = await createNamespaces()
      console.log(hosts.client.name)
      process.kill(process.pid, 'SIGKILL')`
    let name = ''
    assert.throws(
      () => execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
      (error: { stdout: string }) => !!(name = error.stdout.trim()),
    )
    const list = (): string => execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    assert.ok(list().includes(name))
    await using _hosts = await createNamespaces()
    assert.ok(!list().includes(name))
  })

  for (const firewall of ['iptables', 'nft'] satisfies Firewall[]) {
    test(`drop and pass with ${firewall}`, needs(firewall), async () => {
      await using hosts = await createNamespaces(firewall)
      assert.ok(await reaches(hosts))
      for (const direction of ['both', 'toServer', 'toClient'] satisfies Direction[]) {
        await hosts.dropPackets(direction)
        assert.ok(!(await reaches(hosts)), direction)
        await hosts.passPackets()
        assert.ok(await reaches(hosts), `after ${direction}`)
      }
    })
  }
})

/** Whether the server's kernel answers, be it with a refusal. */
async function reaches({ client, server }: Namespaces): Promise<boolean> {
  const child = client.run('timeout', ['1', 'bash', '-c', `: < /dev/tcp/${server.address}/9`], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.on('data', (text) => (said += text))
  await once(child, 'close')
  return said.includes('refused')
}

interface ClientProcess extends AsyncDisposable {
  readonly log: EventLog
  ping(): void
}

function startClient(host: Host, url: string): ClientProcess {
  const script = fileURLToPath(new URL('./client-process.ts', import.meta.url))
  const child = host.run(process.execPath, [script, url], { stdio: ['pipe', 'pipe', 'inherit'] })
  const log = new EventLog(`client of ${url}`)
  createInterface({ input: child.stdout! }).on('line', (line) => log.add(JSON.parse(line)))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return {
    log,
    ping: () => void child.stdin?.write('\n'),
    [Symbol.asyncDispose]: () => {
      child.kill('SIGKILL')
      return ended
    },
  }
}

function sockets(host: Host): string {
  return execFileSync('ip', ['netns', 'exec', host.name, 'ss', '-tnO'], { encoding: 'utf8' })
}
