/** The report at the end, for people. */

import type { Colours } from '../colour.ts'
import { milliseconds, seconds } from '../terminal/duration.ts'
import type { Report } from './event.ts'

type Row = readonly [name: string, text: string]

const nameWidth = 12

export function renderReport(report: Report, colours: Colours): string[] {
  const rows: Row[] = [
    ['time', timeText(report)],
    ['links', linksText(report)],
    ...noticedRows(report),
    ['dials', dialsText(report)],
    ['messages', messagesText(report)],
    ...hintRows(report),
    ['latency', latencyText(report)],
  ]
  return [colours.bold('Report'), ...rows.map(([name, text]) => `  ${colours.dim(name.padEnd(nameWidth))}${text}`)]
}

function timeText({ durationMs, openMs }: Report): string {
  const share = durationMs === 0 ? 0 : openMs / durationMs
  return `${seconds(durationMs)}, with an open link for ${seconds(openMs)} (${(share * 100).toFixed(0)} %)`
}

function linksText({ links, losses, longestOutageMs }: Report): string {
  return losses === 0
    ? `${links}, none lost`
    : `${links}, ${losses} lost; longest outage ${seconds(longestOutageMs)} (from notice to return)`
}

function noticedRows({ losses, lossesByCause, longestSilenceMs }: Report): Row[] {
  if (losses === 0) return []
  return [['noticed by', `${countsText(lossesByCause)}; after ${seconds(longestSilenceMs)} of silence at the most`]]
}

function dialsText({ stats, failedDialsByCause }: Report): string {
  const failed = countsText(failedDialsByCause)
  return `${stats.dials}, ${failed === '' ? 'none failed' : `failed by ${failed}`}`
}

function countsText(counts: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(counts)
    .map(([cause, count]) => `${cause} ${count}×`)
    .join(', ')
}

function messagesText({ numbered, stats }: Report): string {
  if (numbered === null) return `${stats.received} received, ${stats.sent} sent`
  const { sent, received, missing } = numbered
  const late = sent - received - missing
  const rest = late > 0 ? `, ${late} on the way at the end` : ''
  return `${sent} sent: ${received} received, ${missing} missing${rest}`
}

function hintRows({ numbered }: Report): Row[] {
  if (numbered === null || numbered.missing === 0) return []
  return [['', 'a plain link does not bring back what was sent while it was away']]
}

function latencyText({ latency }: Report): string {
  const { of, asked, answered, p50Ms, p99Ms } = latency
  if (p50Ms === null || p99Ms === null) return asked === 0 ? `no ${of} was sent` : `none of ${asked} ${of}s was answered`
  return `${of} p50 ${milliseconds(p50Ms)}, p99 ${milliseconds(p99Ms)}; ${answered} of ${asked} answered`
}
