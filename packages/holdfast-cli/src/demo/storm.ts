/** Which faults the demonstration's network has, and when: drawn by a seed, so that a run can be repeated. */

import type { Schedule } from '../fault/index.ts'

export type Mishap = 'reset' | 'freeze' | 'refuse'

const mishaps: readonly Mishap[] = ['reset', 'freeze', 'refuse']

const firstAtMs = { min: 900, max: 1_400 }
const lastingMs = { min: 1_000, max: 3_000 }
const calmMs = { min: 2_000, max: 4_000 }
/** What the socket is given to come back before the end. */
const recoveryMs: Readonly<Record<Mishap, number>> = { reset: 1_000, freeze: 3_000, refuse: 3_000 }
/** A storm is a list, and a list ends. */
const longestStormMs = 24 * 60 * 60 * 1_000

/** Rounds of one mishap of each kind, in random order, until the time is up. A shorter storm is the beginning of a longer one. */
export function drawStorm(random: () => number, durationMs: number): Schedule {
  const between = ({ min, max }: { min: number; max: number }): number => Math.round(min + random() * (max - min))
  const endsAtMs = Math.min(durationMs, longestStormMs)
  const steps = []
  // The first of all is a reset: it is over at once, so that even a run of three seconds shows a loss and a return.
  let round: readonly Mishap[] = ['reset', ...shuffled(mishaps.slice(1), random)]
  for (let atMs = between(firstAtMs); ; round = shuffled(mishaps, random)) {
    for (const mishap of round) {
      const forMs = mishap === 'reset' ? 0 : between(lastingMs)
      if (atMs + forMs + recoveryMs[mishap] > endsAtMs) return steps
      steps.push(...stepsOf(mishap, atMs, forMs))
      atMs += forMs + between(calmMs)
    }
  }
}

/** One mishap as the proxy's schedule has it. */
export function stepsOf(mishap: Mishap, atMs: number, forMs: number): Schedule {
  switch (mishap) {
    case 'reset':
      return [{ atMs, fault: { kind: 'reset' } }]
    case 'freeze':
      return [{ atMs, forMs, fault: { kind: 'freeze', direction: 'both', held: 'drop' } }]
    case 'refuse':
      // A server that is away: what is connected would not notice a closed port.
      return [
        { atMs, forMs, fault: { kind: 'refuse' } },
        { atMs, fault: { kind: 'reset' } },
      ]
  }
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const rest = [...items]
  return items.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]!)
}
