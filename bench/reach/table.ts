// The rows for people: one a promise, under each other.

import type { Row, Unit } from './measure.ts'

const decimals: Record<Unit, number> = { s: 2, dials: 0 }

export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(({ name, text, target, unit, n, p50, max, isReached }) => {
    const number = (value: number): string => value.toFixed(decimals[unit])
    return [name, target, `p50 ${number(p50)}, max ${number(max)} ${unit}`, String(n), isReached ? 'reached' : 'MISSED', text]
  })
  const all = [['', 'target', 'measured', 'n', 'verdict', 'what'], ...cells]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)))
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
