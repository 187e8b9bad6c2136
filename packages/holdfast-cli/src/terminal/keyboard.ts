/** Single keys, as they are pressed; the terminal is put back as it was afterwards. */

const escapeCharacter = '\u001b'
const controlC = '\u0003'
const controlD = '\u0004'

/** Reads keys until the signal aborts. Ctrl-C, which such a terminal passes on as a character, and Ctrl-D count as `q`. */
export function readKeys(receive: (key: string) => void, signal: AbortSignal): void {
  const { stdin } = process
  const receiveChunk = (chunk: string): void => {
    // Arrows and function keys arrive as sequences that contain letters.
    if (chunk.startsWith(escapeCharacter)) return
    for (const key of chunk.toLowerCase()) receive(key === controlC || key === controlD ? 'q' : key)
  }
  const receiveEnd = (): void => receive('q')
  stdin.setEncoding('utf8').on('data', receiveChunk).on('end', receiveEnd)
  stdin.setRawMode(true).resume()
  signal.addEventListener('abort', () => {
    stdin.off('data', receiveChunk).off('end', receiveEnd)
    stdin.setRawMode(false).pause()
  })
}
