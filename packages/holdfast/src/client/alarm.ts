/**
 * The one timer of a socket. An alarm that is early only makes its owner look again, so a deadline that moves on, as it does with every
 * message, costs nothing.
 */

import type { Clock } from './options.ts'
import { platform } from './platform.ts'

/** The longest that a timer can wait. */
const longestTimerMs = 2 ** 31 - 1

export interface AlarmOwner {
  ring(): void
}

export class Alarm {
  readonly #clock: Clock
  readonly #owner: AlarmOwner
  #timer: unknown
  #at = Infinity
  #isIdle = false

  constructor(clock: Clock, owner: AlarmOwner) {
    this.#clock = clock
    this.#owner = owner
  }

  /** When it will ring, at the latest; Infinity when it is not set. */
  get at(): number {
    return this.#at
  }

  /**
   * Rings at `deadline` or before, after the reads that are queued by then; Infinity: not at all.
   *
   * @param isIdle whether the process may end before it does
   */
  set(deadline: number, isIdle = false): void {
    if (deadline >= this.#at && deadline !== Infinity && isIdle === this.#isIdle) return
    this.#isIdle = isIdle
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#at = deadline
    if (deadline === Infinity) return
    const ms = Math.min(longestTimerMs, Math.max(0, Math.ceil(deadline - this.#clock.now())))
    this.#timer = this.#clock.setTimer(() => platform().afterReads(() => this.#rang()), ms)
    if (isIdle) (this.#timer as { unref?(): void } | undefined)?.unref?.()
  }

  #rang(): void {
    this.#timer = undefined
    this.#at = Infinity
    this.#owner.ring()
  }
}
