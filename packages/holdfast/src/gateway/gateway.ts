/** Sessions towards clients, and one plain WebSocket for each towards a backend that knows nothing of them. */

import { once } from 'node:events'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tickMs } from '../core/liveness.ts'
import type { DrainOptions, DrainResult } from '../server/drain.ts'
import { Journal } from '../server/journal.ts'
import { readProtocols, withoutReserved } from '../server/offer.ts'
import { Refusal } from '../server/refusal.ts'
import type { SessionSocket } from '../server/session-socket.ts'
import type { ServerTotals } from '../server/tally.ts'
import { TimerWheel } from '../server/timer-wheel.ts'
import { beforeRenewal, type ServerStats, WebSocketServer } from '../server/websocket-server.ts'
import { Allowance } from './allowance.ts'
import { Bridge } from './bridge.ts'
import { clientAddress, forwardedHeaders } from './forwarded-header.ts'
import { GatewayJournal, shortened, type UpstreamTotals } from './journal.ts'
import { type GatewayOptions, type ResolvedOptions, resolveOptions, upstreamAddress } from './options.ts'
import { targetFault } from './target.ts'
import { type DialFailure, dial, type Upstream, type UpstreamConfig } from './upstream.ts'

/** Read on demand. */
export interface GatewayStats extends ServerStats {
  /** Links to backends, also those that are being dialled or closed. */
  readonly upstreams: number
}

/** A client, and what is held for it. */
export interface GatewayClient {
  /** The beginning of the session's id, as in the log; null without a session. */
  readonly session: string | null
  /** Whether it is there now. */
  readonly attached: boolean
  /** When it came first, in epoch milliseconds. */
  readonly since: number
  /** Bytes that it has not taken, or not acknowledged. */
  readonly bufferedBytes: number
  /** Host and port, or the path of a Unix socket. */
  readonly upstream: string
  /** Where its last link came from, as far as trusted proxies say; null on a Unix socket. */
  readonly remote: string | null
}

export interface Listening {
  readonly url: string
  /** 0 for a Unix socket. */
  readonly port: number
}

/** What has happened since it began: towards clients, and towards backends. */
export type GatewayTotals = ServerTotals & UpstreamTotals

export interface Gateway extends AsyncDisposable {
  /**
   * Listens on a port (0: a free one), or on a Unix socket if a path is given.
   *
   * @param host all addresses unless given
   * @throws Error of the system when the address is taken or not allowed
   */
  listen(port: number | string, host?: string): Promise<Listening>
  readonly stats: GatewayStats
  readonly totals: GatewayTotals
  /** As in the options; empty for none. With it, `registerMetrics` of holdfast/server shows a gateway. */
  readonly name: string
  /** All there are, also those that are away; made when it is read. */
  readonly clients: readonly GatewayClient[]
  /**
   * As of `WebSocketServer`: lets its clients leave, each at a slot of its own, in order. A backend hears of it (1001) when its client has left.
   *
   * @throws TypeError for an option that is unknown or wrong, naming option, value and rule
   */
  drain(options?: DrainOptions): Promise<DrainResult>
  /** Says goodbye to all clients and backends (1001), and takes no more. */
  close(): Promise<void>
}

/**
 * Makes a gateway.
 *
 * ```ts
 * const gateway = createGateway({ upstream: 'ws://127.0.0.1:9000' })
 * await gateway.listen(8080)
 * ```
 *
 * @throws TypeError for an option that is unknown or wrong, naming option, value and rule
 */
export function createGateway(options: GatewayOptions): Gateway {
  return new SessionGateway(resolveOptions(options))
}

const goingAway = 1001
const badGateway = 502
const unavailable = 503
const gatewayTimeout = 504
const tooManyHeaders = 431
const badRequest = 400
const upgradeRequired = 426
const secondMs = 1_000
/** Of `writeTimeout` and `closeTimeout`, as in a server. */
const defaultTimeoutMs = 10_000
/** How often who is late is looked for, within the time that he has. */
const looks = 4

class SessionGateway implements Gateway {
  readonly #options: ResolvedOptions
  readonly #journal: GatewayJournal
  readonly #listener: HttpServer | HttpsServer
  readonly #sessions: WebSocketServer
  readonly #upstreamConfig: UpstreamConfig
  readonly #upstreams = new Set<Upstream>()
  /** Whether the listener is the gateway's to close: it made it, or began to listen with it. */
  #ownsListener: boolean
  /** No session begins any more, and so nobody is dialled. */
  #isLeaving = false
  /** Dialled for a client whose own handshake is not done. */
  readonly #waiting = new WeakMap<IncomingMessage, Upstream>()
  readonly #joined = new WeakMap<SessionSocket, Pick<GatewayClient, 'since' | 'upstream' | 'remote'>>()

  constructor(options: ResolvedOptions) {
    const { holdfast, clock, maxPayload, perMessageDeflate } = options
    this.#options = options
    this.#journal = new GatewayJournal(new Journal(holdfast.logger, holdfast.name))
    this.#listener = options.server ?? createListener(options)
    this.#ownsListener = options.server === undefined
    this.#sessions = new WebSocketServer({
      ...holdfast,
      server: this.#listener as HttpServer,
      maxPayload,
      perMessageDeflate,
      authenticate: (request, info) => this.#admit(request, info),
      handleProtocols: (_, request) => this.#waiting.get(request)?.chosen || false,
    })
    beforeRenewal(this.#sessions, (request) => this.#prepare(request))
    this.#sessions.on('connection', (client, request) => this.#join(client, request))
    this.#sessions.on('error', (error) => this.#journal.listenerFailed(error))
    const { isOn, interval, timeout } = options.upstreamHeartbeat
    const writeTimeout = holdfast.writeTimeout ?? defaultTimeoutMs
    const watch = { interval: isOn ? interval : Infinity, timeout, writeTimeout, random: () => clock.random() }
    this.#upstreamConfig = {
      clock,
      wheel: new TimerWheel(clock, tickMs(watch)),
      watch,
      connectTimeout: options.upstreamConnectTimeout,
      closeTimeout: holdfast.closeTimeout ?? defaultTimeoutMs,
      maxPayload,
      closed: (upstream) => this.#upstreams.delete(upstream),
    }
  }

  get stats(): GatewayStats {
    return { ...this.#sessions.stats, upstreams: this.#upstreams.size }
  }

  get totals(): GatewayTotals {
    return { ...this.#sessions.totals, ...this.#journal.totals }
  }

  get name(): string {
    return this.#sessions.name
  }

  get clients(): readonly GatewayClient[] {
    return [...this.#sessions.clients].flatMap((client) => {
      const joined = this.#joined.get(client)
      if (!joined) return []
      const { sessionId, attached, bufferedAmount, unackedAmount, request } = client
      const remote = clientAddress(request, this.#options.headers.trust) ?? joined.remote
      return { ...joined, session: sessionId && shortened(sessionId), attached, bufferedBytes: bufferedAmount + unackedAmount, remote }
    })
  }

  async listen(port: number | string, host?: string): Promise<Listening> {
    const listener = this.#listener
    this.#ownsListener = true
    if (typeof port === 'string') listener.listen(port)
    else listener.listen(port, host)
    await once(listener, 'listening')
    const address = listener.address() as AddressInfo | string
    if (typeof address === 'string') return { url: `ws+unix:${address}`, port: 0 }
    const shown = host ?? 'localhost'
    const scheme = 'setSecureContext' in listener ? 'wss' : 'ws'
    return { url: `${scheme}://${shown.includes(':') ? `[${shown}]` : shown}:${address.port}`, port: address.port }
  }

  drain(options: DrainOptions = {}): Promise<DrainResult> {
    const result = this.#sessions.drain(options)
    this.#isLeaving ||= !options.migrate
    return result
  }

  async close(): Promise<void> {
    const closed = this.#closed()
    for (const client of this.#sessions.clients) client.close(goingAway)
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#closed()
    for (const client of this.#sessions.clients) client.terminate()
    for (const upstream of this.#upstreams) upstream.drop()
    if (this.#ownsListener) this.#listener.closeAllConnections()
    await closed
  }

  /** Takes no more, and waits for the ends of all there are. */
  async #closed(): Promise<void> {
    const sessions = new Promise<void>((resolve) => {
      this.#sessions.close(() => resolve())
    })
    const listener = new Promise<void>((resolve) => {
      if (this.#ownsListener) this.#listener.close(() => resolve())
      else resolve()
    })
    await Promise.all([sessions, listener])
  }

  /** Asked for each upgrade; what is thrown is its answer. A session that goes on has its backend already. */
  async #admit(request: IncomingMessage, info: { resuming: boolean }): Promise<unknown> {
    const { authenticate } = this.#options.holdfast
    if (info.resuming || this.#isLeaving) return authenticate?.(request, info)
    this.#examine(request)
    const principal = await authenticate?.(request, info)
    await this.#dial(request)
    return principal
  }

  /** Who came to resume begins a new session, which needs a backend of its own. */
  async #prepare(request: IncomingMessage): Promise<void> {
    if (this.#isLeaving) return
    this.#examine(request)
    await this.#dial(request)
  }

  #examine(request: IncomingMessage): void {
    const fault = targetFault(request.url ?? '')
    if (fault) this.#refuse(request, badRequest, fault)
    const { headerCount } = this.#options.limits
    if (request.rawHeaders.length / 2 > headerCount) this.#refuse(request, tooManyHeaders, `more than ${headerCount} headers`)
  }

  #refuse(request: IncomingMessage, status: number, reason: string): never {
    this.#journal.refused(request, clientAddress(request, this.#options.headers.trust), status, reason)
    throw new Refusal(status, { message: reason })
  }

  async #dial(request: IncomingMessage): Promise<void> {
    const { headers } = this.#options
    const address = await this.#addressFor(request)
    const { upstream, opened } = dial(
      {
        address,
        target: request.url!,
        protocols: [...withoutReserved(readProtocols(request))],
        headers: forwardedHeaders(request, headers),
      },
      this.#upstreamConfig,
    )
    this.#upstreams.add(upstream)
    this.#waiting.set(request, upstream)
    request.socket.once('close', () => this.#forget(request))
    try {
      await opened
    } catch (failure) {
      throw this.#failed(request, upstream, failure as DialFailure)
    }
  }

  async #addressFor(request: IncomingMessage): Promise<URL> {
    const { upstream } = this.#options
    if (typeof upstream !== 'function') return upstreamAddress(upstream)
    try {
      return upstreamAddress(await upstream(request))
    } catch (error) {
      if (error instanceof Refusal) throw error
      this.#journal.fault('upstream', error)
      throw new Refusal(badGateway)
    }
  }

  /** What the client is told of a dial that failed. */
  #failed(request: IncomingMessage, upstream: Upstream, failure: DialFailure): Refusal {
    const { status, retryAfter } = answerTo(failure, this.#options.clock.wall())
    this.#journal.failed(request, upstream.place, status, failure)
    return new Refusal(status, { retryAfter })
  }

  /** The client went before it had a session. */
  #forget(request: IncomingMessage): void {
    this.#waiting.get(request)?.leave({ code: goingAway, reason: 'client gone' })
    this.#waiting.delete(request)
  }

  #join(client: SessionSocket, request: IncomingMessage): void {
    const { clock, limits, headers } = this.#options
    const upstream = this.#waiting.get(request)!
    this.#waiting.delete(request)
    const remote = clientAddress(request, headers.trust)
    this.#joined.set(client, { since: clock.wall(), upstream: upstream.place, remote: remote ?? null })
    this.#journal.open(client, upstream, remote)
    const isLimited = limits.messagesPerSecond !== Infinity || limits.bytesPerSecond !== Infinity
    new Bridge(client, upstream, { clock, journal: this.#journal }, isLimited ? new Allowance(limits) : undefined)
  }
}

/** A server that answers nothing but upgrades, and waits for nobody long. */
function createListener({ limits }: ResolvedOptions): HttpServer {
  const { headerBytes, headerCount, handshakeTimeout } = limits
  const listener = createServer({
    maxHeaderSize: headerBytes,
    headersTimeout: handshakeTimeout,
    requestTimeout: handshakeTimeout,
    connectionsCheckingInterval: Math.ceil(handshakeTimeout / looks),
  })
  listener.maxHeadersCount = headerCount + 1 // Node leaves out those beyond it, and one too many is enough to see
  return listener.on('request', sayUpgrade)
}

function sayUpgrade(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(upgradeRequired, { Upgrade: 'websocket', Connection: 'close' }).end('this is a WebSocket gateway\n')
}

function answerTo(failure: DialFailure, wall: number): { readonly status: number; readonly retryAfter: number | undefined } {
  switch (failure.cause) {
    case 'refused':
      return { status: failure.status, retryAfter: delayOf(failure.retryAfter, wall) }
    case 'timeout':
      return { status: gatewayTimeout, retryAfter: undefined }
    case 'unreachable':
    case 'protocol':
      return { status: badGateway, retryAfter: undefined }
    case 'aborted':
      return { status: unavailable, retryAfter: undefined }
  }
}

/** Milliseconds of a `Retry-After`: seconds or a date (RFC 9110 section 10.2.3). */
function delayOf(header: string | undefined, wall: number): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header) ? secondMs * Number(header) : Date.parse(header) - wall
  return ms >= 0 ? ms : undefined
}
