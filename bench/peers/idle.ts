/** Heap, timers and CPU of clients that are open and do nothing. */

import type { IdleCost } from './client/task.ts'
import { ask } from './client.ts'
import type { Measure } from './measure.ts'
import { type Row, verdict } from './result.ts'
import { figure } from './statistics.ts'
import { libraryNames, type SubjectName } from './subject/catalogue.ts'
import { cells, of, pick, type Samples, takeTurns } from './turns.ts'

const clients = 5_000
const clientsWhenQuick = 500
const besides = 200
const bytesPerKb = 1_000
const subjects: readonly SubjectName[] = [...libraryNames, 'holdfast, reconnecting']

export const idle: Measure = {
  name: 'idle',
  title: `An idle client, one of ${clients} (${clientsWhenQuick} in a quick run)`,
  isAlone: true,
  openFiles: clients + besides,
  run: async ({ server, isQuick, tell }) => {
    const rounds = isQuick ? 1 : 3
    const samples = await takeTurns(rounds, subjects, (subject, round) => {
      tell(`${subject}, round ${round + 1} of ${rounds}`)
      const size = isQuick ? { clients: clientsWhenQuick, settleMs: 300 } : { clients, settleMs: 700 }
      return ask<IdleCost>({ kind: 'idle', subject, port: server.portOf(subject), ...size }, ['--expose-gc'])
    })
    const heap = pick(samples, ({ heapBytes }) => heapBytes / bytesPerKb)
    const timers = pick(samples, (cost) => cost.timers)
    const cpu = pick(samples, ({ cpuUs }) => cpuUs)
    const ours = (found: Samples<SubjectName>) => figure(of(found, 'holdfast')).value
    return {
      rows: [
        rowOf('heap', 'heap', 'KB', heap),
        rowOf('timers', 'timers', 'timers', timers),
        rowOf('idle-cpu', 'CPU in a second', 'µs', cpu),
      ],
      verdicts: [verdict('heap of an idle client', ours(heap), 5, 'KB'), verdict('timers of an idle client', ours(timers), 1, 'timers')],
    }
  },
}

function rowOf(id: string, what: string, unit: string, samples: Samples<SubjectName>): Row {
  return { id, what, unit, n: samples.get('ws')!.length, cells: cells(samples, (subject) => figure(of(samples, subject))) }
}
