import { type FreezeDirection, freezeDirections } from './direction.ts'
import { type Held, heldWords, type LastingFault, lastingKinds } from './fault.ts'
import { checkNumber, checkWord, millisecondRule, type NumberRule } from './option-rule.ts'
import { seededRandom } from './random.ts'
import type { Schedule, Step } from './schedule.ts'

/** The faults that can be drawn: those that are over at once and those that last. */
export type RandomKind = 'cut' | 'reset' | LastingFault['kind']

export const randomKinds: readonly RandomKind[] = ['cut', 'reset', ...lastingKinds]

export type RandomScheduleOptions = {
  /** A whole number of 32 bits. The same seed gives the same schedule. */
  readonly seed: number
  /** Everything has ended by then. */
  readonly durationMs: number
  /** The mean time between one beginning and the next; the gaps are distributed exponentially. */
  readonly meanGapMs: number
  /** The mean time for which a fault lasts. @default half of meanGapMs */
  readonly meanLastingMs?: number
  /** What to draw from. @default all */
  readonly kinds?: readonly RandomKind[]
}

const positiveMs: NumberRule = { ...millisecondRule, min: 1 }
const maxDelayMs = 200
const maxSliceBytes = 1460
const minLimitBytes = 1024
const maxLimitBytes = 256 * 1024

/**
 * Draws a schedule.
 *
 * @throws TypeError when an option is no use.
 */
export const randomSchedule = (options: RandomScheduleOptions): Schedule => {
  const { seed, durationMs, meanGapMs, meanLastingMs = Math.max(1, meanGapMs / 2), kinds = randomKinds } = options
  checkNumber('durationMs', durationMs, positiveMs)
  checkNumber('meanGapMs', meanGapMs, positiveMs)
  checkNumber('meanLastingMs', meanLastingMs, positiveMs)
  for (const kind of kinds) checkWord('kinds', kind, randomKinds)
  if (kinds.length === 0) throw new TypeError(`kinds must name at least one of ${randomKinds.join(', ')}; got none`)
  const lots = new Lots(seededRandom(seed))
  const schedule: Step[] = []
  for (let atMs = lots.gap(meanGapMs); atMs < durationMs; atMs += lots.gap(meanGapMs)) {
    const forMs = Math.min(lots.gap(meanLastingMs), durationMs - atMs)
    schedule.push(drawStep(lots, lots.oneOf(kinds), atMs, forMs))
  }
  return schedule
}

const drawStep = (lots: Lots, kind: RandomKind, atMs: number, forMs: number): Step => {
  switch (kind) {
    case 'cut':
    case 'reset':
      return { atMs, fault: { kind } }
    case 'refuse':
      return { atMs, forMs, fault: { kind } }
    case 'freeze': {
      const direction = lots.oneOf<FreezeDirection>(freezeDirections)
      return { atMs, forMs, fault: { kind, direction, held: lots.oneOf<Held>(heldWords) } }
    }
    case 'delay': {
      const ms = lots.whole(1, maxDelayMs)
      return { atMs, forMs, fault: { kind, ms, jitter: lots.whole(0, ms) } }
    }
    case 'slice':
      return { atMs, forMs, fault: { kind, maxBytes: lots.whole(1, maxSliceBytes) } }
    case 'limit':
      return { atMs, forMs, fault: { kind, bytesPerSecond: lots.whole(minLimitBytes, maxLimitBytes) } }
  }
}

/** What is drawn from one random source. */
class Lots {
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  /** Whole milliseconds from 1, distributed exponentially. */
  gap(meanMs: number): number {
    return Math.max(1, Math.round(-meanMs * Math.log(1 - this.#random())))
  }

  whole(min: number, max: number): number {
    return min + Math.floor(this.#random() * (max - min + 1))
  }

  oneOf<Item>(items: readonly Item[]): Item {
    return items[this.whole(0, items.length - 1)]!
  }
}
