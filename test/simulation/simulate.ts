/** One run: what a seed stands for, or the part of it that is asked for. */

import { scenario } from './scenario.ts'
import { type Note, type Outcome, World } from './world.ts'

/** @param only which of its actions are done, by index; all of them unless given */
export function simulate(seed: number, only?: readonly number[], note?: Note): Outcome {
  const whole = scenario(seed)
  const actions = only ? whole.actions.filter(({ index }) => only.includes(index)) : whole.actions
  return new World({ ...whole, actions }, note).run()
}
