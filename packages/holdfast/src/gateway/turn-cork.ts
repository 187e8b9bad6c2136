/** One system call for everything that is written to a socket in a turn of the event loop. A lone message is not delayed. */

import type { WebSocket } from 'ws'
import { type RawSocket, rawSocket } from '../server/ws-gauge.ts'

export class TurnCork {
  #socket: RawSocket | null = null

  /** To be called before each write. */
  hold(ws: WebSocket): void {
    if (this.#socket) return
    this.#socket = rawSocket(ws)
    this.#socket?.cork()
    process.nextTick(endTurn, this)
  }

  release(): void {
    this.#socket?.uncork()
    this.#socket = null
  }
}

function endTurn(cork: TurnCork): void {
  cork.release()
}
