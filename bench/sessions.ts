/**
 * What a session costs and what it is good for, beside a bare socket, our own without a session, and its peers.
 *
 *   npm run bench:sessions [-- --only loss,cpu] [--quick] [--json]
 *
 * Ratios and differences are made within rounds in which all take turns; figures are medians, but for CPU and round trips, which are the least. Servers run in processes of their own. A whole
 * run is written to bench/sessions.json; `--json` prints the results instead of the tables. Ends with 1 when a target was missed.
 */

import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { installPeers, openFilesLimit, versions } from './peers/installation.ts'
import { Build } from './sessions/build.ts'
import { cpu, roundTrip } from './sessions/cpu.ts'
import { heap } from './sessions/heap.ts'
import { loss } from './sessions/loss.ts'
import type { Measure, MeasureResult } from './sessions/measure.ts'
import { migration } from './sessions/migration.ts'
import { replay } from './sessions/replay.ts'
import { reset } from './sessions/reset.ts'
import { renderMeasure, renderVerdict } from './sessions/table.ts'

const measures: readonly Measure[] = [loss, cpu, roundTrip, reset, heap, replay, migration]
const usageError = 2
const msPerS = 1_000
/** For the idle connections of one process. */
const openFiles = 3_500
const file = join(import.meta.dirname, 'sessions.json')

const options = readOptions()
const chosen = measures.filter(({ name }) => options.only.length === 0 || options.only.includes(name))
const startedAt = performance.now()
installPeers(tell)
const limit = openFilesLimit()
if (limit < openFiles) tell(`a process may have ${limit} files open; heap needs ${openFiles} (ulimit -n ${openFiles})`)

const results: MeasureResult[] = []
{
  using build = await Build.make()
  for (const measure of chosen) await run(measure, build.folder)
}
conclude()

async function run(measure: Measure, build: string): Promise<void> {
  const { name, title } = measure
  try {
    const result = { name, title, ...(await measure.run({ build, isQuick: options.isQuick, tell: (text) => tell(`${name}: ${text}`) })) }
    results.push(result)
    if (!options.isJson) console.log(renderMeasure(result))
  } catch (error) {
    console.error(`${name} failed:`, error)
    process.exitCode = 1
  }
}

function conclude(): void {
  const seconds = Math.round((performance.now() - startedAt) / msPerS)
  const found = {
    date: new Date().toISOString().slice(0, 'yyyy-mm-dd'.length),
    node: process.versions.node,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    command: 'npm run bench:sessions',
    isQuick: options.isQuick,
    seconds,
    versions: versions(),
    measures: results,
  }
  const text = JSON.stringify(found, null, 2)
  if (options.isJson) console.log(text)
  const missed = results.flatMap(({ verdicts }) => verdicts).filter(({ isMet }) => !isMet)
  for (const verdict of missed) tell(renderVerdict(verdict))
  if (missed.length > 0) process.exitCode = 1
  if (options.isQuick || results.length < measures.length) tell(`not saved after ${seconds} s: that is for whole runs`)
  else {
    writeFileSync(file, `${text}\n`)
    tell(`written to ${relative(process.cwd(), file)} after ${seconds} s`)
  }
}

function readOptions() {
  const names = measures.map(({ name }) => name)
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    const only = values.only.split(',').filter(Boolean)
    const unknown = only.filter((name) => !names.includes(name))
    if (unknown.length > 0) throw new Error(`there is no measure ${unknown.join(', ')}; there are ${names.join(', ')}`)
    return { only, isQuick: values.quick, isJson: values.json }
  } catch (error) {
    console.error(`${(error as Error).message}\nusage: npm run bench:sessions [-- --only ${names.join(',')}] [--quick] [--json]`)
    process.exit(usageError)
  }
}

function tell(text: string): void {
  console.error(`· ${text}`)
}
