/**
 * Rounds of heartbeats over thousands of connections that say nothing: how long the event loop stands still, what a ping costs, and who is
 * cut that lives. All servers of a phase run at the same time, each as idle as the machine lets it be, so that what disturbs one disturbs all.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import { cells, difference, of, pick, ratio, type Samples } from '../peers/turns.ts'
import type { Found, Measure, MeasureContext, Row } from '../suite/measure.ts'
import type { Heartbeat, Lap } from './child/task.ts'
import { type Filling, Hall } from './hall.ts'
import { bareGroups, bareSpread, idleLoop, ourPlain, ourSession, type ServerSubject, sweep, timerEach } from './subject.ts'

interface Size {
  readonly clients: number
  readonly rounds: number
  readonly heartbeat: Heartbeat
}
/** The interval is a quarter of ours, so that rounds fit; it is the same for everybody. */
const full: Size = { clients: 15_000, rounds: 5, heartbeat: { intervalMs: 7_500, timeoutMs: 4_000 } }
const quick: Size = { clients: 2_000, rounds: 2, heartbeat: { intervalMs: 2_000, timeoutMs: 2_000 } }

const ours: readonly ServerSubject[] = [ourPlain, ourSession]
/** The loop is blocked for longer than the silence after which a connection counts as dead. */
const deadlines = 2

/** A round of one subject. */
interface Round extends Lap {
  readonly pings: number
  readonly cut: number
}
interface Phase {
  /** Of the references too, which run beside. */
  readonly rounds: Samples<ServerSubject, Round>
  readonly fillings: ReadonlyMap<ServerSubject, Filling>
  readonly cutByStall: ReadonlyMap<ServerSubject, number>
}

export const heartbeat: Measure = {
  name: 'heartbeat',
  title: `Heartbeats of ${full.clients} connections (${quick.clients} in a quick run), one each ${full.heartbeat.intervalMs / 1_000} s`,
  run: async (context) => {
    const size = context.isQuick ? quick : full
    await using references = await Halls.open(context, [idleLoop, bareSpread], size)
    await using first = await Halls.open(context, ours, size)
    const phase = await observe(context, references, first, size)
    context.tell('traffic')
    const pingsInTraffic = await ofEach(first, (hall) => pingsWhileTalking(hall, size.heartbeat.intervalMs))
    await first[Symbol.asyncDispose]()
    await using second = await Halls.open(context, [sweep, timerEach, bareGroups], size)
    return conclude(references, phase, await observe(context, references, second, size), pingsInTraffic)
  },
}

class Halls implements AsyncDisposable {
  readonly all: readonly Hall[]
  readonly fillings: ReadonlyMap<ServerSubject, Filling>

  static async open({ build, tell }: MeasureContext, subjects: readonly ServerSubject[], { clients, heartbeat }: Size): Promise<Halls> {
    const all: Hall[] = []
    const fillings = new Map<ServerSubject, Filling>()
    for (const subject of subjects) {
      tell(`${clients} connections: ${subject}`)
      const hall = await Hall.open(subject, build, heartbeat)
      all.push(hall)
      fillings.set(subject, await hall.fill(clients))
    }
    return new Halls(all, fillings)
  }

  private constructor(all: readonly Hall[], fillings: ReadonlyMap<ServerSubject, Filling>) {
    this.all = all
    this.fillings = fillings
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((hall) => hall[Symbol.asyncDispose]()))
  }
}

async function observe({ tell }: MeasureContext, references: Halls, halls: Halls, size: Size): Promise<Phase> {
  const { intervalMs, timeoutMs } = size.heartbeat
  const all = [...references.all, ...halls.all]
  const rounds = new Map<ServerSubject, Round[]>(all.map(({ subject }) => [subject, []]))
  const observeRound = () =>
    Promise.all(all.map(async (hall) => [hall.subject, { ...(await hall.lap()), ...(await hall.tally()) }] as const))
  tell('the first round, which is not counted')
  await sleep(intervalMs)
  await observeRound()
  for (let round = 0; round < size.rounds; round++) {
    tell(`round ${round + 1} of ${size.rounds}`)
    await sleep(intervalMs)
    for (const [subject, found] of await observeRound()) rounds.get(subject)!.push(found)
  }
  tell('the loop stands still')
  await Promise.all(halls.all.map((hall) => hall.block(deadlines * (intervalMs + timeoutMs))))
  await sleep(intervalMs + timeoutMs)
  const cutByStall = await ofEach(halls, async (hall) => (await hall.tally()).cut)
  return { rounds, fillings: halls.fillings, cutByStall }
}

/** In two intervals in which each client says something four times. */
async function pingsWhileTalking(hall: Hall, intervalMs: number): Promise<number> {
  await hall.talk(intervalMs / 2)
  await sleep(intervalMs / 2)
  await hall.tally()
  await sleep(2 * intervalMs)
  return (await hall.tally()).pings
}

async function ofEach(halls: Halls, number: (hall: Hall) => Promise<number>): Promise<ReadonlyMap<ServerSubject, number>> {
  return new Map(await Promise.all(halls.all.map(async (hall) => [hall.subject, await number(hall)] as const)))
}

function conclude(references: Halls, own: Phase, others: Phase, pingsInTraffic: ReadonlyMap<ServerSubject, number>): Found {
  const phases = [own, others]
  const stalls = phases.map(({ rounds }) => pick(rounds, ({ stallMs }) => stallMs))
  const costs = phases.map(({ rounds }) => costOfPings(rounds))
  const cuts = phases.map(
    ({ rounds }) => new Map([...rounds].map(([subject, each]) => [subject, each.reduce((sum, { cut }) => sum + cut, 0)])),
  )
  const fillings = new Map([references, ...phases].flatMap((each) => [...each.fillings]))
  const bareKb = fillings.get(idleLoop)!.heapKb
  const rounds = stalls[0]!.get(idleLoop)!.length
  const stallCells = stalls.map((each) => cells(each, (subject) => figure(of(each, subject))))
  const costCells = costs.map((each) => cells(each, (subject) => ratio(each, subject, bareSpread)))
  return {
    rows: [
      row('stall', 'longest stall of a round', 'ms', rounds, joined(stallCells)),
      { ...row('ping-cpu', 'CPU for a ping', `× ${bareSpread}`, rounds, joined(costCells)), absoluteUnit: 'µs' },
      row('cut', 'living clients cut', 'in all rounds', 1, joined(cuts.map((each) => counts(each)))),
      row('cut-by-stall', 'and by a stall', 'of two deadlines', 1, joined(phases.map(({ cutByStall }) => counts(cutByStall)))),
      row('pings-in-traffic', 'pings in traffic', 'in two intervals', 1, counts(pingsInTraffic)),
      row(
        'heap',
        'heap above bare ws',
        'KB',
        1,
        counts(fillings, ({ heapKb }) => heapKb - bareKb),
      ),
      row(
        'accept-cpu',
        'CPU to accept',
        'µs',
        1,
        counts(fillings, ({ cpuUs }) => cpuUs),
      ),
      row(
        'accept-rate',
        'connects',
        'in a second',
        1,
        counts(fillings, ({ rate }) => rate),
      ),
    ],
    verdicts: ours.flatMap((subject) => [
      verdict(`stall of a round, ${subject}`, difference(stalls[0]!, subject, idleLoop).value, 10, 'ms above the idle loop'),
      verdict(`CPU for a ping, ${subject}`, ratio(costs[0]!, subject, bareSpread).value, 1.15, `× ${bareSpread}`),
      verdict(`living clients cut, ${subject}`, cuts[0]!.get(subject)!, 0, 'clients'),
      verdict(`living clients cut by a stall, ${subject}`, own.cutByStall.get(subject)!, 0, 'clients'),
      verdict(`pings where there was traffic, ${subject}`, pingsInTraffic.get(subject)!, 0, 'pings'),
      verdict(`heap of a connection, ${subject}`, fillings.get(subject)!.heapKb - bareKb, subject === ourPlain ? 0.3 : 1, 'KB above ws'),
    ]),
  }
}

/** Microseconds above the loop that does nothing, in the same round. */
function costOfPings(rounds: Samples<ServerSubject, Round>): Samples<ServerSubject> {
  const idle = rounds.get(idleLoop)!
  const costs = [...rounds].filter(([subject]) => subject !== idleLoop)
  return new Map(costs.map(([subject, each]) => [subject, each.map(({ cpuUs, pings }, round) => (cpuUs - idle[round]!.cpuUs) / pings)]))
}

function row(id: string, what: string, unit: string, n: number, cells: Row['cells']): Row {
  return { id, what, unit, n, cells }
}

function counts<Value = number>(
  values: ReadonlyMap<ServerSubject, Value>,
  number: (value: Value) => number = (value) => value as number,
): Row['cells'] {
  return Object.fromEntries([...values].map(([subject, value]) => [subject, figure([number(value)])]))
}

/** Of what was measured in each phase, the first counts. */
function joined(phases: readonly Row['cells'][]): Row['cells'] {
  return Object.assign({}, ...[...phases].reverse())
}
