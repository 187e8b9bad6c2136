/** The time that a message and its echo take, one message a turn. */

import { median } from '../statistics.ts'
import type { Open } from '../subject/subject.ts'
import { nextTurn, openSession } from './session.ts'
import type { RoundTripTask } from './task.ts'

const usPerMs = 1_000

export async function measureRoundTrip(open: Open, { port, bytes, count }: RoundTripTask): Promise<number> {
  const session = await openSession(open, { port, query: { mode: 'echo' } })
  const payload = 'x'.repeat(bytes)
  const run = async () => {
    const times: number[] = []
    while (times.length < count) {
      times.push(
        await new Promise<number>((resolve) => {
          const sentAt = performance.now()
          session.message = () => resolve((performance.now() - sentAt) * usPerMs)
          session.client.send(payload)
        }),
      )
      await nextTurn()
    }
    return times
  }
  await run()
  const times = await run()
  session.client.close()
  return median(times)
}
