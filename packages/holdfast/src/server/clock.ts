/** Everything that a server knows of time and chance; looked up at each use. */

export interface Clock {
  /** Monotonic milliseconds. */
  now(): number
  /** Epoch milliseconds. */
  wall(): number
  /** Draws from [0, 1). */
  random(): number
  setTimer(run: () => void, ms: number): unknown
  clearTimer(handle: unknown): void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (handle) => clearTimeout(handle as NodeJS.Timeout),
}

/** A moment, read once for everything that happens in one turn of the event loop. */
export interface Moment {
  readonly now: number
  readonly wall: number
}

/** Messages come by the packet, and reading a clock costs more than what is done with most of them. */
export class TurnClock {
  readonly #clock: Clock
  #moment: Moment | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get moment(): Moment {
    if (!this.#moment) {
      this.#moment = { now: this.#clock.now(), wall: this.#clock.wall() }
      queueMicrotask(() => {
        this.#moment = undefined
      })
    }
    return this.#moment
  }
}
