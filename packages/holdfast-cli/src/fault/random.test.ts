import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from './random.ts'

test('a seed gives the same numbers on every machine', () => {
  const random = seededRandom(1)
  const drawn = Array.from({ length: 3 }, () => Math.floor(random() * 2 ** 32))
  assert.deepEqual(drawn, [2693262067, 11749833, 2265367787])
})

test('the numbers are spread over [0, 1)', () => {
  const random = seededRandom(0xffff_ffff)
  const tenths = new Array<number>(10).fill(0)
  for (let count = 0; count < 10_000; count += 1) tenths[Math.floor(random() * 10)]! += 1
  for (const count of tenths) assert.ok(count > 850 && count < 1150, tenths.join(' '))
})
