/** Makes a failing run small: leaves out every action without which the same invariant still breaks (delta debugging). */

import { scenario } from './scenario.ts'
import { simulate } from './simulate.ts'

/** More runs are not worth the wait. */
const maxRuns = 3_000

/** @returns the indexes of the actions that are needed */
export function shrink(seed: number, invariant: string): number[] {
  let kept = scenario(seed).actions.map(({ index }) => index)
  let runs = 0
  const isBroken = (indexes: readonly number[]): boolean => runs++ < maxRuns && simulate(seed, indexes).broken?.invariant === invariant
  for (let size = Math.ceil(kept.length / 2); size > 0 && runs < maxRuns; ) {
    const before = kept.length
    for (let from = 0; from < kept.length; ) {
      const rest = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (isBroken(rest)) kept = rest
      else from += size
    }
    // What could not be left out may be, now that something else is gone.
    if (size === 1 && kept.length === before) break
    size = Math.max(1, Math.floor(size / 2))
  }
  return kept
}
