/** The heartbeat of a client that speaks no holdfast, by WebSocket pings, which every implementation answers. */

import type { CloseCause } from '../core/close-info.ts'
import { Liveness, type LivenessConfig } from '../core/liveness.ts'
import type { Answerer, AutoPong } from './auto-pong.ts'
import type { Clock } from './clock.ts'
import type { Journal, Level } from './journal.ts'
import type { ResolvedOptions } from './options.ts'
import type { SessionSocket } from './session-socket.ts'
import type { Tally } from './tally.ts'
import { nowhere, type Timed, type TimerWheel } from './timer-wheel.ts'
import { type Head, UpgradeRequest } from './upgrade-request.ts'
import { rawSocket, WsGauge } from './ws-gauge.ts'

/** What all of a server have in common. */
export interface PlainConfig {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly tally: Tally
  readonly watch: LivenessConfig
  readonly journal: Journal
  readonly pongs: AutoPong
  /** One is gone. */
  readonly closed: (socket: SessionSocket, code: number) => void
}

/** What `ws` keeps to itself of how a socket ends. */
interface Internals {
  readonly _closeFrameReceived: boolean
  readonly _errorEmitted: boolean
}

export function plainConfig(
  { heartbeat, writeTimeout, clock }: ResolvedOptions,
  wheel: TimerWheel,
  tally: Tally,
  journal: Journal,
  pongs: AutoPong,
  closed: PlainConfig['closed'],
): PlainConfig {
  const { isOn, interval, timeout } = heartbeat
  const watch = { interval: isOn ? interval : Infinity, timeout, writeTimeout, random: () => clock.random() }
  return { clock, wheel, tally, watch, journal, pongs, closed }
}

export class PlainSocket extends WsGauge<SessionSocket> implements Timed, Answerer {
  readonly principal: unknown
  pendingPongs = 0
  slot: number = nowhere
  before: Timed | undefined
  behind: Timed | undefined
  #request: Head | UpgradeRequest
  readonly #config: PlainConfig
  readonly #liveness: Liveness
  #cause: CloseCause | undefined

  constructor(ws: SessionSocket, head: Head, principal: unknown, config: PlainConfig) {
    super(ws)
    this.#request = head
    this.principal = principal
    this.#config = config
    this.#liveness = new Liveness(config.watch, this, config.clock.now(), config.wheel.awake)
    config.wheel.set(this)
  }

  get deadline(): number {
    return this.ws.readyState === 3 ? Infinity : this.#liveness.deadline
  }
  get request(): UpgradeRequest {
    const kept = this.#request
    const request = kept instanceof UpgradeRequest ? kept : new UpgradeRequest(kept, rawSocket(this.ws)!)
    this.#request = request
    return request
  }
  get rtt(): number | null {
    return this.#liveness.rtt
  }

  /** What is about to be written may stand still. */
  sending(): void {
    if (this.#liveness.isWriting) return
    this.#liveness.wrote(this.#config.clock.now())
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

  /** `close` or `terminate` was called: by the application, by `ws` to answer the peer, to end a flood of pings, or to let the client go elsewhere. */
  closing(cause: 'server' | 'drain' = 'server'): void {
    const isFlooded = this.#config.pongs.isFlooded(this)
    this.#cause ??= isFlooded ? 'overflow' : this.#internals._closeFrameReceived ? 'client' : cause
  }

  ring(now: number): void {
    const verdict = this.#liveness.tick(now)
    if (!this.isOpen) return
    switch (verdict) {
      case 'alive':
        return
      case 'ping':
        // While we do not read, answers would pile up at the peer, and `ws` ends who lets them.
        if (this.ws.isPaused) this.ws.pong()
        else this.#ping()
        return
      case 'heartbeat-timeout':
      case 'write-timeout':
        this.#log('warn', 'is given up', { cause: verdict })
        this.#cause = verdict
        this.ws.terminate()
        return
    }
  }

  /** An event of the socket, with what comes with it. */
  told(event: string, first: unknown): void {
    switch (event) {
      case 'ping':
        this.#config.pongs.answer(this.ws, this, first as Buffer)
        return
      case 'pong':
        this.#answered(first as Buffer)
        return
      case 'error':
        this.#log('warn', 'is at fault', { reason: (first as Error).message })
        return
      case 'close':
        this.#closed(first as number)
        return
    }
  }

  #answered(data: Buffer): void {
    const { clock, wheel, tally } = this.#config
    const ms = this.#liveness.answered(clock.now(), data.length === 0 ? this.#liveness.ping : Number.NaN) // another's has its data
    if (ms !== undefined) tally.answered('plain', ms)
    wheel.move(this)
  }

  #closed(code: number): void {
    const { wheel, tally, closed } = this.#config
    const cause = this.#internals._errorEmitted ? 'protocol' : (this.#cause ?? 'network')
    wheel.remove(this)
    tally.plainClosed(cause)
    this.#log('info', 'is gone', { code, cause })
    closed(this.ws, code)
  }

  get #internals(): Internals {
    return this.ws as unknown as Internals
  }

  #ping(): void {
    this.#config.tally.pinged('plain')
    this.ws.ping()
  }

  #log(level: Level, text: string, more: object): void {
    this.#config.journal.plain(level, text, rawSocket(this.ws)?.remoteAddress, more)
  }
}
