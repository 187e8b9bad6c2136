/** From the reset of a link to the next message. */

import { verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import { takeTurns } from '../peers/turns.ts'
import type { Measure } from '../suite/measure.ts'
import { ask } from './child.ts'
import type { SubjectName } from './subject.ts'

const waiting: readonly SubjectName[] = [
  'holdfast, reconnecting',
  'reconnecting-websocket',
  'partysocket',
  'socket.io',
  'socket.io, recovery',
]

export const reset: Measure = {
  name: 'reset',
  title: 'A reset link, a fresh socket for each, no added delay: until the client has the next message',
  run: async ({ build, isQuick, tell }) => {
    const rounds = isQuick ? 1 : 3
    const sockets = 20
    const session = await takeTurns(rounds, ['holdfast, session'], (subject, round) => {
      tell(`${subject}, round ${round + 1} of ${rounds}`)
      return ask<number[]>({ kind: 'reset', build, subject, sockets })
    })
    tell('the others, together: they wait for seconds')
    const others = await Promise.all(
      waiting.map(async (subject) => [subject, await ask<number[]>({ kind: 'reset', build, subject, sockets: rounds * sockets })] as const),
    )
    const ours = session.get('holdfast, session')!.flat()
    const found = new Map([['holdfast, session', ours] as const, ...others])
    const cells = Object.fromEntries([...found].map(([subject, times]) => [subject, figure(times)]))
    return {
      rows: [{ id: 'reset', what: 'p50', unit: 'ms', n: ours.length, cells }],
      verdicts: [verdict('reset to the next message, p50', figure(ours).value, 20, 'ms')],
    }
  },
}
