import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arrivals } from './arrivals.ts'

function arrivalsOf(...numbers: number[]): Arrivals {
  const arrivals = new Arrivals()
  for (const number of numbers) arrivals.receive(number)
  return arrivals
}

test('what comes twice is counted once, and as a duplicate', () => {
  const { count, duplicates, missing } = arrivalsOf(1, 2, 2, 1, 3)
  assert.deepEqual([count, duplicates, missing], [3, 2, 0])
})

test('what is passed over is missing until it comes after all', () => {
  assert.equal(arrivalsOf(1, 4).missing, 2)
  assert.equal(arrivalsOf(1, 4, 3, 2).missing, 0)
  assert.equal(arrivalsOf(3).missing, 2)
})

test('a gap is told by the number behind it', () => {
  const arrivals = new Arrivals()
  assert.deepEqual(
    [1, 2, 5, 3, 6].map((number) => arrivals.receive(number)),
    [undefined, undefined, 3, undefined, undefined],
  )
})
