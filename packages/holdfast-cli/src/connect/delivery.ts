/**
 * What is known about messages that were handed to a link: nothing, until the peer has answered a ping that left after them. TCP keeps
 * the order, so whoever has read the ping has read what was before it.
 */

export class Delivery {
  #lastSentAt = -Infinity
  /** Of all messages ever handed to a link, those whose fate is settled. */
  #settled = 0
  #uncertain = 0

  /** Messages that went into links which died, and may or may not have arrived. */
  get uncertain(): number {
    return this.#uncertain
  }

  /** A message is handed over, or may be at any moment from now on. */
  sent(now: number): void {
    this.#lastSentAt = now
  }

  /** @param handedOver how many messages the links have taken so far */
  answered(now: number, rttMs: number, handedOver: number): void {
    if (now - rttMs > this.#lastSentAt) this.#settled = handedOver
  }

  /** The link is gone. Returns how many messages it leaves in doubt. */
  ended(wasClean: boolean, handedOver: number): number {
    const doubtful = wasClean ? 0 : handedOver - this.#settled
    this.#settled = handedOver
    this.#uncertain += doubtful
    return doubtful
  }
}
