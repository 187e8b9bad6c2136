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

/** What has something left to do when a turn of the event loop is over. */
export interface Turning {
  turned(): void
}

/** A turn of the event loop. Messages come by the packet, and reading a clock costs more than what is done with most of them. */
export class Turn {
  readonly #clock: Clock
  #now: number | undefined
  #turning: Turning[] = []
  #isOn = false
  readonly #end = (): void => {
    const turning = this.#turning
    this.#isOn = false
    this.#now = undefined
    if (turning.length === 0) return
    this.#turning = []
    for (const each of turning) each.turned()
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Monotonic milliseconds, read once for everything that happens in the turn. */
  get now(): number {
    if (this.#now !== undefined) return this.#now
    this.#now = this.#clock.now()
    this.#begin()
    return this.#now
  }

  /** Sees to it that somebody is told when the turn is over. */
  await(turning: Turning): void {
    this.#turning.push(turning)
    this.#begin()
  }

  #begin(): void {
    if (this.#isOn) return
    this.#isOn = true
    process.nextTick(this.#end)
  }
}
