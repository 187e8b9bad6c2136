/** A terminal with a line to type on, below everything that is written meanwhile. */

import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline'
import type { WriteStream } from 'node:tty'
import type { Output } from './output.ts'

export interface PromptOptions {
  readonly receiveLine: (line: string) => void
  /** Ctrl-D. */
  readonly receiveEnd: () => void
  /** Ctrl-C, which this kind of terminal passes on as a character. */
  readonly receiveInterrupt: () => void
  /** Words to complete with Tab. */
  readonly words: readonly string[]
}

export class Prompt implements Output {
  readonly #lines: Interface
  #isClosed = false

  constructor({ receiveLine, receiveEnd, receiveInterrupt, words }: PromptOptions) {
    const completer = (line: string): [string[], string] => [words.filter((word) => word.startsWith(line) && line !== ''), line]
    this.#lines = createInterface({ input: process.stdin, output: process.stderr, terminal: true, completer })
    this.#lines.on('line', (line) => {
      receiveLine(line)
      this.#redraw(false)
    })
    this.#lines.on('SIGINT', receiveInterrupt)
    this.#lines.on('close', () => {
      const wasClosed = this.#isClosed
      this.#isClosed = true
      if (!wasClosed) receiveEnd()
    })
  }

  /** From now on this is asked. */
  ask(question: string): void {
    this.#lines.setPrompt(question)
    this.#redraw(true)
  }

  async data(line: string): Promise<void> {
    this.#write(process.stdout, line)
  }

  words(line: string): void {
    this.#write(process.stderr, line)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#erase()
    this.#lines.close()
  }

  #write(stream: WriteStream, line: string): void {
    if (!this.#isClosed) this.#erase()
    stream.write(`${line}\n`)
    this.#redraw(true)
  }

  #erase(): void {
    const { stderr } = process
    moveCursor(stderr, 0, -this.#lines.getCursorPos().rows)
    cursorTo(stderr, 0)
    clearScreenDown(stderr)
  }

  #redraw(keepsCursor: boolean): void {
    if (!this.#isClosed) this.#lines.prompt(keepsCursor)
  }
}
