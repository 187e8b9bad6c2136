/** The answers to pings of WebSocket: as `ws` gives them, which has a closure and four fields in each socket for it, an eighth of a kilobyte. */

import type { WebSocket } from 'ws'

/** Who answers for a socket. */
export interface Answerer {
  /** Answers that have not left. */
  pendingPongs: number
}

export class AutoPong {
  readonly #isOn: boolean
  readonly #maxPending: number

  /** @param maxPending more than these end a socket; 0: any number may wait */
  constructor(isOn: boolean, maxPending: number) {
    this.#isOn = isOn
    this.#maxPending = maxPending > 0 ? maxPending : Infinity
  }

  /** Whether the peer does not take the answers that it asks for. */
  isFlooded({ pendingPongs }: Answerer): boolean {
    return pendingPongs >= this.#maxPending
  }

  answer(ws: WebSocket, answerer: Answerer, data: Buffer): void {
    if (!this.#isOn || ws.readyState !== ws.OPEN) return
    if (this.isFlooded(answerer)) {
      ws.terminate()
      return
    }
    answerer.pendingPongs++
    ws.pong(data, false, () => {
      answerer.pendingPongs--
    })
  }
}
