// A link that is dead already when something casts doubt on it: the network is back, a message is sent after long silence, the process or
// the machine has slept. From that moment until the link is given up.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from 'holdfast'
import { nodePlatform } from '../../packages/holdfast/src/client/node-platform.ts'
import { type Hint, systemClock, usePlatform } from '../../packages/holdfast/src/client/platform.ts'
import { startClient } from '../../test/fault/client.ts'
import { inParallel, type Measure, secondsSince, type Target } from './measure.ts'
import { openPath, Traveller } from './path.ts'

const target: Target = { unit: 's', maxAtMost: 5 }
/** No ping of the period's own may be under way. */
const rarelyPings = { interval: 120_000 }
const silenceMs = 31_000
const stoppedMs = 3_500
const hourMs = 3_600_000
/** Doubt comes this long after the opening at the most, so that the runs meet different moments of the ticks. */
const spreadMs = 1_000
const runs = 10
const processes = 5

export const online: Measure = {
  name: 'online',
  measure: async () => ({
    text: 'a dead link is noticed after the network is back (online)',
    target,
    samples: await inParallel(runs, async (index) => {
      await using path = await openPath()
      using traveller = new Traveller(path.url, { heartbeat: rarelyPings, autoStart: false })
      const hint = startWithHints(traveller)
      await traveller.next('message')
      path.proxy.freeze()
      await sleep((index * spreadMs) / runs)
      const start = performance.now()
      hint('online')
      await traveller.next('close')
      return secondsSince(start)
    }),
  }),
}

export const sendAfterSilence: Measure = {
  name: 'send-after-silence',
  measure: async () => ({
    text: `a dead link is noticed after a send that follows ${silenceMs / 1_000} s of silence`,
    target,
    samples: await inParallel(runs, async (index) => {
      await using path = await openPath()
      using traveller = new Traveller(path.url, { heartbeat: rarelyPings })
      await traveller.next('message')
      path.proxy.freeze()
      await sleep(silenceMs + (index * spreadMs) / runs)
      const start = performance.now()
      traveller.socket.send('is anybody there?')
      await traveller.next('close')
      return secondsSince(start)
    }),
  }),
}

export const wake: Measure = {
  name: 'wake',
  measure: async () => ({
    text: `a dead link is noticed after the process has stood still for ${stoppedMs / 1_000} s (SIGSTOP, counted from SIGCONT)`,
    target,
    samples: await inParallel(processes, async (index) => {
      await using path = await openPath()
      await using client = startClient({ url: path.url, heartbeat: rarelyPings })
      await client.log.next('message')
      path.proxy.freeze()
      await sleep((index * spreadMs) / processes)
      client.stop()
      await sleep(stoppedMs)
      const start = performance.now()
      client.go()
      const { at } = await client.log.next('close')
      return (at - start) / 1_000
    }),
  }),
}

export const clockJump: Measure = {
  name: 'clock-jump',
  measure: async () => ({
    text: 'a dead link is noticed after the wall clock ran an hour ahead of the monotonic one (sleep)',
    target,
    samples: await inParallel(runs, async (index) => {
      let sleptMs = 0
      const clock: Clock = { ...systemClock, wall: () => systemClock.wall() + sleptMs }
      await using path = await openPath()
      using traveller = new Traveller(path.url, { heartbeat: rarelyPings, clock })
      await traveller.next('message')
      path.proxy.freeze()
      await sleep((index * spreadMs) / runs)
      const start = performance.now()
      sleptMs = hourMs
      await traveller.next('close')
      return secondsSince(start)
    }),
  }),
}

/** Node has no word of the network; this stands in for a platform that has, for one socket. */
function startWithHints({ socket }: Traveller): (hint: Hint) => void {
  let tell: (hint: Hint) => void = () => {}
  const watch = (listener: (hint: Hint) => void): (() => void) => {
    tell = listener
    return () => {}
  }
  usePlatform({ ...nodePlatform, watch })
  socket.start()
  usePlatform(nodePlatform)
  return (hint) => tell(hint)
}
