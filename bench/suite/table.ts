/** What a measure found, for a terminal: a line for each subject, a column for each figure, and the verdicts. */

import type { Cell, Verdict } from '../peers/result.ts'
import type { MeasureResult, Row } from './measure.ts'

const significantDigits = 3
/** As many as fit beside each other. */
const maxColumns = 4

export function renderMeasure({ title, rows, verdicts }: Pick<MeasureResult, 'title' | 'rows' | 'verdicts'>): string {
  const tables = Array.from({ length: Math.ceil(rows.length / maxColumns) }, (_, index) =>
    tableOf(rows.slice(index * maxColumns, (index + 1) * maxColumns)),
  )
  return [title, '', ...tables, ...verdicts.map(renderVerdict), ''].join('\n')
}

export function renderVerdict(verdict: Verdict): string {
  const { what, value, unit, isMet } = verdict
  const target = 'atMost' in verdict ? `at most ${verdict.atMost}` : `at least ${verdict.atLeast}`
  return `${isMet ? '✔' : '✖'} ${what}: ${short(value)} ${unit}, target ${target}`
}

function tableOf(rows: readonly Row[]): string {
  const subjects = new Set(rows.flatMap(({ cells }) => Object.keys(cells)))
  const lines = [
    ['', ...rows.map(({ what }) => what)],
    ['', ...rows.map(({ unit, n }) => `${unit}, n ${n}`)],
    ...[...subjects].map((subject) => [subject, ...rows.map((row) => cellText(row, subject))]),
  ]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const aligned = lines.map((line) => line.map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!))))
  return [...aligned.map((line) => line.join('  ')), ''].join('\n')
}

function cellText(row: Row, subject: string): string {
  const cell = row.cells[subject]
  if (!cell) return ''
  const { absoluteUnit } = row
  const absolute = cell.kind === 'figure' && cell.absolute !== undefined && absoluteUnit ? ` (${short(cell.absolute)} ${absoluteUnit})` : ''
  return valueText(cell) + absolute
}

function valueText(cell: Cell): string {
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
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(significantDigits)))
}
