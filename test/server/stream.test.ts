// Sockets as streams, over sessions that lose their links.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { createWebSocketStream as createWsStream, WebSocket } from 'ws'
import { createWebSocketStream } from '../../packages/holdfast/src/server.ts'
import { until } from '../fault/patience.ts'
import { begin, resume } from './script-client.ts'
import { next, startServer } from './server.ts'

describe('a stream', { timeout: 60_000 }, () => {
  for (const [whose, create] of Object.entries({ ours: createWebSocketStream, 'that of ws': createWsStream }))
    test(`over a session outlives its link (${whose})`, async () => {
      await using path = await startServer()
      const { link, welcome } = await begin(path.url)
      const socket = await path.socket()
      const stream = create(socket)
      stream.setEncoding('utf8')
      link.send('1')
      assert.equal(String(await once(stream, 'data')), '1')
      const lost = next(socket, 'lost')
      link.reset()
      await lost
      let isWritten = false
      stream.write('away', () => (isWritten = true))
      const { link: second } = await resume(path.url, welcome)
      assert.equal(String(await second.nextData()), 'away')
      await until(() => isWritten, 'callback')
      second.send('2')
      assert.equal(String(await once(stream, 'data')), '2')
      stream.end()
      const { code } = JSON.parse(await second.nextControl('F'))
      assert.equal(code, 1005)
      second.control('A', 2)
      second.control('F', { code: 1005, reason: '' })
      await once(stream, 'close')
      assert.equal(stream.destroyed, true)
    })

  test('that writes more than the session may hold waits for the client', async () => {
    await using path = await startServer({ session: { maxMessages: 4 } })
    const { link } = await begin(path.url)
    const stream = createWebSocketStream(await path.socket())
    Readable.from(Array.from({ length: 50 }, (_, index) => `${index},`)).pipe(stream)
    let received = ''
    for (let count = 1; count <= 50; count++) {
      received += await link.nextData()
      link.control('A', count)
    }
    assert.equal(received, Array.from({ length: 50 }, (_, index) => `${index},`).join(''))
  })

  test('that nobody reads keeps the client back, and reads on', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const socket = await path.socket()
    const stream = createWebSocketStream(socket, { readableHighWaterMark: 4 })
    link.send('first')
    link.send('second')
    await until(() => socket.isPaused, 'pause')
    const all = text(stream)
    link.control('F', { code: 1000, reason: '' })
    await link.nextControl('F')
    link.control('A', 1)
    assert.equal(await all, 'firstsecond')
  })

  test('is destroyed with the error of a session that the client broke', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const stream = createWebSocketStream(await path.socket())
    const error = next(stream, 'error')
    link.control('A', 9)
    assert.match((await error)[0].message, /protocol/)
  })

  test('that is destroyed ends the session', async () => {
    await using path = await startServer()
    await begin(path.url)
    const socket = await path.socket()
    const closed = next(socket, 'close')
    createWebSocketStream(socket).destroy()
    assert.equal((await closed)[0], 1006)
  })

  test('over a plain socket, and over one of ws, is that of ws', async () => {
    await using path = await startServer()
    const ws = new WebSocket(path.url)
    const client = createWebSocketStream(ws)
    const server = createWebSocketStream(await path.socket())
    client.write('hello')
    assert.equal(String(await once(server, 'data')), 'hello')
    server.write('there')
    assert.equal(String(await once(client, 'data')), 'there')
    client.destroy()
    await next(server, 'end')
  })

  test('over a client’s socket of this library reads, writes and ends', async () => {
    const { ReconnectingWebSocket } = await import('holdfast')
    await using path = await startServer()
    path.server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
    const client = new ReconnectingWebSocket(path.url)
    await client.opened
    const stream = createWebSocketStream(client)
    stream.write('hello')
    assert.equal(String(await once(stream, 'data')), 'hello')
    stream.end()
    await client.closed
    assert.equal((await next(stream.resume(), 'end')).length, 0)
  })
})
