/**
 * Time during which this process was running.
 *
 * A laptop that slept for an hour, a throttled tab and a blocked event loop look alike from the inside: a tick that comes too
 * late. None of them says anything about the peer, so a gap counts as two ticks at most, and whoever judges deadlines is told
 * that the tick was late. Some monotonic clocks stand still during sleep; then the wall clock runs ahead of it and tells.
 */

/** The wall clock this far ahead of the monotonic one, in ms, is sleep; less is a clock being set right. */
const wallJumpMs = 5_000

export class AwakeClock {
  readonly #tickMs: number
  #at: number
  #wall: number
  #isLate = false

  /** @param wall epoch ms; NaN when unknown, then the first `advance` takes it */
  constructor(tickMs: number, now: number, wall: number) {
    this.#tickMs = tickMs
    this.#at = now
    this.#wall = wall
  }

  /** When it was last advanced. */
  get at(): number {
    return this.#at
  }

  /** Whether the last `advance` came after a gap in which this process did not run. */
  get isLate(): boolean {
    return this.#isLate
  }

  /** Begins to count anew, after a time without ticks. */
  restart(now: number): void {
    this.#wall += now - this.#at
    this.#at = now
  }

  /** Moves on to `now`; returns the awake milliseconds that went by: never more than two ticks. */
  advance(now: number, wall: number): number {
    const elapsed = now - this.#at
    const jump = wall - this.#wall - elapsed
    this.#isLate = elapsed > 2 * this.#tickMs || jump > wallJumpMs
    this.#at = now
    this.#wall = wall
    return Math.min(elapsed, 2 * this.#tickMs)
  }
}
