// Against the server of the classic Go tutorial: a read deadline that only pongs push on, and pings from a ticker.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ReconnectingWebSocket, type ReconnectingWebSocketOptions, WebSocket } from 'holdfast'
import { startGorilla } from '../peers/gorilla.ts'
import type { ProcessPeer } from '../peers/process.ts'
import { needs } from '../peers/requirement.ts'
import { startClient } from './client.ts'
import { patienceMs, until } from './patience.ts'
import { SocketLog } from './socket-log.ts'
import { transports, ws } from './transport.ts'

/** The tutorial's 60 s, 30 s and 10 s become 2 s, 1 s and a third of one. */
const scale = 30
const readDeadlineMs = 60_000 / scale
const retry = { minDelay: 20, maxDelay: 100, maxRetries: Infinity }
const options = { retry } satisfies ReconnectingWebSocketOptions
/** All of the client's numbers, on the same scale. */
const tutorial = {
  heartbeat: { interval: 30_000 / scale, timeout: 30_000 / scale },
  retry: { minDelay: 1_000 / scale, maxDelay: 30_000 / scale, jitter: 'none', maxRetries: 10 },
  writeTimeout: 10_000 / scale,
} satisfies ReconnectingWebSocketOptions

describe('against gorilla', { ...needs('gorilla'), concurrency: true, timeout: 120_000 }, () => {
  let peer: ProcessPeer
  before(async () => {
    peer = await startGorilla({ scale })
  })
  after(() => peer?.stop())

  /** The number that the server gave to the connection which asked for this path. */
  const idOf = async (path: string): Promise<number> => {
    const { id } = await peer.waitFor((event) => event.event === 'connected' && event.path === path, patienceMs)
    return id!
  }

  for (const transport of transports) {
    describe(`over ${transport.name}`, { concurrency: true }, () => {
      const query = `over=${transports.indexOf(transport)}`

      test('text and binary come back as what they were', async () => {
        await using socket = new ReconnectingWebSocket(`${peer.url}/echo?${query}`, [], transport.with({}, options))
        const log = SocketLog.of(socket)
        const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index)
        socket.send('grüße')
        socket.send(bytes)
        assert.equal((await log.next('message')).data, 'grüße')
        assert.deepEqual(new Uint8Array((await log.next('message')).data as ArrayBuffer), bytes)
      })

      test('the answers to its pings keep an idle link open over several of its read deadlines', async () => {
        await using server = await startGorilla({ scale })
        const neverPings = { interval: 120_000, timeout: 10_000 }
        await using socket = new ReconnectingWebSocket(`${server.url}/echo`, [], transport.with(neverPings, options))
        const log = SocketLog.of(socket)
        await log.next('open')
        await sleep(3 * readDeadlineMs)
        assert.deepEqual([log.count('close'), server.count('read deadline'), socket.stats.pings], [0, 0, 0])
        assert.ok(server.count('pong') >= 4, `${server.count('pong')} pongs`)
      })

      test('a server that stands still is noticed, and found again when it goes on', async () => {
        await using server = await startGorilla({ scale })
        const heartbeat = { interval: 400, timeout: 400 }
        await using socket = new ReconnectingWebSocket(`${server.url}/echo`, [], transport.with(heartbeat, options))
        const log = SocketLog.of(socket)
        await log.next('open')
        await server.freeze()
        const close = await log.next('close')
        assert.deepEqual([close.code, close.cause, close.willReconnect], [1006, 'heartbeat-timeout', true])
        await until(() => socket.stats.dials > 1, 'dial while it stands still')
        server.thaw()
        await log.next('open')
        socket.send('here again')
        assert.equal((await log.next('message')).data, 'here again')
      })

      for (const [code, isRetried] of [
        [1000, false],
        [1001, true],
        [1008, false],
        [1011, true],
        [1012, true],
        [1013, true],
        [4401, false],
        [4408, true],
        [4000, true],
      ] as const) {
        test(`a close with ${code} is ${isRetried ? 'followed by another dial' : 'the last word'}`, async () => {
          const path = `/close?code=${code}&reason=because&${query}`
          await using socket = new ReconnectingWebSocket(peer.url + path, [], transport.with({}, options))
          const log = SocketLog.of(socket)
          const close = await log.next('close')
          assert.deepEqual([close.code, close.reason, close.wasClean, close.willReconnect], [code, 'because', true, isRetried])
          if (isRetried) await log.next('open')
          else assert.equal(socket.stats.dials, 1)
        })
      }

      test('a link that the server drops without a close frame is 1006', async () => {
        await using socket = new ReconnectingWebSocket(`${peer.url}/greet-close?code=0&${query}`, [], transport.with({}, options))
        const log = SocketLog.of(socket)
        assert.equal((await log.next('message')).data, 'hello')
        const close = await log.next('close')
        assert.deepEqual([close.code, close.cause, close.willReconnect], [1006, 'network', true])
        assert.equal((await log.next('message')).data, 'hello')
      })

      test('our own code and reason reach the server, and its answer ends the socket cleanly', async () => {
        const path = `/echo?closing&${query}`
        await using socket = new ReconnectingWebSocket(peer.url + path, [], transport.with({}, options))
        const log = SocketLog.of(socket)
        await log.next('open')
        socket.close(4321, 'enough')
        const close = await log.next('close')
        assert.deepEqual([close.code, close.wasClean, close.willReconnect], [4321, true, false])
        const id = await idOf(path)
        const closed = await peer.waitFor((event) => event.event === 'closed' && event.id === id, patienceMs)
        assert.deepEqual([closed.code, closed.reason], [4321, 'enough'])
      })
    })
  }

  test('our pings are answered, whatever it pings itself', async () => {
    const path = '/echo?our-pings'
    await using socket = new WebSocket(peer.url + path, [], ws.with({ interval: 100, timeout: 5_000 }))
    const log = SocketLog.of(socket)
    await log.next('open')
    const id = await idOf(path)
    await peer.waitFor(() => peer.count((event) => event.event === 'ping' && event.id === id) >= 5, patienceMs)
    assert.equal(log.count('close'), 0)
    assert.equal(typeof socket.status.rtt, 'number')
  })

  test('with the numbers of the tutorial on both sides neither ever cuts the other', async () => {
    await using server = await startGorilla({ scale })
    await using socket = new ReconnectingWebSocket(`${server.url}/echo`, [], tutorial)
    const log = SocketLog.of(socket)
    await log.next('open')
    await sleep(3 * readDeadlineMs)
    assert.deepEqual([log.count('close'), server.count('closed')], [0, 0])
  })

  test('with the numbers of the tutorial a server that is gone is dialled ten times, at doubled and capped distances', async () => {
    await using server = await startGorilla({ scale })
    await using socket = new ReconnectingWebSocket(`${server.url}/echo`, [], tutorial)
    const log = SocketLog.of(socket)
    await log.next('open')
    await server.stop()
    await log.next('giveup')
    const delays = log.events.flatMap((event) => (event.event === 'retry' ? [Math.round((event.delay * scale) / 1_000)] : []))
    assert.deepEqual(delays, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30])
  })

  test('a client that stands still is cut by the read deadline, and reconnects when it goes on', async () => {
    const path = '/echo?stopped'
    await using client = startClient({ url: peer.url + path, heartbeat: { interval: 400, timeout: 400 }, options })
    await client.log.next('open')
    const id = await idOf(path)
    client.stop()
    await peer.waitFor((event) => event.event === 'read deadline' && event.id === id, patienceMs)
    client.go()
    await client.log.next('close', ({ willReconnect }) => willReconnect)
    await client.log.next('open')
    client.send('awake')
    assert.equal((await client.log.next('message')).data, 'awake')
  })

  test('a client that is stopped for less than the read deadline keeps its link, and misses nothing', async () => {
    const path = '/feed?every=20ms&dozing'
    await using client = startClient({ url: peer.url + path, heartbeat: { interval: 400, timeout: 1_500 }, options })
    await client.log.atLeast(10, 'message')
    for (let naps = 0; naps < 2; naps++) {
      client.stop()
      await sleep(readDeadlineMs / 2)
      const before = client.log.count('message')
      client.go()
      await client.log.atLeast(before + 50, 'message')
    }
    assert.equal(client.log.count('close'), 0)
    assert.deepEqual(
      client.log.texts,
      client.log.texts.map((_, index) => String(index + 1)),
    )
  })
})
