/** What clients see when a connection on the way is cut once: their own, the one to the backend, or the backend itself. */

import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { type Cell, verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Measure, Row } from '../suite/measure.ts'
import type { Outcome } from './child/task.ts'
import { Child } from './child.ts'
import { type BrokenWay, brokenWays, startMiddle } from './middle.ts'
import { session, type Way } from './subject.ts'

const cuts = {
  client: `the client's connection is reset`,
  upstream: 'the connection to the backend is reset',
  backend: 'the backend is killed',
} as const
type Cut = keyof typeof cuts

const sockets = 10
/** Until everybody has seen it. */
const watchedMs = 2_000

interface Seen {
  /** With which the sockets were closed; none of those that go on. */
  readonly codes: readonly number[]
  /** From the cut to the close, or how long nothing came. */
  readonly ms: readonly number[]
}

export const cut: Measure = {
  name: 'cut',
  title: `One cut, ${sockets} clients that say something every 5 ms: the code of the close that they see, and how long it took`,
  run: async ({ build, tell }) => {
    const rows: Row[] = []
    let closed = 0
    for (const cut of Object.keys(cuts) as Cut[]) {
      tell(cuts[cut])
      const found = new Map<Way, Seen>()
      for (const way of brokenWays) found.set(way, await observe(build, way, cut))
      rows.push(...rowsOf(cut, found))
      if (cut === 'client') closed = found.get(session)!.codes.length
    }
    return { rows, verdicts: [verdict('sessions closed by the loss of a link', closed, 0, `of ${sockets}`)] }
  },
}

async function observe(build: string, way: BrokenWay, cut: Cut): Promise<Seen> {
  await using backend = await Child.start<number>({ kind: 'backend' })
  await using upstream = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port: backend.begun } })
  await using middle = await startMiddle(way, build, upstream.port)
  await using network = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port: middle.port } })
  const client = way === session ? 'holdfast' : 'ws'
  await using witness = await Child.start<null>({ kind: 'witness', build, client, port: network.port, sockets })
  const cutAt = performance.timeOrigin + performance.now()
  switch (cut) {
    case 'client':
      network.reset()
      break
    case 'upstream':
      upstream.reset()
      break
    case 'backend':
      await backend[Symbol.asyncDispose]()
      break
  }
  await sleep(watchedMs)
  const outcomes = await witness.order<readonly Outcome[]>({ kind: 'outcomes' })
  return {
    codes: outcomes.flatMap(({ code }) => code ?? []),
    ms: outcomes.map(({ code, closedAt, gapMs }) => (code === null ? gapMs : closedAt - cutAt)),
  }
}

function rowsOf(cut: Cut, found: ReadonlyMap<Way, Seen>): Row[] {
  const cells = (cell: (seen: Seen) => Cell) => Object.fromEntries([...found].map(([way, seen]) => [way, cell(seen)]))
  return [
    { id: `cut/${cut}/code`, what: cuts[cut], unit: 'close code', n: sockets, cells: cells(({ codes }) => codeCell(codes)) },
    { id: `cut/${cut}/ms`, what: 'until closed, or on again', unit: 'ms', n: sockets, cells: cells(({ ms }) => figure(ms)) },
  ]
}

function codeCell(codes: readonly number[]): Cell {
  return codes.length === 0 ? { kind: 'absent', why: 'it goes on' } : figure(codes)
}
