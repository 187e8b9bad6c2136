/** One system call for everything that is written to a socket in a turn of the event loop. A lone message is not delayed. */

import type { WebSocket } from 'ws'
import { rawSocket } from '../server/ws-gauge.ts'

export class TurnCork {
  #isIn = false

  /** To be called before each write. */
  hold(ws: WebSocket): void {
    const socket = rawSocket(ws)
    if (this.#isIn || !socket) return
    this.#isIn = true
    socket.cork()
    process.nextTick(() => {
      this.#isIn = false
      socket.uncork()
    })
  }
}
