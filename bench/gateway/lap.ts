/** Echoes over all ways in turns: within a round each step is run lap by lap, and each lap by everybody. */

import { quantile } from '../peers/statistics.ts'
import type { Samples } from '../peers/turns.ts'
import type { MeasureContext } from '../suite/measure.ts'
import type { Lap, LapOrder } from './child/task.ts'
import { Child } from './child.ts'
import { Routes } from './route.ts'
import { clientOf, type Way, ways } from './subject.ts'

export interface Step {
  readonly connections: number
  readonly bytes: number
  /** Of each connection. */
  readonly inFlight: number
}

/** What the laps of one step came to in one round. */
export interface Sample {
  readonly perSecond: number
  /** Round trips, in µs; not a number where more than one message is in flight. */
  readonly p50Us: number
  readonly p99Us: number
  /** Of the process on the way, for a message there and back. */
  readonly cpuUs: number
}

const full = { rounds: 5, laps: 3, lapMs: 150, warmMessages: 25_000 }
const quick: typeof full = { rounds: 2, laps: 1, lapMs: 150, warmMessages: 10_000 }
/** Whoever was just started is half as fast for seconds: everybody is given so many messages of each size first. */
const warmSteps: readonly Step[] = [
  { connections: 1, bytes: 125, inFlight: 64 },
  { connections: 1, bytes: 4_096, inFlight: 64 },
]
const warmMs = 250
const msPerS = 1_000

export function textOf({ connections, bytes }: Step): string {
  return `${connections} × ${bytes === 125 ? '125 B' : '4 KiB'}`
}

export async function takeLaps({ build, isQuick, tell }: MeasureContext, steps: readonly Step[]): Promise<Map<Step, Samples<Way, Sample>>> {
  const { rounds, laps, lapMs, warmMessages } = isQuick ? quick : full
  const found = new Map(steps.map((step) => [step, new Map<Way, Sample[]>(ways.map((way) => [way, []]))]))
  await using track = await Track.open(build)
  tell('warming up')
  for (const step of warmSteps) await track.warm(step, warmMessages)
  for (let round = 0; round < rounds; round++) {
    tell(`round ${round + 1} of ${rounds}`)
    for (const step of steps) {
      const samples = await track.run(step, laps, lapMs)
      for (const [way, sample] of samples) found.get(step)!.get(way)!.push(sample)
    }
  }
  return found
}

class Track implements AsyncDisposable {
  readonly #routes: Routes
  readonly #loads: ReadonlyMap<Way, Child<null>>
  readonly #opened: AsyncDisposableStack

  static async open(build: string): Promise<Track> {
    await using opened = new AsyncDisposableStack()
    const routes = opened.use(await Routes.open(build))
    const loads = new Map<Way, Child<null>>()
    for (const way of ways) {
      loads.set(way, opened.use(await Child.start<null>({ kind: 'load', build, client: clientOf(way), port: routes.portOf(way) })))
    }
    return new Track(routes, loads, opened.move())
  }

  private constructor(routes: Routes, loads: ReadonlyMap<Way, Child<null>>, opened: AsyncDisposableStack) {
    this.#routes = routes
    this.#loads = loads
    this.#opened = opened
  }

  async warm(step: Step, messages: number): Promise<void> {
    await this.#open(step)
    for (const load of this.#loads.values()) {
      for (let left = messages; left > 0; ) left -= (await load.order<Lap>({ ...lapOf(step), ms: warmMs })).messages
    }
    await this.#close()
  }

  /** A lap before the others is not counted. */
  async run(step: Step, laps: number, ms: number): Promise<Map<Way, Sample>> {
    const found = new Map<Way, MeasuredLap[]>(ways.map((way) => [way, []]))
    await this.#open(step)
    for (let lap = 0; lap <= laps; lap++) {
      for (const [way, load] of this.#loads) {
        const before = this.#routes.cpuUs(way)
        const measured = await load.order<Lap>({ ...lapOf(step), ms })
        if (lap > 0) found.get(way)!.push({ ...measured, cpuUs: this.#routes.cpuUs(way) - before })
      }
    }
    await this.#close()
    return new Map([...found].map(([way, measured]) => [way, sampleOf(measured)]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }

  async #open({ connections }: Step): Promise<void> {
    for (const load of this.#loads.values()) await load.order<null>({ kind: 'open', connections })
  }

  async #close(): Promise<void> {
    for (const load of this.#loads.values()) await load.order<null>({ kind: 'close' })
  }
}

function lapOf({ bytes, inFlight }: Step): Omit<LapOrder, 'ms'> {
  return { kind: 'lap', bytes, inFlight }
}

interface MeasuredLap extends Lap {
  readonly cpuUs: number
}

/** Of the laps of a round the fastest counts: the others were disturbed by somebody. */
function sampleOf(laps: readonly MeasuredLap[]): Sample {
  const { messages, ms, times, cpuUs } = laps.reduce((best, lap) => (lap.messages / lap.ms > best.messages / best.ms ? lap : best))
  return {
    perSecond: (messages / ms) * msPerS,
    p50Us: times.length > 0 ? quantile(times, 0.5) : Number.NaN,
    p99Us: times.length > 0 ? quantile(times, 0.99) : Number.NaN,
    cpuUs: cpuUs / messages,
  }
}
