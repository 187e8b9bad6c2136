/** The life of a link, for people. */

import type { Colours } from '../colour.ts'
import { renderSession } from '../life/session-name.ts'
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
    case 'resumed':
      return line(colours.green, '●', 'resumed', resumptionText(event))
    case 'ended':
      return line(colours.red, '○', 'ended', endText(event))
    case 'failed':
      return line(colours.yellow, '◌', 'no link', failureText(event))
    case 'giveup':
      return line(colours.red, '■', 'gave up', `after ${event.dials} dial${event.dials === 1 ? '' : 's'}; nobody dials again until told to`)
    case 'closed':
      // Who ends a conversation without a link knows it already.
      if ((event.cause === 'client' || event.cause === 'aborted') && !event.wasOpen) return undefined
      return line(event.cause === 'client' ? colours.dim : colours.red, '■', 'closed', closedText(event))
    case 'pong':
    case 'sent':
    case 'acknowledged':
    case 'message':
    case 'end':
      return undefined
  }
}

function openText({ url, downMs, session, handshakeMs, rttMs, subprotocol }: Event<'open'>): string {
  const again = downMs === null ? '' : `again, down ${seconds(downMs)}`
  const what = session
    ? [...(again ? [again] : []), `${renderSession(session.id)} (resumable ${seconds(session.ttlMs)})`].join(', ')
    : again || url
  const time = rttMs === null ? `handshake ${milliseconds(handshakeMs)}` : `rtt ${milliseconds(rttMs)}`
  const chosen = subprotocol === '' ? '' : `, subprotocol ${visible(subprotocol)}`
  return `${what}  ${time}${chosen}`
}

function lossText({ code, reason, cause, upMs, retry, uncertain, session, unacknowledged }: Event<'lost'>): string {
  const open = session ? unacknowledgedText(unacknowledged) : uncertaintyText(uncertain)
  if (cause === 'client') return `replaced by a fresh link, as asked, after ${seconds(upMs)}${open}`
  const how = cause === 'server' ? `closed by the server with ${codeText(code, reason)}` : cause
  return `${how} after ${seconds(upMs)}; ${retryText(retry)}${open}`
}

function resumptionText({ downMs, received, resent, lost }: Event<'resumed'>): string {
  return `down ${seconds(downMs)}, received ${received}, resent ${resent}, lost ${lost}`
}

function endText({ session, code, reason, cause, unconfirmed, exact, retry }: Event<'ended'>): string {
  const how = cause === 'server' ? `closed by the server with ${codeText(code, reason)}` : (whyLost(reason) ?? cause)
  const dial = retry === null ? '' : `; ${retryText(retry)}` // the next one may begin where this one was refused
  return `${renderSession(session.id)} ${how}${dial}${unconfirmedText(unconfirmed, exact)}`
}

function failureText({ cause, error, httpStatus, retry, unacknowledged }: Event<'failed'>): string {
  const how = httpStatus === undefined ? `${cause}${error && `: ${visible(error)}`}` : `the server answered with HTTP ${httpStatus}`
  const hint = hints.find(({ sign }) => sign.test(error))?.text ?? ''
  return `${how}${hint}; ${retryText(retry)}${unacknowledgedText(unacknowledged)}`
}

const hints: readonly { readonly sign: RegExp; readonly text: string }[] = [
  { sign: /certificate/, text: ' (--ca <file> trusts a certificate authority, --insecure trusts anybody)' },
  { sign: /sent no subprotocol/, text: ' (it chose none of those offered; with --resume: it speaks no sessions)' },
]

function closedText({ code, reason, cause, httpStatus, uncertain, session, error, unconfirmed, exact }: Event<'closed'>): string {
  if (httpStatus !== undefined) return `the server refused the handshake with HTTP ${httpStatus}; another dial would not help`
  if (cause === 'unsupported' && !session) return `${visible(error)} (leave out --resume)`
  const who = cause === 'client' ? '' : `by ${cause === 'server' ? 'the server' : cause}, `
  return `${who}${codeText(code, reason)}${session ? unconfirmedText(unconfirmed, exact) : uncertaintyText(uncertain)}`
}

/** The library's `session-lost:expired`, in words. */
function whyLost(reason: string): string | undefined {
  const [, why] = /^session-lost:(.+)$/.exec(reason) ?? []
  return why === undefined ? undefined : `is lost: ${visible(why)}`
}

function codeText(code: number, reason: string): string {
  return `${code}${reason && ` (${visible(reason)})`}`
}

function uncertaintyText(count: number): string {
  return count === 0 ? '' : `; ${count} sent may be missing`
}

function unacknowledgedText(count: number): string {
  return count === 0 ? '' : `; ${count} unacknowledged`
}

function unconfirmedText(count: number, isExact: boolean): string {
  return count === 0 ? '' : `; ${count} sent ${isExact ? 'did not arrive' : 'may be missing'}`
}

function retryText(retry: Event<'lost'>['retry']): string {
  return retry === null ? 'no retry' : `retry ${retry.attempt} in ${seconds(retry.delayMs)}`
}
