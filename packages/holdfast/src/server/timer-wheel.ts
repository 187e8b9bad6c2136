/**
 * One timer for all that a server waits for: a wheel of slots of a few milliseconds, each with what falls due in it.
 *
 * An entry that is early only makes its owner look again, so a deadline that moves on, as they do with every message, costs nothing, and
 * one beyond the horizon waits in the last slot. However many fall due at once, the event loop gets its turns in between.
 */

import { AwakeClock } from '../core/awake-clock.ts'
import type { Clock } from './clock.ts'

export interface Timed {
  /** In the clock's milliseconds; Infinity: nothing to wait for. */
  readonly deadline: number
  /** Where it waits; the wheel's, `nowhere` at first. */
  slot: number
  /** Its neighbours there; the wheel's. */
  before: Timed | undefined
  behind: Timed | undefined
  /** The deadline has come. @param now all that had arrived by then has been read */
  ring(now: number): void
}

const slotMs = 8
/** What is further away than a second waits for company: waking up for each ping costs more than the ping. */
const nearSlots = 125
const groupSlots = 4
/** A little more than a minute: pings of a usual period are looked at when they are due, and not before. */
const slotCount = 8_192
export const nowhere = 0
/** No gap is told from what a timer is late by anyway. */
const shortestTickMs = 25
/** Entries that are looked at before the event loop gets a turn: with a ping each about a millisecond. */
const entriesATurn = 50

export class TimerWheel {
  /** Awake time for all who wait here. */
  readonly awake: AwakeClock
  readonly #clock: Clock
  /** The first of each; they are linked, because an array for a few would be larger than they are. */
  readonly #slots: (Timed | undefined)[] = new Array(slotCount)
  #size = 0
  /** The last slot that was emptied; slots are numbered from the clock's beginning. */
  #current = 0
  /** Who is still to be looked at, by the time that has come. */
  #due: Timed[] = []
  #timer: { readonly slot: number; readonly handle: unknown } | undefined
  #isTurning = false

  /** @param tickMs how often awake time is looked at while anybody waits */
  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock
    this.awake = new AwakeClock(Math.max(shortestTickMs, tickMs), clock.now(), clock.wall(), true)
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
    if (this.#size === 0 && !this.#isTurning) this.#begin()
    const slot = this.#slotOf(deadline)
    if (entry.slot !== nowhere && entry.slot <= slot) return
    this.#take(entry)
    this.#put(entry, slot)
  }

  /** As `set`, for one whose deadline has moved far away: to be looked at in vain, when it is in no cache any more, costs more than to move. */
  move(entry: Timed): void {
    const slot = this.#slotOf(entry.deadline)
    if (entry.slot === nowhere || slot <= entry.slot) {
      this.set(entry)
      return
    }
    this.#take(entry)
    this.#put(entry, slot)
  }

  /** Whether an entry is looked at by `deadline` anyway. */
  isSetBy(entry: Timed, deadline: number): boolean {
    return entry.slot !== nowhere && entry.slot * slotMs <= deadline
  }

  remove(entry: Timed): void {
    this.#take(entry)
    if (this.#size === 0) this.#disarm()
  }

  /** Nobody waited, so nobody looked at the clocks. */
  #begin(): void {
    const now = this.#clock.now()
    this.#current = Math.max(this.#current, Math.floor(now / slotMs))
    this.awake.restart(now)
  }

  /** A deadline of Infinity may wait in the last one. */
  #slotOf(deadline: number): number {
    const slot = Math.ceil(deadline / slotMs)
    const grouped = slot - this.#current > nearSlots ? groupSlots * Math.ceil(slot / groupSlots) : slot
    return Math.min(Math.max(grouped, this.#current + 1), this.#current + slotCount - 1)
  }

  #put(entry: Timed, slot: number): void {
    const first = this.#slots[slot % slotCount]
    if (first) first.before = entry
    this.#slots[slot % slotCount] = entry
    entry.slot = slot
    entry.behind = first
    this.#size++
    this.#arm(slot)
  }

  #take(entry: Timed): void {
    if (entry.slot === nowhere) return
    const { before, behind } = entry
    if (before) before.behind = behind
    else this.#slots[entry.slot % slotCount] = behind
    if (behind) behind.before = before
    this.#release(entry)
  }

  #release(entry: Timed): void {
    entry.slot = nowhere
    entry.before = undefined
    entry.behind = undefined
    this.#size--
  }

  #arm(deadlineSlot: number): void {
    const slot = Math.min(deadlineSlot, Math.ceil(this.awake.nextTick / slotMs))
    if (this.#isTurning || (this.#timer && this.#timer.slot <= slot)) return
    this.#disarm()
    const handle = this.#clock.setTimer(() => this.#rang(), Math.max(0, Math.ceil(slot * slotMs - this.#clock.now())))
    ;(handle as { unref?(): void } | undefined)?.unref?.() // a server that listens keeps the process, and nothing else should
    this.#timer = { slot, handle }
  }

  #disarm(): void {
    if (this.#timer) this.#clock.clearTimer(this.#timer.handle)
    this.#timer = undefined
  }

  /** Judged are those from whom nothing came by now, so what waits to be read goes first, and how long that takes does not count. */
  #rang(): void {
    this.#timer = undefined
    this.#isTurning = true
    const now = this.#clock.now()
    this.awake.advance(now, this.#clock.wall())
    setImmediate(() => {
      this.#empty(Math.floor(now / slotMs))
      this.#turn(now)
    })
  }

  #turn(now: number): void {
    let left = entriesATurn
    try {
      for (let entry = this.#due.pop(); entry; entry = left > 0 ? this.#due.pop() : undefined) {
        left--
        if (entry.slot !== nowhere) continue // somebody has set it anew
        if (entry.deadline <= now) entry.ring(now)
        if (entry.slot === nowhere) this.set(entry)
      }
    } finally {
      if (this.#due.length > 0) setImmediate(() => this.#turn(now))
      else this.#rest()
    }
  }

  /** Empties the slots up to `last`. */
  #empty(last: number): void {
    const end = Math.min(last, this.#current + slotCount)
    for (let slot = this.#current + 1; slot <= end; slot++) {
      let entry = this.#slots[slot % slotCount]
      this.#slots[slot % slotCount] = undefined
      while (entry) {
        const { behind } = entry
        this.#release(entry)
        this.#due.push(entry)
        entry = behind
      }
    }
    this.#current = Math.max(this.#current, last)
  }

  #rest(): void {
    this.#isTurning = false
    if (this.#due.length === 0) this.#due = [] // a list that was long keeps its room
    if (this.#size === 0) return
    let slot = this.#current + 1
    while (!this.#slots[slot % slotCount]) slot++
    this.#arm(slot)
  }
}
