import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBucket } from './token-bucket.ts'

test('a bucket begins with a burst of a tenth of a second and then keeps the rate', () => {
  const bucket = new TokenBucket(1000, 0)
  assert.equal(bucket.grant(0, 5000), 100)
  bucket.spend(100)
  let granted = 0
  for (let now = 0; now < 10_000; now = bucket.readyAt(now, 5000)) {
    const bytes = bucket.grant(now, 5000)
    bucket.spend(bytes)
    granted += bytes
  }
  assert.ok(granted > 9900 && granted <= 10_000, `${granted}`)
})

test('a long pause saves up no more than the burst', () => {
  const bucket = new TokenBucket(1000, 0)
  assert.equal(bucket.grant(60_000, 5000), 100)
})

test('a rate of one byte a second still grants whole bytes', () => {
  const bucket = new TokenBucket(1, 0)
  assert.equal(bucket.grant(0, 10), 1)
  bucket.spend(1)
  assert.equal(bucket.grant(500, 10), 0)
  assert.equal(bucket.readyAt(500, 10), 1000)
  assert.equal(bucket.grant(1000, 10), 1)
})
