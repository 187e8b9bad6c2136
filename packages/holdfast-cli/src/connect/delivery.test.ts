import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Delivery } from './delivery.ts'

test('what a dying link had taken is uncertain', () => {
  const delivery = new Delivery()
  delivery.sent(100)
  delivery.sent(200)
  assert.equal(delivery.ended(false, 2), 2)
  assert.equal(delivery.uncertain, 2)
})

test('a goodbye settles what was sent', () => {
  const delivery = new Delivery()
  delivery.sent(100)
  assert.equal(delivery.ended(true, 1), 0)
  assert.equal(delivery.uncertain, 0)
})

test('the answer to a ping settles what was sent before the ping, and nothing after it', () => {
  const delivery = new Delivery()
  delivery.sent(100)
  delivery.answered(150, 40, 1) // it left at 110
  delivery.sent(160)
  delivery.answered(170, 20, 2) // it left at 150
  assert.equal(delivery.ended(false, 2), 1)
})

test('each message is counted for one link only', () => {
  const delivery = new Delivery()
  delivery.sent(100)
  delivery.ended(false, 1)
  delivery.sent(200)
  assert.equal(delivery.ended(false, 2), 1)
  assert.equal(delivery.uncertain, 2)
})
