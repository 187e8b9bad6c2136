/**
 * A black hole: the network swallows everything, both ways, while every socket stays open; after a while it passes new connections
 * again, and has forgotten the old ones. When does a client that is idle notice, and when does it hear something again?
 */

import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import type { WatchEvent } from './client/task.ts'
import { fewFiles, type Measure, type MeasureContext } from './measure.ts'
import { end, start } from './process.ts'
import { type Cell, type Row, verdict } from './result.ts'
import { figure } from './statistics.ts'
import { reconnectingNames, type SubjectName } from './subject/catalogue.ts'

const clients = 5
/** Clients are of different ages when it begins: where a heartbeat is in its period would decide otherwise. */
const full = { spacingMs: 5_000, frozenMs: 60_000, healedMs: 60_000 }
const quick: typeof full = { spacingMs: 500, frozenMs: 15_000, healedMs: 12_000 }

/** Milliseconds of silence before a ping, and for its answer, where a peer can be told. */
export const tunedHeartbeatMs = 5_000
const tunable: readonly SubjectName[] = ['holdfast, reconnecting', 'socket.io']

const noticedAtMost = 40
const msPerS = 1_000
const openingMs = 60_000
const pollMs = 100

export const outage: Measure = {
  name: 'outage',
  title: 'A link into a black hole, idle: seconds until it is noticed, and from the end of the outage to the first message',
  isAlone: false,
  openFiles: fewFiles,
  run: async (context) => {
    const { frozenMs, healedMs } = context.isQuick ? quick : full
    const journals = await freezeAndHeal(context)
    const rows = (['default', 'tuned'] as const).flatMap((setting) => {
      const found = journals.filter((journal) => journal.setting === setting)
      const notice = (journal: Journal): Cell => seconds(noticed(journal), frozenMs)
      const recover = (journal: Journal): Cell =>
        journal.subject === 'ws' ? { kind: 'absent', why: 'does not reconnect' } : seconds(recovered(journal), healedMs)
      const label = setting === 'default' ? 'default' : `tuned to ${tunedHeartbeatMs / msPerS} s`
      return [
        rowOf(`notice/${setting}`, `noticed, ${label}`, found, notice),
        rowOf(`recover/${setting}`, `recovered, ${label}`, found, recover),
      ]
    })
    const ours = rows[0]!.cells['holdfast, reconnecting']
    const value = ours?.kind === 'figure' ? ours.value : Infinity
    return { rows, verdicts: context.isQuick ? [] : [verdict('a black-holed idle link is noticed', value, noticedAtMost, 's')] }
  },
}

type Setting = 'default' | 'tuned'

interface Journal {
  readonly subject: SubjectName
  readonly setting: Setting
  readonly events: WatchEvent[]
  frozenAt: number
  healedAt: number
}

async function freezeAndHeal({ server, isQuick, tell }: MeasureContext): Promise<Journal[]> {
  const { spacingMs, frozenMs, healedMs } = isQuick ? quick : full
  const { plain, socketIo, socketIoTuned } = server.ports
  const proxies = await Promise.all([plain, socketIo, socketIoTuned].map((port) => FaultProxy.listen({ upstream: `127.0.0.1:${port}` })))
  const [plainProxy, socketIoProxy, tunedProxy] = proxies as [FaultProxy, FaultProxy, FaultProxy]
  const journalOf = (subject: SubjectName, setting: Setting): Journal => ({ subject, setting, events: [], frozenAt: 0, healedAt: 0 })
  const journals = [
    ...reconnectingNames.map((subject) => journalOf(subject, 'default')),
    ...tunable.map((subject) => journalOf(subject, 'tuned')),
  ]
  const children = journals.map(({ subject, setting, events }) => {
    const isTuned = setting === 'tuned'
    const proxy = subject !== 'socket.io' ? plainProxy : isTuned ? tunedProxy : socketIoProxy
    const heartbeat = isTuned ? { heartbeatMs: tunedHeartbeatMs } : {}
    const task = { kind: 'watch', subject, port: proxy.port, clients, spacingMs, query: { mode: 'greet' }, ...heartbeat }
    const child = start('client/main.ts', task)
    child.on('message', (event) => events.push(event as WatchEvent))
    return child
  })
  try {
    tell('opening')
    await allGreeted(journals)
    await sleep(spacingMs)
    tell(`frozen for ${frozenMs / msPerS} s`)
    for (const proxy of proxies) proxy.freeze('both')
    const frozenAt = Date.now()
    await sleep(frozenMs)
    tell(`healed, watched for ${healedMs / msPerS} s more`)
    for (const proxy of proxies) proxy.heal('drop')
    const healedAt = Date.now()
    await sleep(healedMs)
    return journals.map((journal) => ({ ...journal, frozenAt, healedAt }))
  } finally {
    await Promise.all(children.map(end))
    await Promise.all(proxies.map((proxy) => proxy.close()))
  }
}

async function allGreeted(journals: readonly Journal[]): Promise<void> {
  const until = Date.now() + openingMs
  const missing = () => journals.find(({ events }) => new Set(events.map(({ client }) => client)).size < clients)
  while (missing() && Date.now() < until) await sleep(pollMs)
  const late = missing()
  if (late) throw new Error(`not every client of ${late.subject} was open within ${openingMs / msPerS} s`)
}

/** Milliseconds of each client; Infinity when it did not happen. */
function noticed({ events, frozenAt, healedAt }: Journal): number[] {
  return firstOf(events, 'closed', frozenAt, healedAt)
}

function recovered({ events, healedAt }: Journal): number[] {
  return firstOf(events, 'message', healedAt, Infinity)
}

function firstOf(events: readonly WatchEvent[], kind: WatchEvent['event'], since: number, until: number): number[] {
  return Array.from({ length: clients }, (_, client) => {
    const found = events.find((each) => each.client === client && each.event === kind && each.at >= since && each.at < until)
    return found ? found.at - since : Infinity
  })
}

function seconds(times: readonly number[], withinMs: number): Cell {
  const found = times.filter((time) => time < Infinity)
  return 2 * found.length > times.length ? figure(found.map((time) => time / msPerS)) : { kind: 'never', withinS: withinMs / msPerS }
}

function rowOf(id: string, what: string, journals: readonly Journal[], cell: (journal: Journal) => Cell): Row {
  const found = Object.fromEntries(journals.map((journal) => [journal.subject, cell(journal)]))
  const untold = Object.fromEntries(
    reconnectingNames.filter((name) => !(name in found)).map((name) => [name, { kind: 'absent', why: 'no such setting' } as const]),
  )
  return { id, what, unit: 's', n: clients, cells: { ...untold, ...found } }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
