/** How fast a full outbox is emptied once there is a link again. */

import { figure } from '../peers/statistics.ts'
import { pick, ratio, type Samples, takeTurns } from '../peers/turns.ts'
import type { Measure, Row } from '../suite/measure.ts'
import type { ReplayRate } from './child/task.ts'
import { ask, BenchServer } from './child.ts'

const bytes = 125
/** What an outbox takes, out of the box. */
const up = 9_999
const down = 4_096
const subject = 'holdfast, session'

export const replay: Measure = {
  name: 'replay',
  title: 'Messages a second after a cut, from a full outbox of 125 B messages',
  run: async ({ build, isQuick, tell }) => {
    await using server = await BenchServer.start(build, ['holdfast'])
    const rounds = isQuick ? 1 : 5
    const samples = await takeTurns(rounds, [subject], (_, round) => {
      tell(`round ${round + 1} of ${rounds}`)
      return ask<ReplayRate>({ kind: 'replay', build, port: server.portOf(subject), bytes, up, down })
    })
    return {
      rows: [
        rowOf('up', `client→server, ${up} messages`, samples, 'up', 'openUp'),
        rowOf('down', `server→client, ${down} messages`, samples, 'down', 'openDown'),
      ],
      verdicts: [],
    }
  },
}

function rowOf(
  id: string,
  what: string,
  samples: Samples<typeof subject, ReplayRate>,
  after: keyof ReplayRate,
  open: keyof ReplayRate,
): Row {
  const rates = new Map([
    ['after', figure(pick(samples, (rate) => rate[after]).get(subject)!)],
    ['open', figure(pick(samples, (rate) => rate[open]).get(subject)!)],
  ])
  const n = samples.get(subject)!.length
  const pairs = new Map([...rates.keys()].map((name) => [name, samples.get(subject)!.map((rate) => rate[name === 'after' ? after : open])]))
  const cell = { ...ratio(pairs, 'after', 'open'), absolute: rates.get('after')!.value }
  return { id: `replay/${id}`, what, unit: '× the rate on an open link', absoluteUnit: '/s', n, cells: { [subject]: cell } }
}
