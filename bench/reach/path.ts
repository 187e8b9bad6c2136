// A server that greets, a network that can fail in front of it, and a socket that goes through both.

import { ReconnectingWebSocket, type ReconnectingWebSocketOptions } from 'holdfast'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { startWs, type WsPeer } from '../../test/peers/ws.ts'

export interface Path extends AsyncDisposable {
  readonly peer: WsPeer
  readonly proxy: FaultProxy
  readonly url: string
}

/** Every link begins with a message of the server's. */
export async function openPath(): Promise<Path> {
  const peer = await startWs()
  peer.server.on('connection', (socket) => socket.send('hello'))
  const proxy = await FaultProxy.listen({ upstream: peer.url })
  return {
    peer,
    proxy,
    url: `${proxy.url}/`,
    [Symbol.asyncDispose]: async () => {
      await proxy.close()
      await peer.stop()
    },
  }
}

/** A socket with the moments that matter. It ends as an application ends it, without waiting for a network that is gone. */
export class Traveller implements Disposable {
  readonly socket: ReconnectingWebSocket
  readonly #end = new AbortController()

  constructor(url: string, options: ReconnectingWebSocketOptions = {}) {
    this.socket = new ReconnectingWebSocket(url, [], { ...options, signal: this.#end.signal })
  }

  /** When the next event of this type is dispatched: `performance.now()`. */
  next(type: string): Promise<number> {
    return new Promise((resolve) => this.socket.addEventListener(type, () => resolve(performance.now()), { once: true }))
  }

  [Symbol.dispose](): void {
    this.#end.abort()
  }
}
