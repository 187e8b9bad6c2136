/** What an idle session holds, at either end. */

import type { IdleCost } from '../peers/client/task.ts'
import { verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import { cells, difference, of, pick, type Samples, takeTurns } from '../peers/turns.ts'
import type { Measure, MeasureContext, Row } from '../suite/measure.ts'
import { BenchServer, Client } from './child.ts'
import { type SubjectName, serverOf } from './subject.ts'

const full = 3_000
const quick = 500
/** They load and compile what is loaded and compiled once, and go. */
const pioneers = 1_000
const bytesPerKb = 1_000
const subjects = ['ws', 'holdfast, session', 'holdfast, session off', 'socket.io, recovery'] as const satisfies readonly SubjectName[]
type Measured = (typeof subjects)[number]

interface Cost {
  readonly serverKb: number
  readonly serverTimers: number
  readonly clientKb: number
  readonly clientTimers: number
}

export const heap: Measure = {
  name: 'heap',
  title: `An idle connection, one of ${full} (${quick} in a quick run), processes of their own`,
  run: async (context) => {
    const rounds = context.isQuick ? 1 : 2
    const samples = await takeTurns(rounds, context.isQuick ? subjects.slice(0, 2) : subjects, (subject, round) => {
      context.tell(`${subject}, round ${round + 1} of ${rounds}`)
      return measure(context, subject)
    })
    const serverKb = pick(samples, (cost) => cost.serverKb)
    const serverTimers = pick(samples, (cost) => cost.serverTimers)
    return {
      rows: [
        rowOf('heap/server', 'heap in the server', 'KB', serverKb),
        rowOf('timers/server', 'timers in the server', 'timers', serverTimers),
        rowOf(
          'heap/client',
          'heap in the client',
          'KB',
          pick(samples, (cost) => cost.clientKb),
        ),
        rowOf(
          'timers/client',
          'timers in the client',
          'timers',
          pick(samples, (cost) => cost.clientTimers),
        ),
      ],
      verdicts: [
        verdict('heap of a session in the server', difference(serverKb, 'holdfast, session', 'ws').value, 1, 'KB above ws'),
        // One for all of them is none of its own.
        verdict('timers of a session in the server', Math.floor(figure(of(serverTimers, 'holdfast, session')).value), 0, 'timers'),
      ],
    }
  },
}

async function measure({ build, isQuick }: MeasureContext, subject: Measured): Promise<Cost> {
  const clients = isQuick ? quick : full
  const flags = ['--expose-gc']
  await using server = await BenchServer.start(build, [serverOf(subject)], flags)
  const port = server.portOf(subject)
  const idle = (count: number) =>
    Client.start<IdleCost>({ kind: 'idle', build, subject, port, clients: count, settleMs: isQuick ? 300 : 700 }, flags)
  await using _pioneer = await idle(pioneers)
  const before = await server.usage()
  await using crowd = await idle(clients)
  const after = await server.usage()
  const opened = clients + 1
  return {
    serverKb: (after.heapBytes - before.heapBytes) / opened / bytesPerKb,
    serverTimers: (after.timers - before.timers) / opened,
    clientKb: crowd.answer.heapBytes / bytesPerKb,
    clientTimers: crowd.answer.timers,
  }
}

function rowOf(id: string, what: string, unit: string, samples: Samples<Measured>): Row {
  return { id, what, unit, n: samples.get('ws')!.length, cells: cells(samples, (subject) => figure(of(samples, subject))) }
}
