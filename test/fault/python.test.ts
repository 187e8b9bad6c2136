// Against python's `websockets`, which pings on its own and cuts who does not answer.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ReconnectingWebSocket, type ReconnectingWebSocketOptions } from 'holdfast'
import type { ProcessPeer } from '../peers/process.ts'
import { startPython } from '../peers/python.ts'
import { needs } from '../peers/requirement.ts'
import { startClient } from './client.ts'
import { patienceMs, until } from './patience.ts'
import { SocketLog } from './socket-log.ts'
import { transports } from './transport.ts'

const keepalive = { pingInterval: 300, pingTimeout: 1_500 }
const retry = { minDelay: 20, maxDelay: 100, maxRetries: Infinity }
const options = { retry } satisfies ReconnectingWebSocketOptions

describe('against python’s websockets', { ...needs('python'), concurrency: true, timeout: 120_000 }, () => {
  let peer: ProcessPeer
  before(async () => {
    peer = await startPython(keepalive)
  })
  after(() => peer?.stop())

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

      test('the answers to its keepalive pings keep an idle link open over several of its deadlines', async () => {
        const neverPings = { interval: 120_000, timeout: 10_000 }
        await using socket = new ReconnectingWebSocket(`${peer.url}/echo?idle&${query}`, [], transport.with(neverPings, options))
        const log = SocketLog.of(socket)
        await log.next('open')
        await sleep(3 * (keepalive.pingInterval + keepalive.pingTimeout))
        assert.deepEqual([log.count('close'), socket.stats.pings], [0, 0])
      })

      test('our pings are answered', async () => {
        await using socket = new ReconnectingWebSocket(
          `${peer.url}/echo?pinged&${query}`,
          [],
          transport.with({ interval: 100, timeout: 5_000 }, options),
        )
        const log = SocketLog.of(socket)
        await log.next('open')
        await until(() => socket.status.rtt !== null, 'answer to a ping')
        assert.equal(log.count('close'), 0)
      })

      test('a server that stands still is noticed, and found again when it goes on', async () => {
        await using server = await startPython(keepalive)
        await using socket = new ReconnectingWebSocket(`${server.url}/echo`, [], transport.with({ interval: 200, timeout: 500 }, options))
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
        [4401, false],
        [4408, true],
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

      test('a path that it does not know is closed with 4404, which is final', async () => {
        await using socket = new ReconnectingWebSocket(`${peer.url}/nowhere?${query}`, [], transport.with({}, options))
        const { code, wasClean, willReconnect } = await SocketLog.of(socket).next('close')
        assert.deepEqual([code, wasClean, willReconnect], [4404, true, false])
      })

      test('our own code and reason reach the server, and its answer ends the socket cleanly', async () => {
        const path = `/echo?closing&${query}`
        await using socket = new ReconnectingWebSocket(peer.url + path, [], transport.with({}, options))
        const log = SocketLog.of(socket)
        await log.next('open')
        socket.close(4321, 'enough')
        const { code, wasClean, willReconnect } = await log.next('close')
        assert.deepEqual([code, wasClean, willReconnect], [4321, true, false])
        const { id } = await peer.waitFor((event) => event.event === 'connected' && event.path === path, patienceMs)
        const closed = await peer.waitFor((event) => event.event === 'closed' && event.id === id, patienceMs)
        assert.deepEqual([closed.code, closed.reason], [4321, 'enough'])
      })
    })
  }

  test('a client that stands still is cut by its keepalive, and reconnects when it goes on', async () => {
    const path = '/echo?stopped'
    await using client = startClient({ url: peer.url + path, heartbeat: { interval: 400, timeout: 1_000 }, options })
    await client.log.next('open')
    const { id } = await peer.waitFor((event) => event.event === 'connected' && event.path === path, patienceMs)
    client.stop()
    await sleep(2 * (keepalive.pingInterval + keepalive.pingTimeout))
    client.go()
    await peer.waitFor((event) => event.event === 'keepalive timeout' && event.id === id, patienceMs)
    await client.log.next('close', ({ willReconnect }) => willReconnect)
    await client.log.next('open')
    client.send('awake')
    assert.equal((await client.log.next('message')).data, 'awake')
  })
})
