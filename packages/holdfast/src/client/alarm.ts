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
  /** Undefined when it is not set. In whole milliseconds: V8 puts other numbers into a box of their own. */
  #at: number | undefined
  #isIdle = false

  constructor(clock: Clock, owner: AlarmOwner) {
    this.#clock = clock
    this.#owner = owner
  }

  /** When it will ring, but for a part of a millisecond; Infinity when it is not set. */
  get at(): number {
    return this.#at ?? Infinity
  }

  /**
   * Rings at `deadline` or before, after the reads that are queued by then; Infinity: not at all.
   *
   * @param isIdle whether the process may end before it does
   */
  set(deadline: number, isIdle = false): void {
    if (deadline >= this.at && deadline !== Infinity && isIdle === this.#isIdle) return
    this.#isIdle = isIdle
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#at = undefined
    if (deadline === Infinity) return
    this.#at = Math.floor(deadline)
    const ms = Math.min(longestTimerMs, Math.max(0, Math.ceil(deadline - this.#clock.now())))
    this.#timer = this.#clock.setTimer(this.#elapsed.bind(this), ms) // half the size of an arrow function and what it captures
    if (isIdle) (this.#timer as { unref?(): void } | undefined)?.unref?.()
  }

  #elapsed(): void {
    platform().afterReads(() => this.#rang())
  }

  #rang(): void {
    this.#timer = undefined
    this.#at = undefined
    this.#owner.ring()
  }
}
