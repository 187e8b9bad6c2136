/** What the application does on the socket: it counts the numbered messages of the clock, and times echoes. */

import type { ReconnectingWebSocket } from 'holdfast'
import { echoWord, tickWord } from './clock-server.ts'
import type { DemoEvent } from './event.ts'
import { Histogram } from './histogram.ts'

const echoEveryMs = 250

export class Traffic {
  readonly echoes: Histogram = new Histogram()
  readonly #socket: ReconnectingWebSocket
  readonly #tell: (event: DemoEvent) => void
  #first: number | undefined
  #last = 0
  #received = 0
  #missing = 0
  #asked = 0
  #echoMs: number | null = null

  constructor(socket: ReconnectingWebSocket, tell: (event: DemoEvent) => void) {
    this.#socket = socket
    this.#tell = tell
  }

  /** The number that this application counts from; undefined until the first message. */
  get first(): number | undefined {
    return this.#first
  }
  get received(): number {
    return this.#received
  }
  /** Numbers that were skipped: sent while no link was there to take them. */
  get missing(): number {
    return this.#missing
  }
  get asked(): number {
    return this.#asked
  }
  /** The round trip of the last echo. */
  get echoMs(): number | null {
    return this.#echoMs
  }

  run(signal: AbortSignal): void {
    this.#socket.addEventListener('message', ({ data }) => this.#receive(String(data)), { signal })
    const timer = setInterval(() => this.#ask(), echoEveryMs)
    signal.addEventListener('abort', () => clearInterval(timer))
  }

  #ask(): void {
    // A question that waits for the next link would measure the outage, which is told elsewhere.
    if (this.#socket.readyState !== 1) return
    this.#asked++
    this.#socket.send(`${echoWord} ${performance.now()}`)
  }

  #receive(message: string): void {
    const [word, text] = message.split(' ')
    const value = Number(text)
    if (word === tickWord) this.#count(value)
    if (word === echoWord) {
      this.#echoMs = performance.now() - value
      this.echoes.record(this.#echoMs)
    }
  }

  #count(number: number): void {
    this.#first ??= number
    this.#received++
    const expected = this.#received === 1 ? number : this.#last + 1
    this.#last = number
    if (number <= expected) return
    this.#missing += number - expected
    this.#tell({ event: 'gap', first: expected, last: number - 1, missing: number - expected })
  }
}
