// `for await`: messages across sessions, one loop at a time, with a say in how fast they come.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import type { Received, WebSocket } from 'holdfast'
import { eventually, soon, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { hasty, patient, transports, web, ws } from './transport.ts'

const mebibyte = 1024 * 1024
/** This often in a row the same backlog: nobody reads. */
const stillLooks = 20
/** More than `ws` keeps of the answers that a peer does not fetch. */
const manyPongs = 100

/** The next messages of a socket, in a loop that ends by `break`. */
async function take(socket: WebSocket, count: number): Promise<Received[]> {
  const messages: Received[] = []
  for await (const message of socket) {
    messages.push(message)
    if (messages.length === count) break
  }
  return messages
}

/** Everything until the socket closes. */
async function takeAll(socket: WebSocket, into: Received[] = []): Promise<Received[]> {
  for await (const message of socket) into.push(message)
  return into
}

for (const transport of transports) {
  describe(`reading over ${transport.name}`, () => {
    let server: Server
    before(async () => {
      server = await startServer()
    })
    after(() => server.stop())

    test('goes on across sessions, and ends with a clean last close', async (t) => {
      const peer = server.address('read')
      const { socket, record } = transport.reconnecting(t, peer.url, { retry: hasty })
      const messages: Received[] = []
      const read = takeAll(socket, messages)
      for (const session of [1, 2, 3]) {
        await record.until('open', session)
        peer.newest.send(`${session} a`)
        peer.newest.send(`${session} b`)
        await record.until('message', 2 * session)
        if (session === 2) peer.newest.terminate()
        else peer.newest.close(session === 3 ? 1000 : 1012)
        await record.until('close', session)
      }
      assert.deepEqual(await soon(read, 'the end of the loop'), ['1 a', '1 b', '2 a', '2 b', '3 a', '3 b'])
      assert.equal(messages.length, 6)
    })

    test('throws out of the loop after an unclean last close, when what came before is read', async (t) => {
      const peer = server.address('read')
      const { socket, record } = transport.strict(t, peer.url)
      await record.until('open')
      const iterator = socket[Symbol.asyncIterator]()
      peer.newest.send('a')
      peer.newest.send('b', () => peer.newest.terminate())
      await record.until('close')
      assert.deepEqual(await iterator.next(), { done: false, value: 'a' })
      assert.deepEqual(await iterator.next(), { done: false, value: 'b' })
      await assert.rejects(iterator.next(), /closed with 1006: network/)
      assert.deepEqual(await iterator.next(), { done: true, value: undefined })
      await assert.rejects(takeAll(socket), /closed with 1006: network/)
    })

    test('a loop over a socket that was closed cleanly ends at once', async (t) => {
      const { socket, record } = transport.strict(t, server.address('close?code=1000').url)
      await record.until('close')
      assert.deepEqual(await soon(takeAll(socket), 'the end of the loop'), [])
      assert.deepEqual(await soon(takeAll(socket), 'the end of another loop'), [])
    })

    test('a second loop at the same time throws InvalidStateError', async (t) => {
      const peer = server.address('read')
      const { socket, record } = transport.strict(t, peer.url)
      await record.until('open')
      const first = take(socket, 1)
      await assert.rejects(take(socket, 1), { name: 'InvalidStateError' })
      peer.newest.send('for the first')
      assert.deepEqual(await soon(first, 'the message'), ['for the first'])
    })

    test('break leaves the socket open, and another loop may follow', async (t) => {
      const peer = server.address('read')
      const { socket, record } = transport.strict(t, peer.url)
      await record.until('open')
      const first = take(socket, 1)
      peer.newest.send('one')
      assert.deepEqual(await soon(first, 'the message'), ['one'])
      assert.equal(socket.readyState, 1)
      const second = take(socket, 1)
      peer.newest.send('two')
      assert.deepEqual(await soon(second, 'the message'), ['two'])
      assert.deepEqual(record.lines, ['open 1', 'message 1 one', 'message 1 two'])
    })

    test('the end of an old loop does not end the one that followed', async (t) => {
      const peer = server.address('read')
      const { socket, record } = transport.strict(t, peer.url)
      await record.until('open')
      const old = socket[Symbol.asyncIterator]()
      await old.return?.()
      const next = socket[Symbol.asyncIterator]().next()
      await old.return?.()
      assert.throws(() => socket[Symbol.asyncIterator](), { name: 'InvalidStateError' })
      peer.newest.send('for the new one')
      assert.deepEqual(await soon(next, 'the message'), { done: false, value: 'for the new one' })
    })

    test('messages come as binaryType says', async (t) => {
      const peer = server.address('read')
      const { socket, record } = transport.strict(t, peer.url)
      socket.binaryType = 'arraybuffer'
      await record.until('open')
      const read = take(socket, 2)
      peer.newest.send(Buffer.from([1, 2, 3]))
      peer.newest.send('text')
      assert.deepEqual(await soon(read, 'the messages'), [new Uint8Array([1, 2, 3]).buffer, 'text'])
    })

    test('messages that come before anybody reads are in no loop', async (t) => {
      const peer = server.address('read')
      const { socket, record } = transport.strict(t, peer.url)
      await record.until('open')
      peer.newest.send('unread')
      await record.until('message')
      const read = take(socket, 1)
      peer.newest.send('read')
      assert.deepEqual(await soon(read, 'the message'), ['read'])
    })
  })
}

describe('a reader that is behind', () => {
  let server: Server
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  test('stops the link over ws: the rest waits at the server, nothing is lost, and nobody is thought dead', async (t) => {
    const peer = server.address('read')
    const { socket, record } = ws.strict(t, peer.url, { heartbeat: { interval: 10, timeout: 5_000 }, inbox: { maxBytes: mebibyte } })
    socket.binaryType = 'arraybuffer'
    await record.until('open')
    const iterator = socket[Symbol.asyncIterator]()
    const { newest } = peer
    let pongs = 0
    newest.on('pong', () => pongs++)
    const count = 64
    for (let number = 0; number < count; number++) newest.send(Buffer.alloc(mebibyte, number))
    newest.send('the end')
    let looks = 0
    let before = 0
    await eventually(() => {
      looks = newest.bufferedAmount === before ? looks + 1 : 0
      before = newest.bufferedAmount
      return looks >= stillLooks && pongs > manyPongs
    }, 'a link that stands still while the client says that it is there')
    assert.ok(newest.bufferedAmount > (count / 4) * mebibyte, `only ${newest.bufferedAmount} bytes wait at the server`)
    assert.deepEqual(
      record.lines.filter((line) => !line.startsWith('message')),
      ['open 1'],
    )
    for (let number = 0; number < count; number++) {
      const { value } = (await soon(iterator.next(), `message ${number}`)) as { value: ArrayBuffer }
      assert.equal(value.byteLength, mebibyte)
      assert.equal(new Uint8Array(value)[0], number)
    }
    assert.deepEqual(await soon(iterator.next(), 'the end'), { done: false, value: 'the end' })
    assert.equal(newest.bufferedAmount, 0)
    assert.equal(socket.readyState, 1)
  })

  test('one message above inbox.maxBytes is no matter over ws, which can stop the link', async (t) => {
    const peer = server.address('read')
    const { socket, record } = ws.strict(t, peer.url, { inbox: { maxBytes: 10 } })
    await record.until('open')
    const iterator = socket[Symbol.asyncIterator]()
    peer.newest.send('x'.repeat(100))
    await record.until('message')
    await strays()
    assert.deepEqual(await iterator.next(), { done: false, value: 'x'.repeat(100) })
    assert.equal(socket.readyState, 1)
  })

  test('does not keep the answer to close() from being heard', async (t) => {
    const peer = server.address('read')
    const { socket, record } = ws.strict(t, peer.url)
    await record.until('open')
    const iterator = socket[Symbol.asyncIterator]()
    const count = 64
    for (let number = 0; number < count; number++) peer.newest.send(String(number))
    await record.until('message', count)
    socket.close(1000)
    await record.until('close')
    assert.equal(record.lines.at(-1), 'close 3 1000 clean client last')
    for (let number = 0; number < count; number++) assert.equal((await iterator.next()).value, String(number))
    assert.deepEqual(await iterator.next(), { done: true, value: undefined })
  })

  test('a break with messages unread lets the link go on', async (t) => {
    const peer = server.address('read')
    const { socket, record } = ws.strict(t, peer.url)
    await record.until('open')
    const iterator = socket[Symbol.asyncIterator]()
    const count = 1_000
    for (let number = 0; number < count; number++) peer.newest.send(String(number))
    assert.equal((await iterator.next()).value, '0')
    await iterator.return?.()
    await record.until('message', count)
  })

  test('a link that is lost while it stands still is followed by another, which stands still too', async (t) => {
    const peer = server.address('read')
    const { socket, record } = ws.reconnecting(t, peer.url, { retry: hasty })
    await record.until('open')
    const iterator = socket[Symbol.asyncIterator]()
    const first = Array.from({ length: 64 }, (_, number) => `first ${number}`)
    for (const text of first) peer.newest.send(text)
    await record.until('message', first.length)
    socket.reconnect()
    await record.until('open', 2)
    const { newest } = peer
    const second = Array.from({ length: 64 }, (_, number) => `second ${number}`)
    for (const text of second) newest.send(text)
    const read: unknown[] = []
    for (const _ of [...first, ...second]) read.push((await soon(iterator.next(), 'a message')).value)
    assert.deepEqual(read, [...first, ...second])
  })

  for (const kind of ['strict', 'reconnecting'] as const)
    test(`${kind}, where the transport cannot stop: more than inbox.maxBytes is an overflow, 1013`, async (t) => {
      const peer = server.address('read')
      const { socket, record } = web[kind](t, peer.url, { inbox: { maxBytes: 1_000 }, retry: patient })
      await record.until('open')
      const iterator = socket[Symbol.asyncIterator]()
      const closed = once(peer.newest, 'close')
      for (let number = 0; number < 3; number++) peer.newest.send(String(number).repeat(400))
      await record.until('close')
      const end = kind === 'strict' ? 'last' : 'reconnecting'
      assert.deepEqual(record.lines.filter((line) => !line.startsWith('message')).slice(0, 3), [
        'open 1',
        'error 3 overflow',
        `close 3 1013 unclean overflow ${end}`,
      ])
      assert.match(record.all('error')[0]!.message, /inbox\.maxBytes \(1000\)/)
      for (let number = 0; number < 3; number++) assert.equal((await iterator.next()).value, String(number).repeat(400))
      if (kind === 'strict') await assert.rejects(soon(iterator.next(), 'the end'), /closed with 1013: overflow/)
      await soon(closed, "the end of the server's socket")
    })
})
