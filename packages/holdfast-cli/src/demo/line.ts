/** The timeline's lines: one for each event that a reader wants to see. */

import type { Colours } from '../colour.ts'
import type { Retry } from '../life/event.ts'
import { renderSession } from '../life/session-name.ts'
import { milliseconds, seconds, stamp } from '../terminal/duration.ts'
import type { DemoEvent, DemoRecord, Pulse } from './event.ts'

type Fault = Extract<DemoEvent, { event: 'fault' }>['fault']
type Paint = (text: string) => string

const wordWidth = 9
/** After so long a silence the last round trip says nothing about now. */
const quietMs = 1_000
/** What rounds to no time at all. */
const shortestDelayMs = 10

/** The line without its line feed; undefined for what is not worth one. @param nameWidth of the clients; 0 where there is only one */
export function renderLine(record: DemoRecord, nameWidth: number, colours: Colours): string | undefined {
  const name = nameWidth === 0 ? '' : `${('client' in record ? record.client : '').padEnd(nameWidth)}  `
  const line = (paint: Paint, sign: string, word: string, text: string): string =>
    `${colours.dim(stamp(record.elapsedMs))}  ${name}${paint(`${sign} ${word.padEnd(wordWidth)}`)}${text}`
  switch (record.event) {
    case 'open': {
      const session = record.session === null ? '' : `, ${renderSession(record.session.id)}`
      return line(
        colours.green,
        '●',
        'open',
        `link ${record.link}${session}${record.downMs === null ? '' : `, down ${seconds(record.downMs)}`}`,
      )
    }
    case 'resumed':
      return line(colours.green, '●', 'resumed', resumptionText(record))
    case 'dropped':
      return line(colours.red, '○', 'lost', `${record.code} after ${seconds(record.upMs)}`)
    case 'ended':
      return line(
        colours.red,
        '○',
        'ended',
        `${renderSession(record.session.id)}: ${record.reason || record.cause}${record.retry === null ? '' : `; ${retryText(record.retry)}`}`,
      )
    case 'lost':
      return line(colours.red, '○', 'lost', lossText(record))
    case 'failed': {
      // What the library advises its user is in the data; here its finding is enough.
      const [finding = ''] = record.error.split(';')
      return line(colours.yellow, '◌', 'no link', `${record.cause}${finding && `: ${finding}`}; ${retryText(record.retry)}`)
    }
    case 'giveup':
      return line(colours.red, '■', 'gave up', `after ${record.dials} dials; nobody dials again until told to`)
    case 'closed':
      return line(colours.red, '■', 'closed', closedText(record))
    case 'gap':
      return line(colours.yellow, '△', 'gap', gapText(record))
    case 'fault':
      return line(colours.magenta, isBeginning(record.fault) ? '↯' : '↺', record.fault, faultText(record))
    case 'pulse':
      return line(colours.dim, '·', ...pulseText(record.clients))
    case 'start':
    case 'pong':
    case 'report':
      return undefined
  }
}

const faultTexts: Readonly<Record<Fault, string>> = {
  reset: 'the connection is torn down (RST)',
  freeze: 'not a byte passes, nobody is told',
  heal: 'bytes pass again, for new connections',
  refuse: 'the server is away: connections are refused',
  accept: 'the server is back',
}

function faultText({ fault, connections }: Extract<DemoEvent, { event: 'fault' }>): string {
  return fault === 'reset' && connections === 0 ? 'there is no connection to tear down' : faultTexts[fault]
}

function isBeginning(fault: Fault): boolean {
  return fault !== 'heal' && fault !== 'accept'
}

function resumptionText({ link, downMs, received, resent, lost }: Extract<DemoEvent, { event: 'resumed' }>): string {
  return `link ${link}, down ${seconds(downMs)}, received ${received}, resent ${resent}, lost ${lost}`
}

function lossText({ code, reason, cause, upMs, silentMs, retry, session, unacknowledged }: Extract<DemoEvent, { event: 'lost' }>): string {
  const how = cause === 'server' ? `closed by the server with ${code}${reason && ` (${reason})`}` : cause
  const silence = cause === 'heartbeat-timeout' ? `, silent for ${seconds(silentMs)}` : ''
  const open = session === null ? '' : `; ${unacknowledged} unacknowledged`
  return `${how} after ${seconds(upMs)}${silence}; ${retryText(retry)}${open}`
}

function closedText({ code, reason, cause, httpStatus }: Extract<DemoEvent, { event: 'closed' }>): string {
  if (httpStatus !== undefined) return `the server refused the handshake with HTTP ${httpStatus}; another dial would not help`
  return `${cause}, ${code}${reason && ` (${reason})`}: final, no dial follows`
}

function gapText({ first, last, missing }: Extract<DemoEvent, { event: 'gap' }>): string {
  return missing === 1 ? `message ${first} is missing` : `${missing} messages are missing: ${first} to ${last}`
}

function retryText(retry: Retry): string {
  if (retry === null) return 'no retry'
  return `retry ${retry.attempt} ${retry.delayMs < shortestDelayMs ? 'at once' : `in ${seconds(retry.delayMs)}`}`
}

function pulseText(clients: readonly Pulse[]): [word: string, text: string] {
  const [first] = clients
  if (clients.length === 1 && first) return linkText(first)
  return ['back', clients.map(({ client, sent, received }) => `${client} ${received} of ${sent}`).join(', ')]
}

function linkText({ state, rttMs, silentMs, received }: Pulse): [word: string, text: string] {
  if (state !== 'open') return ['away', `no link; ${received} received`]
  if (silentMs > quietMs) return ['quiet', `nothing was heard for ${seconds(silentMs)}`]
  return ['alive', `${rttMs === null ? '' : `ping ${milliseconds(rttMs)}, `}${received} received`]
}
