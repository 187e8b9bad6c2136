/**
 * A command of the bench: measures, one after the other.
 *
 *   npm run bench:… [-- --only name,name] [--quick] [--json]
 *
 * A whole run is written to the file of the suite; `--json` prints the results instead of the tables. Ends with 1 when a target was missed or
 * a measure failed.
 */

import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { installPeers, openFilesLimit, versions } from '../peers/installation.ts'
import { Build } from './build.ts'
import type { Measure, MeasureResult, SuiteResults } from './measure.ts'
import { renderMeasure, renderVerdict } from './table.ts'

export interface Suite {
  /** `npm run` makes it. */
  readonly command: string
  /** What a whole run is written to, in the folder of the bench. */
  readonly file: string
  /** Files that one process has open at the same time. */
  readonly openFiles: number
  readonly measures: readonly Measure[]
}

const usageError = 2
const msPerS = 1_000
const bench = join(import.meta.dirname, '..')

export async function runSuite(suite: Suite): Promise<void> {
  const options = readOptions(suite)
  const startedAt = performance.now()
  requireOpenFiles(suite)
  installPeers(tell)
  const results: MeasureResult[] = []
  {
    using build = await Build.make()
    for (const measure of suite.measures) {
      if (options.only.length > 0 && !options.only.includes(measure.name)) continue
      const result = await run(measure, build.folder, options.isQuick)
      if (!result) continue
      results.push(result)
      if (!options.isJson) console.log(renderMeasure(result))
    }
  }
  conclude(suite, options, results, Math.round((performance.now() - startedAt) / msPerS))
}

async function run(measure: Measure, build: string, isQuick: boolean): Promise<MeasureResult | undefined> {
  const { name, title } = measure
  try {
    return { name, title, ...(await measure.run({ build, isQuick, tell: (text) => tell(`${name}: ${text}`) })) }
  } catch (error) {
    console.error(`${name} failed:`, error)
    process.exitCode = 1
    return undefined
  }
}

function conclude(
  { command, file, measures }: Suite,
  { isQuick, isJson }: Options,
  results: readonly MeasureResult[],
  seconds: number,
): void {
  const found: SuiteResults = {
    date: new Date().toISOString().slice(0, 'yyyy-mm-dd'.length),
    node: process.versions.node,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    command: `npm run ${command}`,
    isQuick,
    seconds,
    versions: versions(),
    measures: results,
  }
  const text = JSON.stringify(found, null, 2)
  if (isJson) console.log(text)
  const missed = results.flatMap(({ verdicts }) => verdicts).filter(({ isMet }) => !isMet)
  for (const verdict of missed) tell(renderVerdict(verdict))
  if (missed.length > 0) process.exitCode = 1
  if (isQuick || results.length < measures.length) tell(`not saved after ${seconds} s: that is for whole runs`)
  else {
    const path = join(bench, file)
    writeFileSync(path, `${text}\n`)
    tell(`written to ${relative(process.cwd(), path)} after ${seconds} s`)
  }
}

interface Options {
  readonly only: readonly string[]
  readonly isQuick: boolean
  readonly isJson: boolean
}

function readOptions({ command, measures }: Suite): Options {
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
    console.error(`${(error as Error).message}\nusage: npm run ${command} [-- --only ${names.join(',')}] [--quick] [--json]`)
    process.exit(usageError)
  }
}

function requireOpenFiles({ openFiles }: Suite): void {
  const limit = openFilesLimit()
  tell(`open files of a process: ${openFiles} needed, ${limit} allowed`)
  if (limit >= openFiles) return
  console.error(`Raise the limit: ulimit -n ${openFiles}`)
  process.exit(usageError)
}

function tell(text: string): void {
  console.error(`· ${text}`)
}
