// When each fault of a schedule begins and ends. It keeps no timer and touches no network: `tick` says what to do now, `deadline` when to
// ask again.
//
// Faults of one kind may overlap. Delay, slice and limit: the youngest rules, and when it ends the one below it does again, at last what
// the proxy had before. Refuse: until the last of them ends. Freeze: a direction heals when the last freeze of it ends.

import { coveringDirection, type Direction, directionsOf } from './direction.ts'
import { type Fault, isLasting, type LastingFault } from './fault.ts'
import type { Schedule, Step } from './schedule.ts'
import type { Shape } from './shape.ts'

type LastingKind = LastingFault['kind']
type Layer = { readonly fault: LastingFault; readonly endsAt: number }
type Repetition = { readonly step: Step; readonly everyMs: number; nextAt: number }

export class Timeline {
  readonly #once: Schedule
  #nextOnce = 0
  #repetitions: Repetition[]
  #layers: Layer[] = []
  /** What rules below all layers: what the proxy had, or what a step without an end has set. */
  readonly #base: Map<LastingKind, Fault>

  constructor(schedule: Schedule, shape: Shape) {
    this.#once = schedule.filter((step) => step.everyMs === undefined).sort((one, other) => one.atMs - other.atMs)
    this.#repetitions = schedule.flatMap((step) => (step.everyMs === undefined ? [] : [{ step, everyMs: step.everyMs, nextAt: step.atMs }]))
    this.#base = new Map<LastingKind, Fault>([
      ['refuse', { kind: 'accept' }],
      ['delay', { kind: 'delay', ms: shape.delayMs, jitter: shape.jitterMs }],
      ['slice', { kind: 'slice', maxBytes: shape.maxSliceBytes }],
      ['limit', { kind: 'limit', bytesPerSecond: shape.bytesPerSecond }],
    ])
  }

  /** When `tick` has something to do next, in milliseconds since the start; Infinity when all is over. */
  get deadline(): number {
    const starts = this.#repetitions.map((repetition) => repetition.nextAt)
    const ends = this.#layers.map((layer) => layer.endsAt)
    return Math.min(this.#once[this.#nextOnce]?.atMs ?? Number.POSITIVE_INFINITY, ...starts, ...ends)
  }

  /** The faults to do now, in order. A repetition that was missed is not made up for; a fault lasts its time even if it began late. */
  tick(nowMs: number): Fault[] {
    const faults: Fault[] = []
    for (let at = this.deadline; at <= nowMs; at = this.deadline) faults.push(...this.#turn(at, nowMs))
    return faults
  }

  /** Ends everything early: the faults that undo what has an end and has not come to it. What has none stays. */
  stop(): Fault[] {
    this.#nextOnce = this.#once.length
    this.#repetitions = []
    const undone: Fault[] = []
    for (let layer = this.#layers.at(-1); layer; layer = this.#layers.at(-1)) undone.push(...this.#endLayer(layer))
    return undone
  }

  /** All that is due at one moment of the schedule: ends before beginnings. */
  #turn(at: number, nowMs: number): Fault[] {
    const ended = this.#layers.filter((layer) => layer.endsAt <= at).flatMap((layer) => this.#endLayer(layer))
    const begun: Fault[] = []
    for (let step = this.#once[this.#nextOnce]; step && step.atMs <= at; step = this.#once[this.#nextOnce]) {
      this.#nextOnce += 1
      begun.push(...this.#begin(step, nowMs))
    }
    for (const repetition of this.#repetitions.filter(({ nextAt }) => nextAt <= at)) {
      repetition.nextAt += repetition.everyMs * (Math.floor((nowMs - repetition.nextAt) / repetition.everyMs) + 1)
      begun.push(...this.#begin(repetition.step, nowMs))
    }
    this.#repetitions = this.#repetitions.filter(({ step, nextAt }) => nextAt <= (step.untilMs ?? Number.POSITIVE_INFINITY))
    return [...ended, ...begun]
  }

  #begin({ fault, forMs }: Step, nowMs: number): Fault[] {
    if (fault.kind === 'heal') this.#forget('freeze')
    else if (fault.kind === 'accept') this.#settle('refuse', fault)
    else if (isLasting(fault) && forMs !== undefined) this.#layers.push({ fault, endsAt: nowMs + forMs })
    else if (fault.kind === 'freeze') this.#base.set('freeze', this.#joined(fault))
    else if (isLasting(fault)) this.#settle(fault.kind, fault)
    return [fault]
  }

  #endLayer(layer: Layer): Fault[] {
    const { fault } = layer
    const wasTop = this.#top(fault.kind) === layer
    this.#layers = this.#layers.filter((other) => other !== layer)
    if (fault.kind === 'freeze') return this.#endFreeze(fault)
    const below = this.#top(fault.kind)?.fault ?? this.#base.get(fault.kind)
    return wasTop && below !== undefined && below.kind !== 'refuse' ? [below] : []
  }

  #endFreeze({ direction, held }: Extract<LastingFault, { kind: 'freeze' }>): Fault[] {
    const others = this.#layers.map((layer) => layer.fault)
    const frozen = new Set<Direction>()
    for (const fault of [...others, this.#base.get('freeze')]) {
      if (fault?.kind === 'freeze') for (const each of directionsOf(fault.direction)) frozen.add(each)
    }
    const healed = coveringDirection(new Set(directionsOf(direction).filter((each) => !frozen.has(each))))
    return healed === undefined ? [] : [{ kind: 'heal', direction: healed, held }]
  }

  /** A step without an end takes the place of all layers of its kind. */
  #settle(kind: LastingKind, fault: Fault): void {
    this.#forget(kind)
    this.#base.set(kind, fault)
  }

  #forget(kind: LastingKind): void {
    this.#layers = this.#layers.filter((layer) => layer.fault.kind !== kind)
    this.#base.delete(kind)
  }

  #joined(fault: Extract<LastingFault, { kind: 'freeze' }>): Fault {
    const before = this.#base.get('freeze')
    return before?.kind === 'freeze' && before.direction !== fault.direction ? { ...fault, direction: 'both' } : fault
  }

  #top(kind: LastingKind): Layer | undefined {
    return this.#layers.filter((layer) => layer.fault.kind === kind).at(-1)
  }
}
