/**
 * A server as a queue sees it: dials wait in an accept queue of limited length, and each costs time of the one thread.
 *
 * With admission a turn of its event loop decides on all that wait, and then works off one that was taken. Without, it takes one after the
 * other out of the queue. What finds the queue full is refused by the kernel, or by the proxy before it.
 */

export interface Dial {
  readonly client: number
  readonly link: number
}

export interface ServerTraits {
  /** Milliseconds that a client costs who is taken. */
  readonly acceptMs: number
  /** Milliseconds that an answer costs which takes nobody. */
  readonly refuseMs: number
  /** Dials that may wait for the thread. */
  readonly acceptQueue: number
}

/** Milliseconds after which the client may come again, or one of these. */
export type Decision = number
export const taken = 0
export const unknownSession = -1
export const expiredSession = -2

export class FleetServer {
  readonly #traits: ServerTraits
  readonly #decide: ((now: number, dial: Dial) => Decision) | undefined
  readonly #answer: (at: number, dial: Dial, decision: Decision) => void
  #waiting: Dial[] = []
  #admitted: Dial[] = []
  #busyUntil = 0

  /** @param decide undefined: everybody is taken */
  constructor(
    traits: ServerTraits,
    decide: ((now: number, dial: Dial) => Decision) | undefined,
    answer: (at: number, dial: Dial, decision: Decision) => void,
  ) {
    this.#traits = traits
    this.#decide = decide
    this.#answer = answer
  }

  /** When the thread is free for what waits; Infinity when nothing does. */
  get dueAt(): number {
    return this.#waiting.length + this.#admitted.length > 0 ? this.#busyUntil : Infinity
  }

  /** Returns whether there was room in the queue. */
  arrive(now: number, dial: Dial): boolean {
    if (this.#waiting.length >= this.#traits.acceptQueue) return false
    this.ask(now, dial)
    return true
  }

  /** Something comes over a link that was accepted. */
  ask(now: number, dial: Dial): void {
    if (this.dueAt === Infinity) this.#busyUntil = Math.max(this.#busyUntil, now)
    this.#waiting.push(dial)
  }

  /** To be called at `dueAt`. */
  turn(): void {
    const { acceptMs, refuseMs } = this.#traits
    if (this.#decide) this.#decideAll(this.#decide, refuseMs)
    else if (this.#admitted.length === 0) this.#admitted.push(this.#waiting.shift()!)
    const next = this.#admitted.shift()
    if (!next) return
    this.#busyUntil += acceptMs
    this.#answer(this.#busyUntil, next, taken)
  }

  #decideAll(decide: (now: number, dial: Dial) => Decision, refuseMs: number): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const dial of waiting) {
      const decision = decide(this.#busyUntil, dial)
      if (decision === taken) {
        this.#admitted.push(dial)
        continue
      }
      this.#busyUntil += refuseMs
      this.#answer(this.#busyUntil, dial, decision)
    }
  }
}
