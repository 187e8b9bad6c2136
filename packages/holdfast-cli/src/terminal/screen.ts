/**
 * Where things are written: data to stdout, words to stderr, and on a terminal a status line below them, redrawn in place.
 * Each change is one write, so that nothing flickers.
 */

import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'

const eraseLine = '\r\u001b[K'

export interface ScreenOptions {
  /** Both streams and the keyboard are a terminal. */
  readonly isLive: boolean
  /** Nobody reads any more. */
  readonly receiveGone: () => void
}

export class Screen {
  readonly isLive: boolean
  readonly #receiveGone: () => void
  #status = ''

  constructor({ isLive, receiveGone }: ScreenOptions) {
    this.isLive = isLive
    this.#receiveGone = receiveGone
    for (const stream of [process.stdout, process.stderr]) stream.on('error', this.#fail)
  }

  data(line: string): void {
    this.#write(process.stdout, line)
  }

  words(line: string): void {
    this.#write(process.stderr, line)
  }

  /** Replaces the status line by as many of these parts as fit; the first ones matter most. */
  status(parts: readonly string[]): void {
    if (!this.isLive) return
    const status = fitting(parts, process.stderr.columns ?? Infinity)
    if (status === this.#status) return
    this.#status = status
    process.stderr.write(`${eraseLine}${status}`)
  }

  close(): void {
    if (this.#status !== '') process.stderr.write(eraseLine)
    this.#status = ''
    for (const stream of [process.stdout, process.stderr]) stream.off('error', this.#fail)
  }

  #write(stream: WriteStream, line: string): void {
    stream.write(this.isLive ? `${eraseLine}${line}\n${this.#status}` : `${line}\n`)
  }

  readonly #fail = (error: Error & { readonly code?: string }): void => {
    if (error.code !== 'EPIPE') throw error
    this.#receiveGone()
  }
}

const gap = '  '

/** A line as long as the terminal is wide would wrap, and could not be erased. */
function fitting(parts: readonly string[], columns: number): string {
  let line = ''
  for (const part of parts) {
    const longer = line === '' ? part : `${line}${gap}${part}`
    if (stripVTControlCharacters(longer).length >= columns) break
    line = longer
  }
  return line
}
