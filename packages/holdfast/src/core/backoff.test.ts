import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BackoffPolicy, backoffDelay } from './backoff.ts'

const policy: BackoffPolicy = { minDelay: 1_000, maxDelay: 30_000, factor: 2, jitter: 'equal' }
const lowest = () => 0
const highest = () => 1 - Number.EPSILON / 2

const delays = (jitter: BackoffPolicy['jitter'], random: () => number) =>
  Array.from({ length: 8 }, (_, index) => Math.round(backoffDelay({ ...policy, jitter }, index + 1, random)))

test('without jitter the waits are 1, 2, 4, 8, 16, 30, 30 … seconds, whatever the lot', () => {
  const table = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]
  assert.deepEqual(delays('none', lowest), table)
  assert.deepEqual(delays('none', highest), table)
})

test('equal jitter draws from the upper half of each wait, but the first from all of it', () => {
  assert.deepEqual(delays('equal', lowest), [0, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000])
  assert.deepEqual(delays('equal', highest), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
})

test('full jitter draws from all of each wait', () => {
  assert.deepEqual(delays('full', lowest), [0, 0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual(delays('full', highest), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
})

test('each retry draws its own lot', () => {
  let draws = 0
  const random = () => ++draws / 4
  assert.equal(backoffDelay(policy, 1, random), 250)
  assert.equal(backoffDelay(policy, 2, random), 1_500)
  assert.equal(draws, 2)
})

test('no wait leaves its bounds, and none is missing after a thousand retries', () => {
  const policies = fc
    .record({
      minDelay: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
      more: fc.double({ min: 1, max: 1e3, noNaN: true }),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      jitter: fc.constantFrom('equal', 'full', 'none'),
    })
    .map(({ minDelay, more, factor, jitter }): BackoffPolicy => ({ minDelay, maxDelay: minDelay * more, factor, jitter }))
  const lots = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 1_000 }), lots, (each, attempt, lot) => {
      const delay = backoffDelay(each, attempt, () => lot)
      const whole = backoffDelay({ ...each, jitter: 'none' }, attempt, () => lot)
      assert.ok(whole <= each.maxDelay && whole >= each.minDelay)
      assert.ok(delay <= whole && delay >= (each.jitter === 'equal' && attempt > 1 ? whole / 2 : 0))
    }),
  )
})
