import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AwakeClock } from './awake-clock.ts'

const epoch = 1_700_000_000_000

test('time between ticks that come on time counts in full', () => {
  const clock = new AwakeClock(1_000, 50, epoch)
  assert.equal(clock.at, 50)
  assert.equal(clock.isLate, false)
  assert.equal(clock.advance(1_050, epoch + 1_000), 1_000)
  assert.equal(clock.advance(3_050, epoch + 3_000), 2_000)
  assert.equal(clock.isLate, false)
  assert.equal(clock.at, 3_050)
})

test('a gap counts as two ticks and makes the tick a late one, until the next that is on time', () => {
  const clock = new AwakeClock(1_000, 0, epoch)
  assert.equal(clock.advance(3_600_000, epoch + 3_600_000), 2_000)
  assert.equal(clock.isLate, true)
  assert.equal(clock.advance(3_601_000, epoch + 3_601_000), 1_000)
  assert.equal(clock.isLate, false)
})

test('a wall clock more than five seconds ahead tells of a sleep that the monotonic clock did not count', () => {
  const clock = new AwakeClock(1_000, 0, epoch)
  assert.equal(clock.advance(1_000, epoch + 6_000), 1_000)
  assert.equal(clock.isLate, false)
  assert.equal(clock.advance(2_000, epoch + 6_000 + 6_001), 1_000)
  assert.equal(clock.isLate, true)
})

test('a wall clock that is set back is no sleep', () => {
  const clock = new AwakeClock(1_000, 0, epoch)
  clock.advance(1_000, epoch - 3_600_000)
  assert.equal(clock.isLate, false)
})

test('an unknown wall clock is taken from the first tick', () => {
  const clock = new AwakeClock(1_000, 0, Number.NaN)
  clock.advance(1_000, epoch)
  assert.equal(clock.isLate, false)
  clock.advance(2_000, epoch + 60_000)
  assert.equal(clock.isLate, true)
})

test('after a restart the time without ticks does not count, but a sleep in it still shows', () => {
  const clock = new AwakeClock(1_000, 0, epoch)
  clock.restart(60_000)
  assert.equal(clock.advance(61_000, epoch + 61_000), 1_000)
  assert.equal(clock.isLate, false)
  clock.restart(90_000)
  clock.advance(91_000, epoch + 91_000 + 10_000)
  assert.equal(clock.isLate, true)
})

test('can be read between its ticks, in which it runs on for two of them at most', () => {
  const clock = new AwakeClock(1_000, 50, epoch)
  assert.equal(clock.read(50), 0)
  assert.equal(clock.read(1_550), 1_500)
  assert.equal(clock.read(60_050), 2_000)
  clock.advance(60_050, epoch + 60_000)
  assert.equal(clock.read(60_050), 2_000)
  assert.equal(clock.read(60_060), 2_010)
})

test('counts the gaps in which the process slept', () => {
  const clock = new AwakeClock(1_000, 0, epoch)
  clock.advance(1_000, epoch + 1_000)
  assert.equal(clock.sleeps, 0)
  clock.advance(9_000, epoch + 9_000)
  clock.advance(10_000, epoch + 10_000)
  clock.advance(11_000, epoch + 20_000)
  assert.equal(clock.sleeps, 2)
})

test('wants to be advanced once a tick', () => {
  const clock = new AwakeClock(250, 1_000, epoch)
  assert.equal(clock.nextTick, 1_250)
  assert.equal(clock.tickMs, 250)
  assert.equal(clock.isShared, false)
})
