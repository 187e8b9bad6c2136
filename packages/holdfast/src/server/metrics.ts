/** What a server shows of itself as metrics: one row each, in base units, with labels from closed lists. The table in the guide is made from it. */

import type { Histogram } from './histogram.ts'
import type { ServerTotals } from './tally.ts'
import type { ServerStats } from './websocket-server.ts'

/** A server, or what has one. */
export interface MetricsSource {
  /** Empty for none. */
  readonly name: string
  readonly stats: ServerStats
  readonly totals: ServerTotals
}

export type Reading = Pick<MetricsSource, 'stats' | 'totals'>

/** By the words of the first label, then of the second, … */
export type Readings<Leaf> = Leaf | { readonly [word: string]: Readings<Leaf> }

interface Row<Type extends string, Leaf> {
  readonly type: Type
  /** Without its prefix. */
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly read: (reading: Reading) => Readings<Leaf>
  /** What the servers of several processes are together. */
  readonly aggregator: 'sum' | 'max'
}
export type Metric = Row<'counter' | 'gauge', number> | Row<'histogram', Histogram>

const msPerS = 1_000

export const metrics: readonly Metric[] = [
  gauge('sessions', 'Sessions with a link (attached) and those that wait for one (detached).', ['state'], ({ stats }) => ({
    attached: stats.attached,
    detached: stats.sessions - stats.attached,
  })),
  gauge('plain_sockets', 'Open sockets of clients without a session.', [], ({ stats }) => stats.plain),
  gauge('buffered_bytes', 'Bytes that sessions hold until their clients acknowledge them.', [], ({ stats }) => stats.bufferedBytes),
  gauge(
    'spread_seconds',
    'Over how long clients that lose their links are asked to come back.',
    [],
    ({ stats }) => stats.spread / msPerS,
    'max',
  ),
  gauge('draining', '1 while clients are asked to leave, and after they were; else 0.', [], ({ stats }) => Number(stats.draining), 'max'),
  counter('links_opened_total', 'Upgrades granted, by what they asked for.', ['kind'], ({ totals }) => totals.linksOpened),
  counter(
    'upgrades_refused_total',
    'Upgrades refused, by HTTP status; invalid: no upgrade, or none for this path; other: a status of verifyClient.',
    ['status'],
    ({ totals }) => totals.upgradesRefused,
  ),
  counter(
    'sessions_refused_total',
    'Refusals of sessions, new or to be resumed, by what clients were told.',
    ['why'],
    ({ totals }) => totals.sessionsRefused,
  ),
  counter('sessions_opened_total', 'Sessions that began.', [], ({ totals }) => totals.sessionsOpened),
  counter('sessions_ended_total', 'Sessions that ended, by cause.', ['cause'], ({ totals }) => totals.sessionsEnded),
  counter(
    'disconnects_total',
    'Links that sessions lost and went on without, and plain sockets that closed, by cause.',
    ['kind', 'cause'],
    ({ totals }) => totals.disconnects,
  ),
  counter('links_closed_total', 'Links of sessions that the server closed, by what for.', ['reason'], ({ totals }) => totals.linksClosed),
  counter('resumptions_total', 'Sessions that went on over another link.', [], ({ totals }) => totals.resumptions),
  counter(
    'messages_replayed_total',
    'Messages that resumptions had to send, again or for the first time.',
    [],
    ({ totals }) => totals.messagesReplayed,
  ),
  histogram(
    'downtime_seconds',
    'From the loss of a link to the resumption; 0 where the new link came first.',
    [],
    ({ totals }) => totals.downtimes,
  ),
  counter('pings_total', 'Pings sent; none where there is traffic.', ['kind'], ({ totals }) => totals.pings),
  counter('heartbeat_timeouts_total', 'Links and plain sockets given up because nothing was heard.', ['kind'], ({ totals }) => ({
    session: totals.disconnects.session['heartbeat-timeout'] ?? 0,
    plain: totals.disconnects.plain['heartbeat-timeout'] ?? 0,
  })),
  histogram('round_trip_seconds', 'From a ping to its answer.', ['kind'], ({ totals }) => totals.roundTrips),
  counter('messages_total', 'Messages of sessions, each once: given to the application or taken from it.', ['direction'], ({ totals }) => ({
    received: totals.received.messages,
    sent: totals.sent.messages,
  })),
  counter('message_bytes_total', 'Bytes of these messages, without what frames cost.', ['direction'], ({ totals }) => ({
    received: totals.received.bytes,
    sent: totals.sent.bytes,
  })),
]

type Read<Leaf> = (reading: Reading) => Readings<Leaf>

function gauge(name: string, help: string, labels: readonly string[], read: Read<number>, aggregator: 'sum' | 'max' = 'sum'): Metric {
  return { type: 'gauge', name, help, labels, read, aggregator }
}

function counter(name: string, help: string, labels: readonly string[], read: Read<number>): Metric {
  return { type: 'counter', name, help, labels, read, aggregator: 'sum' }
}

function histogram(name: string, help: string, labels: readonly string[], read: Read<Histogram>): Metric {
  return { type: 'histogram', name, help, labels, read, aggregator: 'sum' }
}

type Labels = { readonly [label: string]: string | number }

/** A number as Prometheus has it. */
export interface Sample {
  /** Of a histogram, whose parts have names of their own. */
  readonly metricName?: string
  readonly labels: Labels
  readonly value: number
}

/** What a reading says of one metric. @param fullName with its prefix @param labels that all samples have */
export function samplesOf(metric: Metric, fullName: string, labels: Labels, reading: Reading): Sample[] {
  if (metric.type !== 'histogram') return leavesOf(metric, labels, reading).map(([own, value]) => ({ labels: own, value }))
  return leavesOf(metric, labels, reading).flatMap(([own, { bounds, counts, sum }]) => {
    const upTo = cumulated(counts)
    const buckets = [...bounds.map((ms) => ms / msPerS), '+Inf'].map((le, index) => ({
      metricName: `${fullName}_bucket`,
      labels: { ...own, le },
      value: upTo[index]!,
    }))
    return [
      ...buckets,
      { metricName: `${fullName}_sum`, labels: own, value: sum / msPerS },
      { metricName: `${fullName}_count`, labels: own, value: upTo.at(-1)! },
    ]
  })
}

function leavesOf<Leaf>({ labels: names, read }: Row<string, Leaf>, labels: Labels, reading: Reading): [labels: Labels, leaf: Leaf][] {
  const walk = (readings: Readings<Leaf>, [name, ...rest]: readonly string[], path: Labels): [Labels, Leaf][] => {
    if (name === undefined) return [[path, readings as Leaf]]
    return Object.entries(readings as { readonly [word: string]: Readings<Leaf> }).flatMap(([word, below]) =>
      walk(below, rest, { ...path, [name]: word }),
    )
  }
  return walk(read(reading), names, labels)
}

function cumulated(counts: readonly number[]): number[] {
  let sum = 0
  return counts.map((count) => (sum += count))
}
