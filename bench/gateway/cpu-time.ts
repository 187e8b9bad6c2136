/** CPU that a process of any kind has used. */

import { readdirSync, readFileSync } from 'node:fs'

const nsPerUs = 1_000

/** Microseconds, of all its threads, as Linux counts them. */
export function cpuTimeUs(pid: number): number {
  const folder = `/proc/${pid}/task`
  // The first figure is the time on a CPU, in nanoseconds.
  const ns = readdirSync(folder).map((thread) => Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ', 1)[0]))
  return ns.reduce((total, each) => total + each, 0) / nsPerUs
}
