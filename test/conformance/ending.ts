// How a connection ends well: close(), its arguments, and what the server closes with.
import assert from 'node:assert/strict'
import { closed, fails, journal, opened, type Test, throwsDom } from './room.ts'
import { closeFrame, frame } from './server.ts'

/** Asserts that what the server closes with is what the event says. */
const closesWith = (given: [code?: number, reason?: string], code: number, reason: string): Test => {
  return async ({ open }) => {
    const { socket, peer } = await open()
    const lines = journal(socket)
    const event = closed(socket)
    peer.socket.close(...given)
    const seen = await event
    assert.deepEqual(
      { code: seen.code, reason: seen.reason, wasClean: seen.wasClean, lines },
      { code, reason, wasClean: true, lines: [`close 3 ${code}`] },
    )
  }
}

export const ending = {
  // The arguments of close()
  async 'close takes 1000 and 3000 to 4999, and nothing else'({ open }) {
    const { socket } = await open()
    for (const code of [0, 1, 999, 1001, 1002, 1003, 1005, 1006, 1011, 1015, 2000, 2999, 5000, 65_535, -1]) {
      throwsDom(() => socket.close(code), 'InvalidAccessError')
    }
    assert.equal(socket.readyState, 1)
    for (const code of [1000, 3000, 4999]) {
      const { socket, peer } = await open()
      socket.close(code)
      assert.equal((await peer.closed).code, code)
    }
  },
  async 'close(1001) throws and changes nothing'({ open }) {
    const { socket, peer } = await open('/echo')
    throwsDom(() => socket.close(1001, 'going away'), 'InvalidAccessError')
    assert.equal(socket.readyState, 1)
    socket.send('still here')
    assert.equal(await peer.receiveText(), 'still here')
  },
  async 'a code is converted to a number, and a fraction rounded to the nearest, half to even'({ open }) {
    const { socket } = await open()
    for (const code of [999.4, 4999.5]) throwsDom(() => socket.close(code), 'InvalidAccessError')
    for (const [given, code] of [
      [999.6, 1000],
      [1000.4, 1000],
      [2999.5, 3000],
      [4999.4, 4999],
    ] as const) {
      const { socket, peer } = await open()
      socket.close(given)
      assert.equal((await peer.closed).code, code, String(given))
    }
  },
  async 'a code is converted to a number and clamped, not wrapped'({ open, dial }) {
    const socket = dial('/raw')
    // If it wrapped, 65536 + 1000 would be 1000.
    for (const code of [NaN, null, Infinity, -Infinity, '', 'x', {}, [], true, 65_536 + 1000]) {
      throwsDom(() => socket.close(code as any), 'InvalidAccessError')
    }
    assert.throws(() => socket.close(Symbol('x') as any), TypeError)
    const valid: [unknown, number][] = [
      ['1000', 1000],
      [{ valueOf: () => 3001 }, 3001],
      [[4000], 4000],
    ]
    for (const [given, code] of valid) {
      const { socket, peer } = await open()
      socket.close(given as any)
      assert.equal((await peer.closed).code, code, String(given))
    }
  },
  'a BigInt is no code: a TypeError'({ dial }) {
    assert.throws(() => dial().close(1000n as any), TypeError)
  },
  async 'close(undefined) is close without a code'({ open }) {
    const { socket, peer } = await open()
    socket.close(undefined)
    assert.deepEqual(await peer.closed, { code: 1005, reason: '' })
  },
  async 'a reason without a code goes with 1000'({ open }) {
    const { socket, peer } = await open()
    socket.close(undefined, 'bye')
    assert.deepEqual(await peer.closed, { code: 1000, reason: 'bye' })
  },
  async 'a reason of more than 123 bytes of UTF-8 is a SyntaxError, and changes nothing'({ open }) {
    const { socket, peer } = await open()
    for (const reason of ['x'.repeat(124), 'é'.repeat(62), '😀'.repeat(31), '\ud800'.repeat(42)]) {
      throwsDom(() => socket.close(1000, reason), 'SyntaxError')
      throwsDom(() => socket.close(undefined, reason), 'SyntaxError')
    }
    assert.equal(socket.readyState, 1)
    socket.close(1000, `${'é'.repeat(61)}x`)
    assert.deepEqual(await peer.closed, { code: 1000, reason: `${'é'.repeat(61)}x` })
  },
  async 'a reason is converted to a string, a lone surrogate to U+FFFD'({ open }) {
    for (const [given, expected] of [
      [null, 'null'],
      [7, '7'],
      ['a\ud800', 'a\ufffd'],
      [{ toString: () => 'mine' }, 'mine'],
    ]) {
      const { socket, peer } = await open()
      socket.close(3000, given as any)
      assert.equal((await peer.closed).reason, expected)
    }
  },
  async 'the code is looked at before the reason, and both in every state'({ open, dial }) {
    throwsDom(() => dial().close(1001, 'x'.repeat(124)), 'InvalidAccessError')
    throwsDom(() => dial().close(1000, 'x'.repeat(124)), 'SyntaxError')
    const { socket } = await open()
    const isClosed = closed(socket)
    socket.close()
    throwsDom(() => socket.close(1001), 'InvalidAccessError')
    await isClosed
    throwsDom(() => socket.close(1001), 'InvalidAccessError')
    throwsDom(() => socket.close(1000, 'x'.repeat(124)), 'SyntaxError')
  },

  // close() of an open connection
  async 'close() sends an empty Close frame, and ends cleanly with 1005'({ open }) {
    const { socket, peer } = await open()
    const lines = journal(socket)
    const event = closed(socket)
    socket.close()
    assert.deepEqual(await peer.closed, { code: 1005, reason: '' })
    const { code, reason, wasClean } = await event
    assert.deepEqual({ code, reason, wasClean, lines }, { code: 1005, reason: '', wasClean: true, lines: ['close 3 1005'] })
  },
  async 'a code and a reason reach the server, and come back'({ open }) {
    const { socket, peer } = await open()
    const event = closed(socket)
    socket.close(4321, 'enough, 世界')
    assert.deepEqual(await peer.closed, { code: 4321, reason: 'enough, 世界' })
    const { code, reason, wasClean } = await event
    assert.deepEqual({ code, reason, wasClean }, { code: 4321, reason: 'enough, 世界', wasClean: true })
  },
  async 'what was sent before close() arrives, Blobs too'({ open }) {
    const { socket, peer } = await open()
    socket.send('one')
    socket.send(new Blob(['two']))
    socket.send(new Uint8Array(200_000))
    socket.close(1000, 'done')
    assert.equal(await peer.receiveText(), 'one')
    assert.equal((await peer.receive()).data.toString(), 'two')
    assert.equal((await peer.receive()).data.length, 200_000)
    assert.deepEqual(await peer.closed, { code: 1000, reason: 'done' })
  },
  async 'a socket is CLOSING until the server has answered'({ openRaw, server }) {
    const { socket, raw } = await openRaw()
    const lines = journal(socket)
    socket.close(3000)
    assert.equal(socket.readyState, 2)
    assert.equal(await raw.receiveClose(), 3000)
    await server.settle()
    assert.deepEqual([socket.readyState, lines], [2, []])
    const event = closed(socket)
    raw.write(closeFrame(3000))
    raw.socket.end()
    assert.equal((await event).wasClean, true)
    assert.deepEqual(lines, ['close 3 3000'])
  },
  async 'the event has the code that the server answered with'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const event = closed(socket)
    socket.close(3001, 'mine')
    await raw.receiveClose()
    raw.write(closeFrame(4002, 'theirs'))
    raw.socket.end()
    const { code, reason, wasClean } = await event
    assert.deepEqual({ code, reason, wasClean }, { code: 4002, reason: 'theirs', wasClean: true })
  },
  async 'the event has 1005 when the server answers without a code'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const event = closed(socket)
    socket.close(3001)
    await raw.receiveClose()
    raw.write(frame(8, ''))
    raw.socket.end()
    const { code, reason, wasClean } = await event
    assert.deepEqual({ code, reason, wasClean }, { code: 1005, reason: '', wasClean: true })
  },
  async 'a second close() does nothing'({ open }) {
    const { socket, peer } = await open()
    const lines = journal(socket)
    const event = closed(socket)
    socket.close(3000, 'first')
    socket.close(4000, 'second')
    assert.deepEqual(await peer.closed, { code: 3000, reason: 'first' })
    await event
    socket.close(4001)
    assert.deepEqual(lines, ['close 3 3000'])
  },
  async 'close() in the open handler closes'({ dial }) {
    const socket = dial()
    const lines = journal(socket)
    socket.onopen = () => socket.close(1000)
    await closed(socket)
    assert.deepEqual(lines, ['open 1', 'close 3 1000'])
  },
  async 'close() in the close handler does nothing'({ open }) {
    const { socket, peer } = await open()
    const lines = journal(socket)
    socket.onclose = () => socket.close()
    peer.socket.close(4000)
    await closed(socket)
    assert.deepEqual(lines, ['close 3 4000'])
  },
  async 'a TCP connection that ends before the server has answered is not clean'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const event = closed(socket)
    socket.close(1000)
    await raw.receiveClose()
    raw.socket.destroy()
    const { code, wasClean } = await event
    assert.deepEqual({ code, wasClean }, { code: 1006, wasClean: false })
  },

  // close() while CONNECTING
  async 'close() while CONNECTING fails the connection: error, close with 1006, no open'({ dial, server }) {
    const socket = dial('/raw')
    await server.acceptRaw()
    const isClosed = fails(socket)
    socket.close()
    assert.equal(socket.readyState, 2)
    await isClosed
  },
  async 'close() in the turn of the construction does the same'({ dial }) {
    const socket = dial()
    const isClosed = fails(socket)
    socket.close(3000, 'changed my mind')
    assert.equal(socket.readyState, 2)
    await isClosed
  },
  async 'a second close() while CONNECTING does nothing'({ dial }) {
    const socket = dial()
    const isClosed = fails(socket)
    socket.close()
    socket.close(3000)
    await isClosed
  },
  async 'after close() while CONNECTING an answer of the server opens nothing'({ dial, server }) {
    const socket = dial('/raw')
    const lines = journal(socket)
    const raw = await server.acceptRaw()
    const isClosed = closed(socket)
    socket.close()
    raw.answer({}, frame(1, 'hello'))
    await isClosed
    await raw.ended
    await server.settle()
    assert.deepEqual(lines, ['error 3', 'close 3 1006'])
  },

  // The server closes
  'a close of the server has its code and reason': closesWith([4000, 'because, 世界'], 4000, 'because, 世界'),
  'a close of the server with 1000 is clean': closesWith([1000], 1000, ''),
  'a close of the server with 1001 is clean': closesWith([1001, 'restart'], 1001, 'restart'),
  'a close of the server with 1011 is clean': closesWith([1011], 1011, ''),
  'a close of the server without a code is 1005': closesWith([], 1005, ''),
  async 'the Close frame of the server is answered with its code'({ openRaw }) {
    for (const code of [1000, 1001, 3000, 4999]) {
      const { socket, raw } = await openRaw()
      const event = closed(socket)
      raw.write(closeFrame(code, 'bye'))
      assert.equal(await raw.receiveClose(), code)
      raw.socket.end()
      assert.deepEqual([(await event).code, (await event).reason, (await event).wasClean], [code, 'bye', true])
    }
  },
  async 'an empty Close frame of the server is answered with an empty one'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const event = closed(socket)
    raw.write(frame(8, ''))
    const { opcode, payload } = await raw.receive()
    assert.deepEqual([opcode, payload.length], [8, 0])
    raw.socket.end()
    assert.equal((await event).code, 1005)
  },
  async 'a Close frame in the packet of the handshake comes after open'({ dial, server }) {
    const socket = dial('/raw')
    const lines = journal(socket)
    const raw = await server.acceptRaw()
    raw.answer({}, Buffer.concat([frame(1, 'hello'), closeFrame(4001)]))
    await raw.receiveClose()
    raw.socket.end()
    await closed(socket)
    assert.deepEqual(lines, ['open 1', 'message 1 hello', 'close 3 4001'])
  },
  async 'what follows a Close frame of the server is ignored'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const lines = journal(socket)
    raw.write(Buffer.concat([frame(1, 'before'), closeFrame(1000), frame(1, 'after')]))
    await raw.receiveClose()
    raw.socket.end()
    await closed(socket)
    assert.deepEqual(lines, ['message 1 before', 'close 3 1000'])
  },
  async 'a Close frame of the server and one of the client may cross'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const event = closed(socket)
    raw.write(closeFrame(4001, 'theirs'))
    socket.close(3000, 'mine')
    assert.equal(await raw.receiveClose(), 3000)
    raw.socket.end()
    const { code, reason, wasClean } = await event
    assert.deepEqual({ code, reason, wasClean }, { code: 4001, reason: 'theirs', wasClean: true })
  },
  async 'a socket that was closed leaves no connection behind'({ dial, server }) {
    const socket = dial()
    await opened(socket)
    const peer = await server.accept()
    const isClosed = closed(socket)
    socket.close()
    await Promise.all([isClosed, peer.closed])
    assert.equal(peer.socket.readyState, 3)
  },
} satisfies Record<string, Test>
