/** What happens to the network by itself: the steps of a file, or faults that are drawn by a seed, hour after hour. */

import type { FaultProxy, RandomKind, Schedule } from '../fault/index.ts'
import { playSchedule, randomSchedule } from '../fault/index.ts'

export type Plan =
  /** Only what somebody asks for. */
  | { readonly name: 'quiet' }
  | { readonly name: 'schedule'; readonly file: string; readonly schedule: Schedule }
  | { readonly name: 'random'; readonly seed: number; readonly meanGapMs: number; readonly kinds: readonly RandomKind[] | undefined }

/** A schedule is a list, and a list ends: random faults are drawn for so long, and then for as long again. */
const stretchMs = 60 * 60 * 1_000
const seeds = 2 ** 32

/** Resolves when the plan is over or the signal stops it. Rejects when the proxy cannot listen again. */
export async function carryOut(plan: Plan, proxy: FaultProxy, signal: AbortSignal): Promise<void> {
  switch (plan.name) {
    case 'quiet':
      return
    case 'schedule':
      await playSchedule(proxy, plan.schedule, { signal })
      return
    case 'random':
      for (let stretch = 0; !signal.aborted; stretch++) await playSchedule(proxy, drawStretch(plan, stretch), { signal })
      return
  }
}

/** The faults of one stretch; those of the first come from the seed itself. */
function drawStretch({ seed, meanGapMs, kinds }: Extract<Plan, { name: 'random' }>, stretch: number): Schedule {
  const options = { seed: (seed + stretch) % seeds, durationMs: stretchMs, meanGapMs }
  return randomSchedule(kinds === undefined ? options : { ...options, kinds })
}
