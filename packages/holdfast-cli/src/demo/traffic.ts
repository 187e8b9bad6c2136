/**
 * What an application does on its socket: it sends numbered messages, whether a link is there or not, and counts what comes back, and how
 * often it is told the time.
 */

import { Arrivals } from './arrivals.ts'
import type { Account } from './backend.ts'
import type { Score, TrafficEvent } from './event.ts'
import { Histogram } from './histogram.ts'

/** Begins a message that tells the time. */
export const clockWord = 'clock'

const sendEveryMs = 100
/** Nothing more is to be expected of an open link that has been silent for so long. */
const quietMs = 500

export class Traffic {
  readonly echoes: Histogram = new Histogram()
  /** What came back. */
  readonly arrivals: Arrivals = new Arrivals()
  /** The times that it was told. */
  readonly #ticks = new Arrivals()
  readonly #send: (text: string) => void
  readonly #account: Account
  readonly #tell: (event: TrafficEvent) => void
  #timer: NodeJS.Timeout | undefined
  #sent = 0
  #changedAt = 0
  #echoMs: number | null = null

  /** @param send keeps the message for the next link if none is there @param account what the server knows */
  constructor(send: (text: string) => void, account: Account, tell: (event: TrafficEvent) => void) {
    this.#send = send
    this.#account = account
    this.#tell = tell
  }

  get sent(): number {
    return this.#sent
  }
  /** The round trip of the last message that came back. */
  get echoMs(): number | null {
    return this.#echoMs
  }
  get isComplete(): boolean {
    return this.arrivals.count === this.#sent && this.#ticks.count === this.#account.ticks
  }
  /** Whether all is back, or it has been quiet for so long that nothing more is coming over this link. */
  get isSettled(): boolean {
    return this.isComplete || performance.now() - this.#changedAt > quietMs
  }
  get score(): Score {
    const { arrivals: delivered, connections, ticks } = this.#account
    return {
      sent: this.#sent,
      delivered: delivered.count,
      received: this.arrivals.count,
      lost: this.#sent - this.arrivals.count,
      duplicated: delivered.duplicates + this.arrivals.duplicates + this.#ticks.duplicates,
      missedTicks: ticks - this.#ticks.count,
      connections,
    }
  }

  start(): void {
    this.#timer = setInterval(() => this.#sendNext(), sendEveryMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.stir()
  }

  /** Something happened that may bring more. */
  stir(): void {
    this.#changedAt = performance.now()
  }

  receive(message: string): void {
    if (message.startsWith(clockWord)) {
      this.#ticks.receive(Number(message.split(' ')[1]))
      this.stir()
      return
    }
    const number = numberOf(message)
    this.#echoMs = performance.now() - Number(message.split(' ')[1])
    this.echoes.record(this.#echoMs)
    this.stir()
    const first = this.arrivals.receive(number)
    if (first !== undefined) this.#tell({ event: 'gap', first, last: number - 1, missing: number - first })
  }

  #sendNext(): void {
    this.#sent++
    this.#send(`${this.#sent} ${performance.now()}`)
  }
}

/** Of a message: its number, and the time when it was sent. */
export function numberOf(message: string): number {
  return Number(message.split(' ', 1)[0])
}
