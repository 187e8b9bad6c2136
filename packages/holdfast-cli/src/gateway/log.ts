/** What the gateway says on stderr: lines for people on a terminal, else one JSON object a line. */

import { type Logger, pino, type StreamEntry } from 'pino'
import { PinoPretty } from 'pino-pretty'
import { coloursFor } from '../colour.ts'
import type { Settings } from './setting.ts'

export type Log = Logger

const stderrDescriptor = 2

export function openLog({ logLevel, logFormat }: Pick<Settings, 'logLevel' | 'logFormat'>, isColourWanted: boolean): Log {
  const options = {
    level: logLevel,
    // Whoever runs the process knows its id and its machine.
    base: null,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const isPretty = logFormat === 'pretty' || (logFormat === 'auto' && process.stderr.isTTY)
  return pino(options, isPretty ? prettyStream(isColourWanted) : stderr())
}

/** Where nobody reads any more, nothing can be said; that is no reason to end sessions. */
function stderr(): ReturnType<typeof pino.destination> {
  const stream = pino.destination({ fd: stderrDescriptor, sync: true })
  stream.on('error', () => {})
  return stream
}

function prettyStream(isColourWanted: boolean): StreamEntry['stream'] {
  return PinoPretty({
    destination: stderr(),
    colorize: coloursFor(process.stderr, isColourWanted).isColorSupported,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  })
}
