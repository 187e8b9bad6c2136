import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FirstRetry } from './first-retry.ts'

const half = (): number => 0.5

describe('the first retry of a session', () => {
  it('is spread as the server asks after a loss that others may share', () => {
    assert.equal(new FirstRetry().delay(0, 'network', 3_000, half), 1_500)
  })

  for (const cause of ['client', 'heartbeat-timeout', 'write-timeout', 'offline'] as const) {
    it(`does not wait after ${cause}, which nobody else had`, () => {
      assert.equal(new FirstRetry().delay(0, cause, 3_000, half), 0)
    })
  }

  it('is left to the backoff from the sixth within ten seconds on', () => {
    const firstRetry = new FirstRetry()
    const at = (now: number): number | undefined => firstRetry.delay(now, 'network', 0, half)
    assert.deepEqual([0, 1, 2, 3, 4, 5, 9_999].map(at), [0, 0, 0, 0, 0, undefined, undefined])
    assert.equal(at(10_000), 0)
    assert.equal(at(10_000), undefined)
  })
})
