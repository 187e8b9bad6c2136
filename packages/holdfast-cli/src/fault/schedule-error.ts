/** A schedule's text is wrong. The message says where, what was found and what would be right. */
export class ScheduleError extends Error {
  override readonly name: string = 'ScheduleError'
  readonly fileName: string
  /** Counted from 1. */
  readonly line: number

  constructor(fileName: string, line: number, problem: string) {
    super(`${fileName}:${line}: ${problem}`)
    this.fileName = fileName
    this.line = line
  }
}
