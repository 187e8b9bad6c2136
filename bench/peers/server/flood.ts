/** Many copies of one message, as fast as the client takes them: it is recorded as bytes, so a copy costs the server nothing. */

import type { Socket } from 'node:net'

const chunkBytes = 64 * 1024
/** socket.io writes a binary message in two frames, the second when the first has left. */
const recordedTurns = 4

/** The bytes that `send` writes, in this turn or the next ones, which are kept from the wire. */
export async function recordWire(socket: Socket, send: () => void): Promise<Buffer> {
  const chunks: Buffer[] = []
  const write = socket.write
  socket.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    chunks.push(Buffer.from(chunk as string))
    const written = rest.at(-1)
    if (typeof written === 'function') process.nextTick(written)
    return true
  }) as Socket['write']
  send()
  for (let turn = 0; turn < recordedTurns; turn++) await new Promise((resolve) => setImmediate(resolve))
  socket.write = write
  return Buffer.concat(chunks)
}

export function repeat(socket: Socket, message: Buffer, count: number): void {
  const perChunk = Math.max(1, Math.floor(chunkBytes / message.length))
  const chunk = Buffer.concat(Array.from({ length: perChunk }, () => message))
  let left = count
  const go = () => {
    while (left > 0 && !socket.destroyed) {
      const next = Math.min(left, perChunk)
      left -= next
      if (!socket.write(chunk.subarray(0, next * message.length)) && left > 0) return void socket.once('drain', go)
    }
  }
  go()
}
