/** What the gateway costs and keeps, as a table of the guide, made from the results of its bench. */

import { direct, haproxy, nginx, plain, session } from '../gateway/subject.ts'
import type { Row, SuiteResults } from '../suite/measure.ts'
import { cellText } from './readme-table.ts'

const ways = [direct, haproxy, nginx, plain, session] as const

/** A row of the results, in the reader's words. */
const lines: { readonly [id: string]: string } = {
  'round-trip/1/125/p50': 'round trip of 125 B, p50, µs above direct',
  'round-trip/1/125/p99': 'round trip of 125 B, p99, µs above direct',
  'round-trip/1/4096/p50': 'round trip of 4 KiB, p50, µs above direct',
  'round-trip/50/125/p50': '50 connections: round trip of 125 B, p50, µs above direct',
  'throughput/1/125/direct': 'echoes a second of 125 B, × direct',
  'throughput/1/4096/direct': 'echoes a second of 4 KiB, × direct',
  'throughput/50/125/direct': '50 connections: echoes a second of 125 B, × direct',
  'throughput/50/4096/direct': '50 connections: echoes a second of 4 KiB, × direct',
  'round-trip/1/125/cpu': 'CPU for a lone message of 125 B and its echo, µs',
  'throughput/1/125/cpu': 'CPU for one of many, 125 B, µs',
  'throughput/1/4096/cpu': 'CPU for one of many, 4 KiB, µs',
  'heap/attached': 'heap of an idle client with its connection to the backend, KB',
  'heap/detached': 'heap of a session whose client is away, KB',
  'loss/missing': `lost of 3 000 up and 3 000 down, the client's connection reset every 250 ms`,
  'loss/duplicated': 'and duplicated',
  'away/missing': 'lost of 60 s in which the client is away',
  'away/connections': 'connections that the backend saw of that client',
  'cut/client/code': `close code the client sees when its own connection is reset`,
  'cut/upstream/code': 'when the connection to the backend is reset',
  'cut/backend/code': 'when the backend is killed',
}

/** Markdown. Rows that the results do not have are left out. */
export function renderGateway(results: SuiteResults): string {
  const rows = new Map(results.measures.flatMap((measure) => measure.rows).map((row) => [row.id, row]))
  const body = Object.entries(lines).flatMap(([id, what]) => {
    const row = rows.get(id)
    return row ? [lineOf(what, row)] : []
  })
  return [`| | ${ways.join(' | ')} | n |`, `|---|${ways.map(() => '--:|').join('')}--:|`, ...body, '', captionOf(results)].join('\n')
}

function lineOf(what: string, { cells, n }: Row): string {
  return `| ${[what, ...ways.map((way) => cellText(cells[way])), n].join(' | ')} |`
}

function captionOf({ date, node, machine, command, seconds }: SuiteResults): string {
  return `Medians of n samples, taken on ${date} with Node ${node} on ${machine}, over loopback: \`${command}\` makes them anew in ${Math.ceil(seconds / 60)} minutes, with their spread.`
}
