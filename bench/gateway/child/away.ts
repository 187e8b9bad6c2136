/** A client of a feed whose network is gone for a while: what it gets of the messages of that time. */

import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../../../packages/holdfast-cli/src/fault/index.ts'
import { loadClientKind } from './client.ts'
import type { Absence, AwayTask } from './task.ts'

const beforeMs = 1_000
/** For a backoff to come round, and for what was kept to arrive. */
const afterMs = 15_000
const pollMs = 50

export async function measureAbsence({ build, client: kind, port, path, everyMs, awayMs }: AwayTask): Promise<Absence> {
  await using proxy = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port } })
  const open = await loadClientKind(kind, build)
  let received = 0
  let missing = 0
  let reordered = 0
  let expected = 1
  let lastAt = Infinity
  const message = (text: string) => {
    const now = performance.now()
    const number = Number(text)
    // Another connection's feed begins anew: what it would have said meanwhile is gone.
    if (number === 1 && expected > 1) missing += Math.round((now - lastAt) / everyMs)
    else if (number > expected) missing += number - expected
    else if (number < expected) reordered++
    expected = number + 1
    received++
    lastAt = now
  }
  const client = open(`ws://${proxy.host}:${proxy.port}${path}`, { opened: () => {}, message, closed: () => {} })
  await sleep(beforeMs)
  await proxy.refuse()
  proxy.reset()
  await sleep(awayMs)
  await proxy.accept()
  const leftAt = performance.now()
  while (lastAt < leftAt && performance.now() < leftAt + afterMs) await sleep(pollMs)
  await sleep(beforeMs)
  const found = { received, missing, reordered }
  client.close()
  return found
}
