/** What happens at the server, as a record and as a line for people. */

import type { CloseCause } from 'holdfast/server'
import type { Colours } from '../colour.ts'
import type { SessionLabel } from '../life/event.ts'
import { renderSession } from '../life/session-name.ts'
import { seconds } from '../terminal/duration.ts'

export type ServeEvent =
  | { readonly event: 'listen'; readonly url: string; readonly host: string; readonly port: number }
  | {
      readonly event: 'open'
      readonly connection: number
      readonly path: string
      readonly from: string
      readonly subprotocol?: string
      /** Of a client that asked for one. */
      readonly session?: SessionLabel
    }
  /** The link is gone; the session waits for its client. */
  | {
      readonly event: 'lost'
      readonly connection: number
      readonly session: SessionLabel
      readonly cause: CloseCause
      readonly upMs: number
      /** Bytes that were written and not acknowledged. */
      readonly unackedBytes: number
    }
  /** The session goes on over another link; `resent` messages had waited for it. */
  | {
      readonly event: 'resumed'
      readonly connection: number
      readonly session: SessionLabel
      readonly from: string
      readonly downMs: number
      readonly resent: number
    }
  | {
      readonly event: 'ended'
      readonly connection: number
      readonly session: SessionLabel
      readonly code: number
      readonly reason: string
      readonly cause: CloseCause
      readonly wasClean: boolean
      readonly upMs: number
      readonly received: number
      readonly sent: number
      /** Messages that the client has not acknowledged. */
      readonly unconfirmed: number
    }
  | {
      readonly event: 'closed'
      readonly connection: number
      readonly code: number
      readonly reason: string
      readonly upMs: number
      readonly received: number
      readonly sent: number
    }
  | { readonly event: 'refused'; readonly path: string; readonly from: string; readonly status: number; readonly problem: string }
  | { readonly event: 'stop'; readonly connections: number }

const wordWidth = 9

export function renderLine(event: ServeEvent, colours: Colours): string {
  const line = (sign: string, word: string, text: string): string => `${sign} ${word.padEnd(wordWidth)}${text}`
  switch (event.event) {
    case 'listen':
      return line(colours.bold('◆'), 'listen', `${event.url}  / and /echo, /clock?every=1s, /feed?every=100ms; Ctrl-C ends it`)
    case 'open': {
      const { connection, path, from, subprotocol, session } = event
      const chosen = subprotocol === undefined ? '' : `, subprotocol ${subprotocol}`
      const kept = session ? `, ${renderSession(session.id)} (resumable ${seconds(session.ttlMs)})` : ''
      return line(colours.green('●'), 'open', `#${connection} ${path} from ${from}${chosen}${kept}`)
    }
    case 'lost': {
      const { connection, session, cause, upMs, unackedBytes } = event
      const open = unackedBytes === 0 ? '' : `, ${unackedBytes} bytes unacknowledged`
      const text = `#${connection} ${renderSession(session.id)} ${cause} after ${seconds(upMs)}; kept for ${seconds(session.ttlMs)}${open}`
      return line(colours.yellow('○'), 'lost', text)
    }
    case 'resumed': {
      const { connection, session, from, downMs, resent } = event
      const text = `#${connection} ${renderSession(session.id)} from ${from}, down ${seconds(downMs)}, resent ${resent}`
      return line(colours.green('●'), 'resumed', text)
    }
    case 'ended': {
      const { connection, session, code, reason, cause, wasClean, upMs, received, sent, unconfirmed } = event
      const end = wasClean ? `with ${code}${reason && ` (${reason})`}` : `without a goodbye (${reason || cause})`
      const open = unconfirmed === 0 ? '' : `, ${unconfirmed} of them unacknowledged`
      const text = `#${connection} ${renderSession(session.id)} ${end} after ${seconds(upMs)}, received ${received}, sent ${sent}${open}`
      return line(colours.red('■'), 'ended', text)
    }
    case 'closed': {
      const { connection, code, reason, upMs, received, sent } = event
      const end = code === abnormalClosure ? 'without a goodbye (1006)' : `with ${code}${reason && ` (${reason})`}`
      return line(colours.red('○'), 'closed', `#${connection} ${end} after ${seconds(upMs)}, received ${received}, sent ${sent}`)
    }
    case 'refused':
      return line(colours.yellow('◌'), 'refused', `${event.path} from ${event.from} with ${event.status}: ${event.problem}`)
    case 'stop':
      return line(colours.bold('◆'), 'stop', event.connections === 0 ? 'nobody was connected' : `closing ${event.connections} with 1001`)
  }
}

const abnormalClosure = 1006
