/** Fleets of one size, with each strategy, beside what the server could do at best. */

import { end, nextMessage, start } from '../peers/process.ts'
import { type Cell, verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Measure, Row } from '../suite/measure.ts'
import { type FleetConfig, type FleetResult, sliceMs } from './fleet.ts'
import { type StrategyName, strategies, strategyNames } from './strategy.ts'

const ratePerSecond = 1_000
const outageMs = 60_000
const seed = 1
const atMost = 1.05
const msPerS = 1_000
const heapMb = 8_000
const answerMs = 900_000
/** As many fit into the memory of one machine beside each other. */
const atOnce = 2
/** Those that can know of a slot. */
const promised = strategyNames.filter((name) => strategies[name].hasAdmission && strategies[name].client !== 'plain')

export function fleetOf(name: string, clients: number, names: readonly StrategyName[]): Measure {
  return {
    name,
    title: `${clients} clients after an outage of ${outageMs / msPerS} s, a server that takes ${ratePerSecond} in a second, and 50 refusals cost it as much as one`,
    run: async ({ isQuick, tell }) => {
      const size = isQuick ? clients / 10 : clients
      const found = await simulateAll(names, size, tell)
      const ideal = size / ratePerSecond
      const ours = isLong(size) ? [...found].filter(([strategy]) => promised.includes(strategy)) : []
      return {
        rows: rowsOf(name, found, ideal),
        verdicts: ours.flatMap(([strategy, { p100, stranded }]) => [
          verdict(`all ${size} back, ${strategy}`, (p100 ?? Infinity) / ideal, atMost, '× the optimum'),
          verdict(`gave up of ${size}, ${strategy}`, stranded, 0, 'clients'),
        ]),
      }
    },
  }
}

/** A server that could take all within the longest backoff is not what they wait for. */
function isLong(clients: number): boolean {
  return clients / ratePerSecond > 60
}

async function simulateAll(
  names: readonly StrategyName[],
  clients: number,
  tell: (progress: string) => void,
): Promise<ReadonlyMap<StrategyName, FleetResult>> {
  const found = new Map<StrategyName, FleetResult>()
  const left = [...names]
  const work = async () => {
    for (let strategy = left.shift(); strategy; strategy = left.shift()) {
      const startedAt = performance.now()
      found.set(strategy, await simulate({ strategy, clients, outageMs, ratePerSecond, seed }))
      tell(`${strategy}, simulated in ${Math.round((performance.now() - startedAt) / msPerS)} s`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return new Map(names.map((strategy) => [strategy, found.get(strategy)!]))
}

async function simulate(config: FleetConfig): Promise<FleetResult> {
  const child = start('../fleet/child.ts', config, [`--max-old-space-size=${heapMb}`])
  try {
    return await nextMessage<FleetResult>(child, answerMs)
  } finally {
    await end(child)
  }
}

function rowsOf(name: string, found: ReadonlyMap<StrategyName, FleetResult>, ideal: number): Row[] {
  const row = (id: string, what: string, unit: string, cell: (found: FleetResult) => Cell): Row => ({
    id: `${name}/${id}`,
    what,
    unit,
    n: 1,
    cells: Object.fromEntries([...found].map(([strategy, each]) => [strategy, cell(each)])),
  })
  const seconds = (value: number | null): Cell => (value === null ? { kind: 'absent', why: 'too many gave up' } : figure([value]))
  return [
    row('p50', '50 % back', 's', ({ p50 }) => seconds(p50)),
    row('p99', '99 % back', 's', ({ p99 }) => seconds(p99)),
    row('p100', 'all back', 's', ({ p100 }) => seconds(p100)),
    row('optimum', 'all back', '× the optimum', ({ p100 }) => seconds(p100 && p100 / ideal)),
    row('stranded', 'gave up', 'clients', ({ stranded }) => figure([stranded])),
    row('attempts', 'dials', 'a client', ({ attempts }) => figure([attempts])),
    row('most-attempts', 'dials', 'at most', ({ mostAttempts }) => figure([mostAttempts])),
    row('peak', `busiest ${sliceMs} ms`, 'dials', ({ peak }) => figure([peak])),
    row('told', 'told to wait', 'times', ({ told }) => figure([told])),
    row('overflows', 'found the queue full', 'dials', ({ overflows }) => figure([overflows])),
  ]
}
