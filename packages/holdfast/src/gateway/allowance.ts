/** What a client may send: so many messages and bytes a second, and a second's worth at once. What is too much is owed as time. */

export interface AllowanceRates {
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
}

const secondMs = 1_000

export class Allowance {
  readonly #rates: AllowanceRates
  /** Until when what was sent has been paid for, were it sent at the rate. */
  #paidUntil = -Infinity

  constructor(rates: AllowanceRates) {
    this.#rates = rates
  }

  /** @returns milliseconds to wait before the next message */
  spend(now: number, bytes: number): number {
    const { messagesPerSecond, bytesPerSecond } = this.#rates
    const costMs = secondMs * Math.max(1 / messagesPerSecond, bytes / bytesPerSecond)
    this.#paidUntil = Math.max(this.#paidUntil, now - secondMs) + costMs
    return Math.max(0, this.#paidUntil - now)
  }
}
