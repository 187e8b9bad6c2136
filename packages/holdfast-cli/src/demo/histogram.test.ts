import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram } from './histogram.ts'

test('quantiles are right within five percent', () => {
  const histogram = new Histogram()
  for (let ms = 1; ms <= 1_000; ms++) histogram.record(ms)
  for (const share of [0.01, 0.5, 0.99, 1]) {
    const ms = histogram.quantile(share) ?? 0
    assert.ok(Math.abs(ms - share * 1_000) <= share * 50, `${share}: ${ms}`)
  }
  assert.equal(histogram.count, 1_000)
})

test('before the first duration there is no quantile', () => {
  assert.equal(new Histogram().quantile(0.5), null)
})

test('a duration of nothing at all counts', () => {
  const histogram = new Histogram()
  histogram.record(0)
  assert.ok((histogram.quantile(0.5) ?? 1) < 0.1)
})
