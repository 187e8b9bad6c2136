// How a connection fails: whatever the reason, the page sees `error`, then `close` with 1006, and is told nothing else.
import assert from 'node:assert/strict'
import { closed, fails, opened, type Test } from './room.ts'
import { closeFrame, frame, startServer } from './server.ts'

/** The server answers the handshake with these words. */
const refusedBy = (...lines: string[]): Test => {
  return async ({ dial, server }) => {
    const failure = fails(dial('/raw'))
    // Fetch, on which the standard builds, may ask once more after a 401.
    for (;;) {
      const raw = await Promise.race([failure, server.acceptRaw()])
      if (!raw) return
      raw.socket.end([...lines, '', ''].join('\r\n'))
    }
  }
}

/** The server answers the handshake correctly but for these headers. */
const refusedFor = (changes: Record<string, string | undefined>, protocols?: string | string[]): Test => {
  return async ({ dial, server }) => {
    const failure = fails(dial('/raw', protocols))
    const raw = await server.acceptRaw()
    raw.answer(changes)
    await failure
    await raw.ended
  }
}

/** The server sends these frames on an open connection; the client closes it with this code. */
const violates = (code: number, ...frames: Buffer[]): Test => {
  return async ({ openRaw }) => {
    const { socket, raw } = await openRaw()
    const failure = fails(socket)
    raw.write(Buffer.concat(frames))
    assert.equal(await raw.receiveClose(), code)
    raw.socket.end()
    await failure
  }
}

export const failure = {
  // No connection
  async 'a connection that is refused fails'({ WebSocket, keep }) {
    const gone = await startServer()
    await gone.close()
    await fails(keep(new WebSocket(gone.url)))
  },
  async 'a server that does not speak TLS fails a wss connection'({ WebSocket, keep, server }) {
    await fails(keep(new WebSocket(`wss://127.0.0.1:${server.port}/`)))
  },

  // No handshake
  'a handshake that is answered with 200 fails': refusedBy('HTTP/1.1 200 OK', 'Content-Length: 0'),
  'a handshake that is answered with 401 fails': refusedBy('HTTP/1.1 401 Unauthorized', 'WWW-Authenticate: Basic', 'Content-Length: 0'),
  'a handshake that is answered with 403 fails': refusedBy('HTTP/1.1 403 Forbidden', 'Content-Length: 0'),
  'a handshake that is answered with 503 fails': refusedBy('HTTP/1.1 503 Service Unavailable', 'Content-Length: 0'),
  'a handshake that is answered with nonsense fails': refusedBy('220 mail.example ESMTP'),
  async 'a redirect is not followed'({ dial, server }) {
    const failure = fails(dial('/raw'))
    const raw = await server.acceptRaw()
    raw.socket.end(`HTTP/1.1 302 Found\r\nLocation: ${server.url}/elsewhere\r\nContent-Length: 0\r\n\r\n`)
    await failure
    const elsewhere = await Promise.race([server.accept(), server.settle()])
    assert.equal(elsewhere, undefined)
  },
  async 'a server that hangs up instead of answering fails the connection'({ dial, server }) {
    const failure = fails(dial('/raw'))
    ;(await server.acceptRaw()).socket.destroy()
    await failure
  },
  'a handshake without Sec-WebSocket-Accept fails': refusedFor({ 'Sec-WebSocket-Accept': undefined }),
  'a handshake with a wrong Sec-WebSocket-Accept fails': refusedFor({ 'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' }),
  'a handshake without Upgrade fails': refusedFor({ Upgrade: undefined }),
  'a handshake with another Upgrade fails': refusedFor({ Upgrade: 'h2c' }),
  'a handshake without Connection fails': refusedFor({ Connection: undefined }),
  'a subprotocol that was not offered fails the handshake': refusedFor({ 'Sec-WebSocket-Protocol': 'other' }, ['one', 'two']),
  'a subprotocol when none was offered fails the handshake': refusedFor({ 'Sec-WebSocket-Protocol': 'other' }),
  'no subprotocol when some were offered fails the handshake': refusedFor({}, ['one', 'two']),
  'a subprotocol in another case fails the handshake': refusedFor({ 'Sec-WebSocket-Protocol': 'ONE' }, ['one']),
  'an extension that was not offered fails the handshake': refusedFor({ 'Sec-WebSocket-Extensions': 'x-unheard-of' }),
  async 'Connection may name more than Upgrade'({ dial, server }) {
    const isOpen = opened(dial('/raw'))
    ;(await server.acceptRaw()).answer({ Connection: 'keep-alive, Upgrade' })
    await isOpen
  },
  async 'header names, Upgrade and Connection are compared without regard to case'({ dial, server }) {
    const isOpen = opened(dial('/raw'))
    const raw = await server.acceptRaw()
    raw.answer({ Upgrade: undefined, Connection: undefined, UPGRADE: 'WebSocket', connection: 'upgrade' })
    await isOpen
  },

  // The connection is lost
  async 'a TCP connection that is cut fails: error, close with 1006'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const failure = fails(socket)
    raw.socket.resetAndDestroy()
    await failure
  },
  async 'a TCP connection that ends without a Close frame fails: error, close with 1006'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const failure = fails(socket)
    raw.socket.end()
    await failure
  },
  async 'what came before the loss is dispatched before it'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const failure = fails(socket, ['message 1 hello'])
    raw.socket.end(Buffer.concat([frame(1, 'hello'), frame(1, 'cut off').subarray(0, 4)]))
    await failure
  },
  async 'the loss after a Close frame of the server is clean'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const event = closed(socket)
    raw.socket.end(closeFrame(4001))
    const { code, wasClean } = await event
    assert.deepEqual({ code, wasClean }, { code: 4001, wasClean: true })
  },

  // The server breaks the protocol
  'a masked frame from the server is a protocol error': violates(1002, frame(1, 'hello', { isMasked: true })),
  'a reserved bit is a protocol error': violates(1002, frame(1, 'hello', { rsv: 2 })),
  'the bit of compression where none was agreed on is a protocol error': violates(1002, frame(1, 'hello', { rsv: 4 })),
  'an unknown opcode is a protocol error': violates(1002, frame(3, 'hello')),
  'an unknown control opcode is a protocol error': violates(1002, frame(11, '')),
  'a fragmented control frame is a protocol error': violates(1002, frame(9, 'ping', { fin: false })),
  'a control frame of more than 125 bytes is a protocol error': violates(1002, frame(9, 'x'.repeat(126))),
  'a continuation of nothing is a protocol error': violates(1002, frame(0, 'hello')),
  'a new message amid a fragmented one is a protocol error': violates(1002, frame(1, 'one', { fin: false }), frame(1, 'two')),
  'a Close frame with half a code is a protocol error': violates(1002, frame(8, 'x')),
  'a Close frame with 1005 is a protocol error': violates(1002, closeFrame(1005)),
  'a Close frame with 1006 is a protocol error': violates(1002, closeFrame(1006)),
  'a Close frame with 999 is a protocol error': violates(1002, closeFrame(999)),
  'text that is not UTF-8 is answered with 1007': violates(1007, frame(1, Buffer.from([0x68, 0xff, 0x69]))),
  'text with a surrogate in it is answered with 1007': violates(1007, frame(1, Buffer.from([0xed, 0xa0, 0x80]))),
  'text that ends amid a character is answered with 1007': violates(
    1007,
    frame(1, Buffer.from([0xe2, 0x82]), { fin: false }),
    frame(0, ''),
  ),
  'a close reason that is not UTF-8 is answered with 1007': violates(1007, frame(8, Buffer.from([0x03, 0xe8, 0xff]))),
} satisfies Record<string, Test>
