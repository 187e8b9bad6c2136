/** The heartbeat of a client that speaks no holdfast, by WebSocket pings, which every implementation answers. */

import type { IncomingMessage } from 'node:http'
import type { WebSocket as WsSocket } from 'ws'
import type { CloseCause } from '../core/close-info.ts'
import { Liveness } from '../core/liveness.ts'
import type { Clock } from './clock.ts'
import type { ResolvedOptions } from './options.ts'
import type { Tally } from './tally.ts'
import { nowhere, type Timed, type TimerWheel } from './timer-wheel.ts'
import { WsGauge } from './ws-gauge.ts'

export interface PlainConfig {
  readonly options: ResolvedOptions
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly tally: Tally
}

/** What `ws` keeps to itself of how a socket ends. */
interface Internals {
  readonly _closeFrameReceived: boolean
  readonly _errorEmitted: boolean
}

/** Pings of a period are spread by this much to both sides. */
const pingJitter = 0.1
const pausedShare = 3

export class PlainSocket implements Timed {
  readonly request: IncomingMessage
  readonly principal: unknown
  slot: number = nowhere
  readonly #ws: WsSocket
  readonly #config: PlainConfig
  readonly #liveness: Liveness
  readonly #isDormantWhenIdle: boolean
  #isOver = false
  #cause: CloseCause | undefined

  constructor(ws: WsSocket, request: IncomingMessage, principal: unknown, config: PlainConfig) {
    this.#ws = ws
    this.request = request
    this.principal = principal
    this.#config = config
    const { clock, wheel, options } = config
    const { isOn, interval, timeout } = options.heartbeat
    this.#isDormantWhenIdle = !isOn
    const rhythm = isOn
      ? { interval: interval * (1 - pingJitter + 2 * pingJitter * clock.random()), firstInterval: interval * clock.random() }
      : { interval: Infinity }
    const timing = { ...rhythm, timeout, writeTimeout: options.writeTimeout, keepAlive: (interval + timeout) / pausedShare }
    this.#liveness = new Liveness(timing, new WsGauge(ws), clock.now(), clock.wall())
    ws.on('pong', (data) => this.#answered(data))
    ws.on('close', () => {
      this.#isOver = true
      wheel.remove(this)
      config.tally.plainClosed(this.#internals._errorEmitted ? 'protocol' : (this.#cause ?? 'network'))
    })
    wheel.set(this)
  }

  get deadline(): number {
    return this.#isOver ? Infinity : this.#liveness.deadline
  }
  get rtt(): number | null {
    return this.#liveness.rtt
  }

  /** Without pings there is nothing to wait for, but for what is being written. */
  sending(): void {
    if (!this.#isDormantWhenIdle) return
    this.#liveness.sent(this.#config.clock.now())
    this.#config.wheel.set(this)
  }

  pause(): void {
    this.#liveness.pause()
    this.#config.wheel.set(this)
  }

  resume(): void {
    this.#liveness.resume(this.#config.clock.now())
    this.#config.wheel.set(this)
  }

  /** `close` or `terminate` was called: by the application, or by `ws` to answer the peer. */
  closing(): void {
    this.#cause ??= this.#internals._closeFrameReceived ? 'client' : 'server'
  }

  ring(): void {
    const { clock } = this.#config
    const verdict = this.#liveness.tick(clock.now(), clock.wall())
    if (this.#ws.readyState !== 1) return
    switch (verdict) {
      case 'alive':
        return
      case 'ping':
        // While we do not read, answers would pile up at the peer, and `ws` ends who lets them.
        if (this.#ws.isPaused) this.#ws.pong()
        else this.#ping()
        return
      case 'heartbeat-timeout':
      case 'write-timeout':
        this.#cause = verdict
        this.#ws.terminate()
        return
    }
  }

  get #internals(): Internals {
    return this.#ws as unknown as Internals
  }

  #ping(): void {
    this.#config.tally.pinged('plain')
    this.#ws.ping(String(this.#liveness.ping))
  }

  #answered(data: Buffer): void {
    const ms = this.#liveness.answered(this.#config.clock.now(), Number(data.toString()))
    if (ms !== undefined) this.#config.tally.answered('plain', ms)
  }
}
