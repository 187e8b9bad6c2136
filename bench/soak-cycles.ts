// Whether anything is left behind by a link that was lost: `soak-cycles.ts [--cycles 50000]`. Sockets connect and are dropped, over and
// over; after a warm-up the heap may not grow, and at the end nothing may keep the process alive. Ends with 1 otherwise.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Crowd } from './soak/crowd.ts'
import { type HeapSample, sampleHeap, slopeOf } from './soak/heap.ts'

const usageError = 2
const size = 24
const warmUpShare = 0.2
const sampleCount = 17
const mostBytesACycle = 1
/** A handle is in the list for a moment after its end was told. */
const lastHandlesMs = 200

const { values } = parseArgs({ options: { cycles: { type: 'string', default: '50000' } } })
const cycles = Number(values.cycles)
if (!Number.isInteger(cycles) || cycles < size * sampleCount) {
  console.error(`--cycles must be a whole number of at least ${size * sampleCount}; got ${values.cycles}`)
  process.exit(usageError)
}

const start = performance.now()
const server = fork(fileURLToPath(new URL('./soak/drop-server.ts', import.meta.url)))
const [port] = (await once(server, 'message')) as [number]
const crowd = new Crowd(size, `ws://127.0.0.1:${port}/`)

const samples: HeapSample[] = []
const warmUp = Math.round(cycles * warmUpShare)
for (let i = 0; i < sampleCount; i++) {
  await crowd.run(warmUp + Math.round(((cycles - warmUp) * i) / (sampleCount - 1)))
  const sample = await sampleHeap(crowd.cycles)
  samples.push(sample)
  console.log(`${String(sample.cycles).padStart(8)} cycles  ${String(sample.heapUsed).padStart(10)} bytes of heap`)
}
const failures = crowd.sockets.map(({ stats }) => stats.failures)
await crowd.close()
const exit = once(server, 'exit')
server.disconnect()
await exit
await sleep(lastHandlesMs)

const slope = slopeOf(samples)
const { active, left } = resources()
const total = (cause: 'network' | 'server'): number => failures.reduce((sum, each) => sum + (each[cause] ?? 0), 0)
console.log(`
${crowd.cycles} cycles of ${size} sockets in ${Math.round((performance.now() - start) / 1_000)} s (lost to the network ${total('network')}, closed by the server ${total('server')})
heap      ${slope.toFixed(3)} bytes a cycle (below ${mostBytesACycle})
resources ${left.length === 0 ? 'none' : left.join(', ')} left (none allowed); active: ${active.join(', ') || 'nothing'}`)
process.exitCode = slope < mostBytesACycle && left.length === 0 ? 0 : 1

/** All that keeps the process alive; of it the standard streams, pipes or terminals of ours, are left out. */
function resources(): { active: string[]; left: string[] } {
  const active = process.getActiveResourcesInfo()
  const standard = [process.stdout, process.stderr].map((stream) => (stream as { _handle?: object })._handle?.constructor.name)
  const left = [...active]
  for (const name of standard) {
    const index = left.findIndex(
      (each) => each === `${name}Wrap` || (name === 'Pipe' && each === 'PipeWrap') || (name === 'TTY' && each === 'TTYWrap'),
    )
    if (index >= 0) left.splice(index, 1)
  }
  return { active, left }
}
