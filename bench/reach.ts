// What the library reaches on this machine, over real sockets with real faults: `reach.ts [--only name,name] [--quick] [--json file]`.
// Nearly all of it is waiting, so everything runs at once. Ends with 1 when a promise was not kept.

import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { deadLink, deadLinkTuned } from './reach/dead-link.ts'
import { clockJump, online, sendAfterSilence, wake } from './reach/doubt.ts'
import { type Measure, type Row, rowOf } from './reach/measure.ts'
import { openPath, Traveller } from './reach/path.ts'
import { heal, reset } from './reach/recovery.ts'
import { acceptThenClose, greetThenDrop, retryAfter, slowHandshake, slowHandshakeShort } from './reach/refusal.ts'
import { tableOf } from './reach/table.ts'

const usageError = 2
/** Between the starts of two measures, so that one's dials do not wait for another's; the one with the shortest deadlines comes last. */
const gapMs = 400
const measures: readonly Measure[] = [
  deadLink,
  online,
  sendAfterSilence,
  wake,
  clockJump,
  heal,
  reset,
  slowHandshake,
  slowHandshakeShort,
  acceptThenClose,
  greetThenDrop,
  retryAfter,
  deadLinkTuned,
]

const { values } = parseArgs({
  options: { only: { type: 'string' }, quick: { type: 'boolean', default: false }, json: { type: 'string' } },
})
const wanted = values.only?.split(',')
const unknown = wanted?.filter((name) => !measures.some((measure) => measure.name === name)) ?? []
if (unknown.length > 0) {
  console.error(`there is no measure ${unknown.join(', ')}; there are ${measures.map(({ name }) => name).join(', ')}`)
  process.exit(usageError)
}

const start = performance.now()
await warmUp()
const chosen = measures.filter(({ name }) => wanted?.includes(name) ?? true)
const rows = await Promise.all(chosen.map(run))
const durationMs = Math.round(performance.now() - start)
const kept = rows.filter(({ isReached }) => isReached).length
console.log(`${tableOf(rows)}\n\n${kept} of ${rows.length} reached, in ${Math.round(durationMs / 1_000)} s`)
if (values.json !== undefined) {
  const machine = { node: process.version, platform: process.platform, arch: process.arch, cpus: availableParallelism() }
  await writeFile(values.json, `${JSON.stringify({ machine, isQuick: values.quick, durationMs, rows }, undefined, 2)}\n`)
}
process.exitCode = kept === rows.length ? 0 : 1

/** What happens once in a process, such as the loading of the transport, is no part of any measure. */
async function warmUp(): Promise<void> {
  await using path = await openPath()
  using traveller = new Traveller(path.url)
  await traveller.next('message')
}

async function run(measure: Measure, index: number): Promise<Row> {
  await sleep(index * gapMs)
  const row = rowOf(measure.name, await measure.measure({ isQuick: values.quick }))
  console.error(`${row.isReached ? '✔' : '✖'} ${row.name}`)
  return row
}
