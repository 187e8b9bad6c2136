/** Numbered messages to an echo, on a connection that is reset again and again: what comes back, how often, and in what order. */

import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../../../packages/holdfast-cli/src/fault/index.ts'
import { Arrivals } from '../../sessions/child/arrivals.ts'
import { loadClientKind, type OpenClient } from './client.ts'
import type { EchoCount, StormTask } from './task.ts'

const oneWayMs = 20
const everyMs = 250
const tickMs = 10
const messagesATick = 5
/** For a backoff to come round. */
const patienceMs = 30_000
const markerMs = 200
const marker = 'end'
const msPerS = 1_000

export async function measureStorm({ build, client: kind, port, path, messages }: StormTask): Promise<EchoCount> {
  const arrivals = new Arrivals(messages, marker)
  await using proxy = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port }, delay: { ms: oneWayMs } })
  const open = await loadClientKind(kind, build)
  let client!: OpenClient
  await new Promise<void>((opened) => {
    client = open(`ws://${proxy.host}:${proxy.port}${path}`, { opened, message: (text) => arrivals.take(text), closed: () => {} })
  })

  const startedAt = performance.now()
  let resets = 0
  const storm = setInterval(() => {
    proxy.reset()
    resets++
  }, everyMs)
  for (let sent = 0; sent < messages; await sleep(tickMs)) {
    for (let i = 0; i < messagesATick && sent < messages; i++, sent++) attempt(() => client.send(String(sent)))
  }
  clearInterval(storm)
  for (const until = performance.now() + patienceMs; performance.now() < until && !arrivals.isEnded; await sleep(markerMs)) {
    attempt(() => client.send(marker))
  }
  client.close()
  return {
    missing: arrivals.missing,
    duplicated: arrivals.duplicated,
    reordered: arrivals.reordered,
    resets,
    seconds: (performance.now() - startedAt) / msPerS,
  }
}

/** What cannot even be sent is lost. */
function attempt(send: () => void): void {
  try {
    send()
  } catch {}
}
