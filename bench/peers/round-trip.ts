/** The round trip of a message and its echo, one message a turn. */

import type { RoundTripTask } from './client/task.ts'
import { ask } from './client.ts'
import { fewFiles, type Measure } from './measure.ts'
import { verdict } from './result.ts'
import type { SubjectName } from './subject/catalogue.ts'
import { cells, collectTurns, ratio } from './turns.ts'

const bytes = 125
const subjects: readonly SubjectName[] = [
  'ws',
  'holdfast',
  'holdfast, reconnecting',
  'reconnecting-websocket',
  'partysocket',
  'websocket-ts',
  'socket.io',
]

const processes = 3

export const roundTrip: Measure = {
  name: 'round-trip',
  title: 'Round trip of 125 B, one message a turn, both ends on one core, median',
  isAlone: true,
  openFiles: fewFiles,
  run: async ({ server, isQuick, tell }) => {
    const task: RoundTripTask = {
      kind: 'round-trip',
      subjects: subjects.map((subject) => ({ subject, port: server.portOf(subject) })),
      serverPid: server.pid,
      bytes,
      warmUp: isQuick ? 2_500 : 30_000,
      rounds: isQuick ? 5 : 20,
      count: 500,
    }
    const samples = await collectTurns(processes, subjects, (process) => {
      tell(`process ${process + 1} of ${processes}`)
      return ask<number[][]>(task)
    })
    const row = {
      id: 'round-trip',
      what: 'round trip',
      unit: '× ws',
      absoluteUnit: 'µs',
      n: processes * task.rounds,
      cells: cells(samples, (subject) => ratio(samples, subject, 'ws')),
    }
    return { rows: [row], verdicts: [verdict('round trip', ratio(samples, 'holdfast', 'ws').value, 1.05, '× ws')] }
  },
}
