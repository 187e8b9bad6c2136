/** Everything that a server knows of time and chance; looked up at each use. */

export interface Clock {
  /** Monotonic milliseconds; whole ones take less room in what keeps them. */
  now(): number
  /** Epoch milliseconds. */
  wall(): number
  /** Draws from [0, 1). */
  random(): number
  setTimer(run: () => void, ms: number): unknown
  clearTimer(handle: unknown): void
}

export const systemClock: Clock = {
  now: () => Math.floor(performance.now()),
  wall: () => Date.now(),
  random: () => Math.random(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (handle) => clearTimeout(handle as NodeJS.Timeout),
}

/** Messages come by the packet, and reading a clock costs more than what is done with most of them. */
export class TurnClock {
  readonly #clock: Clock
  #now: number | undefined
  readonly #forget = (): void => {
    this.#now = undefined
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Monotonic milliseconds, read once for everything that happens in one turn of the event loop. */
  get now(): number {
    if (this.#now === undefined) {
      this.#now = this.#clock.now()
      queueMicrotask(this.#forget)
    }
    return this.#now
  }
}
