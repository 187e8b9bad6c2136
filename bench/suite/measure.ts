/** One thing that a suite measures, and what was found: a row is a figure, with a cell for each subject. */

import type { Cell, Results, Verdict } from '../peers/result.ts'

export interface Row {
  readonly id: string
  readonly what: string
  readonly unit: string
  /** Of what is behind a ratio. */
  readonly absoluteUnit?: string
  /** Samples of each subject. */
  readonly n: number
  readonly cells: Readonly<Partial<Record<string, Cell>>>
}

export interface Found {
  readonly rows: readonly Row[]
  readonly verdicts: readonly Verdict[]
}

export interface MeasureContext {
  /** Where the snapshot of the library is. */
  readonly build: string
  /** Few samples, short waits: to see that it works, not to quote from. */
  readonly isQuick: boolean
  /** Says how far it is. */
  tell(progress: string): void
}

export interface Measure {
  readonly name: string
  readonly title: string
  run(context: MeasureContext): Promise<Found>
}

export interface MeasureResult extends Found {
  readonly name: string
  readonly title: string
}

/** What a whole run is kept as. */
export interface SuiteResults extends Omit<Results, 'measures'> {
  readonly measures: readonly MeasureResult[]
}
