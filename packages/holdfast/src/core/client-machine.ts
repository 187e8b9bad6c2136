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
 * With sessions (PROTOCOL.md) a link that opened is `greeting` until its first frame came, and `waiting`, `connecting` and `suspended`
 * may hold a session that goes on with the next link. Only while a session migrates are there two links. Where the server says that it
 * does not have the session any more, the link stays in `greeting`, for a new one.
 *
 * It owns state, deadlines and the retry count, and nothing else: time and chance come in as arguments, what is to be done goes out
 * through `poll`, and `deadline` says when `tick` is due. A strict socket is one session: its first failure is its last. A
 * reconnecting one goes on until a final close code, its limit of tries, or its owner ends it.
 */

import { AwakeClock } from './awake-clock.ts'
import { backoffDelay } from './backoff.ts'
import { isRevocable, type Output } from './client-output.ts'
import { ClientSession } from './client-session.ts'
import { type ClientState, checkMove, type FailureState, isLive, type LiveLink, type LiveState } from './client-state.ts'
import { abnormalClose, type CloseCause, type CloseInfo, sessionLost } from './close-info.ts'
import { ConnectTimeout } from './connect-timeout.ts'
import { type Decoded, type Drain, decode, encode, isControl, type Refused, type Spliced, type Welcome } from './control.ts'
import { Dial } from './dial.ts'
import { Keeping } from './keeping.ts'
import { linkCode, mayBlameMessage, partingCode, partingReason } from './link-code.ts'
import { type LinkGauge, Liveness, type LivenessConfig, tickMs } from './liveness.ts'
import { type Migration, migrationDeadline, noMigration } from './migration.ts'
import { Outbox, type OutboxBounds, type OutboxEntry } from './outbox.ts'
import { type RetryConfig, RetryRule } from './retry-rule.ts'
import type { Payload } from './session.ts'

export interface ClientConfig extends RetryConfig {
  /** What is asked of a plain link; of those of a session its server asks. */
  readonly liveness: LivenessConfig
  readonly connectTimeout: number
  readonly closeTimeout: number
  readonly outbox: OutboxBounds
  /** Whether each new session is set up by the application before the outbox flows. */
  readonly hasSetup: boolean
  /** Draws from [0, 1). */
  readonly random: () => number
  /** Undefined: each link is a session of its own. */
  readonly session?: SessionRules | undefined
}

export interface SessionRules {
  /** Who we are to the server: 22 characters of base64url, drawn at random. */
  readonly cid: string
  /** Milliseconds after which a link is replaced without a gap. */
  readonly maxLinkAge: number
  /** Whether a server may send us to this address. */
  readonly mayMove: (url: string) => boolean
}

type Greeting = ClientState & { readonly name: 'greeting' }

/** The live link, and what went before its opening. */
interface Arrival {
  readonly link: number
  readonly attempt: number
  readonly openedAt: number
  readonly gauge: LinkGauge
}

export interface ClientCounters {
  dials: number
  sessions: number
  links: number
  giveups: number
  pings: number
  failures: Readonly<Partial<Record<CloseCause, number>>>
}

const noLink = 0
/** A close without a code (RFC 6455 section 7.4.1). */
const noCode = 1005
const none = Object.freeze({})
/** A hint (online, visible, wake) dials no sooner than this after the retry before. */
const hintGapMs = 1_000
/** The first frame of a link is due within this. */
const greetingMs = 10_000
/** A resumption that meets so many servers in a row which do not speak the protocol is given up. */
const maxStrangers = 3
const microsecondsPerMs = 1_000
const renewFrame = encode({ kind: 'renew' })

export class ClientMachine {
  readonly counters: ClientCounters = { dials: 0, sessions: 0, links: 0, giveups: 0, pings: 0, failures: none }
  readonly #config: ClientConfig
  readonly #connectTimeout: ConnectTimeout
  #retryRule: RetryRule | undefined // most sockets never fail
  #state: ClientState = { name: 'idle' }
  #outbox: Outbox | undefined // most sockets never queue
  #outputs: Output[] | undefined // undefined while nothing is wanted, which is most of the time
  #lastClose: CloseInfo | null = null
  #lastLink = noLink
  #heardAt: number | undefined
  #isOffline = false
  #nextHintDialAt: number | undefined
  readonly #keeping: Keeping | undefined

  constructor(config: ClientConfig) {
    this.#config = config
    this.#connectTimeout = new ConnectTimeout(config.connectTimeout)
    this.#keeping = config.session && new Keeping()
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

  /** The session that goes on with the next link, where there is one. */
  get held(): ClientSession | undefined {
    return this.#keeping?.held
  }

  /** Whether the session takes a message at once, with nothing queued before it. */
  get canSubmit(): boolean {
    const held = this.held
    return held ? held.isSet && held.session.isOpen && this.queued === 0 : false
  }

  /** Whether a message may be handed to the link at once, with nothing queued before it. */
  get canTransmit(): boolean {
    const state = this.#state
    return state.name === 'open' && !this.held && state.gauge.isOpen && this.queued === 0
  }

  /** When `tick` is due; Infinity when only the world or the application can bring news. */
  get deadline(): number {
    const own = this.#stateDeadline
    if (!this.#config.session) return own
    const held = this.held
    const sessionAt = held ? Math.min(held.session.deadline, migrationDeadline(held.migration)) : Infinity
    return Math.min(own, sessionAt, this.#keeping!.farewell.deadline)
  }

  get #stateDeadline(): number {
    const state = this.#state
    switch (state.name) {
      case 'idle':
      case 'closed':
        return Infinity
      case 'suspended':
        return this.held?.lostAt === undefined ? Infinity : this.held.lostAt + this.held.ttl
      case 'connecting':
      case 'greeting':
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
    if (this.#outputs) {
      const output = this.#outputs.shift()
      if (this.#outputs.length === 0) this.#outputs = undefined
      return output
    }
    const state = this.#state
    if (state.name !== 'open' || !state.gauge.isOpen || this.held) return undefined
    const entry = this.#outbox?.shift()
    return entry && { kind: 'transmit', link: state.link, entry }
  }

  /** What is to be written to the live link next, in a session; call it until it returns undefined, before each `poll`. */
  nextFrame(now: number): unknown {
    const held = this.held
    if (!held) return undefined
    if (held.isSet && !this.#outputs) this.#moveIn(held)
    const frame = held.session.nextFrame(now)
    if (frame === undefined) this.#checkSession(now, held)
    return frame
  }

  // From the application

  start(now: number, wall: number): void {
    if (this.#state.name === 'idle') this.#dial(now, wall, 0)
  }

  /** Keeps a message for the next link that takes one. */
  send(entry: OutboxEntry): void {
    this.outbox.push(entry)
  }

  /** Gives a message to the session. */
  submit(now: number, entry: OutboxEntry): void {
    this.held?.session.send(entry)
    this.held?.session.spoke(now)
  }

  /** How many pings were sent: those of sessions leave among their frames, and are counted there. */
  get pings(): number {
    return this.counters.pings + (this.held?.session.pingsSent ?? 0)
  }

  /** A message was handed to the live link. */
  sent(now: number): void {
    const state = this.#state
    if (isLive(state) && state.liveness.sent(now)) this.#ping(state)
  }

  close(now: number, wall: number, code: number | undefined, reason: string): void {
    const state = this.#state
    if (state.name === 'closing' || state.name === 'closed') return
    if (this.held) {
      this.#closeHeld(now, wall, this.held, code ?? noCode, reason)
      return
    }
    this.#revoke()
    if (isLive(state)) {
      this.#become({ name: 'closing', link: state.link, closeAt: now + this.#config.closeTimeout, close: abnormalClose('client') })
      this.#want({ kind: 'close', link: state.link, code, reason })
      return
    }
    const wasClean = this.queued === 0
    const close = this.#config.isReconnecting
      ? Object.freeze({ code: code ?? noCode, reason, wasClean, cause: 'client' as const })
      : abnormalClose('client')
    this.#end(now, close)
  }

  /** Ends everything now, without goodbye. */
  abort(now: number): void {
    if (this.#state.name === 'closed') return
    this.#revoke()
    if (this.held) this.#endNow(now, this.held, abnormalClose('aborted'), new Error('the signal was aborted'))
    else this.#end(now, abnormalClose('aborted'))
  }

  /** A fresh link now, with the count at zero. */
  reconnect(now: number, wall: number): void {
    const state = this.#state
    if (state.name === 'closing' || state.name === 'closed') return
    this.#retryRule?.forgive()
    const isUnseen = this.#revoke()
    this.#dropLink(true)
    if (isLive(state) && this.held) this.#leave(now, this.held)
    else if (isLive(state) && !isUnseen) this.#endSession(abnormalClose('client'), new Error('the link was replaced by reconnect()'))
    else this.#missLink(now, abnormalClose('client'))
    this.#dial(now, wall, 0)
  }

  /** The application's part of opening a session is done: the outbox may flow. */
  settled(link: number): void {
    const state = this.#state
    const held = this.held
    if (held ? held.link !== link : !isLive(state) || state.link !== link) return
    if (held) held.isSet = true
    if (state.name === 'settling') this.#become({ ...state, name: 'open' })
  }

  /** The application could not set the session up: it ends, and counts as a failed try. */
  setupFailed(now: number, link: number, error: Error): void {
    const state = this.#state
    if (this.held?.link === link && !this.held.isSet) this.#endNow(now, this.held, abnormalClose('setup'), error)
    else if (state.name === 'settling' && state.link === link) this.#lose(now, state, abnormalClose('setup'), error, true)
  }

  /** The application sends faster than the link takes it: the session ends. */
  overflow(now: number, error: Error): void {
    const state = this.#state
    const close = abnormalClose('overflow', '', 1013)
    if (this.held) this.#endNow(now, this.held, close, error)
    else if (isLive(state)) this.#lose(now, state, close, error, false)
  }

  /** The application stopped reading the link. */
  pause(): void {
    if (this.held) this.held.session.inbox.hold()
    else if (isLive(this.#state)) this.#state.liveness.pause()
  }

  resume(now: number): void {
    if (this.held) this.held.session.inbox.release()
    else if (isLive(this.#state)) this.#state.liveness.resume(now)
  }

  // From the world

  /**
   * @param canPing whether the transport has a ping, or the application gave one
   * @param speaks whether the server chose the subprotocol of sessions
   * @param answer what it chose
   */
  opened(now: number, wall: number, link: number, gauge: LinkGauge, canPing: boolean, speaks = false, answer = ''): void {
    const state = this.#state
    const held = this.held
    if (held?.migration.name === 'dialling' && held.migration.link === link) {
      this.#migrationOpened(now, wall, held, held.migration, gauge, speaks)
      return
    }
    if (state.name !== 'connecting' || state.link !== link) return
    this.#connectTimeout.succeeded(now - state.dial.since)
    if (!this.#config.session) this.#openPlain(now, wall, { link, attempt: state.attempt, openedAt: wall, gauge }, canPing)
    else if (speaks) this.#greet(now, wall, { link, attempt: state.attempt, openedAt: wall, gauge })
    else this.#meetStranger(now, state, answer)
  }

  /** A link that was dialled, is open or is being closed is no more; `error` says what the platform knows. */
  linkClosed(now: number, link: number, close: CloseInfo, error: Error): void {
    const state = this.#state
    const held = this.held
    this.#keeping?.farewell.remove(link)
    if (held && 'link' in held.migration && held.migration.link === link) {
      this.#migrationFailed(now, held, held.migration)
      return
    }
    switch (state.name) {
      case 'connecting':
        if (state.link === link) this.#dialFailed(now, state.attempt, close, error)
        return
      case 'greeting':
        if (state.link === link)
          this.#dialFailed(now, state.attempt, abnormalClose(held && close.cause === 'auth' ? 'server' : close.cause), error)
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

  /** A message arrived on a link of a session. @returns what is for the application; undefined where nothing is */
  receive(now: number, wall: number, link: number, payload: Payload): Payload | undefined {
    const state = this.#state
    const held = this.held
    if (held && isLive(state) && state.link === link) {
      if (typeof payload === 'string' && isControl(payload)) return this.#controlled(now, held, decode(payload))
      const data = held.session.receive(now, payload)
      if (data === undefined) this.#checkSession(now, held)
      return data
    }
    if (state.name === 'greeting' && state.link === link) this.#greeted(now, wall, state, decodeFirst(payload))
    else if (held?.migration.name === 'greeting' && held.migration.link === link) {
      this.#migrationGreeted(now, wall, held, held.migration, decodeFirst(payload))
    }
    return undefined
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
      if (this.held) this.held.session.probe(now)
      else if (state.liveness.probe(now)) this.#ping(state)
    } else if (state.name === 'waiting' || state.name === 'suspended') this.#dialSoon(now, wall, state)
  }

  /** The page is put away: a reconnecting socket lets go of its link, or of its dial, until it is told that it is online. */
  hide(now: number): void {
    if (!this.#config.isReconnecting && !this.held) return
    this.offline()
    if (isLive(this.#state)) this.#lose(now, this.#state, abnormalClose('offline'), new Error('the page was put away'), true)
    const state = this.#state
    if (state.name === 'connecting' || state.name === 'greeting') {
      this.#missLink(now, abnormalClose('offline'))
      this.#dropLink(false)
      this.#become({ name: 'waiting', attempt: state.attempt, retryAt: Infinity, notBefore: now })
    }
  }

  tick(now: number, wall: number): void {
    if (this.#config.session) this.#tickSession(now, wall)
    const state = this.#state
    switch (state.name) {
      case 'connecting':
      case 'greeting':
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
      case 'suspended':
        if (now >= this.#stateDeadline) this.#endNow(now, this.held!, sessionLost('expired'), new Error('its time is over'))
        return
      case 'idle':
      case 'closed':
        return
    }
  }

  #tickConnecting(now: number, wall: number, state: ClientState & { name: 'connecting' | 'greeting' }): void {
    if (!state.dial.tick(now, wall)) return
    const { limitMs } = state.dial
    const isMute = state.name === 'greeting'
    const text = isMute
      ? `no first frame within ${limitMs} ms`
      : `no connection within ${limitMs} ms; raise connectTimeout if the server is that slow`
    if (!isMute) this.#connectTimeout.expired()
    this.#dropLink(false)
    this.#dialFailed(now, state.attempt, abnormalClose('connect-timeout'), new Error(text))
  }

  #tickLive(now: number, wall: number, state: LiveState): void {
    const held = this.held
    const verdict = held ? held.session.tick(now, wall) : state.liveness.tick(now, wall)
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
        const error = new Error(`no byte could be written for ${this.#config.liveness.writeTimeout} ms (writeTimeout)`)
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

  /** A session's ping leaves among its frames. */
  #ping(state: LiveLink): void {
    if (this.held) return
    this.counters.pings++
    this.#want({ kind: 'ping', link: state.link, ping: state.liveness.ping })
  }

  #dial(now: number, wall: number, attempt: number): void {
    if (this.#isOffline && this.#config.isReconnecting) {
      this.#become({ name: 'waiting', attempt, retryAt: Infinity, notBefore: now })
      return
    }
    this.counters.dials++
    this.#lastLink++
    this.#become({ name: 'connecting', link: this.#lastLink, attempt, dial: new Dial(this.#connectTimeout.ms, now, wall) })
    this.#want({ kind: 'dial', link: this.#lastLink, attempt, isResuming: this.held !== undefined, url: this.#keeping?.url })
  }

  #redial(now: number, wall: number, attempt: number): void {
    this.#nextHintDialAt = now + hintGapMs
    this.#dial(now, wall, attempt)
  }

  #dialSoon(now: number, wall: number, state: ClientState & { name: 'waiting' | 'suspended' }): void {
    const { notBefore } = state
    const attempt = state.name === 'waiting' ? state.attempt : 0
    const at = Math.max(now, notBefore, this.#nextHintDialAt ?? now)
    if (this.#isOffline || (state.name === 'waiting' && state.retryAt <= at)) return
    if (at <= now) this.#redial(now, wall, attempt)
    else this.#become({ name: 'waiting', attempt, retryAt: at, notBefore })
  }

  /** What fails for want of a network was no try. */
  #dialFailed(now: number, attempt: number, close: CloseInfo, error: Error): void {
    const next = this.#next(now, close, attempt, this.#isOffline ? attempt : attempt + 1)
    this.#keeping?.strayed()
    if (this.held) this.#resumptionFailed(now, this.held, next, close, error)
    else if (next.name === 'closed') this.#finish(close, error)
    else this.#failed(now, next, close, error)
  }

  /** The live link is gone, and with it a session that has no other. */
  #lose(now: number, state: LiveLink, close: CloseInfo, error: Error, isPolite: boolean): void {
    const isStable = now >= this.#stableAt(state)
    if (isStable) this.#retryRule?.forgive()
    const attempt = this.held?.hasProgressed() || isStable ? 0 : state.attempt
    if (this.held) {
      this.#loseLink(now, this.held, attempt, close, error, isPolite)
      return
    }
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
    this.#announce(next, now, close, error)
  }

  /**
   * @param nextAttempt the number of the retry to come
   * @param delayMs how long it waits at least
   */
  #next(
    now: number,
    close: CloseInfo,
    attempt: number,
    nextAttempt: number,
    delayMs: number = this.#delay(now, close, nextAttempt, this.held),
  ): FailureState {
    if (this.#rule.isFinal(close, attempt, this.held !== undefined)) return { name: 'closed' }
    const notBefore = now + (close.retryAfter ?? 0)
    if (nextAttempt > this.#config.retry.maxRetries) return { name: 'suspended', notBefore }
    const retryAt = this.#isOffline ? Infinity : Math.max(notBefore, now + delayMs)
    return { name: 'waiting', attempt: nextAttempt, retryAt, notBefore }
  }

  get #rule(): RetryRule {
    return (this.#retryRule ??= new RetryRule(this.#config))
  }

  /** Milliseconds before a retry. */
  #delay(now: number, { cause }: CloseInfo, attempt: number, spreading: ClientSession | undefined): number {
    const { retry, random } = this.#config
    const first = spreading && attempt === 1 ? this.#keeping!.firstRetry.delay(now, cause, spreading.spread, random) : undefined
    return first ?? backoffDelay(retry, attempt, random)
  }

  /** A try came to nothing that the application could have seen. */
  #failed(now: number, next: FailureState, close: CloseInfo, error: Error): void {
    this.#count(close)
    this.#become(next)
    this.#want({ kind: 'failed', close, error })
    this.#announce(next, now, close, error)
  }

  #announce(next: ClientState, now: number, close: CloseInfo, error: Error): void {
    if (next.name === 'waiting' && next.retryAt < Infinity)
      this.#want({ kind: 'retry', attempt: next.attempt, delay: wholeMicroseconds(next.retryAt - now), close, error })
    if (next.name === 'suspended') {
      this.counters.giveups++
      this.#want({ kind: 'giveup', close: Object.freeze({ ...close, cause: 'retries-exhausted' }) })
    }
  }

  #endSession(close: CloseInfo, error: Error, unsent: readonly OutboxEntry[] = [], exact = false): void {
    this.#count(close)
    this.#want({ kind: 'end', close, error: isSilent(close) ? undefined : error, willReconnect: true, unsent, exact })
  }

  /** Ends with the next tick, so that nothing is told to the application inside its own call. */
  #end(now: number, close: CloseInfo): void {
    this.#dropLink(false)
    this.#become({ name: 'closing', link: noLink, closeAt: now, close })
  }

  /** @param unsent what the session still had; messages that never belonged to one follow it */
  #finish(close: CloseInfo, error: Error, unsent: readonly OutboxEntry[] = [], exact = true): void {
    this.#count(close)
    this.#become({ name: 'closed' })
    this.#want({
      kind: 'end',
      close,
      error: isSilent(close) ? undefined : error,
      willReconnect: false,
      unsent: [...unsent, ...this.outbox.drain()],
      exact,
    })
  }

  #count(close: CloseInfo): void {
    const { failures } = this.counters
    this.#lastClose = close
    if (close.cause !== 'client') this.counters.failures = { ...failures, [close.cause]: (failures[close.cause] ?? 0) + 1 }
  }

  // Sessions

  /** Ends the session in order, over this link or, should it be away, over the next one. */
  #closeHeld(now: number, wall: number, held: ClientSession, code: number, reason: string): void {
    const state = this.#state
    held.isClosed = true
    if (held.isSet) this.#moveIn(held)
    held.session.finish(now, code, reason)
    if (state.name === 'waiting' || state.name === 'suspended') this.#dialSoon(now, wall, state)
  }

  /** What was queued for the session becomes part of it. */
  #moveIn(held: ClientSession): void {
    if (this.queued === 0 || !held.session.isOpen) return
    const entries = this.outbox.drain()
    for (const entry of entries) held.session.send(entry)
    if (entries.some((entry) => entry.settle)) held.session.ask() // somebody waits for the answer
  }

  #openPlain(now: number, wall: number, arrival: Arrival, canPing: boolean): void {
    const { liveness } = this.#config
    const config = canPing ? liveness : { ...liveness, interval: Infinity }
    this.#enter(now, arrival, new Liveness(config, arrival.gauge, now, new AwakeClock(tickMs(config), now, wall), this.counters.pings))
    this.#announceOpen(arrival.link)
  }

  #announceOpen(link: number): void {
    this.counters.sessions++
    this.#want({ kind: 'open' })
    if (this.#config.hasSetup) this.#want({ kind: 'setup', link, isFirst: this.counters.sessions === 1 })
  }

  #enter(now: number, { link, attempt, openedAt, gauge }: Arrival, liveness: Liveness): void {
    const isSetUp = this.held ? this.held.isSet : !this.#config.hasSetup
    this.counters.links++
    this.#become({ name: isSetUp ? 'open' : 'settling', link, attempt, openedAt, gauge, since: now, liveness })
  }

  #greet(now: number, wall: number, arrival: Arrival): void {
    this.#become({ name: 'greeting', ...arrival, dial: new Dial(greetingMs, now, wall) })
    if (this.held) this.#want({ kind: 'write', link: arrival.link, frame: this.held.resume() })
  }

  /** Somebody answered who does not speak the protocol: final for a new session, and for one that meets several of them in a row. */
  #meetStranger(now: number, state: ClientState & { name: 'connecting' }, answer: string): void {
    const held = this.held
    const said = answer === '' ? 'chose no subprotocol' : `chose the subprotocol ${answer}`
    const error = new Error(`the server does not speak holdfast.v1, it ${said}; without the option resume it is talked to over plain links`)
    this.#dropLink(true)
    if (held) held.strangers++
    if (!held) this.#dialFailed(now, state.attempt, abnormalClose('unsupported'), error)
    else if (held.strangers >= maxStrangers) this.#endHeld(now, held, sessionLost('unsupported', 'unsupported'), error)
    else this.#dialFailed(now, state.attempt, abnormalClose('network'), error)
  }

  #greeted(now: number, wall: number, state: Greeting, first: Decoded): void {
    if (first.kind === 'unknown') return
    const held = this.held
    if (first.kind === 'welcome' && !held) this.#welcomed(now, wall, state, first)
    else if (first.kind === 'spliced' && held) this.#spliced(now, wall, held, state, first)
    else if (first.kind === 'refused') this.#refused(now, wall, state, first)
    else this.#greetedBadly(now, state, first)
  }

  /** Who answers like this is not, or not yet, the server of our session: the attempt failed, no more. */
  #greetedBadly(now: number, state: Greeting, first: Decoded): void {
    const text = misplaced(first)
    this.#part(now, state.link, linkCode.violation, text)
    this.#dialFailed(now, state.attempt, abnormalClose('protocol'), new Error(`the server broke the protocol: ${text}`))
  }

  #welcomed(now: number, wall: number, state: Greeting, welcome: Welcome): void {
    const { outbox, closeTimeout, hasSetup, session } = this.#config
    const held = new ClientSession(welcome, state.link, session!.cid, { self: 'client', outbox, closeTimeout })
    held.isSet = !hasSetup
    held.since = state.openedAt
    this.#keeping!.held = held
    this.#attach(now, wall, held, state, 0, 0)
    held.session.greet()
    this.#announceOpen(state.link)
  }

  #spliced(now: number, wall: number, held: ClientSession, arrival: Arrival, spliced: Spliced): void {
    if (!held.accepts(spliced)) {
      this.#part(now, arrival.link, linkCode.abandoned)
      this.#endHeld(now, held, sessionLost('state'), new Error('the server lost what it had of the session'))
      return
    }
    const resent = held.session.sent - spliced.recv
    const replayed = spliced.sent - spliced.base
    held.agree(spliced)
    this.#attach(now, wall, held, arrival, spliced.recv, spliced.base)
    if (held.lostAt !== undefined) this.#want({ kind: 'resumed', downtime: now - held.lostAt, replayed, resent })
    held.lostAt = undefined
    this.#checkSession(now, held)
  }

  #attach(now: number, wall: number, held: ClientSession, arrival: Arrival, recv: number, base: number): void {
    const { liveness: own, session } = this.#config
    const { gauge } = arrival
    const config = held.liveness(own.writeTimeout, gauge.bytesRead > 0)
    const liveness = new Liveness(config, gauge, now, new AwakeClock(tickMs(config), now, wall), held.session.pings)
    held.session.attach(liveness, recv, base, base)
    held.strangers = 0
    held.tentativeLink = undefined
    held.migration = plannedAt(now + session!.maxLinkAge)
    this.#keeping!.arrived()
    this.#enter(now, arrival, liveness)
  }

  #controlled(now: number, held: ClientSession, control: Decoded): undefined {
    if (control.kind === 'drain') {
      held.session.heard(now)
      held.migration = this.#drained(now, held.migration, control)
    } else held.session.control(now, control)
    this.#checkSession(now, held)
  }

  /** What the server answered instead of taking us. */
  #refused(now: number, wall: number, state: Greeting, refused: Refused): void {
    const held = this.held
    const error = new Error(`the server refused the session: ${refused.why}`)
    const isTentative = held?.tentativeLink === state.link && refused.why !== 'stale'
    const isPassing = refused.why === 'busy' || refused.why === 'moved'
    if (held && !isTentative && !isPassing) {
      this.#endRefused(now, wall, held, state, refused, error)
      return
    }
    const close = isTentative ? abnormalClose('server') : refusedClose(refused)
    this.#part(now, state.link, linkCode.refused)
    if (isPassing) this.#missLink(now, close)
    const { retry, random } = this.#config
    if (refused.why === 'busy') this.#waitFor(now, state.attempt, refused.after ?? backoffDelay(retry, 1, random), error)
    else if (refused.why === 'moved' && this.#follows(refused.url)) this.#dial(now, wall, state.attempt)
    else this.#dialFailed(now, state.attempt, close, error)
  }

  #endRefused(now: number, wall: number, held: ClientSession, state: Greeting, refused: Refused, error: Error): void {
    const isKnown = refused.recv !== undefined && held.session.learn(refused.recv)
    const isExact = isKnown && refused.why !== 'state' // that session lives, and may be given what is under way
    const close = held.session.close ?? refusedClose(refused)
    const isLost = close.cause === 'session-lost' && !held.isClosed
    const next = isLost ? this.#renewal(now, wall, state, close) : undefined
    if (next?.name !== 'greeting') this.#part(now, state.link, linkCode.refused)
    this.#endHeld(now, held, close, error, isExact, next)
    if (next?.name === 'greeting') this.#want({ kind: 'write', link: state.link, frame: renewFrame })
  }

  /** The server is there, and has said so on a link that is open: a new session needs no other one, and this was no try. */
  #renewal(now: number, wall: number, state: Greeting, close: CloseInfo): Greeting | FailureState {
    if (this.#rule.isFinal(close, state.attempt)) return { name: 'closed' }
    return { ...state, dial: new Dial(greetingMs, now, wall) }
  }

  /** The server is full: this was no try. */
  #waitFor(now: number, attempt: number, delayMs: number, error: Error): void {
    const at = now + delayMs
    const next: FailureState = { name: 'waiting', attempt, retryAt: this.#isOffline ? Infinity : at, notBefore: at }
    this.#become(next)
    this.#announce(next, now, abnormalClose('server'), error)
  }

  #follows(url: string | undefined): boolean {
    return url !== undefined && this.#config.session!.mayMove(url) && this.#keeping!.follow(url)
  }

  #tickSession(now: number, wall: number): void {
    for (let link = this.#keeping!.farewell.next(now); link !== undefined; link = this.#keeping!.farewell.next(now)) {
      this.#want({ kind: 'drop', link, isPolite: false })
    }
    const held = this.held
    if (!held) return
    if (!isLive(this.#state)) held.session.tick(now, wall)
    this.#tickMigration(now, wall, held)
    this.#checkSession(now, held)
  }

  /** The live link of a session is gone; the session waits for the next one. */
  #loseLink(now: number, held: ClientSession, attempt: number, close: CloseInfo, error: Error, isPolite: boolean): void {
    const end = held.judge(close)
    const { session, migration } = held
    this.#dropLink(isPolite)
    if (end.kind !== 'fatal') session.detach(now, mayBlameMessage(close))
    if (end.kind === 'fatal' || session.close) {
      this.#endHeld(now, held, end.kind === 'fatal' ? end.close : session.close!, error)
      return
    }
    if (end.kind === 'lost') this.#announceLost(now, held, close)
    if (migration.name === 'dialling' || migration.name === 'greeting') this.#adopt(held, migration, attempt)
    else {
      held.migration = noMigration
      this.#waitOrEnd(now, held, this.#next(now, close, attempt, attempt + 1), close, error)
    }
  }

  /** Lets go of the live link of a session, and of one that it was to move to. */
  #leave(now: number, held: ClientSession): void {
    if ('link' in held.migration) this.#want({ kind: 'drop', link: held.migration.link, isPolite: false })
    held.migration = noMigration
    held.session.detach(now, false)
    this.#announceLost(now, held, abnormalClose('client'))
  }

  #announceLost(now: number, held: ClientSession, close: CloseInfo): void {
    this.#count(close)
    held.lostAt = now
    this.#want({ kind: 'lost', close })
  }

  /** The link that a session was to move to is the only one left: its attempt goes on as a resumption. */
  #adopt(held: ClientSession, migration: Migration & { name: 'dialling' | 'greeting' }, attempt: number): void {
    const { link, dial } = migration
    held.migration = noMigration
    held.tentativeLink = link
    if (migration.name === 'dialling') this.#become({ name: 'connecting', link, attempt, dial })
    else this.#become({ name: 'greeting', link, attempt, dial, openedAt: migration.openedAt, gauge: migration.gauge })
  }

  /** An attempt to resume came to nothing. */
  #resumptionFailed(now: number, held: ClientSession, next: FailureState, close: CloseInfo, error: Error): void {
    if (!this.#missLink(now, close)) this.#count(close)
    this.#waitOrEnd(now, held, next, close, error)
  }

  /** A link whose successor was under way was not missed until that came to nothing. Returns whether it is now. */
  #missLink(now: number, close: CloseInfo): boolean {
    const { held } = this
    if (!held || held.lostAt !== undefined) return false
    this.#announceLost(now, held, close)
    return true
  }

  /** No link, for now or for good. Nobody but the log is told of an error while the session is kept. */
  #waitOrEnd(now: number, held: ClientSession, next: FailureState, close: CloseInfo, error: Error): void {
    if (next.name === 'closed') {
      this.#endHeld(now, held, Object.freeze({ ...close, code: 1006, reason: '', wasClean: false }), error)
      return
    }
    if (next.name === 'suspended' && !this.#config.isReconnecting) {
      this.#endHeld(now, held, abnormalClose('retries-exhausted'), error)
      return
    }
    this.#become(next)
    this.#announce(next, now, close, error)
  }

  /** Tells how the session ended, if it has. */
  #checkSession(now: number, held: ClientSession): void {
    const { close } = held.session
    if (close && this.held === held)
      this.#endNow(now, held, close, new Error(close.reason || 'the session ended without an answer of the peer'))
  }

  /** Ends the session and lets go of its link, which learns how. */
  #endNow(now: number, held: ClientSession, close: CloseInfo, error: Error): void {
    const state = this.#state
    held.session.end(close)
    if (isLive(state)) {
      const { session } = held
      for (let frame = session.nextFrame(now); frame !== undefined; frame = session.nextFrame(now))
        this.#want({ kind: 'write', link: state.link, frame })
      this.#part(now, state.link, partingCode(close), partingReason(close))
    } else this.#dropLink(false)
    this.#endHeld(now, held, close, error)
  }

  /**
   * The session is over, and its link is taken care of; what follows is decided as for the loss of a plain link.
   *
   * @param decided what follows, where it is known already
   */
  #endHeld(now: number, held: ClientSession, close: CloseInfo, error: Error, isExact = false, decided?: Greeting | FailureState): void {
    const state = this.#state
    const { session, migration } = held
    const wasAsked = held.isClosed || close.cause === 'aborted'
    session.end(close)
    this.counters.pings += session.pingsSent
    const unsent = session.drain()
    if ('link' in migration) this.#want({ kind: 'drop', link: migration.link, isPolite: false })
    this.#keeping!.held = undefined
    const next = decided ?? (wasAsked ? { name: 'closed' as const } : this.#nextLink(now, held, close))
    if (next.name !== 'greeting') this.#keeping!.strayed()
    if (next.name === 'closed') {
      this.#finish(close, error, unsent, isExact)
      return
    }
    const isAway = state.name === 'waiting' || state.name === 'suspended' // and stays so: the next link is for a new session
    if (!isAway) this.#become(next)
    this.#endSession(close, error, unsent, isExact)
    if (!isAway) this.#announce(next, now, close, error)
  }

  #nextLink(now: number, held: ClientSession, close: CloseInfo): FailureState {
    const state = this.#state
    const isDrained = close.cause === 'drain' // as are the sessions of others
    const attempt = 'attempt' in state && !(isDrained && held.hasProgressed()) ? state.attempt : 0
    return this.#next(now, close, attempt, attempt + 1, this.#delay(now, close, attempt + 1, isDrained ? held : undefined))
  }

  /** Says goodbye on a link that nothing more is heard from; it is dropped if the answer takes too long. */
  #part(now: number, link: number, code: number, reason = ''): void {
    this.#keeping!.farewell.add(now, link)
    this.#want({ kind: 'close', link, code, reason })
  }

  // Migration

  /** The server wants this link to be left. A move that is under way serves as well. */
  #drained(now: number, migration: Migration, drain: Drain): Migration {
    if (migration.name === 'dialling' || migration.name === 'greeting') return migration
    const url = drain.url !== undefined && this.#config.session!.mayMove(drain.url) ? drain.url : undefined
    return { name: 'planned', at: now + drain.in, by: now + drain.by, url, tries: 0 }
  }

  #tickMigration(now: number, wall: number, held: ClientSession): void {
    const { migration } = held
    switch (migration.name) {
      case 'none':
        return
      case 'planned':
        if (now < migration.at) return
        // A move would fence the link on which the last acknowledgement travels.
        if (!held.session.isOpen) held.migration = noMigration
        else if (this.#isOffline) held.migration = { ...migration, at: now + hintGapMs }
        else this.#startMigration(now, wall, held, migration)
        return
      case 'dialling':
      case 'greeting':
        if (!migration.dial.tick(now, wall)) return
        this.#want({ kind: 'drop', link: migration.link, isPolite: false })
        this.#migrationFailed(now, held, migration)
        return
    }
  }

  #startMigration(now: number, wall: number, held: ClientSession, { by, url, tries }: Migration & { name: 'planned' }): void {
    this.counters.dials++
    this.#lastLink++
    const link = this.#lastLink
    held.migration = { name: 'dialling', link, by, url, tries, dial: new Dial(this.#connectTimeout.ms, now, wall) }
    this.#want({ kind: 'dial', link, attempt: 0, isResuming: true, url: url ?? this.#keeping!.url })
  }

  #migrationOpened(
    now: number,
    wall: number,
    held: ClientSession,
    migration: Migration & { name: 'dialling' },
    gauge: LinkGauge,
    speaks: boolean,
  ): void {
    const { link, by, url, tries, dial } = migration
    this.#connectTimeout.succeeded(now - dial.since)
    if (!speaks) {
      this.#want({ kind: 'drop', link, isPolite: true })
      this.#migrationFailed(now, held, migration)
      return
    }
    held.migration = { name: 'greeting', link, by, url, tries, openedAt: wall, gauge, dial: new Dial(greetingMs, now, wall) }
    this.#want({ kind: 'write', link, frame: held.resume() })
  }

  #migrationGreeted(now: number, wall: number, held: ClientSession, migration: Migration & { name: 'greeting' }, first: Decoded): void {
    if (first.kind === 'unknown') return
    const state = this.#state
    const { link, openedAt, gauge } = migration
    if (first.kind !== 'spliced' && !(first.kind === 'refused' && first.why === 'stale')) {
      if (first.kind === 'refused') this.#part(now, link, linkCode.refused)
      else this.#part(now, link, linkCode.violation, misplaced(first))
      this.#migrationFailed(now, held, migration)
      return
    }
    held.migration = noMigration
    this.#keeping!.arrived(migration.url)
    const greeting: Greeting = { name: 'greeting', link, attempt: 0, openedAt, gauge, dial: migration.dial }
    if ('link' in state) this.#part(now, state.link, linkCode.migrated)
    this.#become(greeting)
    this.#greeted(now, wall, greeting, first)
  }

  /** The session stays where it is, and tries again while there is time. */
  #migrationFailed(now: number, held: ClientSession, { by, url, tries }: Migration & { name: 'dialling' | 'greeting' }): void {
    const at = now + backoffDelay(this.#config.retry, tries + 1, this.#config.random)
    held.migration = at < by ? { name: 'planned', at, by, url, tries: tries + 1 } : noMigration
  }

  #dropLink(isPolite: boolean): void {
    const state = this.#state
    if ('link' in state && state.link !== noLink) this.#want({ kind: 'drop', link: state.link, isPolite })
  }

  /**
   * Takes back what is no longer true. Returns whether the opening of the session was among it: then the application never saw that
   * session. One that outlives its link is opened all the same.
   */
  #revoke(): boolean {
    const isKept = ({ kind }: Output): boolean => this.held !== undefined && (kind === 'open' || kind === 'setup')
    const outputs = this.#outputs ?? []
    const kept = outputs.filter((output) => isKept(output) || !(isRevocable(output) || isRenewal(output)))
    this.#outputs = kept.length > 0 ? kept : undefined
    return outputs.some((output) => output.kind === 'open' && !isKept(output))
  }

  /** Adds to what is to be done. */
  #want(output: Output): void {
    if (this.#outputs) this.#outputs.push(output)
    else this.#outputs = [output]
  }

  #become(next: ClientState): void {
    const state = this.#state
    const from = state.name
    checkMove(from, next.name)
    if (isLive(state)) this.#heardAt = state.liveness.heardAt
    this.#state = next
    if (from !== next.name) this.#want({ kind: 'change', from, to: next.name })
  }
}

function decodeFirst(payload: Payload): Decoded {
  if (typeof payload === 'string' && isControl(payload)) return decode(payload)
  return { kind: 'violation', reason: 'data before the first frame' }
}

function misplaced(first: Decoded): string {
  return first.kind === 'violation' ? first.reason : `${first.kind} is out of place here`
}

function refusedClose({ why }: Refused): CloseInfo {
  if (why === 'stale') return abnormalClose('taken-over')
  return sessionLost(why, why === 'auth' || why === 'origin' ? 'auth' : 'session-lost')
}

function isRenewal(output: Output): boolean {
  return output.kind === 'write' && output.frame === renewFrame
}

function plannedAt(at: number): Migration {
  return at === Infinity ? noMigration : { name: 'planned', at, by: Infinity, url: undefined, tries: 0 }
}

/** Milliseconds as they were before they went through a sum of times. */
function wholeMicroseconds(ms: number): number {
  return Math.round(ms * microsecondsPerMs) / microsecondsPerMs
}

/** A close that the peer's application asked for, or ours, is not an error (WHATWG: `error` precedes a failed connection only). */
function isSilent(close: CloseInfo): boolean {
  return close.code !== 1006 && close.cause !== 'overflow'
}
