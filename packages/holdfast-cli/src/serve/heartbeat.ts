/** The server's side of a heartbeat: whoever says nothing for a whole round, not even in answer to a ping, is gone. */

import type { WebSocket } from 'ws'

export class Heartbeat {
  readonly #clients: Set<WebSocket>
  readonly #timer: NodeJS.Timeout
  readonly #silent = new WeakSet<WebSocket>()

  /** @param everyMs how long a round is; a dead client is noticed within two */
  constructor(clients: Set<WebSocket>, everyMs: number) {
    this.#clients = clients
    this.#timer = setInterval(() => this.#round(), everyMs)
  }

  watch(socket: WebSocket): void {
    const hear = (): void => void this.#silent.delete(socket)
    socket.on('pong', hear).on('ping', hear).on('message', hear)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #round(): void {
    for (const socket of this.#clients) {
      // Somebody whom we do not read cannot be heard.
      if (socket.isPaused) continue
      if (this.#silent.has(socket)) {
        socket.terminate()
        continue
      }
      this.#silent.add(socket)
      if (socket.readyState === socket.OPEN) socket.ping()
    }
  }
}
