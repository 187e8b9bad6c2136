// The heap of this process after garbage collection, and the line through several such samples.

import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// What the engine keeps of the code itself is no part of the measure, and would hide what is: it throws away code that has not run for
// half a minute, megabytes at once, compiles more of it for as long as anything new is run, and notes at each class of Node's streams
// which optimised functions ever relied on it.
for (const flag of ['--expose-gc', '--no-flush-bytecode', '--no-opt', '--no-maglev', '--no-sparkplug']) setFlagsFromString(flag)
const collect = runInNewContext('gc') as () => void

export interface HeapSample {
  readonly cycles: number
  /** Bytes. */
  readonly heapUsed: number
}

const settleMs = 100
const collections = 3

/** What stays when everything that is no longer referred to is gone; sockets need a moment to let go of their handles. */
export async function sampleHeap(cycles: number): Promise<HeapSample> {
  for (let i = 0; i < collections; i++) {
    await sleep(settleMs)
    collect()
  }
  return { cycles, heapUsed: process.memoryUsage().heapUsed }
}

/** Bytes a cycle: the slope of the line with the least squares. */
export function slopeOf(samples: readonly HeapSample[]): number {
  const mean = (of: (sample: HeapSample) => number): number => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const meanCycles = mean(({ cycles }) => cycles)
  const meanHeap = mean(({ heapUsed }) => heapUsed)
  const covariance = mean(({ cycles, heapUsed }) => (cycles - meanCycles) * (heapUsed - meanHeap))
  return covariance / mean(({ cycles }) => (cycles - meanCycles) ** 2)
}
