// One thing that the library promises, how it was measured, and whether it was reached.

export type Unit = 's' | 'dials'

/** What a promise says of its samples. */
export interface Target {
  readonly unit: Unit
  readonly p50AtMost?: number
  readonly maxAtMost?: number
  readonly minAtLeast?: number
}

export interface Pace {
  /** Shorter deadlines in place of the defaults, where those are what takes long. */
  readonly isQuick: boolean
}

export interface Measure {
  readonly name: string
  measure(pace: Pace): Promise<Finding>
}

export interface Finding {
  /** What was done, with the options that were used. */
  readonly text: string
  readonly target: Target
  /** In the unit of the target; one a run. */
  readonly samples: readonly number[]
}

/** A line of the table, and of the JSON. */
export interface Row {
  readonly name: string
  readonly text: string
  readonly target: string
  readonly unit: Unit
  readonly n: number
  readonly min: number
  readonly p50: number
  readonly max: number
  readonly isReached: boolean
}

export function rowOf(name: string, { text, target, samples }: Finding): Row {
  const sorted = [...samples].sort((a, b) => a - b)
  const [min = Number.NaN, max = Number.NaN] = [sorted[0], sorted.at(-1)]
  const p50 = median(sorted)
  const { p50AtMost = Infinity, maxAtMost = Infinity, minAtLeast = -Infinity } = target
  const isReached = sorted.length > 0 && p50 <= p50AtMost && max <= maxAtMost && min >= minAtLeast
  return { name, text, target: textOf(target), unit: target.unit, n: sorted.length, min, p50, max, isReached }
}

/** Runs the same thing so many times at once. */
export function inParallel<T>(count: number, run: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => run(index)))
}

export function secondsSince(start: number): number {
  return (performance.now() - start) / 1_000
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
}

function textOf({ unit, p50AtMost, maxAtMost, minAtLeast }: Target): string {
  if (maxAtMost !== undefined && maxAtMost === minAtLeast) return `exactly ${maxAtMost}`
  const parts = [
    p50AtMost !== undefined && `p50 ≤ ${p50AtMost}`,
    maxAtMost !== undefined && `max ≤ ${maxAtMost}`,
    minAtLeast !== undefined && `min ≥ ${minAtLeast}`,
  ]
  return `${parts.filter(Boolean).join(', ')} ${unit}`
}
