/** A thread that runs seeds: chunk after chunk, as they are handed out. */

import { parentPort, workerData } from 'node:worker_threads'
import { replaceCore } from './core-folder.ts'
import type { Chunk, Order, Share } from './crew.ts'

const { core } = workerData as Order
if (core !== undefined) replaceCore(core)
const { simulate } = await import('./simulate.ts')
const { Counters } = await import('./counters.ts')
const port = parentPort!

function run({ from, count, stopsAtFailure }: Chunk): Share {
  const counters = new Counters()
  const failures: Share['failures'][number][] = []
  const startedAt = performance.now()
  let steps = 0
  let leastSteps = Infinity
  let seeds = 0
  for (let seed = from; seed < from + count; seed++) {
    const outcome = simulate(seed)
    seeds++
    steps += outcome.steps
    counters.add(outcome.counters)
    if (!outcome.broken) leastSteps = Math.min(leastSteps, outcome.steps)
    else failures.push({ seed, invariant: outcome.broken.invariant, text: outcome.broken.message })
    if (outcome.broken && stopsAtFailure) break
  }
  return { from, seeds, steps, leastSteps, busyMs: performance.now() - startedAt, counters: [...counters], failures }
}

port.on('message', (chunk: Chunk) => port.postMessage(run(chunk)))
