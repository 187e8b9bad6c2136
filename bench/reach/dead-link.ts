// A link whose packets go nowhere, both ways and without a word, while nothing is sent: from the last byte until it is given up.

import { setTimeout as sleep } from 'node:timers/promises'
import { inParallel, type Measure } from './measure.ts'
import { openPath, Traveller } from './path.ts'

interface Heartbeat {
  readonly interval: number
  readonly timeout: number
}

const seconds = 1_000
const allowanceMs = 500
const tunedAllowanceMs = 100
const defaults: Heartbeat = { interval: 30 * seconds, timeout: 10 * seconds }
const shortened: Heartbeat = { interval: 10 * seconds, timeout: 5 * seconds }
const tuned: Heartbeat = { interval: 1 * seconds, timeout: 0.5 * seconds }
/** The last byte comes this long after the opening at the most, so that the runs meet different moments of the ticks. */
const spreadMs = 1_000

export const deadLink: Measure = {
  name: 'dead-link',
  measure: async ({ isQuick }) => {
    const heartbeat = isQuick ? shortened : defaults
    return {
      text: `a black-holed idle link is noticed, ${isQuick ? 'heartbeat' : 'defaults,'} ${words(heartbeat)}`,
      target: { unit: 's', maxAtMost: (heartbeat.interval + heartbeat.timeout + allowanceMs) / seconds },
      samples: await inParallel(8, (index) => noticed(isQuick ? heartbeat : undefined, (index * spreadMs) / 8)),
    }
  },
}

export const deadLinkTuned: Measure = {
  name: 'dead-link-tuned',
  measure: async () => ({
    text: `a black-holed idle link is noticed, heartbeat ${words(tuned)}`,
    target: { unit: 's', maxAtMost: (tuned.interval + tuned.timeout + tunedAllowanceMs) / seconds },
    samples: await inParallel(20, (index) => noticed(tuned, (index * spreadMs) / 20)),
  }),
}

async function noticed(heartbeat: Heartbeat | undefined, afterMs: number): Promise<number> {
  await using path = await openPath()
  using traveller = new Traveller(path.url, { heartbeat })
  await traveller.next('message')
  await sleep(afterMs)
  path.peer.connections[0]!.socket.send('the last')
  const lastByteAt = await traveller.next('message')
  path.proxy.freeze()
  return ((await traveller.next('close')) - lastByteAt) / seconds
}

function words({ interval, timeout }: Heartbeat): string {
  return `${interval / seconds} s/${timeout / seconds} s`
}
