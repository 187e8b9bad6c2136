/** The system's time, with lots that a seed repeats: a socket on it waits as long before each retry as it did the last time. */

import type { Clock } from 'holdfast'
import { seededRandom } from '../fault/index.ts'

export function seededClock(seed: number): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    random: seededRandom(seed),
    setTimer: (run, ms) => setTimeout(run, ms),
    clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
  }
}
