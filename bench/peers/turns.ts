/**
 * Samples of several subjects, taken in turns: each round asks everybody once, so whatever slows the machine slows all of them. A ratio
 * is made within its round.
 */

import type { Figure } from './result.ts'
import { figure } from './statistics.ts'

/** Subject to its samples, one for each round. */
export type Samples<S extends string, T = number> = ReadonlyMap<S, readonly T[]>

export async function takeTurns<S extends string, T>(
  rounds: number,
  subjects: readonly S[],
  sample: (subject: S, round: number) => Promise<T>,
): Promise<Samples<S, T>> {
  const samples = new Map<S, T[]>(subjects.map((subject) => [subject, []]))
  for (let round = 0; round < rounds; round++) for (const subject of subjects) samples.get(subject)!.push(await sample(subject, round))
  return samples
}

/** Where a process takes the turns of all subjects itself, and answers by the rounds of each: several such processes, one after the other. */
export async function collectTurns<S extends string>(
  processes: number,
  subjects: readonly S[],
  rounds: (process: number) => Promise<readonly (readonly number[])[]>,
): Promise<Samples<S>> {
  const samples = new Map<S, number[]>(subjects.map((subject) => [subject, []]))
  for (let process = 0; process < processes; process++) {
    const found = await rounds(process)
    subjects.forEach((subject, index) => {
      samples.get(subject)!.push(...found[index]!)
    })
  }
  return samples
}

/** Picks one number out of each sample. */
export function pick<S extends string, T>(samples: Samples<S, T>, number: (sample: T) => number): Samples<S> {
  return new Map([...samples].map(([subject, values]) => [subject, values.map(number)]))
}

export function ratio<S extends string>(samples: Samples<S>, subject: S, baseline: S): Figure {
  const own = of(samples, subject)
  const base = of(samples, baseline)
  const ratios = own.map((value, round) => value / base[round]!)
  return figure(ratios, own)
}

/** For what a busy machine can only make dearer, and never cheaper: the least of one beside the least of the other. */
export function ratioOfLeast<S extends string>(samples: Samples<S>, subject: S, baseline: S): Figure {
  const { low, high } = ratio(samples, subject, baseline)
  const least = Math.min(...of(samples, subject))
  const { value, absolute } = figure([least / Math.min(...of(samples, baseline))], [least])
  return { kind: 'figure', value, low, high, absolute: absolute! }
}

export function difference<S extends string>(samples: Samples<S>, subject: S, baseline: S): Figure {
  const own = of(samples, subject)
  const base = of(samples, baseline)
  const differences = own.map((value, round) => value - base[round]!)
  return figure(differences, own)
}

export function of<S extends string>(samples: Samples<S>, subject: S): readonly number[] {
  const values = samples.get(subject)
  if (!values) throw new RangeError(`${subject} was not measured`)
  return values
}

/** A cell for each subject. */
export function cells<S extends string>(samples: Samples<S>, cell: (subject: S) => Figure): { readonly [subject in S]?: Figure } {
  return Object.fromEntries([...samples.keys()].map((subject) => [subject, cell(subject)])) as { [subject in S]: Figure }
}
