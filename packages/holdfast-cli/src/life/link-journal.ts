/** Turns the events of a socket into what its connection went through, each told once and with what followed from it. */

import type { CloseInfo, ReconnectingWebSocket, SessionCloseEvent, SocketErrorEvent } from 'holdfast'
import type { LifeEvent, Retry, SessionLabel } from './event.ts'
import { sessionName } from './session-name.ts'

type Told<Name extends LifeEvent['event']> = Omit<Extract<LifeEvent, { event: Name }>, 'retry'>

type JournalState =
  | { readonly name: 'new' }
  | { readonly name: 'open'; readonly since: number }
  /** A loss is told together with the retry that follows it at once. */
  | { readonly name: 'losing'; readonly since: number; readonly loss: Told<'lost'> | Told<'ended'> }
  | { readonly name: 'away'; readonly since: number }

/** A session measures a round trip whenever it asks for an acknowledgement: so often is enough to tell. */
const sessionPongGapMs = 1_000

export class LinkJournal {
  readonly #socket: ReconnectingWebSocket
  readonly #tell: (event: LifeEvent) => void
  #state: JournalState = { name: 'new' }
  #session: SessionLabel | null = null
  #links = 0
  #heardAt: number = performance.now()
  #rtt: number | null = null
  #pongToldAt = -Infinity
  #error: SocketErrorEvent | undefined

  constructor(socket: ReconnectingWebSocket, tell: (event: LifeEvent) => void) {
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
    socket.addEventListener('close', (event) => this.#receiveClose(event), { signal })
    socket.addEventListener('lost', ({ detail }) => this.#receiveLost(detail), { signal })
    socket.addEventListener('resumed', ({ detail }) => this.#receiveResumed(detail), { signal })
    socket.addEventListener('retry', ({ detail }) => this.#receiveRetry({ attempt: detail.attempt, delayMs: detail.delay }, detail.close), {
      signal,
    })
    socket.addEventListener('giveup', () => this.#receiveGiveup(), { signal })
    signal.addEventListener(
      'abort',
      socket.subscribe(() => this.#receiveStatus()),
    )
  }

  #receiveOpen(): void {
    const { session } = this.#socket.status
    const downMs = this.#state.name === 'away' ? performance.now() - this.#state.since : null
    this.#session = session?.id ? { id: sessionName(session.id), ttlMs: session.ttl } : null
    this.#beginLink()
    this.#tell({ event: 'open', link: this.#links, downMs, session: this.#session })
  }

  #receiveResumed({ downtime, replayed, resent }: { downtime: number; replayed: number; resent: number }): void {
    this.#beginLink()
    this.#tell({ event: 'resumed', link: this.#links, downMs: downtime, received: replayed, resent, lost: 0 })
  }

  #beginLink(): void {
    this.#tellLoss(null)
    this.#hear()
    this.#links++
    this.#error = undefined
    this.#state = { name: 'open', since: performance.now() }
  }

  /** The session is kept. */
  #receiveLost(close: CloseInfo): void {
    if (this.#state.name === 'open') this.#lose(this.#lossOf(close, this.#state.since))
  }

  #receiveClose(event: SessionCloseEvent): void {
    const { code, reason, cause, unconfirmed, exact, wasClean, httpStatus, willReconnect } = event
    const state = this.#state
    const session = this.#session
    const ending = { code, reason, cause, unconfirmed: unconfirmed.length, exact }
    this.#session = null
    if (willReconnect) {
      if (session) this.#lose({ event: 'ended', session, ...ending })
      else if (state.name === 'open') this.#lose(this.#lossOf(event, state.since))
      return
    }
    this.#tellLoss(null)
    const error = this.#error?.message ?? ''
    const wasOpen = state.name === 'open'
    const status = httpStatus === undefined ? {} : { httpStatus }
    this.#tell({ event: 'closed', ...ending, wasClean, wasOpen, silentMs: this.silentMs, session, error, ...status })
  }

  #lossOf({ code, reason, cause }: CloseInfo, openedAt: number): Told<'lost'> {
    const upMs = performance.now() - openedAt
    const unacknowledged = this.#socket.stats.unackedMessages
    return { event: 'lost', code, reason, cause, upMs, silentMs: this.silentMs, session: this.#session, unacknowledged }
  }

  #lose(loss: Told<'lost'> | Told<'ended'>): void {
    this.#tellLoss(null)
    const since = this.#state.name === 'away' ? this.#state.since : performance.now()
    this.#state = { name: 'losing', since, loss }
    this.#error = undefined
    // Whoever asks for a fresh link gets one without a retry, and a session may end while the next dial is planned already.
    queueMicrotask(() => this.#tellLoss(this.#plannedRetry))
  }

  #receiveRetry(retry: Retry, close: CloseInfo | null): void {
    if (this.#state.name === 'losing') {
      this.#tellLoss(retry)
      return
    }
    // While a session is kept a dial that fails is no error.
    const { message: error = '', cause = close?.cause ?? 'network' } = this.#error ?? {}
    const status = close?.httpStatus === undefined ? {} : { httpStatus: close.httpStatus }
    this.#error = undefined
    this.#tell({ event: 'failed', cause, error, ...status, retry })
  }

  #receiveGiveup(): void {
    this.#receiveRetry(null, this.#socket.status.lastClose)
    this.#tell({ event: 'giveup', dials: this.#socket.stats.dials })
  }

  #receiveStatus(): void {
    const { rtt } = this.#socket.status
    if (rtt === this.#rtt) return
    this.#rtt = rtt
    if (rtt === null) return
    this.#hear()
    if (this.#session && this.#heardAt - this.#pongToldAt < sessionPongGapMs) return
    this.#pongToldAt = this.#heardAt
    this.#tell({ event: 'pong', rttMs: rtt })
  }

  get #plannedRetry(): Retry {
    const { state, attempt, retryAt } = this.#socket.status
    return state === 'waiting' && retryAt !== null ? { attempt, delayMs: Math.max(0, retryAt - Date.now()) } : null
  }

  #tellLoss(retry: Retry): void {
    const state = this.#state
    if (state.name !== 'losing') return
    this.#state = { name: 'away', since: state.since }
    this.#tell({ ...state.loss, retry } as LifeEvent)
  }

  #hear(): void {
    this.#heardAt = performance.now()
  }
}
