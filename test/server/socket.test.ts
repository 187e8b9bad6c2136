// The socket of a session: what ws's does, and what it does while its link is away.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WebSocket as WsSocket } from 'ws'
import type { SessionSocket, WebSocketServerOptions } from '../../packages/holdfast/src/server.ts'
import { inTime, until } from '../fault/patience.ts'
import { begin, dial, dle, resume, type ScriptLink, type Welcome } from './script-client.ts'
import { next, startServer, type TestServer, textsOf, turn } from './server.ts'

interface Pair {
  readonly path: TestServer
  readonly link: ScriptLink
  readonly welcome: Welcome
  readonly socket: SessionSocket
}

async function open(options?: WebSocketServerOptions): Promise<Pair & AsyncDisposable> {
  const path = await startServer(options)
  const { link, welcome } = await begin(path.url)
  const socket = await path.socket()
  return { path, link, welcome, socket, [Symbol.asyncDispose]: () => path[Symbol.asyncDispose]() }
}

async function cut({ link, socket }: Pair): Promise<void> {
  const lost = next(socket, 'lost')
  link.reset()
  await lost
}

/** What a callback was called with, and that it was called once. */
function outcome(): { callback: (error?: Error) => void; calls: (Error | undefined)[] } {
  const calls: (Error | undefined)[] = []
  return { calls, callback: (error) => calls.push(error) }
}

describe('send', { timeout: 60_000 }, () => {
  test('takes what ws takes', async () => {
    await using pair = await open()
    const { socket, link } = pair
    const bytes = Uint8Array.of(1, 2, 3, 4)
    const sent: [data: any, options: object, expected: string | Buffer][] = [
      ['text', {}, 'text'],
      [17, {}, '17'],
      [Buffer.from('text'), { binary: false }, 'text'],
      ['text', { binary: true }, Buffer.from('text')],
      [bytes, {}, Buffer.from(bytes)],
      [bytes.buffer, {}, Buffer.from(bytes)],
      [new DataView(bytes.buffer, 1, 2), {}, Buffer.from([2, 3])],
      [new Blob(['blob']), {}, Buffer.from('blob')],
      [[1, 2], {}, Buffer.from([1, 2])],
      ['', {}, ''],
      [Buffer.from(`${dle}A`), { binary: false }, `${dle}${dle}A`],
      [`${dle}A`, { compress: false }, `${dle}${dle}A`],
    ]
    for (const [data, options] of sent) socket.send(data, options)
    for (const [, , expected] of sent) assert.deepEqual(await link.nextData(), expected)
    assert.throws(() => socket.send({} as never), TypeError)
  })

  test('copies, so that the buffer may be used again', async () => {
    await using pair = await open()
    await cut(pair)
    const buffer = Buffer.from('before')
    pair.socket.send(buffer)
    buffer.fill('x')
    const { link } = await resume(pair.path.url, pair.welcome)
    assert.deepEqual(await link.nextData(), Buffer.from('before'))
  })

  test('makes one message of fragments', async () => {
    await using pair = await open()
    const { callback, calls } = outcome()
    pair.socket.send('a', { fin: false }, callback)
    pair.socket.send('b', { fin: false }, callback)
    pair.socket.send('c', { fin: true }, callback)
    assert.equal(await pair.link.nextData(), 'abc')
    await until(() => calls.length === 3, 'callbacks')
  })

  test('calls back when the message was written to a link, which may be the next one', async () => {
    await using pair = await open()
    const first = outcome()
    pair.socket.send('1', first.callback)
    await until(() => first.calls.length === 1, 'callback')
    await cut(pair)
    const second = outcome()
    pair.socket.send('2', {}, second.callback)
    await turn()
    assert.deepEqual(second.calls, [])
    const { link } = await resume(pair.path.url, pair.welcome, { recv: 1 })
    assert.equal(await link.nextData(), '2')
    await until(() => second.calls.length === 1, 'callback')
    assert.deepEqual([first.calls, second.calls], [[undefined], [undefined]])
  })

  test('calls back with the error that ended the session', async () => {
    await using pair = await open()
    await cut(pair)
    const { callback, calls } = outcome()
    pair.socket.send('never', callback)
    pair.socket.terminate()
    await next(pair.socket, 'close')
    await until(() => calls.length === 1, 'callback')
    assert.match(calls[0]!.message, /the session ended with 1006: server/)
    assert.deepEqual(pair.socket.closeInfo?.unconfirmed, ['never'])
    const after = outcome()
    pair.socket.send('after', after.callback)
    await until(() => after.calls.length === 1, 'callback')
    assert.match(after.calls[0]!.message, /WebSocket is not open: readyState 3 \(CLOSED\)/)
  })

  test('refuses what is larger than either end takes', async () => {
    await using pair = await open({ maxPayload: 100 })
    assert.throws(() => pair.socket.send('x'.repeat(101)), /101 bytes exceeds maxPayload \(100\)/)
    pair.socket.send('x'.repeat(100))
    assert.equal(await pair.link.nextData(), 'x'.repeat(100))
  })

  test('ends the session when the client acknowledges nothing: overflow', async () => {
    await using pair = await open({ session: { maxMessages: 3 } })
    const { socket } = pair
    const closed = next(socket, 'close')
    for (const text of ['1', '2', '3', '4']) socket.send(text)
    assert.equal((await closed)[0], 1013)
    assert.deepEqual([socket.closeInfo?.cause, socket.closeInfo?.unconfirmed], ['overflow', ['1', '2', '3', '4']])
    assert.equal((await inTime(pair.link.closed, 'end')).code, 3805)
  })

  test('throws instead, where the application asked for it', async () => {
    await using pair = await open({ session: { maxMessages: 1, overflow: 'throw' } })
    pair.socket.send('1')
    assert.throws(() => pair.socket.send('2'), { name: 'QuotaExceededError' })
    pair.link.control('A', 1)
    await until(() => pair.socket.unackedAmount === 0, 'room')
    pair.socket.send('3')
    assert.equal(await pair.link.nextData(), '1')
    assert.equal(await pair.link.nextData(), '3')
  })

  test('what one turn sends leaves in one write', async () => {
    await using pair = await open()
    const chunks: number[] = []
    ;(pair.link.ws as any)._socket.on('data', (chunk: Buffer) => chunks.push(chunk.length))
    for (let count = 0; count < 100; count++) pair.socket.send('x'.repeat(20))
    for (let count = 0; count < 100; count++) await pair.link.nextData()
    assert.deepEqual(chunks, [2200])
  })

  test('more than a link takes at a time goes out as it leaves', async () => {
    await using pair = await open({ session: { maxBytes: 32 * 1024 * 1024 } })
    const large = Buffer.alloc(1024 * 1024, 1)
    for (let count = 0; count < 16; count++) pair.socket.send(large)
    assert.ok(pair.socket.bufferedAmount > 15 * large.length)
    for (let count = 0; count < 16; count++) assert.equal((await pair.link.nextData()).length, large.length)
    await until(() => pair.socket.bufferedAmount === 0, 'empty link')
    assert.equal(pair.socket.unackedAmount, 16 * large.length)
    pair.link.control('A', 16)
    await until(() => pair.socket.unackedAmount === 0, 'acknowledgement')
  })
})

describe('sendAsync', { timeout: 60_000 }, () => {
  test('asks for an acknowledgement and resolves with it', async () => {
    await using pair = await open()
    const sent = pair.socket.sendAsync('1')
    assert.equal(await pair.link.nextData(), '1')
    const [id] = (await pair.link.nextControl('P')).split(',')
    pair.link.control('O', `${id},1`)
    assert.equal(await sent, 'acknowledged')
  })

  test('waits for room', async () => {
    await using pair = await open({ session: { maxMessages: 1 } })
    const first = pair.socket.sendAsync('1')
    const second = pair.socket.sendAsync('2')
    const aborted = pair.socket.sendAsync('3', { signal: AbortSignal.timeout(1) })
    await assert.rejects(aborted, { name: 'TimeoutError' })
    pair.link.control('A', 1)
    await first
    pair.link.control('A', 2)
    assert.equal(await second, 'acknowledged')
    assert.equal(await pair.link.nextData(), '1')
    assert.equal(await pair.link.nextData(), '2')
  })

  test('rejects when the session ends, before or after it was sent', async () => {
    await using pair = await open({ session: { maxMessages: 1 } })
    const sent = pair.socket.sendAsync('1')
    const waiting = pair.socket.sendAsync('2')
    pair.socket.terminate()
    await assert.rejects(sent, /the session ended/)
    await assert.rejects(waiting, { name: 'InvalidStateError' })
    await assert.rejects(pair.socket.sendAsync('3'), { name: 'InvalidStateError' })
  })

  test('on a plain socket tells that the message was written', async () => {
    await using path = await startServer()
    const link = await dial(path.url, [])
    assert.equal(await (await path.socket()).sendAsync('1'), 'written')
    assert.equal(await link.next(), '1')
  })
})

describe('message', { timeout: 60_000 }, () => {
  test('comes as binaryType says, and a text as a Buffer', async () => {
    await using pair = await open()
    const { socket, link } = pair
    assert.equal(socket.binaryType, 'nodebuffer')
    const kinds = { nodebuffer: Buffer.isBuffer, arraybuffer: (data: any) => data instanceof ArrayBuffer, fragments: Array.isArray }
    for (const [binaryType, isRight] of Object.entries(kinds)) {
      socket.binaryType = binaryType as 'nodebuffer'
      const message = next(socket, 'message')
      link.send(Buffer.from([1, 2]))
      const [data, isBinary] = await message
      assert.ok(isRight(data), binaryType)
      assert.equal(isBinary, true)
      const text = next(socket, 'message')
      link.send('text')
      assert.deepEqual(await text, [Buffer.from('text'), false])
    }
    socket.binaryType = 'blob' as 'nodebuffer'
    const message = next(socket, 'message')
    link.send(Buffer.from('blob'))
    assert.equal(await (await message)[0].text(), 'blob')
  })

  test('comes to onmessage and to listeners of events, as the standard has them', async () => {
    await using pair = await open()
    const { socket, link } = pair
    const seen: unknown[] = []
    socket.onmessage = ({ data, type, target }) => seen.push([data, type, target === socket])
    socket.addEventListener('message', ({ data }) => seen.push(data), { once: true })
    socket.onclose = ({ code, reason, wasClean }) => seen.push([code, reason, wasClean])
    link.send('1')
    link.send('2')
    link.control('F', { code: 4000, reason: 'enough' })
    await link.nextControl('F')
    link.control('A', 1)
    await until(() => seen.length === 4, 'events')
    assert.deepEqual(seen, [['1', 'message', true], '1', ['2', 'message', true], [4000, 'enough', true]])
  })

  test('is counted when its handler throws', async () => {
    await using pair = await open()
    const { socket, link } = pair
    const uncaught = new Promise<unknown>((resolve) => process.setUncaughtExceptionCaptureCallback(resolve))
    const texts: string[] = []
    socket.on('message', (data) => {
      texts.push(String(data))
      if (texts.length === 1) throw new Error('of the application')
    })
    link.send('1')
    assert.match(String(await uncaught), /of the application/)
    process.setUncaughtExceptionCaptureCallback(null)
    assert.deepEqual(texts, ['1'])
    const { spliced } = await resume(pair.path.url, pair.welcome)
    assert.equal(spliced.recv, 1)
  })
})

describe('pause', { timeout: 60_000 }, () => {
  test('keeps messages back, and what they acknowledge, until resume', async () => {
    await using pair = await open()
    const { socket, link } = pair
    const texts = textsOf(socket)
    socket.pause()
    assert.equal(socket.isPaused, true)
    link.send('1')
    link.send('2')
    link.control('P', '1,0')
    assert.equal(await link.nextControl('O'), '1,0')
    assert.deepEqual(texts, [])
    socket.resume()
    assert.equal(await link.nextControl('A'), '2')
    assert.deepEqual(texts, ['1', '2'])
    assert.equal(socket.isPaused, false)
  })

  test('still hears acknowledgements, so that one may go on sending', async () => {
    await using pair = await open({ session: { maxMessages: 2 } })
    pair.socket.pause()
    for (const text of ['1', '2', '3', '4', '5', '6']) {
      const sent = pair.socket.sendAsync(text)
      assert.equal(await pair.link.nextData(), text)
      pair.link.control('A', text)
      await sent
    }
  })

  test('lasts from link to link, and nothing is lost', async () => {
    await using pair = await open()
    const { socket, link } = pair
    const texts = textsOf(socket)
    socket.pause()
    link.send('1')
    link.control('P', '1,0')
    await link.nextControl('O')
    await cut(pair)
    const { link: second, spliced } = await resume(pair.path.url, pair.welcome)
    assert.equal(spliced.recv, 1)
    second.send('2')
    second.control('P', '2,0')
    await second.nextControl('O')
    assert.deepEqual(texts, [])
    socket.resume()
    await until(() => texts.length === 2, 'messages')
    assert.deepEqual(texts, ['1', '2'])
  })

  test('stops reading the link when much has come', async () => {
    await using pair = await open()
    const { socket, link } = pair
    let count = 0
    socket.on('message', () => count++)
    socket.pause()
    for (let message = 0; message < 400; message++) link.send(Buffer.alloc(64 * 1024))
    await until(() => (socket._socket as any).bytesRead > 256 * 1024, 'bytes')
    await turn()
    assert.ok((link.ws as any)._socket.writableLength > 0 || link.ws.bufferedAmount > 0, 'the peer is kept waiting')
    socket.resume()
    await until(() => count === 400, 'messages')
  })

  test('is over with the session: what was kept comes before close', async () => {
    await using pair = await open()
    const { socket, link } = pair
    const order: string[] = []
    socket.on('message', (data) => order.push(String(data)))
    socket.on('close', () => order.push('close'))
    socket.pause()
    link.send('1')
    link.control('F', { code: 1000, reason: '' })
    await link.nextControl('F')
    link.control('A', 1)
    await until(() => order.length === 2, 'end')
    assert.deepEqual(order, ['1', 'close'])
  })
})

describe('the end', { timeout: 60_000 }, () => {
  test('by close() comes behind what was sent, with what the peer answers', async () => {
    await using pair = await open()
    const { socket, link } = pair
    socket.send('last')
    socket.close(4001, 'bye')
    assert.equal(socket.readyState, WsSocket.CLOSING)
    const refused = outcome()
    socket.send('too late', refused.callback)
    assert.equal(await link.nextData(), 'last')
    assert.deepEqual(JSON.parse(await link.nextControl('F')), { code: 4001, reason: 'bye' })
    const closed = next(socket, 'close')
    link.control('A', 2)
    link.control('F', { code: 4001, reason: 'bye' })
    const [code, reason] = await closed
    assert.deepEqual([code, String(reason), socket.readyState], [4001, 'bye', WsSocket.CLOSED])
    assert.deepEqual([socket.closeInfo?.wasClean, socket.closeInfo?.unconfirmed], [true, []])
    assert.equal((await inTime(link.closed, 'end')).code, 1000)
    assert.equal(refused.calls.length, 1)
  })

  test('by close() while the link is away waits for the client, and then goes in order', async () => {
    await using pair = await open()
    await cut(pair)
    pair.socket.send('1')
    pair.socket.close(1000)
    const { link } = await resume(pair.path.url, pair.welcome)
    assert.equal(await link.nextData(), '1')
    await link.nextControl('F')
    const closed = next(pair.socket, 'close')
    link.control('A', 2)
    link.control('F', { code: 1000, reason: '' })
    assert.equal((await closed)[0], 1000)
  })

  test('by close() without a code is 1005, and nobody waits for ever', async () => {
    await using pair = await open({ closeTimeout: 50 })
    const closed = next(pair.socket, 'close')
    pair.socket.close()
    assert.equal(JSON.parse(await pair.link.nextControl('F')).code, 1005)
    assert.equal((await closed)[0], 1006)
    assert.equal((await inTime(pair.link.closed, 'end')).code, 3805)
  })

  test('takes the codes and reasons that ws takes', async () => {
    await using pair = await open()
    for (const code of [999, 1004, 1005, 1006, 1016, 2999, 5000, '1000']) assert.throws(() => pair.socket.close(code as number), TypeError)
    assert.throws(() => pair.socket.close(1000, 'x'.repeat(124)), RangeError)
    assert.throws(() => pair.socket.close(1000, 5 as never), TypeError)
    assert.equal(pair.socket.readyState, 1)
    pair.socket.close(1000, Buffer.from('bytes'))
    assert.equal(JSON.parse(await pair.link.nextControl('F')).reason, 'bytes')
  })

  test('by terminate() is the session’s, at once, and not only the link’s', async () => {
    await using pair = await open()
    const closed = next(pair.socket, 'close')
    pair.socket.terminate()
    assert.equal(pair.socket.readyState, WsSocket.CLOSING)
    assert.equal((await closed)[0], 1006)
    assert.equal((await inTime(pair.link.closed, 'end')).code, 3805)
    assert.equal(pair.path.server.clients.size, 0)
    pair.socket.terminate()
    pair.socket.close()
  })

  test('a link closed by its client is no end, but for a code that says that the session is over', async () => {
    await using pair = await open()
    const lost = next(pair.socket, 'lost')
    pair.link.ws.close(1000)
    assert.equal((await lost)[0].code, 1000)
    const { link } = await resume(pair.path.url, pair.welcome)
    const closed = next(pair.socket, 'close')
    link.ws.close(3805)
    const [code, reason] = await closed
    assert.deepEqual([code, String(reason)], [1006, 'session-lost:abandoned'])
  })
})

describe('ping', { timeout: 60_000 }, () => {
  test('is answered while the session lives, its link being there or not', async () => {
    await using pair = await open()
    const { socket } = pair
    const pong = next(socket, 'pong')
    socket.ping('one')
    assert.equal(String((await pong)[0]), 'one')
    await cut(pair)
    const { callback, calls } = outcome()
    const second = next(socket, 'pong')
    socket.ping(2, false, callback)
    assert.equal(String((await second)[0]), '2')
    assert.deepEqual(calls, [undefined])
    assert.throws(() => socket.ping('x'.repeat(126)), RangeError)
    socket.terminate()
    const after = outcome()
    socket.ping(after.callback)
    await until(() => after.calls.length === 1, 'callback')
    assert.ok(after.calls[0])
  })

  test('keeps alive whom the sweep of the README of ws would end', async () => {
    await using pair = await open()
    const { socket } = pair
    let isAlive = true
    socket.on('pong', () => (isAlive = true))
    await cut(pair)
    for (let round = 0; round < 3; round++) {
      assert.equal(isAlive, true)
      isAlive = false
      const pong = next(socket, 'pong')
      socket.ping()
      await pong
    }
  })

  test('of the client’s WebSocket is an event, as with ws', async () => {
    await using pair = await open()
    const ping = next(pair.socket, 'ping')
    const pong = next(pair.link.ws, 'pong')
    pair.link.ws.ping('hello')
    assert.equal(String((await ping)[0]), 'hello')
    assert.equal(String((await pong)[0]), 'hello')
    pair.socket.pong('nobody waits')
  })
})

describe('the class', { timeout: 60_000 }, () => {
  test('is that of ws, and a session keeps none of the fields that a connection needs', async () => {
    await using pair = await open()
    const { socket } = pair
    assert.ok(socket instanceof WsSocket)
    for (const name of Object.keys(new WsSocket(null as never, undefined, {}))) assert.ok(name in socket, name)
    assert.deepEqual(Object.keys(socket), [])
    assert.deepEqual([socket.protocol, socket.binaryType, socket.url, socket.onmessage], ['', 'nodebuffer', undefined, null])
  })

  test('is an emitter as any other', async () => {
    await using pair = await open()
    await begin(pair.path.url)
    const { socket } = pair
    const other = await pair.path.socket(1)
    const heard: string[] = []
    const listener = (data: Buffer) => heard.push(String(data))
    socket.binaryType = 'arraybuffer'
    socket.setMaxListeners(1)
    socket.once('a', listener).prependListener('a', listener)
    assert.deepEqual([socket.listenerCount('a'), other.listenerCount('a')], [2, 0])
    assert.deepEqual([socket.getMaxListeners(), other.getMaxListeners()], [1, 10])
    assert.deepEqual([socket.binaryType, other.binaryType], ['arraybuffer', 'nodebuffer'])
    socket.emit('a', 1)
    socket.off('a', listener)
    assert.deepEqual([socket.emit('a', 2), heard], [false, ['1', '1']])
    assert.throws(() => socket.emit('error', new Error('nobody listens')), /nobody listens/)
    const messages: unknown[] = []
    socket.onmessage = ({ data }) => messages.push(data)
    pair.link.send('b')
    await until(() => messages.length === 1, 'message')
    socket.removeAllListeners()
    socket.terminate()
    await until(() => pair.path.server.clients.size === 1, 'end')
  })
})

describe('_socket', { timeout: 60_000 }, () => {
  test('is the same as long as the session lives, and shows the newest link', async () => {
    await using pair = await open()
    const face = pair.socket._socket as any
    assert.equal(face.remoteAddress, '127.0.0.1')
    const { remotePort } = face
    await cut(pair)
    assert.deepEqual([face.remoteAddress, face.remotePort, face.destroyed, pair.socket._socket], ['127.0.0.1', remotePort, false, face])
    await resume(pair.path.url, pair.welcome)
    assert.notEqual(face.remotePort, remotePort)
    assert.equal(face.encrypted, false)
    face.setNoDelay().setKeepAlive(true).setTimeout(5).unref().ref().pause().resume()
    const finished = next(face, 'finish')
    face.destroy()
    await finished
    assert.equal(face.destroyed, true)
  })
})

describe('the request', { timeout: 60_000 }, () => {
  test('of a link that is gone does not keep its socket, and shows where that led', async () => {
    await using path = await startServer()
    const connected = next(path.server, 'connection')
    const { link, welcome } = await begin(path.url)
    const socket = await path.socket()
    const [, { socket: raw }] = await connected
    const { request } = socket
    const { remoteAddress, remotePort } = request.socket
    assert.equal(request.socket, raw)
    await cut({ path, link, welcome, socket })
    const closed = request.socket
    assert.deepEqual([closed.remoteAddress, closed.remotePort, closed.destroyed], [remoteAddress, remotePort, true])
    assert.notEqual(closed, raw)
    assert.deepEqual([socket.request, request.socket, request.headers.host], [request, closed, new URL(path.url).host])
    assert.equal((socket._socket as any).remotePort, remotePort)
    await resume(path.url, welcome)
    assert.notEqual(socket.request.socket.remotePort, remotePort)
  })

  test('shows where a link led that is gone already, if somebody had asked while it was there', async () => {
    const asked = await startServer({ authenticate: ({ socket }) => void socket.remoteAddress })
    const unasked = await startServer()
    for (const path of [asked, unasked]) {
      await using _ = path
      const { link, welcome } = await begin(path.url)
      const socket = await path.socket()
      await cut({ path, link, welcome, socket })
      const { remoteAddress, destroyed } = socket.request.socket
      assert.deepEqual([remoteAddress, destroyed], [path === asked ? '127.0.0.1' : undefined, true])
    }
  })
})

describe('a broadcast', { timeout: 60_000 }, () => {
  test('through clients reaches plain clients, sessions, and those that are away', async () => {
    await using path = await startServer()
    const plain = await dial(path.url, [])
    const { link } = await begin(path.url)
    const { link: gone, welcome } = await begin(path.url)
    const away = await path.socket(2)
    const lost = next(away, 'lost')
    gone.reset()
    await lost
    assert.equal(path.server.clients.size, 3)
    for (const client of path.server.clients) if (client.readyState === WsSocket.OPEN) client.send('all')
    assert.equal(await plain.next(), 'all')
    assert.equal(await link.nextData(), 'all')
    const { link: back } = await resume(path.url, welcome)
    assert.equal(await back.nextData(), 'all')
    assert.deepEqual(path.server.stats, { sessions: 2, attached: 2, plain: 1, bufferedBytes: 6, spread: 0, draining: false })
  })
})
