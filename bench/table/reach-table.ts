/** What the library reaches, as a table of the README, made from the results of the reach measures. */

import type { Row } from '../reach/measure.ts'

export interface Reach {
  readonly machine: { readonly node: string; readonly cpus: number }
  readonly isQuick: boolean
  readonly rows: readonly Row[]
}

export function renderReach({ machine, rows }: Reach): string {
  const lines = rows.map(({ text, target, unit, n, p50, max }) => {
    const number = (value: number): string => (unit === 's' ? value.toFixed(2) : String(value))
    return `| ${text} | ${target} | ${number(p50)} / ${number(max)} ${unit} | ${n} |`
  })
  return [
    '| what is measured | target | p50 / max | n |',
    '|---|---|---|--:|',
    ...lines,
    '',
    `Measured by \`npm run bench:reach\`, over real sockets with real faults, on ${machine.cpus} cores and Node ${machine.node.slice(1)}.`,
  ].join('\n')
}
