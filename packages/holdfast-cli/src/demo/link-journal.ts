/** Turns the events of a socket into those of the demonstration: what its links went through, one event for each turn of fate. */

import type { CloseInfo, ReconnectingWebSocket, SocketErrorEvent } from 'holdfast'
import type { DemoEvent, Retry } from './event.ts'

type LinkEvent<Name extends DemoEvent['event']> = Extract<DemoEvent, { event: Name }>
type Lost = Omit<LinkEvent<'lost'>, 'retry'>

type JournalState =
  | { readonly name: 'new' }
  | { readonly name: 'open'; readonly since: number }
  /** The loss is told together with the retry that follows it at once. */
  | { readonly name: 'losing'; readonly since: number; readonly lost: Lost }
  | { readonly name: 'away'; readonly since: number }

export class LinkJournal {
  readonly #socket: ReconnectingWebSocket
  readonly #tell: (event: DemoEvent) => void
  #state: JournalState = { name: 'new' }
  #links = 0
  #heardAt: number = performance.now()
  #rtt: number | null = null
  #error: SocketErrorEvent | undefined

  constructor(socket: ReconnectingWebSocket, tell: (event: DemoEvent) => void) {
    this.#socket = socket
    this.#tell = tell
  }

  /** Milliseconds since anything was heard, or since the beginning. */
  get silentMs(): number {
    return performance.now() - this.#heardAt
  }

  /** Watches until the signal aborts. */
  watch(signal: AbortSignal): void {
    const socket = this.#socket
    socket.addEventListener('open', () => this.#receiveOpen(), { signal })
    socket.addEventListener('message', () => this.#hear(), { signal })
    socket.addEventListener('error', (event) => (this.#error = event), { signal })
    socket.addEventListener('close', (event) => this.#receiveClose(event, event.willReconnect), { signal })
    socket.addEventListener('retry', ({ detail }) => this.#receiveRetry({ attempt: detail.attempt, delayMs: detail.delay }), { signal })
    socket.addEventListener('giveup', () => this.#receiveGiveup(), { signal })
    signal.addEventListener(
      'abort',
      socket.subscribe(() => this.#receiveStatus()),
    )
  }

  #receiveOpen(): void {
    const downMs = this.#state.name === 'away' ? performance.now() - this.#state.since : null
    this.#hear()
    this.#links++
    this.#state = { name: 'open', since: performance.now() }
    this.#tell({ event: 'open', link: this.#links, downMs })
  }

  #receiveClose({ code, reason, cause, httpStatus }: CloseInfo, willReconnect: boolean): void {
    const state = this.#state
    if (!willReconnect) {
      const status = httpStatus === undefined ? {} : { httpStatus }
      this.#tell({ event: 'closed', code, reason, cause, wasOpen: state.name === 'open', silentMs: this.silentMs, ...status })
      return
    }
    if (state.name !== 'open') return
    const now = performance.now()
    const lost: Lost = { event: 'lost', code, reason, cause, upMs: now - state.since, silentMs: this.silentMs }
    this.#state = { name: 'losing', since: now, lost }
    // Whoever asks for a fresh link gets one without a retry.
    queueMicrotask(() => this.#tellLost(null))
  }

  #receiveRetry(retry: Retry): void {
    if (this.#state.name === 'losing') {
      this.#tellLost(retry)
      return
    }
    const { message: error = '', cause = 'network' } = this.#error ?? {}
    const { httpStatus } = this.#socket.status.lastClose ?? {}
    this.#tell({ event: 'failed', cause, error, ...(httpStatus === undefined ? {} : { httpStatus }), retry })
  }

  #receiveGiveup(): void {
    this.#receiveRetry(null)
    this.#tell({ event: 'giveup', dials: this.#socket.stats.dials })
  }

  #receiveStatus(): void {
    const { rtt } = this.#socket.status
    if (rtt === this.#rtt) return
    this.#rtt = rtt
    if (rtt === null) return
    this.#hear()
    this.#tell({ event: 'pong', rttMs: rtt })
  }

  #tellLost(retry: Retry): void {
    const state = this.#state
    if (state.name !== 'losing') return
    this.#state = { name: 'away', since: state.since }
    this.#tell({ ...state.lost, retry })
  }

  #hear(): void {
    this.#heardAt = performance.now()
  }
}
