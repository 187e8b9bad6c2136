/** The few numbers that stand for many samples. */

import type { Figure } from './result.ts'

const quartile = 0.25

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function figure(values: readonly number[], absolutes?: readonly number[]): Figure {
  const spread = { low: round(quantile(values, quartile)), high: round(quantile(values, 1 - quartile)) }
  return { kind: 'figure', value: round(median(values)), ...spread, ...(absolutes && { absolute: round(median(absolutes)) }) }
}

/** Between two samples it is where the line between them is. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('there is no sample to take a median of')
  const sorted = [...values].sort((a, b) => a - b)
  const place = share * (sorted.length - 1)
  const below = sorted[Math.floor(place)]!
  const above = sorted[Math.ceil(place)]!
  return below === above ? below : below + (above - below) * (place % 1)
}

const significantDigits = 4

/** More digits would pretend to know. */
function round(value: number): number {
  return Number(value.toPrecision(significantDigits))
}
