/**
 * The life of a client's connection: when to dial, when to give a link up, how long to wait, when to hand over to a person.
 *
 *   idle ──start──▶ connecting ──opened──▶ settling ──set up──▶ open        closing: close() was called, the peer's answer is due
 *                    ▲      │                  │                 │          closed: final, nothing follows
 *                    │      └──── failed ──────┴──── lost ───────┤
 *                    │                                           ▼          from every state: close() and abort() end in closed,
 *                    ├─────── retryAt, online, wake ───────── waiting       reconnect() in connecting
 *                    │                                           │
 *                    └─────── reconnect(), online, wake ──── suspended ◀── the tries are used up: giveup
 *
 * It owns state, deadlines and the retry count, and nothing else: time and chance come in as arguments, what is to be done goes out
 * through `poll`, and `deadline` says when `tick` is due. A strict socket is one session: its first failure is its last. A
 * reconnecting one goes on until a final close code, its limit of tries, or its owner ends it.
 */

import { backoffDelay } from './backoff.ts'
import { isRevocable, type Output } from './client-output.ts'
import { type ClientState, checkMove, type FailureState, isLive, type LiveLink, type LiveState } from './client-state.ts'
import { abnormalClose, type CloseCause, type CloseInfo } from './close-info.ts'
import { ConnectTimeout } from './connect-timeout.ts'
import { Dial } from './dial.ts'
import { type LinkGauge, Liveness } from './liveness.ts'
import { Outbox, type OutboxBounds, type OutboxEntry } from './outbox.ts'
import { type RetryConfig, RetryRule } from './retry-rule.ts'

export interface ClientConfig extends RetryConfig {
  readonly heartbeat: { readonly interval: number; readonly timeout: number }
  readonly connectTimeout: number
  readonly writeTimeout: number
  readonly closeTimeout: number
  readonly outbox: OutboxBounds
  /** Whether each new session is set up by the application before the outbox flows. */
  readonly hasSetup: boolean
  /** Draws from [0, 1). */
  readonly random: () => number
}

export interface ClientCounters {
  dials: number
  links: number
  giveups: number
  pings: number
  failures: Readonly<Partial<Record<CloseCause, number>>>
}

const noLink = 0
const none = Object.freeze({})
/** A hint (online, visible, wake) dials no sooner than this after the retry before. */
const hintGapMs = 1_000
const microsecondsPerMs = 1_000

export class ClientMachine {
  readonly counters: ClientCounters = { dials: 0, links: 0, giveups: 0, pings: 0, failures: none }
  readonly #config: ClientConfig
  readonly #connectTimeout: ConnectTimeout
  readonly #retryRule: RetryRule
  #state: ClientState = { name: 'idle' }
  #outbox: Outbox | undefined // most sockets never queue
  #outputs: Output[] = []
  #lastClose: CloseInfo | null = null
  #lastLink = noLink
  #heardAt: number | undefined
  #isOffline = false
  #nextHintDialAt = -Infinity

  constructor(config: ClientConfig) {
    this.#config = config
    this.#connectTimeout = new ConnectTimeout(config.connectTimeout)
    this.#retryRule = new RetryRule(config)
  }

  get state(): ClientState {
    return this.#state
  }

  get lastClose(): CloseInfo | null {
    return this.#lastClose
  }

  /** When anything was last heard, on this link or on one before. */
  get heardAt(): number | undefined {
    return isLive(this.#state) ? this.#state.liveness.heardAt : this.#heardAt
  }

  get outbox(): Outbox {
    this.#outbox ??= new Outbox(this.#config.outbox)
    return this.#outbox
  }

  /** Messages that no link has taken yet. */
  get queued(): number {
    return this.#outbox?.length ?? 0
  }

  /** Whether a message may be handed to the link at once, with nothing queued before it. */
  get canTransmit(): boolean {
    const state = this.#state
    return state.name === 'open' && state.gauge.isOpen && this.queued === 0
  }

  /** When `tick` is due; Infinity when only the world or the application can bring news. */
  get deadline(): number {
    const state = this.#state
    switch (state.name) {
      case 'idle':
      case 'suspended':
      case 'closed':
        return Infinity
      case 'connecting':
        return state.dial.deadline
      case 'settling':
      case 'open':
        return Math.min(state.liveness.deadline, state.attempt > 0 ? this.#stableAt(state) : Infinity)
      case 'waiting':
        return state.retryAt
      case 'closing':
        return state.closeAt
    }
  }

  /** What is to be done next; call it until it returns undefined, after each input. */
  poll(): Output | undefined {
    if (this.#outputs.length > 0) {
      const output = this.#outputs.shift()
      if (this.#outputs.length === 0) this.#outputs = [] // a list that was used keeps its room
      return output
    }
    const state = this.#state
    if (state.name !== 'open' || !state.gauge.isOpen) return undefined
    const entry = this.#outbox?.shift()
    return entry && { kind: 'transmit', link: state.link, entry }
  }

  // From the application

  start(now: number, wall: number): void {
    if (this.#state.name === 'idle') this.#dial(now, wall, 0)
  }

  /** Keeps a message for the next link that takes one. */
  send(entry: OutboxEntry): void {
    this.outbox.push(entry)
  }

  /** A message was handed to the live link. */
  sent(now: number): void {
    const state = this.#state
    if (isLive(state) && state.liveness.sent(now)) this.#ping(state)
  }

  close(now: number, code: number | undefined, reason: string): void {
    const state = this.#state
    if (state.name === 'closing' || state.name === 'closed') return
    this.#revoke()
    if (isLive(state)) {
      this.#become({ name: 'closing', link: state.link, closeAt: now + this.#config.closeTimeout, close: abnormalClose('client') })
      this.#outputs.push({ kind: 'close', link: state.link, code, reason })
      return
    }
    const wasClean = this.queued === 0
    const close = this.#config.isReconnecting
      ? Object.freeze({ code: code ?? 1005, reason, wasClean, cause: 'client' as const })
      : abnormalClose('client')
    this.#end(now, close)
  }

  /** Ends everything now, without goodbye. */
  abort(now: number): void {
    if (this.#state.name === 'closed') return
    this.#revoke()
    this.#end(now, abnormalClose('aborted'))
  }

  /** A fresh link now, with the count at zero. */
  reconnect(now: number, wall: number): void {
    const state = this.#state
    if (state.name === 'closing' || state.name === 'closed') return
    this.#retryRule.forgive()
    const isUnseen = this.#revoke()
    this.#dropLink(true)
    if (isLive(state) && !isUnseen) this.#endSession(abnormalClose('client'), new Error('the link was replaced by reconnect()'))
    this.#dial(now, wall, 0)
  }

  /** The application's part of opening a session is done: the outbox may flow. */
  settled(link: number): void {
    const state = this.#state
    if (state.name === 'settling' && state.link === link) this.#become({ ...state, name: 'open' })
  }

  /** The application could not set the session up: it ends, and counts as a failed try. */
  setupFailed(now: number, link: number, error: Error): void {
    const state = this.#state
    if (state.name === 'settling' && state.link === link) this.#lose(now, state, abnormalClose('setup'), error, true)
  }

  /** The application sends faster than the link takes it: the session ends. */
  overflow(now: number, error: Error): void {
    const state = this.#state
    if (isLive(state)) this.#lose(now, state, Object.freeze({ code: 1013, reason: '', wasClean: false, cause: 'overflow' }), error, false)
  }

  /** The application stopped reading the link. */
  pause(): void {
    if (isLive(this.#state)) this.#state.liveness.pause()
  }

  resume(now: number): void {
    if (isLive(this.#state)) this.#state.liveness.resume(now)
  }

  // From the world

  /** @param canPing whether the transport has a ping, or the application gave one */
  opened(now: number, wall: number, link: number, gauge: LinkGauge, canPing: boolean): void {
    const state = this.#state
    if (state.name !== 'connecting' || state.link !== link) return
    const { heartbeat, writeTimeout, hasSetup } = this.#config
    const interval = canPing ? heartbeat.interval : Infinity
    const liveness = new Liveness({ interval, timeout: heartbeat.timeout, writeTimeout }, gauge, now, wall, this.counters.pings)
    this.#connectTimeout.succeeded(now - state.dial.since)
    const isFirst = this.counters.links === 0
    this.counters.links++
    this.#become({ name: hasSetup ? 'settling' : 'open', link, attempt: state.attempt, since: now, openedAt: wall, gauge, liveness })
    this.#outputs.push({ kind: 'open' })
    if (hasSetup) this.#outputs.push({ kind: 'setup', link, isFirst })
  }

  /** A link that was dialled, is open or is being closed is no more; `error` says what the platform knows. */
  linkClosed(now: number, link: number, close: CloseInfo, error: Error): void {
    const state = this.#state
    switch (state.name) {
      case 'connecting':
        if (state.link === link) this.#dialFailed(now, state.attempt, close, error)
        return
      case 'settling':
      case 'open':
        if (state.link === link) this.#lose(now, state, close, error, false)
        return
      case 'closing':
        if (state.link === link) this.#finish(close.wasClean ? Object.freeze({ ...close, cause: 'client' }) : close, error)
        return
      case 'idle':
      case 'waiting':
      case 'suspended':
      case 'closed':
        return
    }
  }

  /** A frame arrived. Returns whether it is for the application. */
  heard(now: number, link: number): boolean {
    const state = this.#state
    if (!isLive(state) || state.link !== link) return false
    state.liveness.heard(now)
    return true
  }

  answered(now: number, link: number, ping: number): void {
    const state = this.#state
    if (isLive(state) && state.link === link) state.liveness.answered(now, ping)
  }

  /** The platform knows that there is no network: tries are neither made nor counted. */
  offline(): void {
    this.#isOffline = true
    const state = this.#state
    if (state.name === 'waiting') this.#become({ ...state, retryAt: Infinity })
  }

  online(now: number, wall: number): void {
    this.#isOffline = false
    this.wake(now, wall)
  }

  /** Somebody is there again, or the machine is: what waited dials now, and an open link is asked for a sign of life. */
  wake(now: number, wall: number): void {
    const state = this.#state
    if (isLive(state)) {
      if (state.liveness.probe(now)) this.#ping(state)
    } else if (state.name === 'waiting' || state.name === 'suspended') this.#dialSoon(now, wall, state)
  }

  /** The page is put away: a reconnecting socket lets go of its link, or of its dial, until it is told that it is online. */
  hide(now: number): void {
    if (!this.#config.isReconnecting) return
    const state = this.#state
    this.offline()
    if (isLive(state)) this.#lose(now, state, abnormalClose('offline'), new Error('the page was put away'), true)
    if (state.name === 'connecting') {
      this.#dropLink(false)
      this.#become({ name: 'waiting', attempt: state.attempt, retryAt: Infinity, notBefore: now })
    }
  }

  tick(now: number, wall: number): void {
    const state = this.#state
    switch (state.name) {
      case 'connecting':
        this.#tickConnecting(now, wall, state)
        return
      case 'settling':
      case 'open':
        this.#tickLive(now, wall, state)
        return
      case 'waiting':
        if (now >= state.retryAt) this.#redial(now, wall, state.attempt)
        return
      case 'closing':
        if (now >= state.closeAt) this.#closeDue(state)
        return
      case 'idle':
      case 'suspended':
      case 'closed':
        return
    }
  }

  #tickConnecting(now: number, wall: number, state: ClientState & { name: 'connecting' }): void {
    if (!state.dial.tick(now, wall)) return
    const error = new Error(`no connection within ${state.dial.limitMs} ms; raise connectTimeout if the server is that slow`)
    this.#connectTimeout.expired()
    this.#dropLink(false)
    this.#dialFailed(now, state.attempt, abnormalClose('connect-timeout'), error)
  }

  #tickLive(now: number, wall: number, state: LiveState): void {
    const verdict = state.liveness.tick(now, wall)
    switch (verdict) {
      case 'ping':
        this.#ping(state)
        break
      case 'heartbeat-timeout': {
        const error = new Error(`nothing was heard for ${Math.round(now - state.liveness.heardAt)} ms, not even an answer to a ping`)
        this.#lose(now, state, abnormalClose(verdict), error, false)
        return
      }
      case 'write-timeout': {
        const error = new Error(`no byte could be written for ${this.#config.writeTimeout} ms (writeTimeout)`)
        this.#lose(now, state, abnormalClose(verdict), error, false)
        return
      }
      case 'alive':
        break
    }
    if (state.attempt > 0 && now >= this.#stableAt(state)) this.#become({ ...state, attempt: 0 })
  }

  #closeDue(state: ClientState & { name: 'closing' }): void {
    this.#dropLink(false)
    this.#finish(state.close, new Error(this.#closeError(state)))
  }

  #closeError(state: ClientState & { name: 'closing' }): string {
    if (state.close.cause === 'aborted') return 'the signal was aborted'
    if (state.link === noLink) return 'the socket was closed before a connection was established'
    return `the peer did not answer the close within ${this.#config.closeTimeout} ms (closeTimeout)`
  }

  #stableAt(state: LiveLink): number {
    return state.since + this.#config.retry.stableAfter
  }

  #ping(state: LiveLink): void {
    this.counters.pings++
    this.#outputs.push({ kind: 'ping', link: state.link, ping: state.liveness.ping })
  }

  #dial(now: number, wall: number, attempt: number): void {
    if (this.#isOffline && this.#config.isReconnecting) {
      this.#become({ name: 'waiting', attempt, retryAt: Infinity, notBefore: now })
      return
    }
    this.counters.dials++
    this.#lastLink++
    this.#become({ name: 'connecting', link: this.#lastLink, attempt, dial: new Dial(this.#connectTimeout.ms, now, wall) })
    this.#outputs.push({ kind: 'dial', link: this.#lastLink, attempt })
  }

  #redial(now: number, wall: number, attempt: number): void {
    this.#nextHintDialAt = now + hintGapMs
    this.#dial(now, wall, attempt)
  }

  #dialSoon(now: number, wall: number, state: ClientState & { name: 'waiting' | 'suspended' }): void {
    const { notBefore } = state
    const attempt = state.name === 'waiting' ? state.attempt : 0
    const at = Math.max(now, notBefore, this.#nextHintDialAt)
    if (this.#isOffline || (state.name === 'waiting' && state.retryAt <= at)) return
    if (at <= now) this.#redial(now, wall, attempt)
    else this.#become({ name: 'waiting', attempt, retryAt: at, notBefore })
  }

  /** What fails for want of a network was no try. */
  #dialFailed(now: number, attempt: number, close: CloseInfo, error: Error): void {
    const next = this.#next(now, close, attempt, this.#isOffline ? attempt : attempt + 1)
    if (next.name === 'closed') this.#finish(close, error)
    else this.#failed(now, next, close, error)
  }

  /** The live link is gone, and on a plain link the session with it. */
  #lose(now: number, state: LiveLink, close: CloseInfo, error: Error, isPolite: boolean): void {
    const isStable = now >= this.#stableAt(state)
    if (isStable) this.#retryRule.forgive()
    const attempt = isStable ? 0 : state.attempt
    const next = this.#next(now, close, attempt, attempt + 1)
    const isUnseen = this.#revoke()
    this.#dropLink(isPolite)
    if (next.name === 'closed') {
      this.#finish(close, error)
      return
    }
    if (isUnseen) {
      this.#failed(now, next, close, error)
      return
    }
    this.#become(next)
    this.#endSession(close, error)
    this.#announce(next, now, close)
  }

  /** @param nextAttempt the number of the retry to come */
  #next(now: number, close: CloseInfo, attempt: number, nextAttempt: number): FailureState {
    const { retry, random } = this.#config
    if (this.#retryRule.isFinal(close, attempt)) return { name: 'closed' }
    const notBefore = now + (close.retryAfter ?? 0)
    if (nextAttempt > retry.maxRetries) return { name: 'suspended', notBefore }
    const retryAt = this.#isOffline ? Infinity : Math.max(notBefore, now + backoffDelay(retry, nextAttempt, random))
    return { name: 'waiting', attempt: nextAttempt, retryAt, notBefore }
  }

  /** A try came to nothing that the application could have seen. */
  #failed(now: number, next: FailureState, close: CloseInfo, error: Error): void {
    this.#count(close)
    this.#become(next)
    this.#outputs.push({ kind: 'failed', close, error })
    this.#announce(next, now, close)
  }

  #announce(next: ClientState, now: number, close: CloseInfo): void {
    if (next.name === 'waiting' && next.retryAt < Infinity)
      this.#outputs.push({ kind: 'retry', attempt: next.attempt, delay: wholeMicroseconds(next.retryAt - now), close })
    if (next.name === 'suspended') {
      this.counters.giveups++
      this.#outputs.push({ kind: 'giveup', close: Object.freeze({ ...close, cause: 'retries-exhausted' }) })
    }
  }

  #endSession(close: CloseInfo, error: Error): void {
    this.#count(close)
    this.#outputs.push({ kind: 'end', close, error: isSilent(close) ? undefined : error, willReconnect: true, unsent: [] })
  }

  /** Ends with the next tick, so that nothing is told to the application inside its own call. */
  #end(now: number, close: CloseInfo): void {
    this.#dropLink(false)
    this.#become({ name: 'closing', link: noLink, closeAt: now, close })
  }

  #finish(close: CloseInfo, error: Error): void {
    this.#count(close)
    this.#become({ name: 'closed' })
    this.#outputs.push({
      kind: 'end',
      close,
      error: isSilent(close) ? undefined : error,
      willReconnect: false,
      unsent: this.outbox.drain(),
    })
  }

  #count(close: CloseInfo): void {
    const { failures } = this.counters
    this.#lastClose = close
    if (close.cause !== 'client') this.counters.failures = { ...failures, [close.cause]: (failures[close.cause] ?? 0) + 1 }
  }

  #dropLink(isPolite: boolean): void {
    const state = this.#state
    if ('link' in state && state.link !== noLink) this.#outputs.push({ kind: 'drop', link: state.link, isPolite })
  }

  /** Returns whether the opening of the session was among it: then the application never saw that session. */
  #revoke(): boolean {
    const isUnseen = this.#outputs.some((output) => output.kind === 'open')
    this.#outputs = this.#outputs.filter((output) => !isRevocable(output))
    return isUnseen
  }

  #become(next: ClientState): void {
    const state = this.#state
    const from = state.name
    checkMove(from, next.name)
    if (isLive(state)) this.#heardAt = state.liveness.heardAt
    this.#state = next
    if (from !== next.name) this.#outputs.push({ kind: 'change', from, to: next.name })
  }
}

/** Milliseconds as they were before they went through a sum of times. */
function wholeMicroseconds(ms: number): number {
  return Math.round(ms * microsecondsPerMs) / microsecondsPerMs
}

/** A close that the peer's application asked for, or ours, is not an error (WHATWG: `error` precedes a failed connection only). */
function isSilent(close: CloseInfo): boolean {
  return close.code !== 1006 && close.cause !== 'overflow'
}
