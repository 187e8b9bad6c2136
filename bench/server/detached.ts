/** Sessions whose clients are away: what each costs, and that all of them can be gone on with. */

import type { ChildProcess } from 'node:child_process'
import { end, nextMessage, start } from '../peers/process.ts'
import { verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Measure } from '../suite/measure.ts'
import type { Heap, Parked } from './child/task.ts'
import { ourSession } from './subject.ts'

const full = 10_000
const quick = 1_000
const batch = 500
const answerMs = 120_000
const bytesPerKb = 1_000
const heartbeat = { intervalMs: 30_000, timeoutMs: 10_000 }

export const detached: Measure = {
  name: 'detached',
  title: `${full} sessions held while their clients are away (${quick} in a quick run), attached and parked in batches of ${batch}`,
  run: async ({ build, isQuick, tell }) => {
    const sessions = isQuick ? quick : full
    const startChild = (task: object) => start('../server/child/main.ts', task, ['--expose-gc'])
    const server = startChild({ kind: 'serve', build, subject: ourSession, heartbeat })
    const crowds: ChildProcess[] = []
    try {
      const port = await nextMessage<number>(server, answerMs)
      const heapKb = async () => {
        server.send({ kind: 'heap' })
        return (await nextMessage<Heap>(server, answerMs)).bytes / bytesPerKb
      }
      const park = async (count: number) => {
        const crowd = startChild({ kind: 'park', port, sessions: count, batch })
        crowds.push(crowd)
        return { crowd, parked: await nextMessage<Parked>(crowd, answerMs) }
      }
      await park(batch) // they make the server load what is loaded once
      const before = await heapKb()
      tell(`${sessions} sessions begin and lose their links`)
      const { crowd, parked } = await park(sessions)
      const heap = ((await heapKb()) - before) / sessions
      tell('and resume')
      const back = nextMessage<Parked>(crowd, answerMs)
      crowd.send('resume')
      const resumed = await back
      const rate = ({ count, ms }: Parked) => figure([count / (ms / 1_000)])
      const row = (id: string, what: string, unit: string, cell: ReturnType<typeof figure>) => ({
        id: `detached/${id}`,
        what,
        unit,
        n: 1,
        cells: { [ourSession]: cell },
      })
      return {
        rows: [
          row('heap', 'heap of a session without a link', 'KB', figure([heap])),
          row('begin', 'begun and parked', 'in a second', rate(parked)),
          row('resume', 'resumed and parked', 'in a second', rate(resumed)),
        ],
        verdicts: [verdict('sessions that could not be resumed', sessions - resumed.count, 0, 'sessions')],
      }
    } finally {
      await Promise.all([server, ...crowds].map(end))
    }
  },
}
