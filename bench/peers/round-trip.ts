/** The round trip of a message and its echo, one message a turn. */

import { ask } from './client.ts'
import { fewFiles, type Measure } from './measure.ts'
import { verdict } from './result.ts'
import type { SubjectName } from './subject/catalogue.ts'
import { cells, ratio, takeTurns } from './turns.ts'

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

export const roundTrip: Measure = {
  name: 'round-trip',
  title: 'Round trip of 125 B, one message a turn, median',
  isAlone: true,
  openFiles: fewFiles,
  run: async ({ server, isQuick, tell }) => {
    const rounds = isQuick ? 3 : 9
    const samples = await takeTurns(rounds, subjects, (subject, round) => {
      if (subject === subjects[0]) tell(`round ${round + 1} of ${rounds}`)
      return ask<number>({ kind: 'round-trip', subject, port: server.portOf(subject), bytes, count: isQuick ? 2_000 : 5_000 })
    })
    const row = {
      id: 'round-trip',
      what: 'round trip',
      unit: '× ws',
      absoluteUnit: 'µs',
      n: rounds,
      cells: cells(samples, (subject) => ratio(samples, subject, 'ws')),
    }
    return { rows: [row], verdicts: [verdict('round trip', ratio(samples, 'holdfast', 'ws').value, 1.05, '× ws')] }
  },
}
