/** What a server of the bench does with a connection; the client asks for it in the query of its url. */

import type { Socket } from 'node:net'
import { recordWire, repeat } from './flood.ts'

/** A connection as the server holds it, plain or of socket.io. */
export interface Peer {
  readonly raw: Socket
  send(data: string | Uint8Array): void
  receive(listener: (data: unknown) => void): void
  /** The WebSocket underneath. */
  readonly socket: { close(code: number): void; terminate(): void }
}

export type Mode = (peer: Peer, query: URLSearchParams) => void

export const modes: Readonly<Record<string, Mode>> = {
  idle: () => {},
  echo: (peer) => peer.receive((data) => peer.send(data as Uint8Array)),
  /** Says something at once: the first message after a recovery. */
  greet: (peer) => peer.send('hello'),
  /** Confirms every `window` messages. */
  sink: (peer, query) => {
    const window = Number(query.get('window'))
    let count = 0
    peer.receive(() => {
      if (++count % window === 0) peer.send('received')
    })
  },
  /** Answers each message with `count` messages of `bytes` bytes. */
  flood: (peer, query) => {
    const bytes = Number(query.get('bytes'))
    const message = query.get('payload') === 'text' ? 'x'.repeat(bytes) : new Uint8Array(bytes)
    let wire: Promise<Buffer> | undefined
    peer.receive(async () => {
      wire ??= recordWire(peer.raw, () => peer.send(message))
      repeat(peer.raw, await wire, Number(query.get('count')))
    })
  },
  'close-4401': (peer) => peer.socket.close(4401),
  terminate: (peer) => peer.socket.terminate(),
}
