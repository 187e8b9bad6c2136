/**
 * The plain WebSocket towards a backend: dialled before the client's upgrade is answered, held as long as the client's session.
 *
 *   dialling ─── open ───▶ waiting ─── join ───▶ joined ─── leave ───▶ leaving
 *      │ fail                 │ close              │ close                │ close
 *      └─────────────────────▶└────────── over ◀───┴──────────────────────┘
 */

import type { ClientRequest, IncomingMessage } from 'node:http'
import { WebSocket as WsSocket } from 'ws'
import { Liveness, type LivenessConfig } from '../core/liveness.ts'
import type { Clock } from '../server/clock.ts'
import { nowhere, type Timed, type TimerWheel } from '../server/timer-wheel.ts'
import { WsGauge } from '../server/ws-gauge.ts'
import type { EndCode } from './end-code.ts'
import { TurnCork } from './turn-cork.ts'

/** What a backend is asked for. */
export interface UpstreamRequest {
  /** Where it is; `target` is appended to its path. */
  readonly address: URL
  /** Path and query, as the client sent them. */
  readonly target: string
  readonly protocols: readonly string[]
  readonly headers: Readonly<Record<string, string>>
}

export interface UpstreamConfig {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly watch: LivenessConfig
  readonly connectTimeout: number
  readonly closeTimeout: number
  readonly maxPayload: number
  readonly closed: (upstream: Upstream) => void
}

/** Why there is no link to a backend. */
export type DialFailure =
  | { readonly cause: 'refused'; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly cause: 'unreachable'; readonly error: Error }
  | { readonly cause: 'protocol'; readonly error: Error }
  | { readonly cause: 'timeout' }
  /** Nobody waits for it any more. */
  | { readonly cause: 'aborted' }

/** How the link to a backend ended. */
export interface UpstreamEnd {
  /** 1006 without a close frame. */
  readonly code: number
  readonly reason: string
  readonly cause: 'upstream' | 'network' | 'protocol' | 'overflow' | 'heartbeat-timeout' | 'write-timeout'
}

/** To whom a link is handed when the client's session begins. */
export interface UpstreamOwner {
  upstreamSent(data: Buffer, isBinary: boolean): void
  upstreamDrained(): void
  upstreamEnded(end: UpstreamEnd): void
}

type State =
  | { readonly name: 'dialling'; readonly protocols: readonly string[]; readonly settle: (failure?: DialFailure) => void }
  | { readonly name: 'waiting' }
  | { readonly name: 'joined'; readonly owner: UpstreamOwner }
  | { readonly name: 'leaving' }
  | { readonly name: 'over'; readonly end: UpstreamEnd }

/** With so much unsent, whoever sends has to wait. */
const busyBytes = 256 * 1024
const asText = { binary: false }
const asBinary = { binary: true }
const waiting: State = { name: 'waiting' }
const leaving: State = { name: 'leaving' }
const failed: UpstreamEnd = { code: 1006, reason: '', cause: 'network' }
const aborted: DialFailure = { cause: 'aborted' }
const tooBig = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'

/** `opened` settles when the link is open, or rejects with a DialFailure. */
export function dial(request: UpstreamRequest, config: UpstreamConfig): { readonly upstream: Upstream; readonly opened: Promise<void> } {
  const { clock, connectTimeout } = config
  let settle: (failure?: DialFailure) => void = () => {}
  const opened = new Promise<void>((resolve, reject) => {
    settle = (failure) => {
      clock.clearTimer(timer)
      if (failure) reject(failure)
      else resolve()
    }
  })
  const upstream = new Upstream(request, config, settle)
  const timer = clock.setTimer(() => upstream.fail({ cause: 'timeout' }), connectTimeout)
  return { upstream, opened }
}

export class Upstream extends WsSocket implements Timed {
  slot: number = nowhere
  before: Timed | undefined
  behind: Timed | undefined
  /** Where it leads, for logs. */
  readonly place: string
  /** The subprotocol that the backend chose; empty for none. */
  chosen = ''
  readonly #config: UpstreamConfig
  #state: State
  #liveness: Liveness | undefined
  #cause: UpstreamEnd['cause'] | undefined
  readonly #cork = new TurnCork()

  constructor(request: UpstreamRequest, config: UpstreamConfig, settle: (failure?: DialFailure) => void) {
    const { address, target, protocols, headers } = request
    const { maxPayload, closeTimeout } = config
    super(address, [], {
      headers: protocols.length > 0 ? { ...headers, 'sec-websocket-protocol': protocols.join(', ') } : headers,
      perMessageDeflate: false,
      maxPayload,
      closeTimeout,
      // Written as it came: no URL is made of it, which could lead elsewhere.
      finishRequest: (dialled: ClientRequest) => {
        dialled.path = dialled.path.replace(/\/$/, '') + target
        dialled.end()
      },
    } as object)
    this.#config = config
    this.place = address.host || address.pathname
    this.#state = { name: 'dialling', protocols, settle }
  }

  get deadline(): number {
    return this.#liveness?.deadline ?? Infinity
  }
  /** Whether so much waits to be written that the client has to. */
  get isBusy(): boolean {
    return this.bufferedAmount > busyBytes
  }

  /** From now on everything that comes goes to `owner`. */
  join(owner: UpstreamOwner): void {
    if (this.#state.name === 'over') {
      owner.upstreamEnded(this.#state.end)
      return
    }
    this.#state = { name: 'joined', owner }
    this.resume()
  }

  /** Writes a message; everything of one turn of the event loop leaves in one write. */
  forward(data: Buffer, isBinary: boolean): void {
    this.#cork.hold(this)
    this.#watchWrite()
    const isBusy = this.bufferedAmount + data.length > busyBytes
    this.send(data, isBinary ? asBinary : asText, isBusy ? this.#written : undefined)
  }

  /** Says goodbye, behind all that was written; nobody wants to hear more. */
  leave({ code, reason }: EndCode): void {
    this.fail(aborted)
    if (this.#state.name === 'over') return
    this.#state = leaving
    this.resume() // its answer must be read, whoever stopped reading
    this.close(code, reason)
  }

  override pause(): void {
    super.pause()
    this.#liveness?.pause()
    this.#config.wheel.set(this)
  }
  override resume(): void {
    super.resume()
    this.#liveness?.resume(this.#config.clock.now())
    if (this.#liveness) this.#config.wheel.set(this)
  }

  ring(now: number): void {
    if (this.readyState !== WsSocket.OPEN || !this.#liveness) return
    const verdict = this.#liveness.tick(now)
    switch (verdict) {
      case 'alive':
        return
      case 'ping':
        // While we do not read, answers would pile up; and the backend has to hear something.
        if (this.isPaused) this.pong()
        else this.ping()
        return
      case 'heartbeat-timeout':
      case 'write-timeout':
        this.#cause = verdict
        this.terminate()
        return
    }
  }

  /** Ends it without a word. */
  drop(): void {
    this.fail(aborted)
    this.terminate()
  }

  /** The dial has failed, if there is still one. */
  fail(failure: DialFailure): void {
    if (this.#state.name !== 'dialling') return
    const { settle } = this.#state
    this.#state = { name: 'over', end: failed }
    this.terminate()
    settle(failure)
  }

  /** Takes the place of listeners, which cost half a kilobyte a socket, and time for each message. */
  override emit(event: string | symbol, first?: any, second?: any): boolean {
    const state = this.#state
    switch (event) {
      case 'message':
        if (state.name === 'joined') state.owner.upstreamSent(first, second)
        break
      case 'pong':
        this.#liveness?.answered(this.#config.clock.now(), this.#liveness.ping)
        break
      case 'upgrade':
        this.#choose(first)
        break
      case 'unexpected-response':
        this.fail(refusal(second))
        break
      case 'open':
        if (state.name === 'dialling') this.#opened(state.settle)
        break
      case 'error':
        this.#failed(first)
        break
      case 'close':
        this.#closed(first, second)
        break
    }
    return true
  }

  /** `ws` takes no answer without a choice for an offer, which is a legal one, so it is not told of the offer (RFC 6455 section 4.2.2). */
  #choose({ headers }: IncomingMessage): void {
    if (this.#state.name !== 'dialling') return
    const chosen = headers['sec-websocket-protocol']
    delete headers['sec-websocket-protocol']
    if (chosen === undefined) return
    if (this.#state.protocols.includes(chosen)) this.chosen = chosen
    else
      this.fail({
        cause: 'protocol',
        error: new Error(`the upstream chose the subprotocol ${JSON.stringify(chosen)}, which nobody offered`),
      })
  }

  #opened(settle: () => void): void {
    this.#state = waiting
    this.pause() // until there is a session that takes what comes
    const { clock, wheel, watch } = this.#config
    this.#liveness = new Liveness(watch, new WsGauge(this), clock.now(), wheel.awake)
    wheel.set(this)
    settle()
  }

  #failed(error: Error & { code?: string }): void {
    if (this.#state.name === 'dialling') this.fail({ cause: isOfNetwork(error) ? 'unreachable' : 'protocol', error })
    else this.#cause ??= error.code === tooBig ? 'overflow' : error.code?.startsWith('WS_ERR_') ? 'protocol' : 'network'
  }

  #closed(code: number, reason: Buffer): void {
    const state = this.#state
    this.#config.wheel.remove(this)
    this.#liveness = undefined
    const cause = this.#cause ?? (code === 1006 ? 'network' : 'upstream')
    const end = { code: this.#cause ? 1006 : code, reason: reason.toString(), cause }
    this.#state = { name: 'over', end }
    this.#config.closed(this)
    if (state.name === 'joined') state.owner.upstreamEnded(end)
  }

  /** What is about to be written may stand still. */
  #watchWrite(): void {
    const liveness = this.#liveness
    if (!liveness || liveness.isWriting) return
    liveness.wrote(this.#config.clock.now())
    this.#config.wheel.set(this)
  }

  readonly #written = (): void => {
    if (this.#state.name === 'joined' && !this.isBusy) this.#state.owner.upstreamDrained()
  }
}

function refusal(response: IncomingMessage): DialFailure {
  const { statusCode = 0, headers } = response
  if (statusCode < 400) return { cause: 'protocol', error: new Error(`the upstream answered the upgrade with ${statusCode}`) }
  return { cause: 'refused', status: statusCode, retryAfter: headers['retry-after'] }
}

/** A parser's error has a code, too, and what `ws` finds wrong with an answer has none. */
function isOfNetwork({ code }: { code?: string }): boolean {
  return code !== undefined && !code.startsWith('HPE_')
}
