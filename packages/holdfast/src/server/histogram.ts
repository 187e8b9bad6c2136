/** Durations by size: how many were up to each bound, and their sum. A plain object, so that it can be copied and shown as it stands. */

export interface Histogram {
  /** Upper bounds in milliseconds, ascending. */
  readonly bounds: readonly number[]
  /** How many were up to each bound and above the one before; the last one counts those above all bounds. */
  readonly counts: readonly number[]
  /** Milliseconds. */
  readonly sum: number
}

export interface GrowingHistogram extends Histogram {
  readonly counts: number[]
  sum: number
}

export function emptyHistogram(bounds: readonly number[]): GrowingHistogram {
  return { bounds, counts: [...bounds, Infinity].map(() => 0), sum: 0 }
}

export function observe(histogram: GrowingHistogram, ms: number): void {
  const { bounds, counts } = histogram
  let index = 0
  while (index < bounds.length && ms > bounds[index]!) index++
  counts[index]!++
  histogram.sum += ms
}
