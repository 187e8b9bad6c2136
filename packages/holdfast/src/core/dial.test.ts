import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Dial } from './dial.ts'

const epoch = 1_700_000_000_000

/** When its time is up, ticked at its deadlines. */
function expiry(dial: Dial): number {
  for (;;) {
    const now = dial.deadline
    if (dial.tick(now, epoch + now)) return now
  }
}

test('its time is up exactly at its limit', () => {
  for (const limitMs of [1, 3, 300, 2_000, 10_000, 10_001]) assert.equal(expiry(new Dial(limitMs, 77, epoch + 77)), 77 + limitMs)
})

test('a tick that comes early changes nothing', () => {
  const dial = new Dial(10_000, 0, epoch)
  assert.equal(dial.tick(0, epoch), false)
  assert.equal(dial.tick(1, epoch + 1), false)
  assert.equal(expiry(dial), 10_000)
})

test('a late tick does not end it, the next one judges', () => {
  const dial = new Dial(1_500, 0, epoch)
  assert.equal(dial.tick(3_600_000, epoch + 3_600_000), false)
  assert.ok(dial.deadline > 3_600_000)
  assert.equal(expiry(dial), 3_600_000 + 750)
})

test('a dial that slept goes on for what was left of its limit', () => {
  const dial = new Dial(10_000, 0, epoch)
  dial.tick(1_000, epoch + 1_000)
  dial.tick(3_600_000, epoch + 3_600_000)
  assert.equal(expiry(dial), 3_600_000 + 7_000)
})

test('a sleep that only the wall clock shows is one', () => {
  const dial = new Dial(1_000, 0, epoch)
  for (const now of [250, 500, 750]) assert.equal(dial.tick(now, epoch + now), false)
  assert.equal(dial.tick(1_000, epoch + 60_000), false)
  assert.equal(dial.tick(1_001, epoch + 60_001), true)
})

test('in a hidden page whose every tick is late it still ends', () => {
  const dial = new Dial(10_000, 0, epoch)
  assert.equal(dial.tick(60_000, epoch + 60_000), false)
  assert.equal(dial.tick(120_000, epoch + 120_000), true)
})

test('ticked at its deadlines it ends within a millisecond of its limit, with any fraction of one', () => {
  const times = fc.double({ min: 0, max: 1e9, noNaN: true })
  fc.assert(
    fc.property(times, fc.double({ min: 0.5, max: 60_000, noNaN: true }), (start, limitMs) => {
      const dial = new Dial(limitMs, start, epoch)
      const now = expiry(dial)
      assert.ok(now >= start + limitMs - 1e-3 && now <= start + limitMs + 1 + 1e-3, `${now - start} of ${limitMs} ms`)
    }),
  )
})
