/** What a run of the bench found: written as JSON, read by the table of the README. */

import type { SubjectName } from './subject/catalogue.ts'

export type Cell =
  | Figure
  /** It did not happen while it was waited for. */
  | { readonly kind: 'never'; readonly withinS: number }
  /** There is nothing to measure. */
  | { readonly kind: 'absent'; readonly why: string }

export interface Figure {
  readonly kind: 'figure'
  /** The median; half of all samples lie between `low` and `high`. */
  readonly value: number
  readonly low: number
  readonly high: number
  /** Behind a ratio: the median of what was measured, in the row's `absoluteUnit`. */
  readonly absolute?: number
}

export interface Row {
  readonly id: string
  readonly what: string
  readonly unit: string
  readonly absoluteUnit?: string
  /** Samples of each subject. */
  readonly n: number
  readonly cells: Readonly<Partial<Record<SubjectName, Cell>>>
}

/** A figure of ours beside its target. */
export type Verdict = {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly isMet: boolean
} & ({ readonly atMost: number } | { readonly atLeast: number })

export interface MeasureResult {
  readonly name: string
  readonly title: string
  readonly rows: readonly Row[]
  readonly verdicts: readonly Verdict[]
}

export interface Results {
  /** ISO date of the day. */
  readonly date: string
  readonly node: string
  readonly machine: string
  readonly command: string
  readonly isQuick: boolean
  readonly seconds: number
  readonly versions: Readonly<Record<string, string>>
  readonly measures: readonly MeasureResult[]
}

export function verdict(what: string, value: number, atMost: number, unit: string): Verdict {
  return { what, value, atMost, unit, isMet: value <= atMost }
}

export function verdictAtLeast(what: string, value: number, atLeast: number, unit: string): Verdict {
  return { what, value, atLeast, unit, isMet: value >= atLeast }
}
