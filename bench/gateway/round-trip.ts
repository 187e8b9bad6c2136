/** What a way adds to the round trip of a message, with one of them in flight on each connection. */

import { verdict } from '../peers/result.ts'
import { median } from '../peers/statistics.ts'
import { cells, difference, of, pick, type Samples } from '../peers/turns.ts'
import type { Measure, Row } from '../suite/measure.ts'
import { type Sample, type Step, takeLaps, textOf } from './lap.ts'
import { direct, haproxy, session, type Way } from './subject.ts'

const steps: readonly Step[] = [
  { connections: 1, bytes: 125, inFlight: 1 },
  { connections: 1, bytes: 4_096, inFlight: 1 },
  { connections: 50, bytes: 125, inFlight: 1 },
  { connections: 50, bytes: 4_096, inFlight: 1 },
]

export const roundTrip: Measure = {
  name: 'round-trip',
  title: 'Added to the round trip of a direct connection, one message in flight on each of 1 or 50',
  run: async (context) => {
    const found = await takeLaps(context, steps)
    const rows: Row[] = [...found].flatMap(([step, samples]) => [
      rowOf(
        step,
        'p50',
        pick(samples, ({ p50Us }) => p50Us),
      ),
      rowOf(
        step,
        'p99',
        pick(samples, ({ p99Us }) => p99Us),
      ),
    ])
    const [first] = steps
    return {
      rows: [...rows, ...[...found].map(([step, samples]) => cpuRow('round-trip', step, samples))],
      verdicts: [verdict('added round trip, p50, 1 × 125 B', addedRatio(found.get(first!)!), 2, '× what HAProxy adds')],
    }
  },
}

/** CPU of the process on the way. */
export function cpuRow(measure: string, step: Step, samples: Samples<Way, Sample>): Row {
  const cpu = pick(samples, ({ cpuUs }) => cpuUs)
  const { [direct]: _, ...onTheWay } = cells(cpu, (way) => difference(cpu, way, direct))
  const id = `${measure}/${step.connections}/${step.bytes}/cpu`
  return { id, what: `CPU, ${textOf(step)}`, unit: 'µs a message', n: of(cpu, direct).length, cells: onTheWay }
}

function rowOf(step: Step, share: 'p50' | 'p99', times: Samples<Way>): Row {
  return {
    id: `round-trip/${step.connections}/${step.bytes}/${share}`,
    what: `${share}, ${textOf(step)}`,
    unit: 'µs above direct',
    absoluteUnit: 'µs',
    n: of(times, direct).length,
    cells: cells(times, (way) => difference(times, way, direct)),
  }
}

/** Of medians: what is added in one round may be next to nothing. */
function addedRatio(samples: Samples<Way, Sample>): number {
  const added = (way: Way) => {
    const base = samples.get(direct)!
    return median(samples.get(way)!.map(({ p50Us }, round) => p50Us - base[round]!.p50Us))
  }
  return added(session) / added(haproxy)
}
