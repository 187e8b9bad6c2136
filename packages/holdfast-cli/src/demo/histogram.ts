/**
 * Durations by their size, in buckets each a twentieth wider than the one before: quantiles within 5 %, in a few kilobytes for ever,
 * however long it runs.
 */

const growth = 1.05
const smallestMs = 0.01

export class Histogram {
  readonly #buckets: number[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  record(ms: number): void {
    const bucket = Math.max(0, Math.round(Math.log(ms / smallestMs) / Math.log(growth)))
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    this.#count++
  }

  /** Milliseconds that this share (0 to 1) of the durations does not exceed; null before the first one. */
  quantile(share: number): number | null {
    let left = Math.max(1, Math.ceil(share * this.#count))
    for (const [bucket, count = 0] of this.#buckets.entries()) {
      left -= count
      if (left <= 0) return smallestMs * growth ** bucket
    }
    return null
  }
}
