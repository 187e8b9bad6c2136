/** Storms of all libraries, each with the same retry settings, beside what the machine can do. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Cell, type Verdict, verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Retry } from '../peers/subject/subject.ts'
import type { SubjectName } from '../sessions/subject.ts'
import type { Measure, Row } from '../suite/measure.ts'
import { medianReturn, type Return, sliceMs } from './return.ts'
import { floor, type StormSize, storm } from './storm.ts'

const full: StormSize = { clients: 5_000, outageMs: 5_000, patienceMs: 30_000 }
const quick: StormSize = { clients: 1_000, outageMs: 2_000, patienceMs: 15_000 }
const ours: readonly SubjectName[] = ['holdfast, reconnecting', 'holdfast, reconnecting, session']
const peers: readonly SubjectName[] = ['reconnecting-websocket', 'partysocket', 'websocket-ts', 'socket.io']
/** All clients of `ws` dial at once. */
const floorName = 'ws, all at once'
/** A crowd of one process and a server that has just begun are not the same twice. */
const storms = 3
/** Between two storms, for what the kernel has to tidy up. */
const calmMs = 500
const mostAttempts = 6
const msPerS = 1_000

/** By then waits are of 2 to 8 s, which end thick at first and thin for long: that says nothing of a crowd. */
export const defaults: Measure = stormOf('defaults', 'out of the box', undefined, { p99S: 8, peakRatio: Infinity })
export const capped: Measure = stormOf('capped', 'retries after 0.5 to 2 s', { minDelay: 500, maxDelay: 2_000 }, { p99S: 2, peakRatio: 2 })

interface Most {
  /** Seconds above the floor. */
  readonly p99S: number
  readonly peakRatio: number
}

function stormOf(name: string, setting: string, retry: Retry | undefined, most: Most): Measure {
  return {
    name,
    title: `${full.clients} clients (${quick.clients} in a quick run) whose server is away for ${full.outageMs / msPerS} s, ${setting}`,
    run: async (context) => {
      const size = context.isQuick ? quick : full
      const found = new Map<string, Return>()
      const times = context.isQuick ? 1 : storms
      const several = async (one: () => Promise<Return>): Promise<Return> => {
        const returns: Return[] = []
        for (let i = 0; i < times; i++) {
          await sleep(calmMs)
          returns.push(await one())
        }
        return medianReturn(returns)
      }
      found.set(floorName, await several(() => floor(context, size)))
      for (const subject of [...ours, ...peers]) {
        context.tell(subject)
        found.set(subject, await several(() => storm(context, subject, retry, size)))
      }
      return { rows: rowsOf(name, found, size, times), verdicts: verdictsOf(setting, found, most) }
    },
  }
}

function rowsOf(name: string, found: ReadonlyMap<string, Return>, { patienceMs }: StormSize, n: number): Row[] {
  const never: Cell = { kind: 'never', withinS: patienceMs / msPerS }
  const row = (id: string, what: string, unit: string, number: (found: Return) => number): Row => ({
    id: `${name}/${id}`,
    what,
    unit,
    n,
    cells: Object.fromEntries([...found].map(([subject, each]) => [subject, number(each) < Infinity ? figure([number(each)]) : never])),
  })
  return [
    row('p50', '50 % back', 's', ({ p50 }) => p50),
    row('p99', '99 % back', 's', ({ p99 }) => p99),
    row('p100', 'all back', 's', ({ p100 }) => p100),
    row('attempts', 'attempts', 'a client', ({ attempts }) => attempts),
    row('peak', `busiest ${sliceMs} ms`, 'connections', ({ peak }) => peak),
    row('peak-ratio', `busiest ${sliceMs} ms`, '× the mean', ({ peakRatio }) => peakRatio),
  ]
}

function verdictsOf(setting: string, found: ReadonlyMap<string, Return>, most: Most): Verdict[] {
  const { p99: floorS } = found.get(floorName)!
  return ours.flatMap((subject) => {
    const { p99, attempts, peakRatio } = found.get(subject)!
    const peak = verdict(`busiest ${sliceMs} ms, ${setting}, ${subject}`, peakRatio, most.peakRatio, '× the mean until 99 %')
    return [
      verdict(`99 % back, ${setting}, ${subject}`, p99 - floorS, most.p99S, 's above the floor'),
      verdict(`attempts, ${setting}, ${subject}`, attempts, mostAttempts, 'a client'),
      ...(most.peakRatio < Infinity ? [peak] : []),
    ]
  })
}
