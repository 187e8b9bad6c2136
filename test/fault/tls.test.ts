// Over TLS, with an authority that only the application knows.

import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { ReconnectingWebSocket, type ReconnectingWebSocketOptions, WebSocket } from 'holdfast'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { type Certificate, createCertificate } from '../peers/certificate.ts'
import { needs } from '../peers/requirement.ts'
import { startWs, type WsPeer } from '../peers/ws.ts'
import { inTime, until } from './patience.ts'
import { SocketLog } from './socket-log.ts'

const heartbeat = { interval: 300, timeout: 1_000 }
const retry = { minDelay: 20, maxDelay: 100, maxRetries: Infinity }
const mebibyte = 1024 * 1024

interface Path extends AsyncDisposable {
  readonly peer: WsPeer
  readonly proxy: FaultProxy
  readonly url: string
}

describe('over TLS', { ...needs('openssl'), concurrency: true, timeout: 120_000 }, () => {
  let certificate: Certificate
  before(async () => {
    certificate = await createCertificate()
  })

  async function openPath(): Promise<Path> {
    const peer = await startWs({ tls: certificate })
    const proxy = await FaultProxy.listen({ upstream: peer.url })
    return {
      peer,
      proxy,
      url: `wss://127.0.0.1:${proxy.port}/echo`,
      [Symbol.asyncDispose]: async () => {
        await proxy.close()
        await peer.stop()
      },
    }
  }
  const trusting = (more?: ReconnectingWebSocketOptions): ReconnectingWebSocketOptions => ({
    heartbeat,
    retry,
    closeTimeout: 300,
    wsOptions: { ca: certificate.ca },
    ...more,
  })

  test('a server that the private authority vouches for is talked to, and a reset link replaced', async () => {
    await using path = await openPath()
    await using socket = new ReconnectingWebSocket(path.url, [], trusting())
    const log = SocketLog.of(socket)
    await log.next('open')
    socket.send('secret')
    assert.equal((await log.next('message')).data, 'secret')
    path.proxy.reset()
    assert.equal((await log.next('close')).cause, 'network')
    await log.next('open')
    socket.send('secret again')
    assert.equal((await log.next('message')).data, 'secret again')
  })

  test('a server that nobody vouches for is an error, and no message reaches it', async () => {
    await using path = await openPath()
    await using socket = new WebSocket(path.url)
    const log = SocketLog.of(socket)
    assert.match((await log.next('error')).message, /certificate/)
    const { code, wasClean } = await log.next('close')
    assert.deepEqual([code, wasClean], [1006, false])
    assert.equal(path.peer.attempts.length, 0)
  })

  test('a black hole is noticed, also in the middle of a TLS handshake', async () => {
    await using path = await openPath()
    await using socket = new ReconnectingWebSocket(path.url, [], trusting())
    const log = SocketLog.of(socket)
    await log.next('open')
    path.proxy.freeze()
    assert.equal((await log.next('close')).cause, 'heartbeat-timeout')
    const { accepted } = path.proxy.stats
    await until(() => path.proxy.stats.accepted > accepted, 'dial in the outage')
    path.proxy.heal('drop')
    await log.next('open')
  })

  test('a large message that is slow to leave is not a reason to cut', async () => {
    await using path = await openPath()
    await using socket = new ReconnectingWebSocket(path.url, [], trusting())
    const log = SocketLog.of(socket)
    await log.next('open')
    path.proxy.limit(2 * mebibyte)
    const arrived = new Promise((resolve) => path.peer.connections.at(-1)!.socket.once('message', resolve))
    socket.send(new Uint8Array(4 * mebibyte))
    await inTime(arrived, 'message at the server')
    path.proxy.limit()
    assert.equal(((await log.next('message')).data as ArrayBuffer).byteLength, 4 * mebibyte)
    assert.equal(log.count('close'), 0)
  })

  test('a peer that stops reading costs the link when a write makes no progress', async () => {
    await using path = await openPath()
    await using socket = new ReconnectingWebSocket(path.url, [], trusting({ writeTimeout: 500, outbox: { maxBytes: 64 * mebibyte } }))
    const log = SocketLog.of(socket)
    await log.next('open')
    path.peer.connections.at(-1)!.socket.pause()
    socket.send(new Uint8Array(32 * mebibyte))
    assert.equal((await log.next('close')).cause, 'write-timeout')
  })
})
