/** The server: `ws`'s own, and sessions for the clients that ask for them. */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ServerOptions, WebSocketServer as WsServer } from 'ws'
import { tickMs } from '../core/liveness.ts'
import { Gate } from './gate.ts'
import { Journal } from './journal.ts'
import { chooseProto, LinkServer } from './link-server.ts'
import { type Offer, readOffer, withoutReserved } from './offer.ts'
import { type HoldfastOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { type PlainConfig, PlainSocket, plainConfig } from './plain-socket.ts'
import { SessionHost } from './session-host.ts'
import { bindPlain, SessionSocket } from './session-socket.ts'
import { TimerWheel } from './timer-wheel.ts'
import { headOf } from './upgrade-request.ts'

/** Read on demand. */
export interface ServerStats {
  /** Sessions, with a link or without. */
  readonly sessions: number
  /** Those with a link. */
  readonly attached: number
  /** Sockets of clients without a session. */
  readonly plain: number
  /** Bytes that sessions hold because their clients have not acknowledged them. */
  readonly bufferedBytes: number
}

/** Those of `ws`, and ours. */
export type WebSocketServerOptions = ServerOptions<typeof SessionSocket> & HoldfastOptions & { maxPendingAutoPongs?: number | undefined }

type Announce = (client: SessionSocket, request: IncomingMessage) => void

/** What `ws` keeps to itself of a server that is closing. */
interface Internals {
  readonly _shouldEmitClose?: boolean
  _state: number
}
const closedState = 2

const sessionMaxBytes = 1024 * 1024

/**
 * A server of `ws`, whose sessions outlive their links.
 *
 * ```ts
 * const server = new WebSocketServer({ port: 8080 })
 * server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
 * ```
 *
 * @throws TypeError for an option that is unknown or wrong, naming option, value and rule
 */
export class WebSocketServer extends WsServer<typeof SessionSocket> {
  readonly #plainConfig: PlainConfig
  readonly #gate: Gate
  readonly #host: SessionHost
  readonly #links: LinkServer | undefined
  #plain = 0

  constructor(options: WebSocketServerOptions = {}, callback?: () => void) {
    const resolved = resolveOptions(options, SessionSocket)
    const { session, clock } = resolved
    const wsOptions = optionsForWs(options, resolved)
    const journal = new Journal(resolved.logger, resolved.name)
    const gate = new Gate(resolved, options.verifyClient, journal)
    super({ ...wsOptions, verifyClient: gate.check }, callback)
    const { maxPayload = sessionMaxBytes } = options
    this.#gate = gate
    const wheel = new TimerWheel(clock, tickMs({ ...resolved.heartbeat, writeTimeout: resolved.writeTimeout }))
    this.#host = new SessionHost({
      options: resolved,
      maxMessageBytes: maxPayload === 0 ? Number.MAX_SAFE_INTEGER : maxPayload,
      clock,
      wheel,
      journal,
      createSocket: () => new (this.options.WebSocket as any)(null, undefined, this.options),
    })
    this.#plainConfig = plainConfig(resolved, wheel, journal, () => this.#plain--)
    const linkOptions = { ...wsOptions, verifyClient: gate.check }
    if (session.isOn) this.#links = new LinkServer(this, linkOptions, maxPayload, options.handleProtocols)
  }

  get stats(): ServerStats {
    const { sessions, attached, heldBytes } = this.#host
    return { sessions, attached, plain: this.#plain, bufferedBytes: heldBytes }
  }

  /** As with `ws`; `callback` is called once a session, and not for a link that resumes one. */
  override handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, callback: Announce): void {
    const offer = this.#links && readOffer(request)
    if (offer) this.#links?.take(request, socket, head, offer, (ws, proto) => this.#accept(ws, proto, offer, request, callback))
    else {
      super.handleUpgrade(request, socket, head, (ws) => {
        this.#adopt(ws, request)
        callback(ws, request)
      })
    }
  }

  /** Takes no more connections. Sessions without a link end at once, the others with their links; nobody could come back. */
  override close(callback?: (error?: Error) => void): void {
    super.close(callback)
    this.#links?.close()
    this.#host.close()
  }

  /** Ends all sockets and closes the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.close(() => resolve())
      for (const client of [...(this.clients ?? [])]) client.terminate()
    })
  }

  #accept(ws: Parameters<SessionHost['accept']>[0], proto: string, offer: Offer, request: IncomingMessage, callback: Announce): void {
    const { principal, verdict } = this.#gate.passOf(request)
    const welcome = (socket: SessionSocket) => {
      this.#track(socket)
      callback(socket, request)
    }
    const granted = verdict.kind === 'accepted' ? { ...verdict, proto } : verdict
    const visitor = { head: headOf(request), principal, proto, welcome: offer.isResuming ? undefined : welcome }
    this.#host.accept(ws, offer.isResuming, visitor, granted)
  }

  /** A client that speaks no holdfast; `ws` has put its socket among the clients. */
  #adopt(socket: SessionSocket, request: IncomingMessage): void {
    const { principal } = this.#gate.passOf(request)
    bindPlain(socket, new PlainSocket(socket, headOf(request), principal, this.#plainConfig))
    this.#plain++
  }

  /** What `ws` does for its own. */
  #track(socket: SessionSocket): void {
    if (!this.clients) return
    this.clients.add(socket)
    socket.on('close', () => {
      this.clients.delete(socket)
      if ((this as unknown as Internals)._shouldEmitClose && this.clients.size === 0) process.nextTick(() => this.#emitClose())
    })
  }

  #emitClose(): void {
    ;(this as unknown as Internals)._state = closedState
    this.emit('close')
  }
}

/** What is left for `ws` when ours are taken out. */
function optionsForWs(options: WebSocketServerOptions, { closeTimeout, session }: ResolvedOptions): ServerOptions<typeof SessionSocket> {
  const { session: _, heartbeat, writeTimeout, origins, authenticate, logger, name, clock, handleProtocols, ...rest } = options
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  const choose = session.isOn ? plainChoice(handleProtocols) : handleProtocols
  return { WebSocket: SessionSocket, ...given, closeTimeout, ...(choose && { handleProtocols: choose }) } as ServerOptions<
    typeof SessionSocket
  >
}

/** A client that offers names of ours and does not speak gets none of them. */
function plainChoice(choose: WebSocketServerOptions['handleProtocols']): NonNullable<WebSocketServerOptions['handleProtocols']> {
  return (protocols, request) => chooseProto(withoutReserved(protocols), request, choose) || false
}
