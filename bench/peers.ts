/**
 * holdfast beside its peers: what each client costs, and what it notices.
 *
 *   npm run bench [-- --only cpu,idle] [--quick] [--json file]
 *
 * CPU and times are ratios to bare `ws` of the same run, made within rounds in which all take turns; figures are medians. Servers run in
 * processes of their own. A whole run is written to bench/results.json, any other only with `--json`.
 */

import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { cpu } from './peers/cpu.ts'
import { dials } from './peers/dials.ts'
import { idle } from './peers/idle.ts'
import { importCost } from './peers/import.ts'
import { buildHoldfast, installPeers, openFilesLimit, versions } from './peers/installation.ts'
import type { Measure } from './peers/measure.ts'
import { outage, tunedHeartbeatMs } from './peers/outage.ts'
import type { MeasureResult, Results } from './peers/result.ts'
import { roundTrip } from './peers/round-trip.ts'
import { BenchServer } from './peers/server.ts'
import { size } from './peers/size.ts'
import { renderMeasure } from './suite/table.ts'

const measures: readonly Measure[] = [outage, dials, cpu, roundTrip, idle, size, importCost]
const usageError = 2
const msPerS = 1_000

const options = readOptions()
const chosen = measures.filter(({ name }) => options.only.length === 0 || options.only.includes(name))
const startedAt = performance.now()
requireOpenFiles()
installPeers(tell)
buildHoldfast(tell)

const results: MeasureResult[] = []
{
  await using server = await BenchServer.start(tunedHeartbeatMs)
  // Those that only wait do it together; those that count CPU come one after the other.
  await Promise.all(chosen.filter(({ isAlone }) => !isAlone).map((measure) => run(measure, server)))
  for (const measure of chosen.filter(({ isAlone }) => isAlone)) await run(measure, server)
}
save()

async function run(measure: Measure, server: BenchServer): Promise<void> {
  const { name, title } = measure
  try {
    const found = await measure.run({ server, isQuick: options.isQuick, tell: (text) => tell(`${name}: ${text}`) })
    const result = { name, title, ...found }
    results.push(result)
    console.log(renderMeasure(result))
  } catch (error) {
    console.error(`${name} failed:`, error)
    process.exitCode = 1
  }
}

function readOptions() {
  const names = measures.map(({ name }) => name)
  const usage = `usage: npm run bench [-- --only ${names.join(',')}] [--quick] [--json file]`
  try {
    const { values } = parseArgs({
      options: { only: { type: 'string', default: '' }, quick: { type: 'boolean', default: false }, json: { type: 'string' } },
    })
    const only = values.only.split(',').filter(Boolean)
    const unknown = only.filter((name) => !names.includes(name))
    if (unknown.length > 0) throw new Error(`there is no measure ${unknown.join(', ')}; there are ${names.join(', ')}`)
    const isWhole = !values.quick && only.length === 0
    return { only, isQuick: values.quick, file: values.json ?? (isWhole ? join(import.meta.dirname, 'results.json') : undefined) }
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(usageError)
  }
}

function requireOpenFiles(): void {
  const needed = Math.max(...chosen.map(({ openFiles }) => openFiles))
  const limit = openFilesLimit()
  tell(`open files of a process: ${needed} needed, ${limit} allowed`)
  if (limit >= needed) return
  console.error(
    `Raise the limit (ulimit -n ${needed}), or leave idle out: --only ${measures.map(({ name }) => name).filter((name) => name !== 'idle')}`,
  )
  process.exit(usageError)
}

function save(): void {
  const { file, isQuick } = options
  if (!file) {
    tell('not saved: the default file is for whole runs; give --json file')
    return
  }
  const found: Results = {
    date: new Date().toISOString().slice(0, 'yyyy-mm-dd'.length),
    node: process.versions.node,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    command: 'npm run bench',
    isQuick,
    seconds: Math.round((performance.now() - startedAt) / msPerS),
    versions: versions(),
    measures: measures.flatMap(({ name }) => results.find((result) => result.name === name) ?? []),
  }
  writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`)
  tell(`written to ${relative(process.cwd(), file)} after ${found.seconds} s`)
}

function tell(text: string): void {
  console.error(`· ${text}`)
}
