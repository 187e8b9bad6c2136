/**
 * How long the first retry of a session waits: not at all after a loss that nobody shared, and as thinly as the server asks for after
 * one that others may have seen (PROTOCOL.md section 5). A link that keeps breaking backs off like any other.
 */

import type { CloseCause } from './close-info.ts'

/** So many within the window. */
const maxImmediate = 5
const windowMs = 10_000
/** Losses that no other client had at the same time. */
const localCauses: readonly CloseCause[] = ['client', 'heartbeat-timeout', 'write-timeout', 'offline']

export class FirstRetry {
  #times: readonly number[] = []

  /**
   * @param spread milliseconds over which the server wants its clients to come back
   * @returns milliseconds; undefined where the backoff has to decide
   */
  delay(now: number, cause: CloseCause, spread: number, random: () => number): number | undefined {
    this.#times = this.#times.filter((at) => now - at < windowMs)
    if (this.#times.length >= maxImmediate) return undefined
    this.#times = [...this.#times, now]
    return localCauses.includes(cause) ? 0 : random() * spread
  }
}
