/**
 * One timer for all that a server waits for: a wheel of slots of a few milliseconds, each with what falls due in it.
 *
 * An entry that is early only makes its owner look again, so a deadline that moves on, as they do with every message, costs nothing, and
 * one beyond the horizon waits in the last slot.
 */

import type { Clock } from './clock.ts'

export interface Timed {
  /** In the clock's milliseconds; Infinity: nothing to wait for. */
  readonly deadline: number
  /** Where it waits; the wheel's, 0 at first. */
  slot: number
  /** The deadline has come. */
  ring(): void
}

const slotMs = 4
/** A little more than the second after which every link wants to be looked at. */
const slotCount = 512
export const nowhere = 0

export class TimerWheel {
  readonly #clock: Clock
  readonly #slots: (Set<Timed> | undefined)[] = new Array(slotCount)
  #size = 0
  /** The last slot that was worked off; slots are numbered from the clock's beginning. */
  #current = 0
  #timer: { readonly slot: number; readonly handle: unknown } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** Sees to it that an entry is looked at by its deadline. */
  set(entry: Timed): void {
    const { deadline } = entry
    if (deadline === Infinity) {
      this.remove(entry)
      return
    }
    if (this.#size === 0) this.#current = Math.floor(this.#clock.now() / slotMs)
    const slot = Math.min(Math.max(Math.ceil(deadline / slotMs), this.#current + 1), this.#current + slotCount - 1)
    if (entry.slot !== nowhere && entry.slot <= slot) return
    this.remove(entry)
    entry.slot = slot
    this.#slotAt(slot).add(entry)
    this.#size++
    this.#arm(slot)
  }

  remove(entry: Timed): void {
    if (entry.slot === nowhere) return
    this.#slots[entry.slot % slotCount]?.delete(entry)
    entry.slot = nowhere
    this.#size--
    if (this.#size === 0) this.#disarm()
  }

  #slotAt(slot: number): Set<Timed> {
    return (this.#slots[slot % slotCount] ??= new Set())
  }

  #arm(slot: number): void {
    if (this.#timer && this.#timer.slot <= slot) return
    this.#disarm()
    const ms = Math.max(0, Math.ceil(slot * slotMs - this.#clock.now()))
    // Judged are those from whom nothing came, so what waits to be read goes first.
    const handle = this.#clock.setTimer(() => setImmediate(() => this.#turn()), ms)
    ;(handle as { unref?(): void } | undefined)?.unref?.() // a server that listens keeps the process, and nothing else should
    this.#timer = { slot, handle }
  }

  #disarm(): void {
    if (this.#timer) this.#clock.clearTimer(this.#timer.handle)
    this.#timer = undefined
  }

  #turn(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    const due = this.#take(Math.floor(now / slotMs))
    try {
      for (let entry = due.pop(); entry; entry = due.pop()) {
        if (entry.slot !== nowhere) continue // somebody who rang before has set it anew
        if (entry.deadline <= now) entry.ring()
        if (entry.slot === nowhere) this.set(entry)
      }
    } finally {
      for (const entry of due) this.set(entry) // a handler threw; those behind it still wait
      this.#armNext()
    }
  }

  /** Empties the slots up to `last`. */
  #take(last: number): Timed[] {
    const due: Timed[] = []
    const end = Math.min(last, this.#current + slotCount)
    for (let slot = this.#current + 1; slot <= end; slot++) {
      const entries = this.#slots[slot % slotCount]
      if (!entries?.size) continue
      for (const entry of entries) {
        entry.slot = nowhere
        due.push(entry)
      }
      entries.clear()
    }
    this.#size -= due.length
    this.#current = Math.max(this.#current, last)
    return due
  }

  #armNext(): void {
    if (this.#size === 0) return
    let slot = this.#current + 1
    while (!this.#slots[slot % slotCount]?.size) slot++
    this.#arm(slot)
  }
}
