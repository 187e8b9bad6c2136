/**
 * `npm run sim`: runs seeds on all cores, says what they visited, and makes the first one that breaks an invariant small.
 *
 * Exit codes: 0 all is well; 1 an invariant is broken, or something that has to happen never did; 2 the command makes no sense.
 */

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { coreVariable, replaceCore } from './core-folder.ts'
import { Counters } from './counters.ts'
import { type Chunk, type Failure, runChunks, type Share } from './crew.ts'
import { missing } from './expected.ts'

const usage = `usage: npm run sim -- [options]
  --seeds N      how many seeds, default 1000
  --from S       the first seed, default 1
  --seconds T    ends after T seconds, whatever is left
  --seed X       runs this seed alone
  --trace        prints what happens in it
  --only i,j,k   does only these of its actions
  --json         prints one JSON object and nothing else`

const wrongUsage = 2
const defaultSeeds = 1_000
const chunkSeeds = 25
const maxShown = 10
const progressMs = 200
/** From here on nothing that has to happen may be missing. */
const completeSeeds = 10_000

interface Command {
  readonly seeds: number
  readonly from: number
  readonly seconds: number
  readonly seed: number | undefined
  readonly isTraced: boolean
  readonly only: readonly number[] | undefined
  readonly isJson: boolean
}

class UsageError extends Error {}

function parse(args: readonly string[]): Command {
  const { values } = parseOptions(args)
  const seed = values.seed === undefined ? undefined : wholeNumber('seed', values.seed)
  const only = values.only?.split(',').flatMap((text) => (values.only === '' ? [] : wholeNumber('only', text)))
  if (seed === undefined && (only || values.trace)) throw new UsageError('--trace and --only need --seed')
  if (seed !== undefined && (values.seeds ?? values.from ?? values.seconds) !== undefined)
    throw new UsageError('--seed runs one seed; --seeds, --from and --seconds run many')
  const seconds = values.seconds === undefined ? Infinity : wholeNumber('seconds', values.seconds)
  const seeds = values.seeds === undefined ? (seconds < Infinity ? Infinity : defaultSeeds) : wholeNumber('seeds', values.seeds)
  const from = values.from === undefined ? 1 : wholeNumber('from', values.from)
  if (seeds === 0 || seconds === 0) throw new UsageError('nothing is to be run')
  return { seeds, from, seconds, seed, isTraced: values.trace ?? false, only, isJson: values.json ?? false }
}

function parseOptions(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { seeds: text, from: text, seconds: text, seed: text, trace: flag, only: text, json: flag }
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new UsageError(`--${flag} takes whole numbers, not “${text}”`)
  return value
}

/** What all shares together come to. */
class Report {
  readonly counters: Counters = new Counters()
  readonly failures: Failure[] = []
  seeds = 0
  steps = 0
  leastSteps = Infinity
  busyMs = 0

  add(share: Share): void {
    this.seeds += share.seeds
    this.steps += share.steps
    this.leastSteps = Math.min(this.leastSteps, share.leastSteps)
    this.busyMs += share.busyMs
    this.counters.add(share.counters)
    this.failures.push(...share.failures)
  }

  get stepsPerSecond(): number {
    return Math.round((1_000 * this.steps) / this.busyMs)
  }
}

async function runMany(command: Command): Promise<Report> {
  const report = new Report()
  const endsAt = performance.now() + 1_000 * command.seconds
  const end = command.from + command.seeds
  let at = command.from
  let shownAt = 0
  const next = (): Chunk | undefined => {
    if (at >= end || performance.now() >= endsAt) return undefined
    const chunk = { from: at, count: Math.min(chunkSeeds, end - at), stopsAtFailure: false }
    at += chunk.count
    return chunk
  }
  const done = (share: Share): boolean => {
    report.add(share)
    if (process.stderr.isTTY && performance.now() - shownAt > progressMs) {
      shownAt = performance.now()
      process.stderr.write(`\r${report.seeds} seeds, ${report.steps} steps, ${report.failures.length} broken `)
    }
    return report.failures.length >= maxShown
  }
  await runChunks({ threads: availableParallelism(), core: process.env[coreVariable] }, next, done)
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  report.failures.sort((a, b) => a.seed - b.seed)
  return report
}

function printReport(report: Report, gaps: readonly string[]): void {
  const { seeds, steps, leastSteps, stepsPerSecond, counters, failures } = report
  printCounters(counters)
  const least = leastSteps === Infinity ? '' : `, least ${leastSteps}`
  console.log(`${seeds} seeds, ${steps} steps: ${Math.round(steps / seeds)} a seed${least}; ${stepsPerSecond} a second and core`)
  if (gaps.length > 0) console.log(`never happened: ${gaps.join(', ')}`)
  for (const { seed, text } of failures) console.log(`seed ${seed}: ${text}\n  npm run sim -- --seed ${seed} --trace`)
  if (failures.length === 0) console.log('no invariant was broken')
}

/** The first word of a counter is its group; what is counted alone stands among the others. */
function printCounters(counters: Counters): void {
  const groups = new Map<string, string[]>()
  for (const [name, count] of [...counters].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const group = name.slice(0, name.indexOf(' '))
    const lines = groups.get(group) ?? []
    groups.set(group, lines)
    lines.push(`${String(count).padStart(10)}  ${name.slice(group.length + 1)}`)
  }
  for (const [group, lines] of groups) console.log(`${group}\n${lines.join('\n')}`)
}

/** One small example is worth the time; the first. */
async function printSmallest({ seed, invariant }: Failure): Promise<void> {
  const { shrink } = await import('./shrink.ts')
  const { printTrace } = await import('./trace.ts')
  const only = shrink(seed, invariant)
  console.log(`\nThe smallest run that breaks ${invariant} in the same way has ${only.length} actions:`)
  console.log(`  npm run sim -- --seed ${seed} --trace --only ${only.join() || "''"}\n`)
  printTrace(seed, only, console.log)
}

async function runOne(command: Command, seed: number): Promise<number> {
  const { printTrace } = await import('./trace.ts')
  const { broken, steps, counters } = printTrace(seed, command.only, (line) => command.isTraced && !command.isJson && console.log(line))
  if (command.isJson) {
    const failure = broken && { invariant: broken.invariant, text: broken.message }
    console.log(JSON.stringify({ seed, steps, failure: failure ?? null, counters: Object.fromEntries(counters) }))
  } else {
    console.log(`seed ${seed}: ${steps} steps, ${broken ? broken.message : 'no invariant was broken'}`)
    if (broken && !command.only) await printSmallest({ seed, invariant: broken.invariant, text: broken.message })
  }
  return broken ? 1 : 0
}

async function runAll(command: Command): Promise<number> {
  const report = await runMany(command)
  const { seeds, steps, leastSteps, stepsPerSecond, counters, failures } = report
  const isComplete = seeds >= completeSeeds
  const gaps = failures.length > 0 ? [] : missing(counters, isComplete)
  if (command.isJson) {
    const figures = { seeds, steps, leastSteps: leastSteps === Infinity ? null : leastSteps, stepsPerSecond }
    console.log(JSON.stringify({ ...figures, failures, missing: gaps, counters: Object.fromEntries(counters) }))
  } else {
    printReport(report, gaps)
    if (failures.length > 0) await printSmallest(failures[0]!)
  }
  return failures.length > 0 || (isComplete && gaps.length > 0) ? 1 : 0
}

try {
  const command = parse(process.argv.slice(2))
  const core = process.env[coreVariable]
  if (core !== undefined) replaceCore(core)
  process.exitCode = command.seed === undefined ? await runAll(command) : await runOne(command, command.seed)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}\n${usage}`)
  process.exitCode = wrongUsage
}
