/**
 * Whether the other end of an open link is still there.
 *
 *              interval of silence, a late tick, a hint, a send after silence
 *   listening ──────────────────────────── ping ─────────────────────────────▶ probing ── no answer in time ──▶ dead
 *       ▲                                                                        │
 *       └──────────────────────────── anything heard ────────────────────────────┘
 *
 * Silence and waiting are counted in awake time (see AwakeClock), and nobody is judged on a late tick: a process that slept asks
 * once, and the next tick, late or not, judges. Bytes that wait on our side stop the count, because an answer cannot be owed to a
 * question that has not left; a write that makes no progress has a deadline of its own.
 */

import { AwakeClock } from './awake-clock.ts'

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
  /** Milliseconds that a write may stand still. */
  readonly writeTimeout: number
  /** Milliseconds of silence before the first ping, so that those of many links do not come together; `interval` unless given. */
  readonly firstInterval?: number
}

export type Verdict = 'alive' | 'ping' | 'heartbeat-timeout' | 'write-timeout'

type LivenessState =
  | { readonly name: 'listening' }
  | { readonly name: 'dormant' } // no pings, nothing to write: no reason to wake up
  | { readonly name: 'paused' } // we do not read, so we cannot judge
  | { readonly name: 'probing'; readonly ping: number; readonly at: number; readonly limitMs: number; readonly isAfterSleep: boolean }

const listening: LivenessState = { name: 'listening' }
const dormant: LivenessState = { name: 'dormant' }
const paused: LivenessState = { name: 'paused' }

const longestTickMs = 1_000
/** No timer is finer. What rounding leaves of a deadline must not make time stand still. */
const shortestTickMs = 1
/** How long a probe waits that somebody asked for: with the tick that notices a wake it stays within five seconds. */
const probeMs = 3_750
/** A send after this much silence probes. */
const silenceMs = 30_000
/** A slow link is given a second for each of these bytes that it was handed since it was last heard. */
const bytesPerSecond = 32 * 1024

export class Liveness {
  readonly #config: LivenessConfig
  readonly #gauge: LinkGauge
  readonly #tickMs: number
  readonly #clock: AwakeClock
  #state: LivenessState
  #heardAt: number
  #intervalMs: number
  #silentMs = 0
  #waitedMs = 0
  #stalledMs = 0
  #hadBacklog = false
  #bytesRead: number
  #bytesWritten: number
  #writtenWhenHeard: number
  #pings: number
  #rtt: number | null = null

  /** @param pings how many went out before, on other links: the numbers go on, so that no answer is taken for another link's */
  constructor(config: LivenessConfig, gauge: LinkGauge, now: number, wall: number, pings = 0) {
    this.#config = config
    this.#gauge = gauge
    this.#tickMs = tickMs(config)
    this.#clock = new AwakeClock(this.#tickMs, now, wall)
    this.#state = config.interval === Infinity ? dormant : listening
    this.#heardAt = now
    this.#bytesRead = gauge.bytesRead
    this.#bytesWritten = gauge.bytesWritten
    this.#writtenWhenHeard = gauge.bytesWritten
    this.#pings = pings
    this.#intervalMs = config.firstInterval ?? config.interval
  }

  /** When `tick` wants to be called. */
  get deadline(): number {
    const state = this.#state
    if (state.name === 'dormant') return Infinity
    const due = state.name === 'probing' ? this.#allowedMs(state) - this.#waitedMs : this.#intervalMs - this.#silentMs
    return this.#clock.at + (due > 0 ? Math.min(this.#tickMs, Math.max(shortestTickMs, due)) : this.#tickMs)
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

  /** A frame arrived, of whatever kind. */
  heard(now: number): void {
    this.#heardAt = now
    if (this.#state.name === 'probing') this.#state = listening
  }

  /** The answer to ping number `ping` arrived. Returns the milliseconds that it took; undefined for one that nobody waits for. */
  answered(now: number, ping: number): number | undefined {
    const rtt = this.#state.name === 'probing' && this.#state.ping === ping ? now - this.#state.at : undefined
    if (rtt !== undefined) this.#rtt = rtt
    this.heard(now)
    return rtt
  }

  /** The application handed a message to the link. Returns true when that asks for a ping. */
  sent(now: number): boolean {
    if (this.#state.name === 'dormant') {
      this.#clock.restart(now)
      this.#state = listening
    }
    return now - this.#heardAt > silenceMs && this.probe(now)
  }

  /** Something happened that makes the link doubtful (online, visible, wake). Returns true when a ping is to be sent now. */
  probe(now: number): boolean {
    const limitMs = this.#probeLimitMs()
    const state = this.#state
    if (this.#config.interval === Infinity || state.name === 'paused') return false
    if (state.name === 'probing' && state.limitMs - this.#waitedMs <= limitMs) return false
    this.#bytesRead = this.#gauge.bytesRead
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
    this.#clock.restart(now)
    this.#heardAt = now
    this.#silentMs = 0
    this.#state = listening
  }

  tick(now: number, wall: number): Verdict {
    const since = this.#clock.at
    const wasLate = this.#clock.isLate
    const wasBlocked = this.#hadBacklog
    const awakeMs = this.#clock.advance(now, wall)
    this.#listen(now, since, awakeMs)
    if (this.#isStalled(awakeMs) && (wasLate || !this.#clock.isLate)) return 'write-timeout'
    const state = this.#state
    switch (state.name) {
      case 'dormant':
        return 'alive'
      case 'paused':
        return this.#silentMs >= this.#config.interval ? this.#keepAlive() : 'alive'
      case 'listening':
        return this.#listened(now)
      case 'probing':
        return this.#probed(now, state, state.isAfterSleep ? now - since : awakeMs, wasBlocked)
    }
  }

  #listened(now: number): Verdict {
    if (this.#config.interval === Infinity) {
      if (!this.#hadBacklog) this.#state = dormant
      return 'alive'
    }
    if (this.#clock.isLate) return this.#startProbe(now, this.#probeLimitMs(), true)
    if (this.#silentMs < this.#intervalMs) return 'alive'
    const { interval, timeout } = this.#config
    return this.#startProbe(now, Math.max(timeout, interval + timeout - this.#silentMs), false) // an early ping waits for longer
  }

  #probed(now: number, state: LivenessState & { name: 'probing' }, passedMs: number, wasBlocked: boolean): Verdict {
    if (this.#clock.isLate && !state.isAfterSleep) return this.#startProbe(now, this.#probeLimitMs(), true)
    if (wasBlocked || this.#hadBacklog) return 'alive'
    this.#waitedMs += Math.min(passedMs, now - state.at)
    return this.#waitedMs >= this.#allowedMs(state) ? 'heartbeat-timeout' : 'alive'
  }

  /** Brings the silence up to date. Bytes count where no whole frame came: a large message is on its way. */
  #listen(now: number, since: number, awakeMs: number): void {
    const bytesRead = this.#gauge.bytesRead
    const wasHeard = this.#heardAt >= since
    if (bytesRead > this.#bytesRead && (!wasHeard || this.#state.name === 'probing')) this.heard(now)
    this.#bytesRead = bytesRead
    if (wasHeard || this.#heardAt === now) {
      this.#silentMs = this.#state.name === 'paused' ? this.#silentMs + awakeMs : Math.min(now - this.#heardAt, awakeMs)
      this.#writtenWhenHeard = this.#bytesWritten
    } else this.#silentMs += awakeMs
  }

  #isStalled(awakeMs: number): boolean {
    const { backlog, bytesWritten } = this.#gauge
    const isStuck = backlog > 0 && this.#hadBacklog && bytesWritten === this.#bytesWritten
    this.#hadBacklog = backlog > 0
    this.#bytesWritten = bytesWritten
    this.#stalledMs = isStuck ? this.#stalledMs + awakeMs : 0
    return this.#stalledMs >= this.#config.writeTimeout
  }

  #startProbe(now: number, limitMs: number, isAfterSleep: boolean): 'ping' {
    this.#pings++
    this.#intervalMs = this.#config.interval
    this.#waitedMs = 0
    this.#state = { name: 'probing', ping: this.#pings, at: now, limitMs, isAfterSleep }
    return 'ping'
  }

  #keepAlive(): 'ping' {
    this.#pings++
    this.#silentMs = 0
    return 'ping'
  }

  #probeLimitMs(): number {
    return Math.min(this.#config.timeout, Math.max(probeMs, 4 * (this.#rtt ?? 0)))
  }

  #allowedMs(state: LivenessState & { name: 'probing' }): number {
    return state.limitMs + (1_000 * (this.#gauge.bytesWritten - this.#writtenWhenHeard)) / bytesPerSecond
  }
}

/** A quarter of the shortest deadline, so that each of them is judged by ticks that came on time; a second at most. */
export function tickMs(config: LivenessConfig): number {
  return Math.min(longestTickMs, config.interval / 4, config.timeout / 4, config.writeTimeout / 4)
}
