// The other end of a conformance test: a server on a loopback port of its own, one for each test, so that no test sees another's connection.
// Whatever is asked under `/raw` is handed over unanswered, for handshakes and frames that no well-behaved server would send; everything else is
// served by `ws`.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer, type WebSocket as WsSocket } from 'ws'

export interface Server {
  /** Without a trailing slash: `ws://127.0.0.1:4711`. */
  readonly url: string
  readonly port: number
  /** The connections that `ws` serves, in order. */
  accept(): Promise<Peer>
  /** The upgrade requests under `/raw`, in order. */
  acceptRaw(): Promise<RawPeer>
  /** Resolves when what was under way over the loopback has most likely arrived: for what must *not* happen. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** Under `/echo` every message comes back. Under `/deflate` permessage-deflate is granted. Of several subprotocols the first is chosen. */
export async function startServer(): Promise<Server> {
  const http = createServer((_request, response) => response.end('settled'))
  const plain = new WebSocketServer({ noServer: true })
  const deflating = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } })
  const peers = new Queue<Peer>()
  const rawPeers = new Queue<RawPeer>()
  const sockets = new Set<Socket>()

  http.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // A reset by the client is part of many tests.
    socket.on('close', () => sockets.delete(socket))
  })
  http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    if (path.startsWith('/raw')) return rawPeers.push(new RawPeer(request, socket))
    const wss = path === '/deflate' ? deflating : plain
    wss.handleUpgrade(request, socket, head, (accepted) => {
      if (path === '/echo') accepted.on('message', (data, isBinary) => accepted.send(data, { binary: isBinary }))
      peers.push(new Peer(request, accepted))
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo

  return {
    url: `ws://127.0.0.1:${port}`,
    port,
    accept: () => peers.next(),
    acceptRaw: () => rawPeers.next(),
    async settle() {
      for (let turn = 0; turn < 3; turn++) {
        await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    async close() {
      http.close()
      for (const socket of sockets) socket.destroy()
      if (http.listening) await once(http, 'close')
    },
  }
}

export interface Received {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** The server's end of a connection, served by `ws`. */
export class Peer {
  readonly request: IncomingMessage
  readonly socket: WsSocket
  /** The Close frame of the client; 1005 when it had no body, 1006 when there was none. */
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #received = new Queue<Received>()

  constructor(request: IncomingMessage, socket: WsSocket) {
    this.request = request
    this.socket = socket
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => this.#received.push({ data: data as Buffer, isBinary }))
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#received.end(`the client closed (${code} ${reason}) instead of sending a message`)
        resolve({ code, reason: reason.toString() })
      })
    })
  }

  receive(): Promise<Received> {
    return this.#received.next()
  }

  async receiveText(): Promise<string> {
    const { data, isBinary } = await this.receive()
    if (isBinary) throw new Error(`expected a text message, got ${data.length} bytes of binary`)
    return data.toString()
  }

  send(data: string | Buffer): void {
    this.socket.send(data)
  }
}

export interface Frame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly isMasked: boolean
  readonly payload: Buffer
}

/** The server's end of a connection, by hand. */
export class RawPeer {
  readonly request: IncomingMessage
  readonly socket: Socket
  /** Resolves when the client has ended or cut the TCP connection. */
  readonly ended: Promise<void>
  readonly #frames = new Queue<Frame>()
  #unread: Buffer = Buffer.alloc(0)

  constructor(request: IncomingMessage, socket: Socket) {
    this.request = request
    this.socket = socket
    socket.on('data', (chunk) => this.#read(chunk))
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.#frames.end('the client ended the connection instead of sending a frame')
        resolve()
      }
      socket.on('end', end)
      socket.on('close', end)
    })
  }

  /** The right answer to the request but for `changes`: a header that is undefined is left out. `first` leaves in the same packet. */
  answer(changes: Record<string, string | undefined> = {}, first: Buffer = Buffer.alloc(0)): void {
    const accept = createHash('sha1')
      .update(`${this.request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    const headers = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': accept, ...changes }
    const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
    this.socket.write(Buffer.concat([Buffer.from(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n')), first]))
  }

  write(bytes: Buffer | string): void {
    this.socket.write(bytes)
  }

  receive(): Promise<Frame> {
    return this.#frames.next()
  }

  /** The status code of the client's Close frame, whatever came before it; 1005 when it has no body. */
  async receiveClose(): Promise<number> {
    for (;;) {
      const { opcode, payload } = await this.receive()
      if (opcode === 8) return payload.length < 2 ? 1005 : payload.readUInt16BE()
    }
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    for (let read = readFrame(this.#unread); read; read = readFrame(this.#unread)) {
      this.#unread = this.#unread.subarray(read.size)
      this.#frames.push(read.frame)
    }
  }
}

/** One frame as a server writes it; `changes` make it wrong. */
export function frame(opcode: number, payload: Buffer | string, changes: { fin?: boolean; rsv?: number; isMasked?: boolean } = {}): Buffer {
  const { fin = true, rsv = 0, isMasked = false } = changes
  const body = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  const mask = isMasked ? 0x80 : 0
  let head: Buffer
  if (body.length < 126) head = Buffer.from([first, mask | body.length])
  else if (body.length < 65_536) head = Buffer.from([first, mask | 126, body.length >> 8, body.length & 0xff])
  else {
    head = Buffer.alloc(10)
    head.writeUInt8(first, 0)
    head.writeUInt8(mask | 127, 1)
    head.writeBigUInt64BE(BigInt(body.length), 2)
  }
  // A mask of zeros leaves the payload as it is, and is still a mask.
  return Buffer.concat(isMasked ? [head, Buffer.alloc(4), body] : [head, body])
}

/** A Close frame. */
export function closeFrame(code: number, reason = ''): Buffer {
  return frame(8, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))
}

function readFrame(bytes: Buffer): { readonly frame: Frame; readonly size: number } | undefined {
  if (bytes.length < 2) return undefined
  const first = bytes.readUInt8(0)
  const second = bytes.readUInt8(1)
  const isMasked = second >= 0x80
  let length = second & 0x7f
  let at = 2
  if (length === 126) {
    if (bytes.length < 4) return undefined
    length = bytes.readUInt16BE(2)
    at = 4
  } else if (length === 127) {
    if (bytes.length < 10) return undefined
    length = Number(bytes.readBigUInt64BE(2))
    at = 10
  }
  const maskSize = isMasked ? 4 : 0
  if (bytes.length < at + maskSize + length) return undefined
  const mask = bytes.subarray(at, at + maskSize)
  const payload = Buffer.from(bytes.subarray(at + maskSize, at + maskSize + length))
  if (isMasked) for (let index = 0; index < length; index++) payload[index]! ^= mask[index % 4]!
  return { frame: { fin: first >= 0x80, rsv: (first >> 4) & 7, opcode: first & 0xf, isMasked, payload }, size: at + maskSize + length }
}

/** Values that are pushed by one and awaited, in order, by another. */
class Queue<T> {
  readonly #values: T[] = []
  readonly #waiting: { resolve(value: T): void; reject(error: Error): void }[] = []
  #end: string | undefined

  push(value: T): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve(value)
    else this.#values.push(value)
  }

  /** Whoever waits for more waits in vain. */
  end(reason: string): void {
    this.#end = reason
    for (const waiting of this.#waiting.splice(0)) waiting.reject(new Error(reason))
  }

  next(): Promise<T> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift()!)
    if (this.#end !== undefined) return Promise.reject(new Error(this.#end))
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }
}
