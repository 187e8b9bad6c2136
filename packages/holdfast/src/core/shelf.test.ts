import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Shelf } from './shelf.ts'

test('the largest is found, whatever was put there and taken away before', () => {
  const shelf = new Shelf<string>()
  assert.equal(shelf.largest, undefined)
  shelf.put('small', 3)
  shelf.put('large', 900)
  shelf.put('middle', 64)
  assert.equal(shelf.largest, 'large')
  shelf.remove('large')
  assert.equal(shelf.largest, 'middle')
  shelf.put('small', 5_000)
  assert.equal(shelf.largest, 'small')
  shelf.put('small', 0)
  shelf.remove('nobody')
  assert.equal(shelf.largest, 'middle')
})

test('of things within a factor of two the one that came first is taken', () => {
  const shelf = new Shelf<string>()
  shelf.put('first', 513)
  shelf.put('second', 1_023)
  shelf.put('first', 600)
  assert.equal(shelf.largest, 'first')
})

test('what is found is at least half as large as anything', () => {
  const sizes = fc.array(fc.tuple(fc.nat(20), fc.maxSafeNat()), { minLength: 1 })
  fc.assert(
    fc.property(sizes, (given) => {
      const shelf = new Shelf<number>()
      const kept = new Map<number, number>()
      for (const [thing, bytes] of given) {
        shelf.put(thing, bytes)
        kept.set(thing, bytes)
      }
      const most = Math.max(...kept.values())
      if (most === 0) assert.equal(shelf.largest, undefined)
      else assert.ok(2 * kept.get(shelf.largest!)! >= most)
    }),
  )
})
