/** Numbered messages both ways through a network that breaks: what arrives, how often, and in what order. */

import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../../../packages/holdfast-cli/src/fault/index.ts'
import { loadSubject, serverOf } from '../subject.ts'
import { Arrivals } from './arrivals.ts'
import { type HostedPeer, host } from './host.ts'
import type { LossCount, LossTask, Weather } from './task.ts'

const oneWayMs = 20
const everyMs = 250
const tickMs = 10
const messagesATick = 5
const lastsMs = 120
/** For a backoff to come round; then everybody has had a link again. */
const patienceMs = 45_000
const markerMs = 200
const marker = 'end'

export async function measureLoss({ subject, build, weather, messages }: LossTask): Promise<LossCount> {
  let peer: HostedPeer | undefined
  const up = new Arrivals(messages, marker)
  const down = new Arrivals(messages, marker)
  const port = await host(serverOf(subject), build, (connected) => {
    peer = connected
    connected.receive((data) => up.take(data))
  })
  await using proxy = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port }, delay: { ms: oneWayMs } })
  const open = await loadSubject(subject, build)
  let isOpen = false
  const opened = () => {
    isOpen = true
  }
  const client = open({ port: proxy.port, query: {} }, { opened, message: (data) => down.take(data), closed: () => {} })
  while (!(peer && isOpen)) await sleep(tickMs)

  const startedAt = performance.now()
  const storm = new AbortController()
  const faults = breakLinks(proxy, weather, storm.signal)
  for (let sent = 0; sent < messages; await sleep(tickMs)) {
    for (let i = 0; i < messagesATick && sent < messages; i++, sent++) {
      attempt(() => client.send(String(sent)))
      attempt(() => peer?.send(String(sent)))
    }
  }
  storm.abort()
  const count = await faults

  attempt(() => client.send(marker))
  for (const until = performance.now() + patienceMs; performance.now() < until; await sleep(markerMs)) {
    attempt(() => peer?.send(marker))
    if (up.isEnded && down.isEnded) break
  }
  await sleep(markerMs)
  return {
    lostUp: up.missing,
    lostDown: down.missing,
    duplicated: up.duplicated + down.duplicated,
    reordered: up.reordered + down.reordered,
    faults: count,
    seconds: (performance.now() - startedAt) / 1_000,
  }
}

/** Resolves with the number of faults, when it is aborted and the network is well. */
async function breakLinks(proxy: FaultProxy, weather: Weather, signal: AbortSignal): Promise<number> {
  const faults = weather === 'resets' ? [reset] : [reset, pause, reset, refuse, reset, swallow]
  for (let count = 0; ; count++) {
    await sleep(everyMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return count
    await faults[count % faults.length]!(proxy)
  }
}

async function reset(proxy: FaultProxy): Promise<void> {
  proxy.reset()
}

async function pause(proxy: FaultProxy): Promise<void> {
  proxy.freeze()
  await sleep(lastsMs)
  proxy.heal('release')
}

async function refuse(proxy: FaultProxy): Promise<void> {
  await proxy.refuse()
  proxy.reset()
  await sleep(lastsMs)
  await proxy.accept()
}

/** What was on its way is lost, and so is the link, which nobody says before it is reset. */
async function swallow(proxy: FaultProxy): Promise<void> {
  proxy.freeze()
  await sleep(lastsMs)
  proxy.heal('drop')
  await sleep(lastsMs)
  proxy.reset()
}

/** What cannot even be sent is lost. */
function attempt(send: () => void): void {
  try {
    send()
  } catch {}
}
