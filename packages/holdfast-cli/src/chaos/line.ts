/** What the proxy did, for people. */

import type { Colours } from '../colour.ts'
import type { DisconnectCause, FaultRecord } from '../fault/index.ts'
import { stamp } from '../terminal/duration.ts'

const wordWidth = 12

export function renderLine(record: FaultRecord, colours: Colours): string {
  const [sign, word, text] = describe(record, colours)
  return `${colours.dim(stamp(record.elapsedMs))}  ${sign} ${word.padEnd(wordWidth)}${text}`.trimEnd()
}

function describe(record: FaultRecord, colours: Colours): [sign: string, word: string, text: string] {
  const fault = colours.magenta('↯')
  const relief = colours.magenta('↺')
  switch (record.event) {
    case 'listen':
      return [colours.bold('◆'), 'listen', `ws://${hostOf(record.host)}:${record.port} leads to ${record.upstream}`]
    case 'connect':
      return [colours.green('●'), 'connect', `#${record.connection} from ${record.from}`]
    case 'disconnect':
      return [
        colours.red('○'),
        'disconnect',
        `#${record.connection} ${causes[record.cause]}; ${record.bytesUp} B up, ${record.bytesDown} B down`,
      ]
    case 'unreachable':
      return [colours.yellow('◌'), 'unreachable', `#${record.connection} found nobody at ${record.upstream}: ${record.error}`]
    case 'cut':
      return [fault, 'cut', `${connections(record.connections)} closed (FIN)`]
    case 'reset':
      return [fault, 'reset', `${connections(record.connections)} torn down (RST)`]
    case 'freeze':
      return [fault, 'freeze', `${ways[record.direction]}: not a byte passes, and ${connections(record.connections)} will not be told`]
    case 'heal':
      return [relief, 'heal', `${ways[record.direction]}: bytes pass again, what was held is ${fates[record.held]}`]
    case 'refuse':
      return [fault, 'refuse', 'the port is closed; those who are connected stay']
    case 'accept':
      return [relief, 'accept', 'the port is open again']
    case 'delay':
      return record.ms === 0 && record.jitter === 0
        ? [relief, 'delay', 'off']
        : [fault, 'delay', `${record.ms} ms each way${record.jitter === 0 ? '' : `, more or less ${record.jitter} ms`}`]
    case 'slice':
      return record.maxBytes === 0 ? [relief, 'slice', 'off'] : [fault, 'slice', `pieces of at most ${record.maxBytes} B`]
    case 'limit':
      return record.bytesPerSecond === 0 ? [relief, 'limit', 'off'] : [fault, 'limit', `${record.bytesPerSecond} B a second`]
    case 'error':
      return [colours.red('!'), 'error', record.error]
    case 'close':
      return [colours.bold('◆'), 'close', 'the proxy is gone']
  }
}

const causes: Readonly<Record<DisconnectCause, string>> = {
  'client-fin': 'closed by the client',
  'client-reset': 'reset by the client',
  'upstream-fin': 'closed by the server',
  'upstream-reset': 'reset by the server',
  'upstream-unreachable': 'could not be passed on',
  cut: 'was cut',
  reset: 'was reset',
  close: 'ended with the proxy',
}

const ways = { both: 'both ways', up: 'to the server', down: 'to the client' } as const
const fates = { drop: 'lost', release: 'delivered' } as const

function connections(count: number): string {
  return `${count} connection${count === 1 ? '' : 's'}`
}

function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
