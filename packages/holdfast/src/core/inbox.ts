/**
 * The receiving half of a session: counts what each link brings, knows what was told to the application, and when to say so.
 *
 * Messages carry no numbers. Both ends count, and a link begins to count anew where its splice says (PROTOCOL.md section 3).
 */

/** What a counted message is: the next one, one that an earlier link brought, proof that one is missing, or one behind the last. */
export type Arrival = 'next' | 'duplicate' | 'gap' | 'excess'

/** An acknowledgement leaves with the first of these. */
const ackMessages = 1_024
const ackBytes = 256 * 1024
const ackDelayMs = 1_000

export class Inbox {
  #rx = 0
  #delivered = 0
  #told = 0
  #owedBytes = 0
  #ackAt: number | undefined
  #isAckDue = false
  #isHolding = false
  #isComplete = false

  /** How many messages the application was handed. */
  get delivered(): number {
    return this.#delivered
  }

  /** How many messages the peer may know to be delivered: all, unless acknowledgements are withheld. */
  get acknowledged(): number {
    return this.#isHolding ? this.#told : this.#delivered
  }

  /** Whether acknowledgements are withheld. */
  get isHolding(): boolean {
    return this.#isHolding
  }

  /** When `tick` is due. */
  get deadline(): number {
    return this.#isHolding || this.#isAckDue ? Infinity : (this.#ackAt ?? Infinity)
  }

  /** Whether an acknowledgement is due, or will be before `at`. */
  isDueBefore(at: number): boolean {
    return (this.#isAckDue || (this.#ackAt ?? Infinity) < at) && !this.#isHolding
  }

  /** A new link counts on from `base`; the peer knows that `told` were delivered. */
  restart(base: number, told: number): void {
    this.#rx = base
    this.#told = told
    this.#owedBytes = 0
    this.#ackAt = undefined
    this.#isAckDue = this.#delivered > told
  }

  /** Counts a message. One that is `'next'` is delivered from here on, whatever its handler does. */
  receive(now: number, bytes: number): Arrival {
    this.#rx++
    if (this.#rx <= this.#delivered) return 'duplicate'
    if (this.#rx > this.#delivered + 1) return 'gap'
    if (this.#isComplete) return 'excess'
    this.#delivered++
    this.#owedBytes += bytes
    if (this.#delivered - this.#told >= ackMessages || this.#owedBytes >= ackBytes) this.#isAckDue = true
    else this.#ackAt ??= now + ackDelayMs
    return 'next'
  }

  /** The peer said that this was its last message. */
  complete(): void {
    this.#isComplete = true
    this.#isAckDue = true
  }

  tick(now: number): void {
    if (now >= (this.#ackAt ?? Infinity)) this.#isAckDue = true
  }

  /** The number to acknowledge now, if there is one that the peer does not know. */
  takeAck(): number | undefined {
    if (!this.#isAckDue || this.#isHolding) return undefined
    return this.#delivered > this.#told ? this.tell() : undefined
  }

  /** The number that a frame which is about to leave tells the peer. */
  tell(): number {
    if (!this.#isHolding) {
      this.#told = this.#delivered
      this.#owedBytes = 0
      this.#ackAt = undefined
      this.#isAckDue = false
    }
    return this.#told
  }

  /** The application does not keep up: the peer is not told of what arrives, so that its outbox fills. */
  hold(): void {
    this.#isHolding = true
  }

  release(): void {
    this.#isHolding = false
    this.#isAckDue = this.#delivered > this.#told
  }
}
