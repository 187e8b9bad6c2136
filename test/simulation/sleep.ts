/** When a process of the world does not run, and what that excuses. */

import type { Shape } from './scenario.ts'

/** No hour of the world, and long before any. */
export const longAgo = -1_000_000
/** Ticks come no less often. */
const longestTickMs = 1_000
/** The shortest deadline has four of them; it is half of what is between a ping and the end. */
const ticksOfAnswer = 8
/** Four of the shortest period that a ping may have. */
const ticksOfPing = 5

export class Sleep {
  readonly #tickMs: number
  #since = longAgo
  #until = longAgo
  /** When the process last had a reason to ask instead of judging, before this sleep. */
  #doubtedAt = longAgo

  constructor({ ping, dead }: Shape) {
    this.#tickMs = Math.min(longestTickMs, (dead - ping) / ticksOfAnswer, ping / ticksOfPing)
  }

  get until(): number {
    return this.#until
  }

  begin(now: number, until: number): void {
    if (this.#until - this.#since > this.#tickMs) this.#doubtedAt = Math.max(this.#doubtedAt, this.#until)
    this.#since = now
    this.#until = until
  }

  end(now: number): void {
    this.#until = Math.min(this.#until, now)
  }

  /** The wall clock ran ahead, which looks like sleep to the next tick. */
  doubt(now: number): void {
    this.#doubtedAt = now + longestTickMs
  }

  /** Milliseconds awake since `heardAt`; Infinity for who asked, and slept on: that silence may be judged at any time. */
  awakeMs(now: number, heardAt: number): number {
    if (this.#doubtedAt + this.#tickMs >= heardAt) return Infinity // its first tick awake had reason to ask
    if (this.#until <= heardAt || this.#until - this.#since <= 2 * longestTickMs) return now - heardAt
    return now - this.#until + Math.max(0, this.#since - heardAt)
  }
}
