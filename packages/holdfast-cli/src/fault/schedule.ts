// A schedule says which fault happens when. As text it has one step a line:
//
//   # a comment                           at 2s reset
//   at 5s freeze both for 3s drop         at 8s heal release
//   at 12s refuse for 1500ms              at 14s accept
//   at 14s delay 20ms jitter 5ms          at 15s delay off
//   at 16s slice 7 for 2s                 at 17s limit 64KiB for 1m      (bytes; bytes a second)
//   every 250ms reset until 10s           at 20s cut
//
// What has `for` is undone when its time is over; what has none stays, until a later step or for good.

import { byteSizeHint, parseByteSize } from './byte-size.ts'
import { type FreezeDirection, freezeDirections } from './direction.ts'
import { renderDuration } from './duration.ts'
import { type Fault, type FaultKind, faultKinds, type Held, heldWords, isLasting, lastingKinds } from './fault.ts'
import { limitRule, sliceRule } from './shape.ts'
import { WordCursor } from './word-cursor.ts'

/** One line of a schedule. Times count from its start. */
export type Step = {
  readonly atMs: number
  readonly fault: Fault
  /** Undo it after so long. Only for faults that last. */
  readonly forMs?: number
  /** Do it again and again, so far apart. */
  readonly everyMs?: number
  /** The last moment for a repetition. */
  readonly untilMs?: number
}

export type Schedule = readonly Step[]

/**
 * Reads a schedule's text. The file's name is for the message only.
 *
 * @throws ScheduleError at the first line that is wrong.
 */
export const parseSchedule = (text: string, fileName = 'schedule'): Schedule =>
  text.split(/\r?\n/).flatMap((line, index) => {
    const words = line.replace(/#.*/, '').split(/\s+/).filter(Boolean)
    return words.length === 0 ? [] : [parseStep(new WordCursor(fileName, index + 1, words))]
  })

/** The text of a schedule, for `parseSchedule` to read again. */
export const renderSchedule = (schedule: Schedule): string => schedule.map((step) => `${renderStep(step)}\n`).join('')

type Tail = { forMs?: number; untilMs?: number; held?: Held; direction?: FreezeDirection }

const parseStep = (words: WordCursor): Step => {
  const opening = words.takeOneOf('beginning', ['at', 'every'])
  const atMs = words.takeDuration(opening)
  if (opening === 'every' && atMs === 0) words.fail('"every 0ms" would never end; write a duration from 1ms')
  const bare = parseFault(words)
  const { held, direction, ...tail } = parseTail(words, opening, bare)
  if (opening === 'every' && (tail.forMs ?? 0) >= atMs)
    words.fail(`"for ${renderDuration(tail.forMs ?? 0)}" must be shorter than the "every"`)
  if (tail.untilMs !== undefined && tail.untilMs < atMs)
    words.fail(`"until ${renderDuration(tail.untilMs)}" is before the first repetition`)
  const isHolding = bare.kind === 'freeze' || bare.kind === 'heal'
  const fault = isHolding ? { ...bare, held: held ?? bare.held, direction: direction ?? bare.direction } : bare
  return { atMs, fault, ...tail, ...(opening === 'every' ? { everyMs: atMs } : {}) }
}

const parseFault = (words: WordCursor): Fault => {
  const kind = words.takeOneOf('fault', faultKinds)
  switch (kind) {
    case 'cut':
    case 'reset':
    case 'refuse':
    case 'accept':
      return { kind }
    case 'freeze':
    case 'heal':
      return { kind, direction: 'both', held: 'release' }
    case 'delay': {
      if (words.takeIf(['off'])) return { kind, ms: 0, jitter: 0 }
      return { kind, ms: words.takeDuration(kind), jitter: words.takeIf(['jitter']) ? words.takeDuration('jitter') : 0 }
    }
    case 'slice':
      return { kind, maxBytes: takeBytes(words, kind, sliceRule.max) }
    case 'limit':
      return { kind, bytesPerSecond: takeBytes(words, kind, limitRule.max) }
  }
}

const takeBytes = (words: WordCursor, after: FaultKind, maxBytes: number): number =>
  words.takeIf(['off']) ? 0 : words.takeParsed(after, 'size', byteSizeHint, (word) => parseByteSize(word, maxBytes))

/** What may stand behind a fault, in any order. */
const parseTail = (words: WordCursor, opening: 'at' | 'every', fault: Fault): Tail => {
  const mayLast = isLasting(fault) && !isSwitchingOff(fault)
  const tail: Tail = {}
  while (!words.isAtEnd) {
    if (!mayLast && words.takeIf(['for'])) words.fail(`"for" cannot stand here: only ${lastingKinds.join(', ')} last`)
    if (opening === 'at' && words.takeIf(['until'])) words.fail('"until" belongs to "every"; after "at" write "for" and a duration')
    const directions = fault.kind === 'freeze' && tail.direction === undefined ? freezeDirections : []
    const held = (fault.kind === 'freeze' || fault.kind === 'heal') && tail.held === undefined ? heldWords : []
    const lasting = mayLast && tail.forMs === undefined ? (['for'] as const) : []
    const repeating = opening === 'every' && tail.untilMs === undefined ? (['until'] as const) : []
    const word = words.takeOneOf(`word after "${fault.kind}"`, [...directions, ...lasting, ...repeating, ...held])
    switch (word) {
      case 'for':
        tail.forMs = words.takeDuration(word)
        break
      case 'until':
        tail.untilMs = words.takeDuration(word)
        break
      case 'drop':
      case 'release':
        tail.held = word
        break
      case 'both':
      case 'up':
      case 'down':
        tail.direction = word
        break
    }
  }
  return tail
}

const isSwitchingOff = (fault: Fault): boolean => renderFault(fault).endsWith(' off')

const renderStep = ({ atMs, fault, forMs, everyMs, untilMs }: Step): string => {
  const opening = everyMs === undefined ? `at ${renderDuration(atMs)}` : `every ${renderDuration(everyMs)}`
  const lasting = forMs === undefined ? '' : ` for ${renderDuration(forMs)}`
  const repeating = untilMs === undefined ? '' : ` until ${renderDuration(untilMs)}`
  return `${opening} ${renderFault(fault)}${lasting}${repeating}`
}

const renderFault = (fault: Fault): string => {
  switch (fault.kind) {
    case 'cut':
    case 'reset':
    case 'refuse':
    case 'accept':
      return fault.kind
    case 'freeze':
      return `freeze ${fault.direction} ${fault.held}`
    case 'heal':
      return `heal ${fault.held}`
    case 'delay': {
      if (fault.ms === 0 && fault.jitter === 0) return 'delay off'
      return `delay ${renderDuration(fault.ms)}${fault.jitter === 0 ? '' : ` jitter ${renderDuration(fault.jitter)}`}`
    }
    case 'slice':
      return `slice ${fault.maxBytes || 'off'}`
    case 'limit':
      return `limit ${fault.bytesPerSecond || 'off'}`
  }
}
