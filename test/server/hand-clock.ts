// The clock of a server, turned by hand.

import type { Clock } from '../../packages/holdfast/src/server/clock.ts'
import { turn } from './server.ts'

export class HandClock implements Clock {
  time = 1_000_000
  #timer: { readonly run: () => void; readonly at: number } | undefined

  now(): number {
    return this.time
  }
  wall(): number {
    return this.time
  }
  random(): number {
    return 0.5
  }
  setTimer(run: () => void, ms: number): unknown {
    this.#timer = { run, at: this.time + ms }
    return this.#timer
  }
  clearTimer(handle: unknown): void {
    if (handle === this.#timer) this.#timer = undefined
  }

  /** Moves on, from timer to timer. */
  async forward(ms: number): Promise<void> {
    const end = this.time + ms
    while (this.#timer && this.#timer.at <= end) {
      this.time = Math.max(this.time, this.#timer.at)
      const { run } = this.#timer
      this.#timer = undefined
      run()
      await turn()
    }
    this.time = end
  }
}
