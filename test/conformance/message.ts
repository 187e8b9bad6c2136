// What goes out by send(), what comes in as messages, and how both are counted and converted.
import assert from 'node:assert/strict'
import { closed, journal, next, type Test, throwsDom } from './room.ts'
import { frame } from './server.ts'

const bytes = (length: number): Buffer<ArrayBuffer> => Buffer.from(Uint8Array.from({ length }, (_, index) => index * 7))

export const message = {
  // send()
  'send while CONNECTING is an InvalidStateError'({ dial }) {
    const socket = dial()
    for (const data of ['hello', '', new Uint8Array(1), new Blob(['x'])]) throwsDom(() => socket.send(data), 'InvalidStateError')
    assert.equal(socket.bufferedAmount, 0)
  },
  async 'send asks for something to send'({ open }) {
    const { socket } = await open()
    assert.throws(() => (socket as any).send(), TypeError)
  },
  async 'a string arrives as text'({ open }) {
    const { socket, peer } = await open()
    socket.send('grüße, 世界 😀 \0')
    const { data, isBinary } = await peer.receive()
    assert.deepEqual([data.toString(), isBinary], ['grüße, 世界 😀 \0', false])
  },
  async 'a lone surrogate is sent as U+FFFD'({ open }) {
    const { socket, peer } = await open()
    socket.send('a\ud800b')
    socket.send('\udc00\ud83d\ude00')
    assert.deepEqual([await peer.receiveText(), await peer.receiveText()], ['a\ufffdb', '\ufffd😀'])
  },
  async 'an ArrayBuffer arrives as binary'({ open }) {
    const { socket, peer } = await open()
    socket.send(new Uint8Array([1, 2, 3]).buffer)
    assert.deepEqual(await peer.receive(), { data: Buffer.from([1, 2, 3]), isBinary: true })
  },
  async 'of a view only its part of the buffer is sent'({ open }) {
    const { socket, peer } = await open()
    const { buffer } = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])
    const views = [
      new Uint8Array(buffer, 1, 3),
      new Uint16Array(buffer, 2, 2),
      new DataView(buffer, 5),
      new Float32Array(buffer, 4, 1),
      Buffer.from(buffer, 7),
    ]
    for (const view of views) socket.send(view)
    const received: string[] = []
    for (const _ of views) received.push((await peer.receive()).data.toString('hex'))
    assert.deepEqual(received, ['020304', '03040506', '060708', '05060708', '08'])
  },
  async 'a Blob arrives as binary'({ open }) {
    const { socket, peer } = await open()
    socket.send(new Blob(['hello, ', new Uint8Array([1, 2])], { type: 'text/plain' }))
    assert.deepEqual(await peer.receive(), { data: Buffer.from('hello, \x01\x02'), isBinary: true })
  },
  async 'what is empty arrives as an empty message of its kind'({ open }) {
    const { socket, peer } = await open()
    for (const data of ['', new ArrayBuffer(0), new Uint8Array(4).subarray(4), new Blob([])]) socket.send(data)
    for (const isBinary of [false, true, true, true]) assert.deepEqual(await peer.receive(), { data: Buffer.alloc(0), isBinary })
  },
  async 'anything else is sent as a string'({ open }) {
    const { socket, peer } = await open()
    const values = [null, undefined, 7, -0, true, {}, [1, [2, 3]], 10n, { toString: () => 'mine' }, new URL('ws://a/b')]
    for (const value of values) socket.send(value as any)
    const received: string[] = []
    for (const _ of values) received.push(await peer.receiveText())
    assert.deepEqual(received, ['null', 'undefined', '7', '0', 'true', '[object Object]', '1,2,3', '10', 'mine', 'ws://a/b'])
  },
  async 'what cannot become a string is a TypeError, and is not sent'({ open }) {
    const { socket, peer } = await open()
    assert.throws(() => socket.send(Symbol('x') as any), TypeError)
    assert.throws(() => socket.send(Object.create(null)), TypeError)
    assert.equal(socket.bufferedAmount, 0)
    socket.send('next')
    assert.equal(await peer.receiveText(), 'next')
  },
  async 'data is taken when send is called: a buffer may be used again at once'({ open }) {
    const { socket, peer } = await open()
    for (const length of [4, 200, 70_000]) {
      const buffer = new Uint8Array(length).fill(1)
      socket.send(buffer)
      buffer.fill(2)
      socket.send(buffer.buffer)
      buffer.fill(3)
      socket.send(new DataView(buffer.buffer))
      buffer.fill(4)
      for (const value of [1, 2, 3]) assert.deepEqual((await peer.receive()).data, Buffer.alloc(length, value))
    }
  },
  async 'a buffer may be transferred once it was sent'({ open }) {
    const { socket, peer } = await open()
    const { buffer } = new Uint8Array([1, 2, 3])
    socket.send(buffer)
    structuredClone(buffer, { transfer: [buffer] })
    assert.deepEqual((await peer.receive()).data, Buffer.from([1, 2, 3]))
  },
  async 'messages keep their order, whatever their kinds'({ open }) {
    const { socket, peer } = await open()
    socket.send('1')
    socket.send(new Blob(['2']))
    socket.send('3')
    socket.send(new Uint8Array([0x34]))
    socket.send(new Blob([new Uint8Array(100_000).fill(0x35)]))
    socket.send(new Blob(['6']))
    socket.send('7')
    const received: string[] = []
    while (received.length < 7) received.push((await peer.receive()).data.toString('utf8', 0, 1))
    assert.deepEqual(received, ['1', '2', '3', '4', '5', '6', '7'])
  },
  async 'messages of every length class come back as they were'({ open }) {
    const { socket } = await open('/echo')
    socket.binaryType = 'arraybuffer'
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000]) {
      socket.send(bytes(length))
      assert.ok(bytes(length).equals(new Uint8Array((await next(socket, 'message')).data)), `${length} bytes of binary`)
      const text = 'x'.repeat(length)
      socket.send(text)
      assert.ok((await next(socket, 'message')).data === text, `${length} characters`)
    }
  },
  async 'every frame that the client sends is masked, and not always the same way'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const wire: Buffer[] = []
    raw.socket.on('data', (chunk) => wire.push(chunk))
    socket.send('hello')
    socket.send('hello')
    for (const _ of [1, 2]) {
      const { isMasked, payload, fin, opcode, rsv } = await raw.receive()
      assert.deepEqual([isMasked, payload.toString(), fin, opcode, rsv], [true, 'hello', true, 1, 0])
    }
    const all = Buffer.concat(wire)
    assert.notDeepEqual(all.subarray(0, all.length / 2), all.subarray(all.length / 2))
  },
  async 'send returns undefined, in any state'({ open }) {
    const { socket } = await open()
    const isClosed = closed(socket)
    const returned = [socket.send('open')]
    returned.push(socket.close(), socket.send('closing'))
    await isClosed
    returned.push(socket.close(), socket.send('closed'))
    assert.deepEqual(returned, [undefined, undefined, undefined, undefined, undefined])
  },
  async 'what is sent after close() never arrives'({ open }) {
    const { socket, peer } = await open()
    socket.send('before')
    socket.close()
    socket.send('after')
    assert.equal(await peer.receiveText(), 'before')
    await assert.rejects(peer.receive(), /the client closed \(1005 \)/)
  },

  // bufferedAmount
  async 'bufferedAmount counts bytes, those of UTF-8 for strings'({ open }) {
    const { socket } = await open()
    const amounts: number[] = []
    for (const data of ['abc', 'é€😀', '\ud800', new Uint8Array(10).subarray(4), new ArrayBuffer(5), new Blob(['seven!!']), '']) {
      socket.send(data)
      amounts.push(socket.bufferedAmount)
    }
    assert.deepEqual(amounts, [3, 12, 15, 21, 26, 33, 33])
  },
  async 'bufferedAmount stays as it is until the turn is over'({ open }) {
    const { socket, peer } = await open()
    socket.send('hello')
    for (let turn = 0; turn < 100; turn++) await null
    assert.equal(socket.bufferedAmount, 5)
    await peer.receiveText()
  },
  async 'bufferedAmount returns to zero once all has left'({ open, server }) {
    const { socket, peer } = await open()
    socket.send('hello')
    socket.send(new Blob(['world']))
    socket.send(new Uint8Array(100_000))
    for (const _ of [1, 2, 3]) await peer.receive()
    await server.settle()
    assert.equal(socket.bufferedAmount, 0)
  },
  async 'bufferedAmount grows when the server does not read'({ openRaw, server }) {
    const { socket, raw } = await openRaw()
    raw.socket.pause()
    const chunk = new Uint8Array(1_000_000)
    // More than the socket buffers of both ends hold.
    for (let count = 0; count < 64; count++) socket.send(chunk)
    await server.settle()
    assert.ok(socket.bufferedAmount > chunk.length, `${socket.bufferedAmount}`)
    raw.socket.destroy()
  },
  async 'send while CLOSING does not throw, and adds to bufferedAmount'({ open }) {
    const { socket } = await open()
    socket.close()
    socket.send('abc')
    socket.send(new Uint8Array(4))
    socket.send(new Blob(['12345']))
    assert.equal(socket.bufferedAmount, 12)
  },
  async 'send after a close while CONNECTING does not throw, and adds to bufferedAmount'({ dial }) {
    const socket = dial()
    socket.close()
    socket.send('é')
    assert.equal(socket.bufferedAmount, 2)
  },
  async 'send while CLOSED does not throw, and adds to bufferedAmount'({ open }) {
    const { socket } = await open()
    socket.close()
    await closed(socket)
    assert.equal(socket.bufferedAmount, 0)
    socket.send('abc')
    socket.send(new ArrayBuffer(4))
    assert.equal(socket.bufferedAmount, 7)
  },
  async 'bufferedAmount does not return to zero when the connection closes'({ open, server }) {
    const { socket } = await open()
    socket.close()
    socket.send('abc')
    await closed(socket)
    await server.settle()
    assert.equal(socket.bufferedAmount, 3)
  },

  // binaryType, and messages that come in
  'binaryType is what was set'({ dial }) {
    const socket = dial()
    for (const value of ['arraybuffer', 'blob', 'arraybuffer'] as const) {
      socket.binaryType = value
      assert.equal(socket.binaryType, value)
    }
  },
  'a binaryType that there is not is ignored'({ dial }) {
    const socket: any = dial()
    for (const type of ['blob', 'arraybuffer']) {
      socket.binaryType = type
      for (const value of ['ArrayBuffer', 'Blob', '', 'text', null, undefined, 7, {}]) {
        socket.binaryType = value
        assert.equal(socket.binaryType, type, String(value))
      }
    }
  },
  async 'text is a string, whatever the binaryType'({ open }) {
    const { socket, peer } = await open()
    for (const binaryType of ['blob', 'arraybuffer'] as const) {
      socket.binaryType = binaryType
      peer.send('héllo 😀')
      assert.equal((await next(socket, 'message')).data, 'héllo 😀')
    }
  },
  async 'binary is a Blob at first'({ open }) {
    const { socket, peer } = await open()
    peer.send(bytes(10))
    const { data } = await next(socket, 'message')
    assert.ok(data instanceof Blob)
    assert.deepEqual([data.size, data.type], [10, ''])
    assert.deepEqual(Buffer.from(await data.arrayBuffer()), bytes(10))
  },
  async 'binary is an ArrayBuffer of its very length if so asked'({ open }) {
    const { socket, peer } = await open()
    socket.binaryType = 'arraybuffer'
    for (const length of [0, 10, 70_000]) {
      peer.send(bytes(length))
      const { data } = await next(socket, 'message')
      assert.ok(data instanceof ArrayBuffer)
      assert.deepEqual(Buffer.from(data), bytes(length))
    }
  },
  async 'binaryType may be set before the connection is open'({ dial, server }) {
    const socket = dial()
    socket.binaryType = 'arraybuffer'
    ;(await server.accept()).send(bytes(3))
    assert.ok((await next(socket, 'message')).data instanceof ArrayBuffer)
    assert.equal(socket.binaryType, 'arraybuffer')
  },
  async 'binaryType applies to every message that is not dispatched yet'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const kinds: string[] = []
    const isDone = new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        socket.binaryType = socket.binaryType === 'blob' ? 'arraybuffer' : 'blob'
        if (kinds.push(data.constructor.name) === 3) resolve()
      }
    })
    raw.write(Buffer.concat([frame(2, 'one'), frame(2, 'two'), frame(2, 'three')]))
    await isDone
    assert.deepEqual(kinds, ['Blob', 'ArrayBuffer', 'Blob'])
  },
  async 'binaryType can be set after the end'({ open }) {
    const { socket } = await open()
    socket.close()
    await closed(socket)
    socket.binaryType = 'arraybuffer'
    assert.equal(socket.binaryType, 'arraybuffer')
  },
  async 'every message has a buffer of its own'({ openRaw }) {
    const { socket, raw } = await openRaw()
    socket.binaryType = 'arraybuffer'
    const buffers: ArrayBuffer[] = []
    const isDone = new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        new Uint8Array(data).fill(0xff)
        if (buffers.push(data) === 2) resolve()
      }
    })
    raw.write(Buffer.concat([frame(2, 'one'), frame(2, 'two')]))
    await isDone
    assert.notEqual(buffers[0], buffers[1])
    assert.deepEqual(
      buffers.map(({ byteLength }) => byteLength),
      [3, 3],
    )
  },
  async 'messages that come with the handshake are dispatched after open'({ dial, server }) {
    const socket = dial('/raw')
    const lines = journal(socket)
    const raw = await server.acceptRaw()
    raw.answer({}, Buffer.concat([frame(1, 'one'), frame(2, 'two')]))
    await next(socket, 'open')
    while (lines.length < 3) await server.settle()
    assert.deepEqual(lines, ['open 1', 'message 1 one', 'message 1 binary'])
  },
  async 'a message is put together from its fragments, around a ping'({ openRaw }) {
    const { socket, raw } = await openRaw()
    raw.write(Buffer.concat([frame(1, 'one ', { fin: false }), frame(0, '', { fin: false }), frame(9, 'ping'), frame(0, 'two')]))
    assert.equal((await next(socket, 'message')).data, 'one two')
  },
  async 'a character may be cut by a fragment, and everything by packets'({ openRaw, server }) {
    const { socket, raw } = await openRaw()
    const euro = Buffer.from('€')
    const wire = Buffer.concat([frame(1, euro.subarray(0, 1), { fin: false }), frame(0, euro.subarray(1)), frame(1, 'x'.repeat(130))])
    const lines = journal(socket)
    raw.socket.setNoDelay()
    for (const byte of wire) {
      raw.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    while (lines.length < 2) await server.settle()
    assert.deepEqual(lines, ['message 1 €', `message 1 ${'x'.repeat(130)}`])
  },
  async 'a byte order mark is part of a text message'({ open }) {
    const { socket, peer } = await open()
    peer.send('\ufeffhello')
    assert.equal((await next(socket, 'message')).data, '\ufeffhello')
  },
  async 'a ping is answered by a pong with its payload, and is no event'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const lines = journal(socket)
    raw.write(Buffer.concat([frame(9, 'are you there?'), frame(9, ''), frame(10, 'unasked'), frame(1, 'end')]))
    const pongs = [await raw.receive(), await raw.receive()].map(({ opcode, payload, isMasked }) => `${opcode} ${payload} ${isMasked}`)
    assert.deepEqual(pongs, ['10 are you there? true', '10  true'])
    while (lines.length < 1) await next(socket, 'message')
    assert.deepEqual(lines, ['message 1 end'])
  },
  async 'a message that comes while CLOSING is not dispatched'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const lines = journal(socket)
    socket.close(1000)
    assert.equal(await raw.receiveClose(), 1000)
    raw.write(Buffer.concat([frame(1, 'too late'), frame(8, Buffer.from([3, 232]))]))
    raw.socket.end()
    await closed(socket)
    assert.deepEqual(lines, ['close 3 1000'])
  },
  async 'after close() in a message handler the messages behind it are not dispatched'({ openRaw, server }) {
    const { socket, raw } = await openRaw()
    const lines = journal(socket)
    socket.onmessage = () => socket.close()
    raw.write(Buffer.concat([frame(1, 'one'), frame(1, 'two'), frame(1, 'three')]))
    await raw.receiveClose()
    await server.settle()
    assert.deepEqual(lines, ['message 1 one'])
  },
} satisfies Record<string, Test>
