/** Storms of all libraries, each with the same retry settings, beside what the machine can do. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Cell, type Verdict, verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Retry } from '../peers/subject/subject.ts'
import type { SubjectName } from '../sessions/subject.ts'
import type { Measure, Row } from '../suite/measure.ts'
import { type Return, sliceMs } from './return.ts'
import { floor, type StormSize, storm } from './storm.ts'

const full: StormSize = { clients: 5_000, outageMs: 5_000, patienceMs: 30_000 }
const quick: StormSize = { clients: 1_000, outageMs: 2_000, patienceMs: 15_000 }
const ours: readonly SubjectName[] = ['holdfast, reconnecting', 'holdfast, reconnecting, session']
const peers: readonly SubjectName[] = ['reconnecting-websocket', 'partysocket', 'websocket-ts', 'socket.io']
/** All clients of `ws` dial at once. */
const floorName = 'ws, all at once'
const floors = 3
/** Between two storms, for what the kernel has to tidy up. */
const calmMs = 500
const mostAttempts = 6
const mostPeak = 2
const msPerS = 1_000

export const defaults: Measure = stormOf('defaults', 'out of the box', undefined, 8)
export const capped: Measure = stormOf('capped', 'retries after 0.5 to 2 s', { minDelay: 500, maxDelay: 2_000 }, 2)

/** @param atMostS seconds above the floor that 99 % may take */
function stormOf(name: string, setting: string, retry: Retry | undefined, atMostS: number): Measure {
  return {
    name,
    title: `${full.clients} clients (${quick.clients} in a quick run) whose server is away for ${full.outageMs / msPerS} s, ${setting}`,
    run: async (context) => {
      const size = context.isQuick ? quick : full
      const found = new Map<string, Return>()
      const lowest: Return[] = []
      for (let i = 0; i < floors; i++) lowest.push(await floor(context, size))
      found.set(floorName, lowest.sort((a, b) => a.p99 - b.p99)[Math.floor(floors / 2)]!)
      for (const subject of [...ours, ...peers]) {
        context.tell(subject)
        await sleep(calmMs)
        found.set(subject, await storm(context, subject, retry, size))
      }
      return { rows: rowsOf(name, found, size), verdicts: verdictsOf(setting, found, atMostS) }
    },
  }
}

function rowsOf(name: string, found: ReadonlyMap<string, Return>, { patienceMs }: StormSize): Row[] {
  const never: Cell = { kind: 'never', withinS: patienceMs / msPerS }
  const row = (id: string, what: string, unit: string, number: (found: Return) => number): Row => ({
    id: `${name}/${id}`,
    what,
    unit,
    n: 1,
    cells: Object.fromEntries([...found].map(([subject, each]) => [subject, number(each) < Infinity ? figure([number(each)]) : never])),
  })
  return [
    row('p50', '50 % back', 's', ({ p50 }) => p50),
    row('p99', '99 % back', 's', ({ p99 }) => p99),
    row('p100', 'all back', 's', ({ p100 }) => p100),
    row('attempts', 'attempts', 'a client', ({ attempts }) => attempts),
    row('peak', `busiest ${sliceMs} ms`, 'connections', ({ peak }) => peak),
    row('peak-ratio', `busiest ${sliceMs} ms`, '× the mean', ({ peak, mean }) => peak / mean),
  ]
}

function verdictsOf(setting: string, found: ReadonlyMap<string, Return>, atMostS: number): Verdict[] {
  const { p99: floorS } = found.get(floorName)!
  return ours.flatMap((subject) => {
    const { p99, attempts, peak, mean } = found.get(subject)!
    return [
      verdict(`99 % back, ${setting}, ${subject}`, p99 - floorS, atMostS, 's above the floor'),
      verdict(`attempts, ${setting}, ${subject}`, attempts, mostAttempts, 'a client'),
      verdict(`busiest ${sliceMs} ms, ${setting}, ${subject}`, peak / mean, mostPeak, '× the mean until 99 %'),
    ]
  })
}
