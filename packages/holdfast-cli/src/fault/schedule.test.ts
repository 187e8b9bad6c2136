import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration, renderDuration } from './duration.ts'
import { randomSchedule } from './random-schedule.ts'
import { parseSchedule, renderSchedule } from './schedule.ts'
import { ScheduleError } from './schedule-error.ts'

test('every kind of line is read', () => {
  const text = `
    # what a bad day looks like
    at 2s reset
    at 5s freeze both for 3s drop    # a comment behind
    at 6s freeze
    at 7s freeze up release for 1.5s
    at 8s heal drop
    at 12s refuse for 1500ms
    at 13s accept
    at 14s delay 20ms jitter 5ms
    at 15s delay off
    at 16s slice 7 for 2s
    at 17s limit 64KiB
    at 1m cut
    every 250ms reset until 10s
    every 2s freeze down until 1m for 1s
  `
  assert.deepEqual(parseSchedule(text), [
    { atMs: 2000, fault: { kind: 'reset' } },
    { atMs: 5000, forMs: 3000, fault: { kind: 'freeze', direction: 'both', held: 'drop' } },
    { atMs: 6000, fault: { kind: 'freeze', direction: 'both', held: 'release' } },
    { atMs: 7000, forMs: 1500, fault: { kind: 'freeze', direction: 'up', held: 'release' } },
    { atMs: 8000, fault: { kind: 'heal', direction: 'both', held: 'drop' } },
    { atMs: 12_000, forMs: 1500, fault: { kind: 'refuse' } },
    { atMs: 13_000, fault: { kind: 'accept' } },
    { atMs: 14_000, fault: { kind: 'delay', ms: 20, jitter: 5 } },
    { atMs: 15_000, fault: { kind: 'delay', ms: 0, jitter: 0 } },
    { atMs: 16_000, forMs: 2000, fault: { kind: 'slice', maxBytes: 7 } },
    { atMs: 17_000, fault: { kind: 'limit', bytesPerSecond: 65_536 } },
    { atMs: 60_000, fault: { kind: 'cut' } },
    { atMs: 250, everyMs: 250, untilMs: 10_000, fault: { kind: 'reset' } },
    { atMs: 2000, everyMs: 2000, untilMs: 60_000, forMs: 1000, fault: { kind: 'freeze', direction: 'down', held: 'release' } },
  ])
})

const mistakes: [string, string][] = [
  ['at 1s freze', 'unknown fault "freze"; did you mean "freeze"? Known: cut, reset, freeze, heal, refuse, accept, delay, slice, limit'],
  ['at 1s explode', 'unknown fault "explode"; Known: cut, reset, freeze, heal, refuse, accept, delay, slice, limit'],
  ['in 1s cut', 'unknown beginning "in"; Known: at, every'],
  ['at', 'a duration is missing after "at"; write a number with its unit, such as 250ms, 1.5s, 2m or 1h, of at most 24 days'],
  ['at 5 cut', '"5" after "at" is no duration; write a number with its unit, such as 250ms, 1.5s, 2m or 1h, of at most 24 days'],
  ['at 999h cut', '"999h" after "at" is no duration; write a number with its unit, such as 250ms, 1.5s, 2m or 1h, of at most 24 days'],
  ['at 1s', 'the fault is missing; write one of: cut, reset, freeze, heal, refuse, accept, delay, slice, limit'],
  ['at 1s cut now', 'unknown word after "cut" "now"; Known: nothing, the line ends here'],
  ['at 1s freeze bth', 'unknown word after "freeze" "bth"; did you mean "both"? Known: both, up, down, for, drop, release'],
  ['at 1s freeze up for 1s dorp', 'unknown word after "freeze" "dorp"; did you mean "drop"? Known: drop, release'],
  ['at 1s freeze up down', 'unknown word after "freeze" "down"; Known: for, drop, release'],
  ['at 1s cut for 2s', '"for" cannot stand here: only freeze, refuse, delay, slice, limit last'],
  ['at 1s delay off for 2s', '"for" cannot stand here: only freeze, refuse, delay, slice, limit last'],
  ['at 1s reset until 2s', '"until" belongs to "every"; after "at" write "for" and a duration'],
  [
    'at 1s slice 0',
    '"0" after "slice" is no size; write a whole number of bytes from 1, or one with its unit, such as 7, 512B, 64KiB or 1MiB',
  ],
  [
    'at 1s limit',
    'a size is missing after "limit"; write a whole number of bytes from 1, or one with its unit, such as 7, 512B, 64KiB or 1MiB',
  ],
  ['every 0ms cut', '"every 0ms" would never end; write a duration from 1ms'],
  ['every 1s refuse for 1s', '"for 1s" must be shorter than the "every"'],
  ['every 1s cut until 500ms', '"until 500ms" is before the first repetition'],
]

for (const [line, problem] of mistakes) {
  test(`"${line}" is refused with what would be right`, () => {
    assert.throws(
      () => parseSchedule(`# a day\n\n${line}\n`, 'faults.txt'),
      (error: unknown) => {
        assert.ok(error instanceof ScheduleError)
        assert.equal(error.message, `faults.txt:3: ${problem}`)
        assert.deepEqual([error.name, error.fileName, error.line], ['ScheduleError', 'faults.txt', 3])
        return true
      },
    )
  })
}

test('durations are read and written', () => {
  for (const text of ['0ms', '250ms', '2s', '90s', '3m', '1h']) assert.equal(renderDuration(parseDuration(text) ?? Number.NaN), text)
  assert.equal(parseDuration('1.5s'), 1500)
  for (const text of ['', 's', '1', '-1s', '1 s', '1d', '600h', '1e3ms']) assert.equal(parseDuration(text), undefined)
})

test('the same seed draws the same schedule, another seed another', () => {
  const draw = (seed: number) => randomSchedule({ seed, durationMs: 60_000, meanGapMs: 500 })
  assert.deepEqual(draw(42), draw(42))
  assert.notDeepEqual(draw(42), draw(43))
})

test('a random schedule begins and ends within its time and draws only what it may', () => {
  const schedule = randomSchedule({ seed: 1, durationMs: 10_000, meanGapMs: 20, kinds: ['reset', 'freeze'] })
  assert.ok(schedule.length > 300)
  for (const { atMs, forMs = 0, fault } of schedule) {
    assert.ok(atMs > 0 && atMs + forMs <= 10_000)
    assert.ok(fault.kind === 'reset' || (fault.kind === 'freeze' && forMs > 0))
  }
})

test('a written schedule is read as the same schedule', () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const schedule = randomSchedule({ seed, durationMs: 100_000, meanGapMs: 200 })
    assert.deepEqual(parseSchedule(renderSchedule(schedule)), schedule)
  }
  const text = 'at 1s heal drop\nat 2s limit off\nat 3s slice off\nat 4s delay off\nevery 5s refuse for 1s until 1h\n'
  assert.equal(renderSchedule(parseSchedule(text)), text)
})

test('options of a random schedule that are no use are refused', () => {
  const draw = (options: object) => randomSchedule({ seed: 1, durationMs: 1, meanGapMs: 1, ...options })
  assert.throws(() => draw({ seed: 1.5 }), /^TypeError: seed must be a whole number from 0 to 4294967295; got 1\.5$/)
  assert.throws(() => draw({ durationMs: 0 }), /^TypeError: durationMs must be a number of milliseconds from 1 /)
  assert.throws(
    () => draw({ kinds: ['heal'] }),
    /^TypeError: kinds must be one of cut, reset, freeze, refuse, delay, slice, limit; got "heal"$/,
  )
  assert.throws(() => draw({ kinds: [] }), /^TypeError: kinds must name at least one of/)
})
