// How long an application is without its connection: after an outage in silence, and after a reset.

import { setTimeout as sleep } from 'node:timers/promises'
import { inParallel, type Measure, secondsSince } from './measure.ts'
import { openPath, Traveller } from './path.ts'

const outageMs = 3_000
const outages = 20
/** One dial after the other: how long the first one took decides how long later ones may take. */
const dialGapMs = 50
const shortened = { interval: 4_000, timeout: 2_000 }
const rounds = 10
const socketsInARound = 20

export const heal: Measure = {
  name: 'heal',
  measure: async ({ isQuick }) => ({
    text: `a black hole heals 3 s after it was noticed: to the first message, defaults${isQuick ? ', but for a heartbeat of 4 s/2 s' : ''}`,
    target: { unit: 's', p50AtMost: 1.5, maxAtMost: 3 },
    samples: await inParallel(outages, async (index) => {
      await using path = await openPath()
      await sleep(index * dialGapMs)
      using traveller = new Traveller(path.url, { heartbeat: isQuick ? shortened : undefined })
      await traveller.next('message')
      path.proxy.freeze()
      await traveller.next('close')
      await sleep(outageMs)
      const start = performance.now()
      path.proxy.heal('drop')
      await traveller.next('message')
      return secondsSince(start)
    }),
  }),
}

/** Each socket loses one link: a second loss within stableAfter would wait longer, as it should. */
export const reset: Measure = {
  name: 'reset',
  measure: async () => {
    const samples: number[] = []
    for (let round = 0; round < rounds; round++) samples.push(...(await resetTogether()))
    return { text: 'reset to the first message, defaults, a fresh socket for each reset', target: { unit: 's', p50AtMost: 0.6 }, samples }
  },
}

async function resetTogether(): Promise<number[]> {
  await using path = await openPath()
  const travellers = Array.from({ length: socketsInARound }, () => new Traveller(path.url))
  try {
    await Promise.all(travellers.map((traveller) => traveller.next('message')))
    const start = performance.now()
    path.proxy.reset()
    const messages = await Promise.all(travellers.map((traveller) => traveller.next('message')))
    return messages.map((at) => (at - start) / 1_000)
  } finally {
    for (const traveller of travellers) traveller[Symbol.dispose]()
  }
}
