/** CPU of the client for a message, and the round trip of one. */

import type { Step } from '../peers/client/task.ts'
import { verdict } from '../peers/result.ts'
import { cells, collectTurns, pick, ratio, ratioOfLeast, type Samples, takeTurns } from '../peers/turns.ts'
import type { Measure, Row } from '../suite/measure.ts'
import { ask, BenchServer } from './child.ts'
import { type SubjectName, serverKinds } from './subject.ts'

const bytes = 125
const subjects = ['ws', 'holdfast, session', 'holdfast, session off', 'socket.io, recovery'] as const satisfies readonly SubjectName[]
type Measured = (typeof subjects)[number]

export const cpu: Measure = {
  name: 'cpu',
  title: 'CPU of the client for a message of 125 B, sent in bursts of 128 or received, the least of all rounds',
  run: async ({ build, isQuick, tell }) => {
    await using server = await BenchServer.start(build, serverKinds)
    const rounds = isQuick ? 3 : 15
    const steps: Step[] = [
      { direction: 'send', bytes, count: isQuick ? 20_000 : 120_000 },
      { direction: 'receive', bytes, count: isQuick ? 50_000 : 200_000 },
    ]
    const samples = await takeTurns(rounds, subjects, (subject, round) => {
      if (subject === subjects[0]) tell(`round ${round + 1} of ${rounds}`)
      return ask<number[]>({ kind: 'cpu', build, subject, port: server.portOf(subject), payload: 'text', steps })
    })
    const sent = pick(samples, ([us]) => us!)
    const received = pick(samples, ([, us]) => us!)
    return {
      rows: [
        rowOf('send', 'send 125 B text', 'µs', sent, 'ws'),
        rowOf('receive', 'receive 125 B text', 'µs', received, 'holdfast, session off'),
      ],
      verdicts: [
        verdict('send 128 × 125 B in a burst', ratioOfLeast(sent, 'holdfast, session', 'ws').value, 0.4, '× ws'),
        verdict('receive 125 B', ratioOfLeast(received, 'holdfast, session', 'holdfast, session off').value, 1.2, '× session off'),
      ],
    }
  },
}

const processes = 3

export const roundTrip: Measure = {
  name: 'round-trip',
  title: 'Round trip of 125 B, one message a turn, both ends on one core: the median of a round',
  run: async ({ build, isQuick, tell }) => {
    await using server = await BenchServer.start(build, serverKinds)
    const places = subjects.map((subject) => ({ subject, port: server.portOf(subject) }))
    const steps = { serverPid: server.pid, bytes, warmUp: isQuick ? 2_500 : 30_000, rounds: isQuick ? 5 : 20, count: 500 }
    const samples = await collectTurns(processes, subjects, (process) => {
      tell(`process ${process + 1} of ${processes}`)
      return ask<number[][]>({ kind: 'round-trip', build, subjects: places, ...steps })
    })
    const cell = (subject: Measured) => ratio(samples, subject, 'holdfast, session off')
    return {
      rows: [{ ...rowOf('round-trip', 'round trip', 'µs', samples, 'holdfast, session off'), cells: cells(samples, cell) }],
      verdicts: [verdict('round trip', cell('holdfast, session').value, 1.05, '× session off')],
    }
  },
}

function rowOf(id: string, what: string, absoluteUnit: string, samples: Samples<Measured>, baseline: Measured): Row {
  return {
    id,
    what,
    unit: `× ${baseline}`,
    absoluteUnit,
    n: samples.get(baseline)!.length,
    cells: cells(samples, (subject) => ratioOfLeast(samples, subject, baseline)),
  }
}
