/** Colours only on a terminal, and only where nobody objects (no-color.org). */

import type { WriteStream } from 'node:tty'
import picocolors from 'picocolors'

export type Colours = ReturnType<typeof picocolors.createColors>

export function coloursFor(stream: Pick<WriteStream, 'isTTY'>, isWanted: boolean): Colours {
  const { NO_COLOR, TERM } = process.env
  return picocolors.createColors(isWanted && stream.isTTY === true && !NO_COLOR && TERM !== 'dumb')
}
