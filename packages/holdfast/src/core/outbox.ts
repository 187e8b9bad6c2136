/** Messages that still have to be written, or acknowledged, in order, within a bound of bytes and of messages: a ring. */

export interface OutboxBounds {
  readonly maxBytes: number
  readonly maxMessages: number
}

export interface OutboxEntry {
  readonly data: unknown
  readonly bytes: number
  /** Told once, when the bytes left, or the peer has them, or they never will. It must not call back into the machine before it returns. */
  readonly settle: ((error?: Error) => void) | undefined
}

/** Rings double, so that a remainder is a mask. */
const firstCapacity = 16
/** The ring of an outbox that is at rest, as most are. */
const none: (OutboxEntry | undefined)[] = []

export class Outbox {
  readonly #bounds: OutboxBounds
  #ring: (OutboxEntry | undefined)[] = none
  #head = 0
  #length = 0
  #bytes = 0

  constructor(bounds: OutboxBounds) {
    this.#bounds = bounds
  }

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether a message fits. An empty outbox takes any. */
  hasRoom(bytes: number): boolean {
    return this.#length === 0 || (this.#length < this.#bounds.maxMessages && this.#bytes + bytes <= this.#bounds.maxBytes)
  }

  /** Whether it is time to ask the peer what can be let go of. */
  get isHalfFull(): boolean {
    return 2 * this.#length >= this.#bounds.maxMessages || 2 * this.#bytes >= this.#bounds.maxBytes
  }

  push(entry: OutboxEntry): void {
    if (this.#length === this.#ring.length) {
      const entries = this.drain()
      this.#ring = new Array(Math.max(firstCapacity, 2 * entries.length))
      this.#head = 0
      for (const each of entries) this.push(each)
    }
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = entry
    this.#length++
    this.#bytes += entry.bytes
  }

  /** The message with so many before it; there must be one. */
  at(index: number): OutboxEntry {
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]!
  }

  shift(): OutboxEntry | undefined {
    if (this.#length === 0) return undefined
    const entry = this.#ring[this.#head]!
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length--
    this.#bytes -= entry.bytes
    return entry
  }

  /** Takes one back; false when it has left already. */
  remove(entry: OutboxEntry): boolean {
    const entries = this.drain()
    const rest = entries.filter((each) => each !== entry)
    for (const each of rest) this.push(each)
    return rest.length < entries.length
  }

  /** Nothing may come for a while: one that is empty keeps no room. */
  rest(): void {
    if (this.#length === 0) this.#ring = none
  }

  /** Takes everything out. */
  drain(): OutboxEntry[] {
    const entries: OutboxEntry[] = []
    for (let entry = this.shift(); entry; entry = this.shift()) entries.push(entry)
    return entries
  }
}
