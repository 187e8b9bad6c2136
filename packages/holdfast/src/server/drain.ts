/**
 * A server that its clients leave, each at a slot of its own.
 *
 *   begin ──▶ waiting for its slot ── slot ──▶ asked to leave ──▶ left: moved to another link, or closed
 *                      └──────────── timeout, or abort ─┴────────▶ forced
 */

import type { Clock } from './clock.ts'
import { nowhere, type Timed, type TimerWheel } from './timer-wheel.ts'

export interface DrainOptions {
  /**
   * Clients a second that are asked to leave. They leave faster where half of `timeout` would not be enough for all of them.
   * @default `admission.ratePerSecond`, or 1_000
   */
  rate?: number | undefined
  /** Milliseconds after which those that are still here are ended. @default 25_000 */
  timeout?: number | undefined
  /** Its abort ends at once those that are still here. */
  signal?: AbortSignal | undefined
  /**
   * For a process that stays: its sessions move to other links without a gap, at the address of their clients (true) or at this one, which has to
   * lead here as well. @default false: the process goes, and its sessions end in order
   */
  migrate?: boolean | string | undefined
}

export interface DrainResult {
  /** Sessions that moved to another link. */
  readonly migrated: number
  /** Sessions and plain sockets that closed in order. */
  readonly closed: number
  /** Those that ended otherwise: they did not leave in time, or their connection broke. */
  readonly forced: number
}

/** How sessions and plain sockets end whose server goes (RFC 6455 section 7.4, IANA: Service Restart). */
export const restart = { code: 1012, reason: 'restart' } as const

/** Somebody who is to leave. */
export interface Leaver {
  /** @param inMs when, from now @param byMs when it has to be gone */
  ask(inMs: number, byMs: number): void
  force(): void
}

export interface DrainConfig {
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** Milliseconds from the first slot to the last. */
  readonly spread: number
  readonly timeout: number
  /** Milliseconds before its slot that somebody is asked. */
  readonly lead: number
}

export class Drain implements Timed {
  slot: number = nowhere
  before: Timed | undefined
  behind: Timed | undefined
  readonly result: Promise<DrainResult>
  readonly #config: DrainConfig
  readonly #startedAt: number
  /** In the order of their slots, the keys of those who were here. */
  readonly #order: readonly object[]
  readonly #waiting: Map<object, Leaver>
  #resolve: (result: DrainResult) => void = () => {}
  #asked = 0
  readonly #counts = { migrated: 0, closed: 0, forced: 0 }

  constructor(config: DrainConfig, leavers: Map<object, Leaver>) {
    this.result = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#config = config
    this.#startedAt = config.clock.now()
    this.#waiting = leavers
    this.#order = shuffled([...leavers.keys()], config.clock)
  }

  begin(): void {
    this.ring()
    this.#config.wheel.set(this)
  }

  get isOver(): boolean {
    return this.#waiting.size === 0
  }

  get deadline(): number {
    if (this.isOver) return Infinity
    const next = this.#asked < this.#order.length ? this.#slotOf(this.#asked) - this.#config.lead : Infinity
    return Math.min(next, this.#startedAt + this.#config.timeout)
  }

  ring(): void {
    const now = this.#config.clock.now()
    const endsAt = this.#startedAt + this.#config.timeout
    while (this.#asked < this.#order.length && this.#slotOf(this.#asked) - this.#config.lead <= now) {
      const slot = this.#slotOf(this.#asked)
      const leaver = this.#waiting.get(this.#order[this.#asked++]!)
      leaver?.ask(Math.max(0, Math.round(slot - now)), Math.max(0, Math.round(endsAt - now)))
    }
    if (now >= endsAt) this.force()
    this.#settle()
  }

  /** Somebody left. */
  left(key: object, how: keyof DrainResult): void {
    if (!this.#waiting.delete(key)) return
    this.#counts[how]++
    this.#settle()
  }

  /** Leaves those who are still here to another drain. */
  cancel(): void {
    this.#waiting.clear()
    this.#settle()
  }

  /** Ends those who are still here. */
  force(): void {
    for (const [key, leaver] of [...this.#waiting]) {
      leaver.force()
      this.left(key, 'forced')
    }
  }

  #slotOf(index: number): number {
    return this.#startedAt + (index / this.#order.length) * this.#config.spread
  }

  #settle(): void {
    if (!this.isOver) return
    this.#config.wheel.remove(this)
    this.#resolve({ ...this.#counts })
  }
}

/** Who came first must not always leave first. */
function shuffled<Thing>(things: Thing[], clock: Clock): Thing[] {
  for (let last = things.length - 1; last > 0; last--) {
    const other = Math.floor(clock.random() * (last + 1))
    ;[things[last], things[other]] = [things[other]!, things[last]!]
  }
  return things
}
