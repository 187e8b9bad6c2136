/** What a measure found, for a terminal: a row for each subject, a column for each figure, and the verdicts. */

import type { Cell, MeasureResult, Row, Verdict } from './result.ts'
import { type SubjectName, subjectNames } from './subject/catalogue.ts'

const significantDigits = 3
/** As many as fit beside each other. */
const maxColumns = 4

export function renderMeasure({ title, rows, verdicts }: MeasureResult): string {
  const tables = Array.from({ length: Math.ceil(rows.length / maxColumns) }, (_, index) =>
    tableOf(rows.slice(index * maxColumns, (index + 1) * maxColumns)),
  )
  return [title, '', ...tables, ...verdicts.map(renderVerdict), ''].join('\n')
}

function tableOf(rows: readonly Row[]): string {
  const subjects = subjectNames.filter((subject) => rows.some((row) => row.cells[subject]))
  const head = ['', ...rows.map((row) => row.what)]
  const under = ['', ...rows.map((row) => `${row.unit}, n ${row.n}`)]
  const body = subjects.map((subject) => [subject, ...rows.map((row) => cellText(row, subject))])
  return [...alignColumns([head, under, ...body]), ''].join('\n')
}

function renderVerdict({ what, value, atMost, unit, isMet }: Verdict): string {
  return `${isMet ? '✔' : '✖'} ${what}: ${short(value)} ${unit}, target at most ${atMost}`
}

function cellText(row: Row, subject: SubjectName): string {
  const cell = row.cells[subject]
  if (!cell) return ''
  const absolute = cell.kind === 'figure' && cell.absolute !== undefined ? ` (${short(cell.absolute)} ${row.absoluteUnit})` : ''
  return renderCell(cell) + absolute
}

function renderCell(cell: Cell): string {
  switch (cell.kind) {
    case 'figure':
      return short(cell.value)
    case 'never':
      return `never in ${cell.withinS} s`
    case 'absent':
      return '–'
  }
}

function short(value: number): string {
  return String(Number(value.toPrecision(significantDigits)))
}

function alignColumns(lines: readonly string[][]): string[] {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines.map((line) =>
    line.map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!))).join('  '),
  )
}
