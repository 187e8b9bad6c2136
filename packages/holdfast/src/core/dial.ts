/**
 * A dial in progress and its time limit, counted in awake time (see AwakeClock).
 *
 * A late tick does not end it, because the answer may be there and not read yet. From then on time counts in full and every tick
 * judges: a hidden page whose every tick is late must notice as well.
 */

import { AwakeClock } from './awake-clock.ts'

const longestTickMs = 1_000
/** No timer is finer. What rounding leaves of a limit must not make time stand still. */
const shortestTickMs = 1

export class Dial {
  readonly since: number
  /** Milliseconds. */
  readonly limitMs: number
  readonly #tickMs: number
  readonly #clock: AwakeClock
  #waitedMs = 0
  #hasSlept = false

  constructor(limitMs: number, now: number, wall: number) {
    this.since = now
    this.limitMs = limitMs
    this.#tickMs = Math.min(longestTickMs, limitMs / 4)
    this.#clock = new AwakeClock(this.#tickMs, now, wall)
  }

  /** When `tick` wants to be called. */
  get deadline(): number {
    return this.#clock.at + Math.min(this.#tickMs, Math.max(shortestTickMs, this.limitMs - this.#waitedMs))
  }

  /** Returns whether its time is up. */
  tick(now: number, wall: number): boolean {
    const elapsedMs = now - this.#clock.at
    const awakeMs = this.#clock.advance(now, wall)
    this.#waitedMs += this.#hasSlept ? elapsedMs : awakeMs
    if (this.#clock.isLate && !this.#hasSlept) {
      this.#hasSlept = true
      return false
    }
    return this.#waitedMs >= this.limitMs
  }
}
