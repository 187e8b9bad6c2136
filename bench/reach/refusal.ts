// Servers that are slow, or that do not want us: how often they are dialled.

import { setTimeout as sleep } from 'node:timers/promises'
import { startWs } from '../../test/peers/ws.ts'
import { inParallel, type Measure, secondsSince } from './measure.ts'
import { Traveller } from './path.ts'

const watchedMs = 5_000
const shortRetry = { minDelay: 20, maxDelay: 200 }
const retryAfterSeconds = 5
const runs = 5

export const slowHandshake: Measure = slowHandshakeWith('slow-handshake', 10_000, 1)
/** Two seconds are too few, four as well; eight are enough. */
export const slowHandshakeShort: Measure = slowHandshakeWith('slow-handshake-short', 2_000, 3)

function slowHandshakeWith(name: string, connectTimeout: number, maxAtMost: number): Measure {
  return {
    name,
    measure: async () => ({
      text: `a handshake that takes 5 s connects, connectTimeout ${connectTimeout / 1_000} s`,
      target: { unit: 'dials', maxAtMost },
      samples: await inParallel(runs, async () => {
        await using peer = await startWs()
        using traveller = new Traveller(`${peer.url}/slow?delay=5s`, { connectTimeout })
        await traveller.next('open')
        return peer.attempts.length
      }),
    }),
  }
}

export const acceptThenClose: Measure = {
  name: 'accept-then-4401',
  measure: async () => ({
    text: `a server that accepts and closes with 4401, watched for ${watchedMs / 1_000} s more`,
    target: { unit: 'dials', minAtLeast: 1, maxAtMost: 1 },
    samples: await inParallel(runs, async () => {
      await using peer = await startWs()
      using traveller = new Traveller(`${peer.url}/close?code=4401`)
      await traveller.next('close')
      await sleep(watchedMs)
      return peer.attempts.length
    }),
  }),
}

export const greetThenDrop: Measure = {
  name: 'greet-then-1006',
  measure: async () => ({
    text: `a server that greets and drops: giveup, delays shortened to 20–200 ms, watched for ${watchedMs / 1_000} s more`,
    target: { unit: 'dials', minAtLeast: 11, maxAtMost: 11 },
    samples: await inParallel(runs, async () => {
      await using peer = await startWs()
      using traveller = new Traveller(`${peer.url}/greet-close?code=0`, { retry: shortRetry })
      await traveller.next('giveup')
      await sleep(watchedMs)
      return peer.attempts.length
    }),
  }),
}

export const retryAfter: Measure = {
  name: 'retry-after',
  measure: async () => ({
    text: `503 with Retry-After: ${retryAfterSeconds}, then a server that answers: from the refusal to the open link`,
    target: { unit: 's', minAtLeast: retryAfterSeconds, maxAtMost: retryAfterSeconds + 1 },
    samples: await inParallel(runs, async () => {
      await using peer = await startWs({ route: (_request, attempt) => (attempt === 1 ? undefined : '/echo') })
      using traveller = new Traveller(`${peer.url}/refuse?status=503&retryAfter=${retryAfterSeconds}`)
      const start = await traveller.next('error')
      await traveller.next('open')
      return secondsSince(start)
    }),
  }),
}
