/**
 * How long the next dial may take: long before anything is known of the server, then a multiple of what the last success took, and
 * twice as long after each dial that ran out of time. A silent network is tried again soon, a slow handshake is never starved.
 */

/** Once a dial has succeeded the next one is given this much, or a multiple of what that one took. */
const knownMs = 2_000
const knownFactor = 8
/** It grows up to here while dials time out. */
const longestMs = 30_000

export class ConnectTimeout {
  readonly #firstMs: number
  #successMs: number | undefined
  #expiries = 0

  /** @param firstMs milliseconds, before any success */
  constructor(firstMs: number) {
    this.#firstMs = firstMs
  }

  /** Milliseconds. */
  get ms(): number {
    return Math.min(Math.max(longestMs, this.#firstMs), this.#baseMs * 2 ** this.#expiries)
  }

  /** A dial succeeded within `ms`. */
  succeeded(ms: number): void {
    this.#successMs = Math.ceil(ms) // V8 puts other numbers into a box of their own, for every socket
    this.#expiries = 0
  }

  /** A dial ran out of time. */
  expired(): void {
    this.#expiries++
  }

  get #baseMs(): number {
    if (this.#successMs === undefined) return this.#firstMs
    return Math.max(Math.min(knownMs, this.#firstMs), knownFactor * this.#successMs)
  }
}
