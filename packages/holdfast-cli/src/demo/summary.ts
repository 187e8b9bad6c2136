/** The report at the end, for people. */

import type { Colours } from '../colour.ts'
import { milliseconds, seconds } from '../terminal/duration.ts'
import type { ClientReport, Report, Score } from './event.ts'

type Row = readonly [name: string, text: string]

const nameWidth = 12
const resumable = 'resumable'

export function renderReport({ clients }: Report, colours: Colours): string[] {
  const [first] = clients
  if (first === undefined) return []
  const rows = first.numbered === null ? linkRows(first) : comparisonRows(clients)
  const width = Math.max(nameWidth, ...rows.map(([name]) => name.length + gap.length))
  const table = clients.flatMap(({ client, numbered }) => (numbered === null ? [] : [{ client, ...numbered }]))
  return [
    colours.bold('Report'),
    ...rows.map(([name, text]) => `  ${colours.dim(name.padEnd(width))}${text}`),
    ...(table.length === 0 ? [] : ['', ...renderTable(table, colours), '', ...verdictLines(table)]),
  ]
}

/** What a link without numbered messages went through. */
function linkRows(report: ClientReport): Row[] {
  return [
    ['time', timeText(report)],
    ['links', linksText(report)],
    ...noticedRows(report),
    ['dials', dialsText(report)],
    ['messages', messagesText(report)],
    ['latency', latencyText(report)],
  ]
}

function comparisonRows(clients: readonly ClientReport[]): Row[] {
  return [
    ['time', seconds(clients[0]?.durationMs ?? 0)],
    ...clients.flatMap((report): Row[] => [
      [report.client, `links ${linksText(report)}`],
      ...noticedRows(report).map(([name, text]): Row => ['', `${name} ${text}`]),
      ['', latencyText(report)],
    ]),
  ]
}

type Line = { readonly client: string } & Score

const columns: readonly { readonly title: string; readonly of: (line: Line) => number }[] = [
  { title: 'sent', of: ({ sent }) => sent },
  { title: 'delivered there', of: ({ delivered }) => delivered },
  { title: 'received back', of: ({ received }) => received },
  { title: 'lost', of: ({ lost }) => lost },
  { title: 'duplicated', of: ({ duplicated }) => duplicated },
  { title: 'ticks missed', of: ({ missedTicks }) => missedTicks },
  { title: 'connections', of: ({ connections }) => connections },
]
const gap = '  '

function renderTable(lines: readonly Line[], colours: Colours): string[] {
  const clientWidth = Math.max(nameWidth, ...lines.map(({ client }) => client.length))
  const row = (client: string, cells: readonly string[]): string =>
    ['', client.padEnd(clientWidth), ...cells.map((cell, index) => cell.padStart(columns[index]!.title.length))].join(gap)
  return [
    colours.dim(
      row(
        'client',
        columns.map(({ title }) => title),
      ),
    ),
    ...lines.map((line) =>
      row(
        line.client,
        columns.map(({ of }) => String(of(line))),
      ),
    ),
  ]
}

function verdictLines(lines: readonly Line[]): string[] {
  const own = lines.find(({ client }) => client === resumable)
  if (own === undefined) return []
  const { lost, duplicated, connections } = own
  return [
    `  Over the same faults the session lost ${lost || 'nothing'} and duplicated ${duplicated || 'nothing'}.`,
    `  Its server, which knows nothing of sessions, saw it connect ${connections === 1 ? 'once' : `${connections} times`}.`,
  ]
}

function timeText({ durationMs, openMs }: ClientReport): string {
  const share = durationMs === 0 ? 0 : openMs / durationMs
  return `${seconds(durationMs)}, with an open link for ${seconds(openMs)} (${(share * 100).toFixed(0)} %)`
}

function linksText({ links, losses, longestOutageMs }: ClientReport): string {
  return losses === 0
    ? `${links}, none lost`
    : `${links}, ${losses} lost; longest outage ${seconds(longestOutageMs)} (from notice to return)`
}

function noticedRows({ losses, lossesByCause, longestSilenceMs }: ClientReport): Row[] {
  if (losses === 0) return []
  return [['noticed by', `${countsText(lossesByCause)}; after ${seconds(longestSilenceMs)} of silence at the most`]]
}

function dialsText({ stats, failedDialsByCause }: ClientReport): string {
  const failed = countsText(failedDialsByCause)
  return `${stats?.dials ?? 0}, ${failed === '' ? 'none failed' : `failed by ${failed}`}`
}

function countsText(counts: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(counts)
    .map(([cause, count]) => `${cause} ${count}×`)
    .join(', ')
}

function messagesText({ stats }: ClientReport): string {
  return `${stats?.received ?? 0} received, ${stats?.sent ?? 0} sent`
}

function latencyText({ latency }: ClientReport): string {
  const { of, asked, answered, p50Ms, p99Ms } = latency
  if (p50Ms === null || p99Ms === null) return asked === 0 ? `no ${of} was sent` : `none of ${asked} ${of}s was answered`
  return `${of} p50 ${milliseconds(p50Ms)}, p99 ${milliseconds(p99Ms)}; ${answered} of ${asked} answered`
}
