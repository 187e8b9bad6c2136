/** What an application sees of a move to another link. */

import { verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Measure, Row } from '../suite/measure.ts'
import type { MigrationGaps } from './child/task.ts'
import { ask, BenchServer } from './child.ts'

const full = 2
const maxLinkAge = 400
const atMostMs = 5

export const migration: Measure = {
  name: 'migration',
  title: 'The longest gap in 1 000 messages a second around a move to another link, and of another session at the same moments',
  run: async ({ build, isQuick, tell }) => {
    await using server = await BenchServer.start(build, ['holdfast'])
    const moved: number[] = []
    const unmoved: number[] = []
    let lost = 0
    const processes = isQuick ? 1 : full
    for (let process = 0; process < processes; process++) {
      tell(`process ${process + 1} of ${processes}`)
      const migrations = isQuick ? 6 : 40
      const found = await ask<MigrationGaps>({ kind: 'migration', build, port: server.portOf('holdfast, session'), maxLinkAge, migrations })
      moved.push(...found.moved)
      unmoved.push(...found.unmoved)
      lost += found.lost
    }
    return {
      rows: [rowOf('p50', 0.5, moved, unmoved), rowOf('p99', 0.99, moved, unmoved)],
      verdicts: [
        verdict('gap of a move, p99', quantile(above(moved, unmoved), 0.99), atMostMs, 'ms above no move'),
        verdict('messages lost or out of order', lost, 0, 'messages'),
      ],
    }
  },
}

function rowOf(what: string, share: number, moved: readonly number[], unmoved: readonly number[]): Row {
  const { low, high } = figure(above(moved, unmoved))
  const cell = { kind: 'figure', value: quantile(above(moved, unmoved), share), low, high, absolute: quantile(moved, share) } as const
  const unit = 'ms above one that stays'
  return { id: `migration/${what}`, what, unit, absoluteUnit: 'ms', n: moved.length, cells: { 'holdfast, session': cell } }
}

/** Moment by moment: what the machine does to both is not the move's doing. */
function above(moved: readonly number[], unmoved: readonly number[]): number[] {
  return moved.map((ms, index) => ms - unmoved[index]!)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.ceil(share * sorted.length) - 1]!
}
