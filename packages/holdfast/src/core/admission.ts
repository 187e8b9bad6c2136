/**
 * How many clients a server takes a second, and when those that are too many may come again.
 *
 *   arrival ──▶ is there room? ── yes ──▶ taken: the backlog grows by a slot
 *                    │
 *                    no ──▶ the next slot in the queue is its own; beyond `maxPending` slots, a time behind all of them
 *
 * A queue without entries. The server is thought to work off what it takes at its rate, and has room while less than a second of that work is
 * before it. Who is refused is told when room for it will have come free, each a slot later than the one before. Nobody has to be known
 * again: who returns at its slot finds the room that came free meanwhile, and what the absent leave goes to whoever comes. Newcomers
 * may take what somebody else waited for, so a caller that does know a client says which slot it had: for that one there is a second second.
 */

export interface AdmissionConfig {
  /** Clients that are taken a second. */
  readonly ratePerSecond: number
  /** Slots that may be given away ahead. */
  readonly maxPending: number
  /** The longest spread, in milliseconds. */
  readonly maxSpread: number
  /** Draws from [0, 1). */
  readonly random: () => number
}

/** Work that may wait: a quarter of what clients wait for an answer. It also absorbs slots that are told in whole seconds. */
const burstMs = 1_000
/** What a refusal costs, as a share of what taking a client does. */
const refusalShare = 0.02

export class Admission {
  readonly #config: AdmissionConfig
  /** What taking a client costs, and what it costs with the refusal that went before. */
  readonly #takenMs: number
  readonly #slotMs: number
  readonly #roomMs: number
  /** When all that was taken will have been worked off. */
  #busyUntil = -Infinity
  /** The first slot that nobody has. */
  #nextSlot = -Infinity

  constructor(config: AdmissionConfig) {
    this.#config = config
    this.#takenMs = 1_000 / config.ratePerSecond
    this.#slotMs = this.#takenMs * (1 + refusalShare)
    this.#roomMs = Math.max(burstMs, this.#takenMs)
  }

  /** Slots that were given away and have not come yet. */
  pending(now: number): number {
    return Math.max(0, Math.ceil((this.#nextSlot - now) / this.#slotMs) - 1)
  }

  /**
   * Takes a client, or tells it when to come again.
   *
   * @param slot when it was to come again, if it was told before
   * @returns whole milliseconds to wait; 0: it is taken
   */
  admit(now: number, slot: number = Infinity): number {
    const backlog = Math.max(0, this.#busyUntil - now)
    const room = slot <= now ? 2 * this.#roomMs : this.#roomMs
    if (backlog + this.#takenMs <= room) {
      this.#busyUntil = now + backlog + this.#takenMs
      return 0
    }
    this.#busyUntil = now + Math.min(2 * this.#roomMs, backlog + refusalShare * this.#takenMs)
    const { maxPending, random } = this.#config
    if (this.pending(now) >= maxPending) return Math.ceil(maxPending * this.#slotMs * (1 + random()))
    const own = Math.max(this.#nextSlot, this.#busyUntil + this.#takenMs - this.#roomMs)
    this.#nextSlot = own + this.#slotMs
    return Math.ceil(own - now)
  }

  /** Milliseconds over which clients should come back if `sessions` of them lost their links at once. */
  spread(sessions: number): number {
    return Math.round(Math.min(this.#config.maxSpread, sessions * this.#takenMs))
  }
}
