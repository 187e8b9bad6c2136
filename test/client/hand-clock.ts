// Time moved by hand: timers fire when a test says so, and real sockets get their turns in between.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from 'holdfast'

interface Timer {
  readonly at: number
  readonly run: () => void
}

/** A timer leads to a step in the next turn of the event loop, which may lead to another one. */
const turnsAStep = 3

export class HandClock implements Clock {
  /** What `random()` draws. */
  draw = 0.5
  #now = 5_000
  #wall = Date.UTC(2025, 0, 1)
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.#now
  }
  wall(): number {
    return this.#wall
  }
  random(): number {
    return this.draw
  }
  setTimer(run: () => void, ms: number): unknown {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return timer
  }
  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /** Timers that are still to come. */
  get pending(): number {
    return this.#timers.size
  }

  /** Time goes by, and each timer fires when it is due. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (let next = this.#next; next && next.at <= end; next = this.#next) {
      this.#pass(Math.max(0, next.at - this.#now))
      await this.#fire(next)
    }
    this.#pass(end - this.#now)
  }

  /** The process does not run for so long: what was due meanwhile fires late. */
  async sleep(ms: number): Promise<void> {
    this.#pass(ms)
    for (const timer of [...this.#timers]) if (timer.at <= this.#now) await this.#fire(timer)
  }

  get #next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (!first || timer.at < first.at) first = timer
    return first
  }

  #pass(ms: number): void {
    this.#now += ms
    this.#wall += ms
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers.delete(timer)
    timer.run()
    for (let turn = 0; turn < turnsAStep; turn++) await nextTurn()
  }
}
