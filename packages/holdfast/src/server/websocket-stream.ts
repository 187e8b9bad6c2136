/** Sockets as streams of Node. */

import { Duplex, type DuplexOptions } from 'node:stream'
import { createWebSocketStream as createWsStream, WebSocket as WsSocket } from 'ws'
import { SessionSocket, sessionOf } from './session-socket.ts'

/** What is needed of a client's socket of this library. */
export interface IterableSocket extends AsyncIterable<unknown> {
  readonly readyState: number
  readonly closed: Promise<unknown>
  sendAsync(data: any): Promise<unknown>
  close(code?: number): void
}

/**
 * A stream over a socket. Over a session it goes on when the link is lost, and writing waits while the session has no room.
 *
 * @param socket one of this server, of `ws`, or a client's of this library
 * @param options as those of Duplex
 */
export function createWebSocketStream(socket: SessionSocket | WsSocket | IterableSocket, options?: DuplexOptions): Duplex {
  if (socket instanceof SessionSocket) return sessionStream(socket, options)
  return socket instanceof WsSocket ? createWsStream(socket, options) : new ClientStream(socket, options)
}

function sessionStream(socket: SessionSocket, options: DuplexOptions | undefined): Duplex {
  const stream = createWsStream(socket, options)
  const hosted = sessionOf(socket)
  if (hosted) stream._write = (chunk, _, callback) => void hosted.sendWhenRoom(chunk, callback as (error?: Error) => void)
  return stream
}

const done = 1000

/** Reads by iteration, which keeps the peer back when nobody reads on; writes wait until the peer has what was written. */
class ClientStream extends Duplex {
  readonly #socket: IterableSocket
  readonly #messages: AsyncIterator<unknown>
  #isReading = false

  constructor(socket: IterableSocket, options: DuplexOptions | undefined) {
    super({ ...options, objectMode: false, writableObjectMode: false })
    this.#socket = socket
    this.#messages = socket[Symbol.asyncIterator]()
  }

  override _read(): void {
    if (!this.#isReading) void this.#readOn()
  }

  override _write(chunk: Buffer, _: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.sendAsync(chunk).then(() => callback(), callback)
  }

  override _final(callback: () => void): void {
    this.#socket.close(done)
    void this.#socket.closed.then(() => callback())
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.close(done)
    callback(error)
  }

  async #readOn(): Promise<void> {
    this.#isReading = true
    try {
      for (let hasRoom = true; hasRoom; ) {
        const { done: isDone, value } = await this.#messages.next()
        hasRoom = !isDone && this.push(await bytesOf(value))
        if (isDone) this.push(null)
      }
    } catch (error) {
      this.destroy(error as Error)
    }
    this.#isReading = false
  }
}

async function bytesOf(message: unknown): Promise<Buffer> {
  if (message instanceof Blob) return Buffer.from(await message.arrayBuffer())
  return Buffer.from(message as string)
}
