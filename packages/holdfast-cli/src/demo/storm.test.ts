import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../fault/index.ts'
import { drawStorm } from './storm.ts'

const seeds = Array.from({ length: 200 }, (_, seed) => seed)
const storm = (seed: number, durationMs: number) => drawStorm(seededRandom(seed), durationMs)

test('a seed draws the same storm again, and a shorter one is its beginning', () => {
  for (const seed of seeds) {
    const long = storm(seed, 60_000)
    const short = storm(seed, 20_000)
    assert.deepEqual(storm(seed, 60_000), long)
    assert.deepEqual(long.slice(0, short.length), short)
  }
})

test('three seconds are enough for a loss, and twenty for every kind of fault', () => {
  for (const seed of seeds) {
    assert.deepEqual(
      storm(seed, 3_000).map(({ fault }) => fault.kind),
      ['reset'],
    )
    const kinds = new Set(storm(seed, 20_000).map(({ fault }) => fault.kind))
    assert.deepEqual([...kinds].sort(), ['freeze', 'refuse', 'reset'])
  }
})

test('the last fault leaves time to come back', () => {
  for (const seed of seeds) for (const { atMs, forMs = 0 } of storm(seed, 20_000)) assert.ok(atMs + forMs <= 19_000)
})

test('an endless storm is a list with an end', () => {
  assert.ok(storm(1, Infinity).length > 10_000)
})
