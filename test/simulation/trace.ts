/** A run as people read it: when, who, what. */

import { simulate } from './simulate.ts'
import type { Outcome } from './world.ts'

const timeColumns = 11
const whoColumns = 28
const lineColumns = 140

export function printTrace(seed: number, only: readonly number[] | undefined, print: (line: string) => void): Outcome {
  const outcome = simulate(seed, only, (at, who, what) => {
    const line = `${at.toFixed(1).padStart(timeColumns)}  ${who.padEnd(whoColumns)} ${what}`
    print(line.length > lineColumns ? `${line.slice(0, lineColumns - 1)}…` : line)
  })
  if (outcome.broken) print(`${' '.repeat(timeColumns)}  ✗ ${outcome.broken.message}`)
  return outcome
}
