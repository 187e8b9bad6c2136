/**
 * Time during which this process was running.
 *
 * A laptop that slept for an hour, a throttled tab and a blocked event loop look alike from the inside: a tick that comes too
 * late. None of them says anything about the peer, so a gap counts as two ticks at most, and whoever judges deadlines is told
 * that the tick was late. Some monotonic clocks stand still during sleep; then the wall clock runs ahead of it and tells.
 *
 * Who watches one link has a clock of its own and advances it. Who watches thousands shares one, which its keeper advances: then nobody
 * comes back before his own deadline.
 */

/** The wall clock this far ahead of the monotonic one, in ms, is sleep; less is a clock being set right. */
const wallJumpMs = 5_000

export class AwakeClock {
  /** How often it is advanced, at least; a gap of more than two of these is one in which this process did not run. */
  readonly tickMs: number
  /** Whether somebody else advances it. */
  readonly isShared: boolean
  #at: number
  #wall: number
  #awakeMs = 0
  #sleeps = 0
  #isLate = false

  /** @param wall epoch ms; NaN when unknown, then the first `advance` takes it */
  constructor(tickMs: number, now: number, wall: number, isShared = false) {
    this.tickMs = tickMs
    this.#at = now
    this.#wall = wall
    this.isShared = isShared
  }

  /** When it was last advanced. */
  get at(): number {
    return this.#at
  }

  /** When it wants to be advanced again. */
  get nextTick(): number {
    return this.#at + this.tickMs
  }

  /** How many gaps there were in which this process did not run. */
  get sleeps(): number {
    return this.#sleeps
  }

  /** Whether the last `advance` came after a gap in which this process did not run. */
  get isLate(): boolean {
    return this.#isLate
  }

  /** Begins to count anew, after a time without ticks. */
  restart(now: number): void {
    this.#awakeMs = this.read(now)
    this.#wall += now - this.#at
    this.#at = now
  }

  /** Awake milliseconds from its beginning to `now`, which is not before it was last advanced. */
  read(now: number): number {
    return this.#awakeMs + Math.min(now - this.#at, 2 * this.tickMs)
  }

  /** Moves on to `now`; returns the awake milliseconds that went by: never more than two ticks. */
  advance(now: number, wall: number): number {
    const elapsed = now - this.#at
    const jump = wall - this.#wall - elapsed
    this.#isLate = elapsed > 2 * this.tickMs || jump > wallJumpMs
    if (this.#isLate) this.#sleeps++
    const awakeMs = Math.min(elapsed, 2 * this.tickMs)
    this.#awakeMs += awakeMs
    this.#at = now
    this.#wall = wall
    return awakeMs
  }
}
