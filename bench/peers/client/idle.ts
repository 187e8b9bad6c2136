/** What clients cost that are open and do nothing. */

import type { Client, Listener, Open } from '../subject/subject.ts'
import type { IdleCost, IdleTask } from './task.ts'

const atOnce = 250
const observedMs = 3_000

export async function measureIdle(open: Open, { port, clients, settleMs }: IdleTask): Promise<IdleCost> {
  const held: Client[] = []
  const openMore = (count: number) =>
    new Promise<void>((resolve, reject) => {
      let left = count
      const closed = () => reject(new Error('an idle connection was lost'))
      const opened = () => --left === 0 && resolve()
      const listener: Listener = { opened, message: () => {}, closed }
      for (let i = 0; i < count; i++) held.push(open({ port, query: { mode: 'idle' } }, listener))
    })
  // The first one loads what is loaded once, and is not counted.
  await openMore(1)
  const before = await usage(settleMs)
  for (let i = 0; i < clients; i += atOnce) await openMore(Math.min(atOnce, clients - i))
  const after = await usage(settleMs)
  const cpu = process.cpuUsage()
  await sleep(observedMs)
  const { user, system } = process.cpuUsage(cpu)
  // They are held until here, or they might have been collected.
  if (held.length !== clients + 1) throw new Error(`${held.length} clients are open of ${clients + 1}`)
  return {
    heapBytes: (after.heapBytes - before.heapBytes) / clients,
    timers: (after.timers - before.timers) / clients,
    cpuUs: (user + system) / clients / (observedMs / 1_000),
  }
}

async function usage(settleMs: number): Promise<{ heapBytes: number; timers: number }> {
  await sleep(settleMs)
  // Finalizers of the first collection leave garbage for the next.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await sleep(1)
  }
  return {
    heapBytes: process.memoryUsage().heapUsed,
    timers: process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length,
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
