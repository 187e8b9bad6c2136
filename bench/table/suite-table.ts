/** What a suite of measures found, as tables of a guide: a table for each measure, with a line for each subject. */

import type { Cell } from '../peers/result.ts'
import type { Row, SuiteResults } from '../suite/measure.ts'

const significantDigits = 3

/** Markdown. */
export function renderSuite(results: SuiteResults): string {
  return [...results.measures.map(({ title, rows }) => `${title}:\n\n${tableOf(rows)}`), captionOf(results)].join('\n\n')
}

function tableOf(rows: readonly Row[]): string {
  const subjects = new Set(rows.flatMap(({ cells }) => Object.keys(cells)))
  const lines = [
    ['', ...rows.map(({ what, unit }) => `${what}, ${unit}`)],
    ['---', ...rows.map(() => '--:')],
    ...[...subjects].map((subject) => [subject, ...rows.map(({ cells }) => renderCell(cells[subject]))]),
  ]
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n')
}

function captionOf({ date, node, machine, command }: SuiteResults): string {
  return `Taken on ${date} with Node ${node} on ${machine}: \`${command}\` makes them anew.`
}

function renderCell(cell: Cell | undefined): string {
  switch (cell?.kind) {
    case 'figure':
      return String(Number(cell.value >= 100 ? cell.value.toFixed(0) : cell.value.toPrecision(significantDigits)))
    case 'never':
      return `not in ${cell.withinS} s`
    case 'absent':
      return cell.why
    case undefined:
      return ''
  }
}
