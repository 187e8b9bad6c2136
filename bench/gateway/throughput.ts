/** Echoes a second, with 64 messages in flight on each connection. */

import { type Verdict, verdictAtLeast } from '../peers/result.ts'
import { cells, of, pick, ratio, type Samples } from '../peers/turns.ts'
import type { Measure, Row } from '../suite/measure.ts'
import { type Step, takeLaps, textOf } from './lap.ts'
import { cpuRow } from './round-trip.ts'
import { direct, haproxy, session, type Way } from './subject.ts'

const inFlight = 64
const steps: readonly Step[] = [
  { connections: 1, bytes: 125, inFlight },
  { connections: 1, bytes: 4_096, inFlight },
  { connections: 50, bytes: 125, inFlight },
  { connections: 50, bytes: 4_096, inFlight },
]
/** Of what HAProxy takes. */
const leastShare: { readonly [bytes: number]: number } = { 125: 0.9, 4096: 0.75 }

export const throughput: Measure = {
  name: 'throughput',
  title: `Echoes a second, ${inFlight} messages in flight on each of 1 or 50 connections`,
  run: async (context) => {
    const rows: Row[] = []
    const verdicts: Verdict[] = []
    const found = await takeLaps(context, steps)
    for (const baseline of [direct, haproxy] as const) {
      for (const [step, samples] of found) {
        rows.push(
          rowOf(
            step,
            pick(samples, ({ perSecond }) => perSecond),
            baseline,
          ),
        )
      }
    }
    for (const [step, samples] of found) {
      rows.push(cpuRow('throughput', step, samples))
      const share = ratio(
        pick(samples, ({ perSecond }) => perSecond),
        session,
        haproxy,
      ).value
      verdicts.push(verdictAtLeast(`echoes a second, ${textOf(step)}, with sessions`, share, leastShare[step.bytes]!, '× HAProxy'))
    }
    return { rows, verdicts }
  },
}

function rowOf(step: Step, rates: Samples<Way>, baseline: Way): Row {
  return {
    id: `throughput/${step.connections}/${step.bytes}/${baseline}`,
    what: textOf(step),
    unit: `× ${baseline}`,
    absoluteUnit: '/s',
    n: of(rates, baseline).length,
    cells: cells(rates, (way) => ratio(rates, way, baseline)),
  }
}
