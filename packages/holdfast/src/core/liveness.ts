/**
 * Whether the other end of an open link is still there.
 *
 *              interval of silence, a late tick, a hint, a send after silence
 *   listening ──────────────────────────── ping ─────────────────────────────▶ probing ── no answer in time ──▶ dead
 *       ▲                                                                        │
 *       └──────────────────────────── anything heard ────────────────────────────┘
 *
 * Silence and waiting are counted in awake time (see AwakeClock), and nobody is judged on a late tick: a process that slept asks
 * once, and the next tick, late or not, judges. One that watches many links does not ask them all at once for a stall of its own: who
 * was asked already is given the time of a probe, once, and the others are asked when it is their turn. Bytes that wait on our side stop
 * the count, because an answer cannot be owed to a question that has not left; a write that makes no progress has a deadline of its own.
 */

import type { AwakeClock } from './awake-clock.ts'

/** What a transport shows of a link, read at each tick. Counters only grow. */
export interface LinkGauge {
  /** Whether it takes messages; false once the peer has begun to close. */
  readonly isOpen: boolean
  /** Bytes that arrived; 0 for ever where the transport does not show them. */
  readonly bytesRead: number
  /** Bytes handed to the transport that have left it. */
  readonly bytesWritten: number
  /** Bytes handed to the transport that have not left it. */
  readonly backlog: number
}

export interface LivenessConfig {
  /** Milliseconds of silence before a ping; Infinity: no pings, nobody is judged for silence. */
  readonly interval: number
  /** Milliseconds that an answer may take. */
  readonly timeout: number
  /** Milliseconds of silence after which the link is given up, if an answer had its time; `interval` and `timeout` unless given. */
  readonly dead?: number
  /** Milliseconds that a write may stand still. */
  readonly writeTimeout: number
  /** Draws from [0, 1), so that the pings of many links do not come together: the first after a part of `interval`. */
  readonly random?: () => number
}

export type Verdict = 'alive' | 'ping' | 'heartbeat-timeout' | 'write-timeout'

type LivenessState =
  | { readonly name: 'listening' }
  | { readonly name: 'paused' } // we do not read, so we cannot judge
  | {
      readonly name: 'probing'
      readonly ping: number
      readonly at: number
      readonly limitMs: number
      readonly waitedMs: number
      readonly isAfterSleep: boolean
    }

type Probing = LivenessState & { name: 'probing' }

const listening: LivenessState = { name: 'listening' }
const paused: LivenessState = { name: 'paused' }

/** What is being written, from look to look. */
interface Writing {
  readonly lookAt: number
  /** What had left by the last look, and whether all had. */
  readonly bytesWritten: number
  readonly isBlocked: boolean
  readonly stalledMs: number
  readonly isLate: boolean
}

const longestTickMs = 1_000
/** No timer is finer. What rounding leaves of a deadline must not make time stand still. */
const shortestTickMs = 1
/** How long a probe waits that somebody asked for: with the tick that notices a wake it stays within five seconds. */
const probeMs = 3_750
/** A send after this much silence probes. */
const silenceMs = 30_000
/** Pings of a period are spread by this much to both sides. */
const jitter = 0.1
/** A slow link is given a second for each of these bytes that it was handed since it was last heard. */
const bytesPerSecond = 32 * 1024

export class Liveness {
  /** The link that is watched. */
  readonly gauge: LinkGauge
  readonly #config: LivenessConfig
  readonly #clock: AwakeClock
  #state: LivenessState = listening
  #writing: Writing | undefined
  #heardAt: number
  /** Whether a frame was heard since the last look, so that it dates what arrived. */
  #isDated = false
  #intervalMs: number
  #silentMs = 0
  /** When it was last looked at, and what the clock showed. */
  #tickedAt: number
  #tickedAwakeMs: number
  #seenSleeps: number
  #bytesRead: number
  #writtenWhenHeard: number
  #pings: number
  #rtt: number | null = null

  /** @param pings how many went out before, on other links: the numbers go on, so that no answer is taken for another link's */
  constructor(config: LivenessConfig, gauge: LinkGauge, now: number, clock: AwakeClock, pings = 0) {
    this.#config = config
    this.gauge = gauge
    this.#clock = clock
    this.#heardAt = now
    this.#intervalMs = config.random ? Math.round(config.interval * config.random()) : config.interval
    this.#tickedAt = now
    this.#tickedAwakeMs = clock.read(now)
    this.#seenSleeps = clock.sleeps
    this.#bytesRead = gauge.bytesRead
    this.#writtenWhenHeard = gauge.bytesWritten
    this.#pings = pings
  }

  /** When `tick` wants to be called. Infinity: there are no pings, and nothing is being written. */
  get deadline(): number {
    const dueAt = Math.min(this.#dueAt, this.#writing?.lookAt ?? Infinity)
    return dueAt === Infinity || this.#clock.isShared ? dueAt : Math.min(dueAt, this.#clock.nextTick)
  }

  get heardAt(): number {
    return this.#heardAt
  }

  /** Milliseconds of the last ping that was answered. */
  get rtt(): number | null {
    return this.#rtt
  }

  /** The number of the last ping; its answer is reported with it. */
  get ping(): number {
    return this.#pings
  }

  /** Whether something was written, or is being written, that will be looked at. */
  get isWriting(): boolean {
    return this.#writing !== undefined
  }

  /** A frame arrived, of whatever kind. */
  heard(now: number): void {
    this.#isDated = true
    this.#hear(now)
  }

  /** The answer to ping number `ping` arrived. Returns the milliseconds that it took; undefined for one that nobody waits for. */
  answered(now: number, ping: number): number | undefined {
    const rtt = this.#state.name === 'probing' && this.#state.ping === ping ? now - this.#state.at : undefined
    if (rtt !== undefined) this.#rtt = rtt
    this.#hear(now)
    this.#bytesRead = this.gauge.bytesRead // an answer says nothing of what comes behind it
    return rtt
  }

  /** The application handed a message to the link. Returns true when that asks for a ping. */
  sent(now: number): boolean {
    this.wrote(now)
    return now - this.#heardAt > silenceMs && this.probe(now)
  }

  /** Something was written, and may stand still. */
  wrote(now: number): void {
    if (this.#writing) return
    if (this.deadline === Infinity && !this.#clock.isShared) this.#clock.restart(now)
    const { bytesWritten } = this.gauge
    this.#writing = { lookAt: now + this.#clock.tickMs, bytesWritten, isBlocked: false, stalledMs: 0, isLate: false }
  }

  /** Something happened that makes the link doubtful (online, visible, wake). Returns true when a ping is to be sent now. */
  probe(now: number): boolean {
    const limitMs = this.#probeLimitMs()
    const state = this.#state
    if (this.#config.interval === Infinity || state.name === 'paused') return false
    if (state.name === 'probing' && state.limitMs - state.waitedMs <= limitMs) return false
    this.#bytesRead = this.gauge.bytesRead
    this.#startProbe(now, limitMs, false)
    return true
  }

  /** A ping on which nothing depends, whose answer tells something else. Returns its number. */
  ask(): number {
    this.#pings++
    return this.#pings
  }

  /** The application stops reading: until `resume` nobody is judged, but pings go on so that the peer hears us. */
  pause(): void {
    this.#state = paused
    this.#silentMs = 0
  }

  resume(now: number): void {
    this.#heardAt = now
    this.#silentMs = 0
    this.#state = listening
  }

  /** @param wall epoch ms, for a clock of its own */
  tick(now: number, wall: number = Number.NaN): Verdict {
    const clock = this.#clock
    if (!clock.isShared) clock.advance(now, wall)
    const since = this.#tickedAt
    const isLate = clock.sleeps !== this.#seenSleeps
    const wasBlocked = this.#isBlocked
    const awakeMs = clock.read(now) - this.#tickedAwakeMs
    this.#seenSleeps = clock.sleeps
    this.#tickedAwakeMs += awakeMs
    this.#tickedAt = now
    this.#listen(now, since, awakeMs)
    if (this.#isStalled(now, awakeMs, isLate)) return 'write-timeout'
    const state = this.#state
    switch (state.name) {
      case 'paused':
        return this.#silentMs >= this.#config.interval ? this.#keepAlive() : 'alive'
      case 'listening':
        return this.#listened(now, isLate)
      case 'probing':
        if (isLate && !state.isAfterSleep) return this.#excuse(now, state, awakeMs)
        return wasBlocked || this.#isBlocked ? 'alive' : this.#probed(now, state, state.isAfterSleep ? now - since : awakeMs)
    }
  }

  get #isBlocked(): boolean {
    return this.#writing?.isBlocked === true
  }

  /** When silence or an answer is due. */
  get #dueAt(): number {
    const state = this.#state
    if (state.name === 'listening' && this.#heardAt > this.#tickedAt) return this.#heardAt + this.#intervalMs
    const dueMs = state.name === 'probing' ? this.#allowedMs(state) - state.waitedMs : this.#intervalMs - this.#silentMs
    return this.#tickedAt + (dueMs > 0 ? Math.max(shortestTickMs, dueMs) : this.#clock.tickMs)
  }

  #listened(now: number, isLate: boolean): Verdict {
    const { interval, timeout, dead = interval + timeout } = this.#config
    if (isLate && !this.#clock.isShared && interval !== Infinity) return this.#startProbe(now, this.#probeLimitMs(), true)
    if (this.#silentMs < this.#intervalMs) return 'alive'
    return this.#startProbe(now, Math.max(timeout, dead - this.#silentMs), false) // an early ping waits for longer
  }

  #probed(now: number, state: Probing, passedMs: number): Verdict {
    const waitedMs = state.waitedMs + Math.min(passedMs, now - state.at)
    this.#state = { ...state, waitedMs }
    return waitedMs >= this.#allowedMs(state) ? 'heartbeat-timeout' : 'alive'
  }

  /** We slept while an answer was due. */
  #excuse(now: number, state: Probing, awakeMs: number): Verdict {
    const limitMs = this.#probeLimitMs()
    if (!this.#clock.isShared) return this.#startProbe(now, limitMs, true)
    const waitedMs = state.waitedMs + awakeMs
    this.#state = { ...state, waitedMs, limitMs: Math.max(state.limitMs, waitedMs + limitMs), isAfterSleep: true }
    return 'alive'
  }

  #hear(now: number): void {
    this.#heardAt = now
    if (this.#state.name === 'probing') this.#state = listening
  }

  /** Brings the silence up to date. Bytes count where no whole frame came: a large message is on its way. */
  #listen(now: number, since: number, awakeMs: number): void {
    const { bytesRead } = this.gauge
    const wasHeard = this.#heardAt >= since
    if (bytesRead > this.#bytesRead && (!this.#isDated || this.#state.name === 'probing')) this.#hear(now)
    this.#isDated = false
    this.#bytesRead = bytesRead
    if (wasHeard || this.#heardAt === now) {
      this.#silentMs = this.#state.name === 'paused' ? this.#silentMs + awakeMs : Math.min(now - this.#heardAt, awakeMs)
      this.#writtenWhenHeard = this.#writing?.bytesWritten ?? this.gauge.bytesWritten
    } else this.#silentMs += awakeMs
  }

  /** Whether a write has stood still for too long. */
  #isStalled(now: number, awakeMs: number, isLate: boolean): boolean {
    const was = this.#writing
    if (this.gauge.backlog === 0) {
      this.#writing = undefined
      return false
    }
    const { bytesWritten } = this.gauge
    const stalledMs = was?.isBlocked && bytesWritten === was.bytesWritten ? was.stalledMs + awakeMs : 0
    this.#writing = { lookAt: now + this.#clock.tickMs, bytesWritten, isBlocked: true, stalledMs, isLate }
    return stalledMs >= this.#config.writeTimeout && (was?.isLate === true || !isLate)
  }

  #startProbe(now: number, limitMs: number, isAfterSleep: boolean): 'ping' {
    this.#pings++
    this.#intervalMs = this.#nextInterval()
    this.#state = { name: 'probing', ping: this.#pings, at: now, limitMs, waitedMs: 0, isAfterSleep }
    return 'ping'
  }

  /** Half of what is left after `interval` is the peer's, for its answer. */
  #nextInterval(): number {
    const { interval, timeout, dead = interval + timeout, random } = this.#config
    return random ? Math.round(Math.min(interval * (1 - jitter + 2 * jitter * random()), (interval + dead) / 2)) : interval
  }

  #keepAlive(): 'ping' {
    this.#pings++
    this.#silentMs = 0
    return 'ping'
  }

  #probeLimitMs(): number {
    return Math.min(this.#config.timeout, Math.max(probeMs, 4 * (this.#rtt ?? 0)))
  }

  #allowedMs(state: Probing): number {
    return state.limitMs + (1_000 * (this.gauge.bytesWritten - this.#writtenWhenHeard)) / bytesPerSecond
  }
}

/** A quarter of the shortest deadline, so that each of them is judged by ticks that came on time; a second at most. */
export function tickMs(config: LivenessConfig): number {
  return Math.min(longestTickMs, config.interval / 4, config.timeout / 4, config.writeTimeout / 4)
}
