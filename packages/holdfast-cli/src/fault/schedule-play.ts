import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultProxy } from './fault-proxy.ts'
import type { Schedule } from './schedule.ts'
import { Timeline } from './timeline.ts'

export type PlayOptions = {
  /** Stops the play early. */
  readonly signal?: AbortSignal
}

/**
 * Does the faults of a schedule, each in its time. Resolves when the last is over, when the signal stops it or when the proxy closes;
 * in each case every fault with an end has then been undone, and no timer is left. Rejects when the port could not be listened on again.
 */
export const playSchedule = async (proxy: FaultProxy, schedule: Schedule, { signal }: PlayOptions = {}): Promise<void> => {
  const stopped = signal === undefined ? proxy.signal : AbortSignal.any([signal, proxy.signal])
  const timeline = new Timeline(schedule, proxy.shape)
  const startedAt = performance.now()
  try {
    while (!stopped.aborted && timeline.deadline < Number.POSITIVE_INFINITY) {
      await sleepUntil(startedAt + timeline.deadline, stopped)
      if (stopped.aborted) return
      for (const fault of timeline.tick(performance.now() - startedAt)) await proxy.apply(fault)
    }
  } finally {
    for (const fault of timeline.stop()) if (!proxy.signal.aborted) await proxy.apply(fault)
  }
}

const sleepUntil = async (time: number, signal: AbortSignal): Promise<void> => {
  const waitMs = Math.max(0, Math.ceil(time - performance.now()))
  await sleep(waitMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
