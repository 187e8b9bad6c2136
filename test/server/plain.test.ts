// Clients that speak no holdfast, beside sessions on one port: ordinary sockets of ws, with a heartbeat.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { SessionSocket } from '../../packages/holdfast/src/server.ts'
import { until } from '../fault/patience.ts'
import { begin, dial, dle } from './script-client.ts'
import { next, startServer, textsOf } from './server.ts'

describe('a plain client', { timeout: 60_000 }, () => {
  test('has a socket of ws with the fields of ours', async () => {
    await using path = await startServer({ authenticate: () => 'ann' })
    await begin(path.url)
    const link = await dial(`${path.url}/plain`, [], { protocols: ['chat'] })
    const socket = await path.socket(1)
    assert.ok(socket instanceof SessionSocket && socket instanceof WebSocket)
    assert.deepEqual(
      [socket.sessionId, socket.attached, socket.principal, socket.request.url, socket.protocol, socket.rtt, socket.unackedAmount],
      [null, true, 'ann', '/plain', 'chat', null, 0],
    )
    assert.equal(socket.closeInfo, null)
    assert.deepEqual(path.server.stats, { sessions: 1, attached: 1, plain: 1, bufferedBytes: 0, spread: 0, draining: false })
    const texts = textsOf(socket)
    link.send(`${dle}A0`)
    link.send('b')
    await until(() => texts.length === 2, 'messages')
    assert.deepEqual(texts, [`${dle}A0`, 'b'], 'nothing of ours is on its wire')
    socket.send('there', (error) => assert.ok(!error))
    assert.equal(await link.next(), 'there')
    const closed = next(socket, 'close')
    link.ws.close(4000, 'bye')
    assert.deepEqual((await closed).map(String), ['4000', 'bye'])
    assert.deepEqual([socket.attached, path.server.clients.size, path.server.stats.plain], [false, 1, 0])
  })

  test('is closed, paused, pinged and terminated as with ws', async () => {
    await using path = await startServer()
    const link = await dial(path.url, [])
    const socket = await path.socket()
    socket.pause()
    assert.equal(socket.isPaused, true)
    socket.resume()
    const pong = next(socket, 'pong')
    socket.ping('x')
    assert.equal(String((await pong)[0]), 'x')
    const heard = next(link.ws, 'pong')
    socket.pong('y')
    assert.equal(String((await heard)[0]), 'y')
    assert.equal(socket.bufferedAmount, 0)
    const closed = next(socket, 'close')
    socket.close(4001, 'enough')
    assert.deepEqual(await link.closed, { code: 4001, reason: 'enough' })
    await closed
    await dial(path.url, [])
    const second = await path.socket(1)
    const ended = next(second, 'close')
    second.terminate()
    assert.equal((await ended)[0], 1006)
  })

  test('is pinged, and stays while it answers', async () => {
    await using path = await startServer({ heartbeat: { interval: 20, timeout: 5_000 } })
    await dial(path.url, [])
    const socket = await path.socket()
    for (let count = 0; count < 3; count++) await next(socket, 'pong')
    assert.ok(socket.rtt! >= 0)
    assert.equal(socket.readyState, 1)
  })

  test('that is silent is ended', async () => {
    await using path = await startServer({ heartbeat: { interval: 20, timeout: 40 } })
    const link = await dial(path.url, [], { autoPong: false })
    const socket = await path.socket()
    assert.equal((await next(socket, 'close'))[0], 1006)
    assert.equal((await link.closed).code, 1006)
  })

  test('that does not read is ended when a write makes no progress, with a heartbeat and without', async () => {
    for (const heartbeat of [false, { interval: 60_000, timeout: 60_000 }] as const) {
      await using path = await startServer({ heartbeat, writeTimeout: 100 })
      const link = await dial(path.url, [])
      const socket = await path.socket()
      ;(link.ws as any)._socket.pause()
      const closed = next(socket, 'close')
      socket.send(Buffer.alloc(64 * 1024 * 1024))
      assert.equal((await closed)[0], 1006)
      link.ws.terminate()
    }
  })

  test('that is not read by the application is not judged', async () => {
    await using path = await startServer({ heartbeat: { interval: 20, timeout: 20 } })
    const link = await dial(path.url, [])
    const socket = await path.socket()
    socket.pause()
    for (let count = 0; count < 5; count++) await next(link.ws, 'pong')
    assert.equal(socket.readyState, 1, 'it hears from us, and we do not wait for an answer')
    socket.resume()
    await next(socket, 'pong')
  })
})

test('a request keeps what its headers said, but for the key of the handshake, and those that are alike are kept once', async () => {
  await using path = await startServer()
  const headers = { 'X-Trace': 'a', Cookie: 'b=c' }
  await dial(path.url, [], { headers })
  await begin(path.url, { headers })
  for (const index of [0, 1]) {
    const { request } = await path.socket(index)
    assert.deepEqual([request.method, request.url, request.httpVersion], ['GET', '/', '1.1'])
    assert.deepEqual([request.headers['x-trace'], request.headers.cookie, request.headers['sec-websocket-key']], ['a', 'b=c', undefined])
    assert.equal(request.rawHeaders[request.rawHeaders.indexOf('X-Trace') + 1], 'a')
    assert.equal(request.socket.remoteAddress, '127.0.0.1')
    assert.equal((await path.socket(index)).request, request)
  }
  for (const index of [2, 3]) {
    await dial(path.url, [], { headers: { 'X-Trace': 'alike' } })
    await path.socket(index)
  }
  assert.equal(path.sockets[2]!.request.rawHeaders, path.sockets[3]!.request.rawHeaders)
})
