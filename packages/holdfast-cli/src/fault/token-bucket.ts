const burstSeconds = 0.1
const grainSeconds = 0.02
const msPerSecond = 1000

/** Allows so many bytes a second, and after a pause a burst of at most a tenth of a second's worth. Times are in milliseconds. */
export class TokenBucket {
  readonly #bytesPerMs: number
  readonly #capacity: number
  readonly #grain: number
  #tokens: number
  #filledAt: number

  constructor(bytesPerSecond: number, now: number) {
    this.#bytesPerMs = bytesPerSecond / msPerSecond
    this.#capacity = Math.max(1, bytesPerSecond * burstSeconds)
    this.#grain = Math.max(1, bytesPerSecond * grainSeconds)
    this.#tokens = this.#capacity
    this.#filledAt = now
  }

  /** How many of the wanted bytes may go now. Zero rather than a crumb: too small a piece waits to be worth a packet. */
  grant(now: number, wanted: number): number {
    this.#fill(now)
    return this.#tokens < this.#worthwhile(wanted) ? 0 : Math.min(wanted, Math.floor(this.#tokens))
  }

  spend(bytes: number): void {
    this.#tokens -= bytes
  }

  /** When `grant` will next allow something. */
  readyAt(now: number, wanted: number): number {
    this.#fill(now)
    return now + (this.#worthwhile(wanted) - this.#tokens) / this.#bytesPerMs
  }

  #worthwhile(wanted: number): number {
    return Math.min(wanted, this.#grain)
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#filledAt) * this.#bytesPerMs)
    this.#filledAt = now
  }
}
