/** One thing that is measured, of everybody. */

import type { MeasureResult } from './result.ts'
import type { BenchServer } from './server.ts'

export interface MeasureContext {
  readonly server: BenchServer
  /** Few samples, short waits: to see that it works, not to quote from. */
  readonly isQuick: boolean
  /** Says how far it is. */
  tell(progress: string): void
}

export interface Measure {
  readonly name: string
  readonly title: string
  /** Whether it counts CPU or microseconds, and so wants the machine for itself. */
  readonly isAlone: boolean
  /** Files that one process has open at the same time. */
  readonly openFiles: number
  run(context: MeasureContext): Promise<Pick<MeasureResult, 'rows' | 'verdicts'>>
}

/** For a measure with a handful of connections. */
export const fewFiles = 256
