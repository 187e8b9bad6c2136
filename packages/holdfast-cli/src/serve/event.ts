/** What happens at the server, as a record and as a line for people. */

import type { Colours } from '../colour.ts'
import { seconds } from '../terminal/duration.ts'

export type ServeEvent =
  | { readonly event: 'listen'; readonly url: string; readonly host: string; readonly port: number }
  | {
      readonly event: 'open'
      readonly connection: number
      readonly path: string
      readonly from: string
      readonly subprotocol?: string
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
      const subprotocol = event.subprotocol === undefined ? '' : `, subprotocol ${event.subprotocol}`
      return line(colours.green('●'), 'open', `#${event.connection} ${event.path} from ${event.from}${subprotocol}`)
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
