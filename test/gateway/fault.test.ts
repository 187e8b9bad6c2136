// Backends that know nothing of sessions, behind a gateway, through networks and processes that fail at each hop.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ReconnectingWebSocket, type ReconnectingWebSocketOptions, WebSocket } from 'holdfast'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { EventRecord } from '../client/record.ts'
import { until } from '../fault/patience.ts'
import { startGorilla } from '../peers/gorilla.ts'
import type { Peer } from '../peers/peer.ts'
import { type ProcessPeer, startProcess } from '../peers/process.ts'
import { startPython } from '../peers/python.ts'
import { needs, type Requirement } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { fatesOf, unharmed } from '../session/traffic.ts'
import { startGateway, type TestGateway } from './gateway.ts'

const messages = 3_000
const retry = { minDelay: 5, maxDelay: 50, maxRetries: Infinity }
const heartbeat = { interval: 100, timeout: 200 }
const options: ReconnectingWebSocketOptions = { resume: true, retry, closeTimeout: 500 }

interface Backend {
  readonly name: string
  readonly requires: readonly Requirement[]
  readonly start: (port?: number) => Promise<Peer>
}

const backends: readonly Backend[] = [
  // Its read deadline, which only pongs push on, and its pings, are a hundred times as fast as the tutorial's.
  { name: 'gorilla', requires: ['gorilla'], start: (port = 0) => startGorilla({ scale: 100, port }) },
  { name: 'python’s websockets', requires: ['python'], start: (port = 0) => startPython({ pingInterval: 100, pingTimeout: 1_500, port }) },
  { name: 'ws', requires: [], start: (port = 0) => startWs({ port }) },
]

/** The numbers that came back from an echo: what is lost, doubled or disordered on either way is so here. */
function echoes(record: EventRecord): number[] {
  return record.all('message').map(({ data }) => Number(data))
}

async function echoThrough(socket: WebSocket, record: EventRecord, perMs: number): Promise<void> {
  for (let number = 0; number < messages; ) {
    for (const end = Math.min(messages, number + perMs); number < end; number++) socket.send(`${number}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await until(() => record.all('message').length >= messages, 'all echoes')
  await new Promise((resolve) => setTimeout(resolve, 20)) // what comes twice would come now
}

for (const { name, requires, start } of backends) {
  describe(`in front of ${name}`, { ...needs(...requires), timeout: 100_000 }, () => {
    let peer: Peer
    let gateway: TestGateway
    before(async () => {
      peer = await start()
      gateway = await startGateway({ upstream: peer.url, heartbeat })
    })
    after(async () => {
      await gateway?.[Symbol.asyncDispose]()
      await peer?.stop()
    })

    async function through(path: string, act: (socket: WebSocket, record: EventRecord, proxy: FaultProxy, id: number) => Promise<void>) {
      const connections = peer.count('connected')
      const proxy = await FaultProxy.listen({ upstream: gateway.url })
      try {
        await using socket = new WebSocket(`${proxy.url}${path}`, null, options)
        const record = new EventRecord(socket)
        await record.until('open')
        const { id } = await peer.waitFor(({ event, id = 0 }) => event === 'connected' && id > connections)
        await act(socket, record, proxy, id!)
        assert.deepEqual([record.all('close').length, record.all('error').length], [0, 0])
        assert.equal(peer.count('connected'), connections + 1, 'the backend knows of one connection')
        assert.equal(
          peer.count((event) => event.id === id && event.event === 'closed'),
          0,
        )
      } finally {
        await proxy.close()
      }
    }

    test('3 000 messages each way, and a reset every 250 ms: none lost, twice or out of order', () =>
      through('/echo', async (socket, record, proxy) => {
        proxy.delay({ ms: 10 })
        const timer = setInterval(() => proxy.reset(), 250)
        await echoThrough(socket, record, 1).finally(() => clearInterval(timer))
        assert.deepEqual(fatesOf(echoes(record), messages), unharmed)
        assert.ok(socket.stats.links >= 5, `${socket.stats.links} links`)
      }))

    test('3 000 messages each way, and a network that freezes and forgets: none lost, twice or out of order', () =>
      through('/echo', async (socket, record, proxy) => {
        const timer = setInterval(() => proxy.freeze(), 400)
        socket.addEventListener('lost', () => proxy.heal('drop'))
        const healing = setInterval(() => gateway.gateway.stats.attached === 0 && proxy.heal('drop'), 20)
        await echoThrough(socket, record, 5).finally(() => {
          clearInterval(timer)
          clearInterval(healing)
          proxy.heal('drop')
        })
        assert.deepEqual(fatesOf(echoes(record), messages), unharmed)
        assert.ok(socket.stats.links >= 2, `${socket.stats.links} links`)
      }))

    test('a client that is away over several of its deadlines has lost nothing, and it does not know', () =>
      through('/echo', async (socket, record, proxy, id) => {
        const sent = 500
        for (let number = 0; number < sent; number++) socket.send(`${number}`)
        await record.until('message')
        await proxy.refuse()
        proxy.reset()
        await until(() => gateway.gateway.stats.attached === 0, 'loss at the gateway')
        const pings = peer.count((event) => event.id === id && event.event === 'pong')
        // As long as gorilla waits for a pong, three times; python pings eighteen times.
        await new Promise((resolve) => setTimeout(resolve, 1_800))
        if (name === 'gorilla') assert.ok(peer.count((event) => event.id === id && event.event === 'pong') > pings)
        await proxy.accept()
        await until(() => record.all('message').length === sent, 'all echoes')
        assert.deepEqual(fatesOf(echoes(record), sent), unharmed)
      }))

    test('its restart ends sessions with 1014, and a client that reconnects finds the new one', async () => {
      const old = await start()
      const { port } = old
      await using front = await startGateway({ upstream: old.url })
      await using socket = new ReconnectingWebSocket(`${front.url}/echo`, null, options)
      const record = new EventRecord(socket)
      await record.until('open')
      socket.send('1')
      await record.until('message')
      await old.stop()
      const close = await record.until('close')
      assert.deepEqual([close.code, close.reason, close.willReconnect], [1014, 'upstream lost', true])
      await front.line('upstream failed')
      const fresh = await start(port)
      await record.until('open', 2)
      socket.send('2')
      assert.equal((await record.until('message', 2)).data, '2')
      await socket[Symbol.asyncDispose]()
      await fresh.stop()
    })
  })
}

describe('between the gateway and its backend', { timeout: 60_000 }, () => {
  for (const [name, fail] of [
    ['a cut', (proxy: FaultProxy) => void proxy.cut()],
    ['a reset', (proxy: FaultProxy) => void proxy.reset()],
    ['a freeze', (proxy: FaultProxy) => proxy.freeze()],
  ] as const)
    test(`${name} is told at once, since nothing can bring back what a plain link has lost`, async () => {
      await using peer = await startWs()
      const proxy = await FaultProxy.listen({ upstream: peer.url })
      await using gateway = await startGateway({ upstream: proxy.url, upstreamHeartbeat: { interval: 50, timeout: 100 } })
      await using socket = new ReconnectingWebSocket(`${gateway.url}/echo`, null, options)
      const record = new EventRecord(socket)
      await record.until('open')
      fail(proxy)
      const close = await record.until('close')
      assert.deepEqual([close.code, close.willReconnect, record.all('lost').length], [1014, true, 0])
      proxy.heal('drop')
      await record.until('open', 2)
      socket.send('again')
      await record.until('message')
      await socket[Symbol.asyncDispose]()
      await proxy.close()
    })
})

describe('the gateway itself', { timeout: 60_000 }, () => {
  const script = fileURLToPath(new URL('./gateway-process.ts', import.meta.url))
  const start = (upstream: string, port = 0): Promise<ProcessPeer> =>
    startProcess({
      name: 'gateway',
      command: process.execPath,
      args: ['--conditions=holdfast-source', '--disable-warning=ExperimentalWarning', script, upstream, `${port}`],
    })

  test('stands still for a while: sessions go on, and nothing is lost, twice or out of order', async () => {
    await using peer = await startWs()
    await using gateway = await start(peer.url)
    await using socket = new WebSocket(`${gateway.url}/echo`, null, { ...options, connectTimeout: 500 })
    const record = new EventRecord(socket)
    await record.until('open')
    for (let number = 0; number < messages; number++) {
      socket.send(`${number}`)
      if (number !== messages / 2) continue
      await gateway.freeze()
      await record.until('lost')
      gateway.thaw()
    }
    await until(() => record.all('message').length >= messages, 'all echoes')
    assert.deepEqual(fatesOf(echoes(record), messages), unharmed)
    assert.deepEqual([peer.connections.length, peer.count('closed')], [1, 0])
  })

  test('is killed and started again: its sessions are lost, and what it had not acknowledged is given back', async () => {
    await using peer = await startWs()
    const heard: number[] = []
    peer.server.on('connection', (socket) => socket.on('message', (data) => heard.push(Number(String(data)))))
    const first = await start(peer.url)
    await using socket = new ReconnectingWebSocket(`${first.url}/echo`, null, options)
    const record = new EventRecord(socket)
    await record.until('open')
    for (let number = 0; number < messages; number++) socket.send(`${number}`)
    await record.until('message', 500)
    await first.stop()
    await peer.waitFor('closed')
    await using _second = await start(peer.url, first.port)
    const close = await record.until('close')
    assert.deepEqual([close.cause, close.willReconnect], ['session-lost', true])
    const unconfirmed = close.unconfirmed.map(Number)
    assert.deepEqual(
      unconfirmed,
      Array.from({ length: unconfirmed.length }, (_, index) => messages - unconfirmed.length + index),
    )
    assert.deepEqual(
      heard,
      Array.from(heard, (_, index) => index),
      'the backend heard a beginning of it, once and in order',
    )
    await record.until('open', 2)
    socket.send('again')
    await until(() => record.all('message').some(({ data }) => data === 'again'), 'echo')
  })
})
