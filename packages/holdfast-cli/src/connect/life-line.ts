/** The life of a link, for people. */

import type { Colours } from '../colour.ts'
import { milliseconds, seconds } from '../terminal/duration.ts'
import type { ConnectEvent } from './event.ts'
import { visible } from './visible.ts'

type Event<Name extends ConnectEvent['event']> = Extract<ConnectEvent, { event: Name }>
type Paint = (text: string) => string

const wordWidth = 9

/** The line without its line feed; undefined for what is not worth one. */
export function renderLife(event: ConnectEvent, colours: Colours): string | undefined {
  const line = (paint: Paint, sign: string, word: string, text: string): string => `${paint(`${sign} ${word.padEnd(wordWidth)}`)}${text}`
  switch (event.event) {
    case 'open':
      return line(colours.green, '●', 'open', openText(event))
    case 'lost':
      return line(colours.red, '○', 'lost', lossText(event))
    case 'failed':
      return line(colours.yellow, '◌', 'no link', failureText(event))
    case 'giveup':
      return line(colours.red, '■', 'gave up', `after ${event.dials} dial${event.dials === 1 ? '' : 's'}; nobody dials again until told to`)
    case 'closed':
      // Who ends a conversation without a link knows it already.
      if (event.cause === 'client' && !event.wasOpen) return undefined
      return line(event.cause === 'client' ? colours.dim : colours.red, '■', 'closed', closedText(event))
    case 'pong':
    case 'sent':
    case 'message':
    case 'end':
      return undefined
  }
}

function openText({ url, downMs, handshakeMs, subprotocol }: Event<'open'>): string {
  const what = downMs === null ? url : `again, down ${seconds(downMs)}`
  const chosen = subprotocol === '' ? '' : `, subprotocol ${visible(subprotocol)}`
  return `${what}  handshake ${milliseconds(handshakeMs)}${chosen}`
}

function lossText({ code, reason, cause, upMs, retry, uncertain }: Event<'lost'>): string {
  if (cause === 'client') return `replaced by a fresh link, as asked, after ${seconds(upMs)}${uncertaintyText(uncertain)}`
  const how = cause === 'server' ? `closed by the server with ${codeText(code, reason)}` : cause
  return `${how} after ${seconds(upMs)}; ${retryText(retry)}${uncertaintyText(uncertain)}`
}

function failureText({ cause, error, httpStatus, retry }: Event<'failed'>): string {
  const how = httpStatus === undefined ? `${cause}${error && `: ${visible(error)}`}` : `the server answered with HTTP ${httpStatus}`
  const hint = /certificate/.test(error) ? ' (--ca <file> trusts a certificate authority, --insecure trusts anybody)' : ''
  return `${how}${hint}; ${retryText(retry)}`
}

function closedText({ code, reason, cause, httpStatus, uncertain }: Event<'closed'>): string {
  if (httpStatus !== undefined) return `the server refused the handshake with HTTP ${httpStatus}; another dial would not help`
  const who = cause === 'client' ? '' : `by ${cause === 'server' ? 'the server' : cause}, `
  return `${who}${codeText(code, reason)}${uncertaintyText(uncertain)}`
}

function codeText(code: number, reason: string): string {
  return `${code}${reason && ` (${visible(reason)})`}`
}

function uncertaintyText(count: number): string {
  return count === 0 ? '' : `; ${count} sent may be missing`
}

function retryText(retry: Event<'lost'>['retry']): string {
  return retry === null ? 'no retry' : `retry ${retry.attempt} in ${seconds(retry.delayMs)}`
}
