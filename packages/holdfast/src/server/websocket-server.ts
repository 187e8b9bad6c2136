/** The server: `ws`'s own, and sessions for the clients that ask for them. */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ServerOptions, WebSocketServer as WsServer } from 'ws'
import { Admission } from '../core/admission.ts'
import { tickMs } from '../core/liveness.ts'
import { AutoPong } from './auto-pong.ts'
import { Drain, type DrainOptions, type DrainResult, type Leaver, restart } from './drain.ts'
import { Gate } from './gate.ts'
import { forSession } from './hollow-socket.ts'
import { Journal } from './journal.ts'
import { chooseProto, LinkServer } from './link-server.ts'
import { type Offer, readOffer, withoutReserved } from './offer.ts'
import { type HoldfastOptions, type ResolvedOptions, resolveDrain, resolveOptions } from './options.ts'
import { type PlainConfig, PlainSocket, plainConfig } from './plain-socket.ts'
import { SessionHost } from './session-host.ts'
import { bindPlain, plainOf, SessionSocket } from './session-socket.ts'
import { type ServerTotals, Tally } from './tally.ts'
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
  /** Milliseconds over which sessions are asked to come back when they lose their links: how long it takes to admit them all. */
  readonly spread: number
  /** Whether clients are being asked to leave, or have been. */
  readonly draining: boolean
}

/** Those of `ws`, and ours. */
export type WebSocketServerOptions = ServerOptions<typeof SessionSocket> & HoldfastOptions & { maxPendingAutoPongs?: number | undefined }

/** For who has to prepare something before a new session begins on a link that came for another one, as `authenticate` did for others. */
export let beforeRenewal: (server: WebSocketServer, prepare: (request: IncomingMessage) => Promise<void>) => void

type Announce = (client: SessionSocket, request: IncomingMessage) => void

/** What `ws` keeps to itself of a server that is closing. */
interface Internals {
  readonly _shouldEmitClose?: boolean
  _state: number
}
const closedState = 2

const sessionMaxBytes = 1024 * 1024
/** Clients that are asked to leave, where nothing says how many other servers admit. */
const leavingPerSecond = 1_000
/** Of the time until they are forced, so much at most is for asking clients to leave; the rest is for their answers. */
const askingShare = 0.5
/** Clients that move are told their slot so much before. */
const migrationLeadMs = 1_000
/** Of the time for which a session is kept, so much at most is for coming back thinly. */
const spreadShare = 3
const abnormal = 1006

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
  readonly #options: ResolvedOptions
  readonly #wheel: TimerWheel
  readonly #plainConfig: PlainConfig
  readonly #gate: Gate
  readonly #host: SessionHost
  readonly #links: LinkServer | undefined
  readonly #tally: Tally
  readonly #journal: Journal
  /** Sockets of clients without a session. */
  #plain = 0
  /** These, where `ws` was told to keep no list. */
  readonly #untracked: Set<SessionSocket> | undefined
  #drain: { readonly drain: Drain; readonly isLeaving: boolean } | undefined
  #prepare: ((request: IncomingMessage) => Promise<void>) | undefined

  static {
    beforeRenewal = (server, prepare) => {
      server.#prepare = prepare
    }
  }

  constructor(options: WebSocketServerOptions = {}, callback?: () => void) {
    const resolved = resolveOptions(options, SessionSocket)
    const { session, clock } = resolved
    const wsOptions = optionsForWs(options, resolved)
    const journal = new Journal(resolved.logger, resolved.name)
    const tally = new Tally()
    const admission = createAdmission(resolved)
    const gate = new Gate(resolved, options.verifyClient, journal, tally, admission)
    super({ ...wsOptions, verifyClient: gate.check }, callback)
    const { maxPayload = sessionMaxBytes } = options
    this.#gate = gate
    this.#options = resolved
    this.#tally = tally
    this.#journal = journal
    const wheel = new TimerWheel(clock, tickMs({ ...resolved.heartbeat, writeTimeout: resolved.writeTimeout }))
    this.#wheel = wheel
    const { autoPong = true, maxPendingAutoPongs = 0 } = this.options as WebSocketServerOptions
    const pongs = new AutoPong(autoPong, maxPendingAutoPongs)
    const sessionOptions = forSession(this.options)
    this.#host = new SessionHost({
      options: resolved,
      maxMessageBytes: maxPayload === 0 ? Number.MAX_SAFE_INTEGER : maxPayload,
      clock,
      wheel,
      journal,
      tally,
      admission,
      pongs,
      left: (session, how) => this.#left(session, how),
      createSocket: () => new (this.options.WebSocket as any)(null, undefined, sessionOptions),
      closed: (socket) => this.#untrack(socket),
    })
    this.#untracked = this.clients ? undefined : new Set()
    this.#plainConfig = plainConfig(resolved, wheel, tally, journal, pongs, (socket, code) => this.#plainClosed(socket, code))
    const linkOptions = { ...wsOptions, verifyClient: gate.check }
    if (session.isOn) this.#links = new LinkServer(this, linkOptions, maxPayload, options.handleProtocols)
  }

  /** Names the server in logs and metrics; empty without the option. */
  get name(): string {
    return this.#options.name ?? ''
  }

  /** What there is now. */
  get stats(): ServerStats {
    const { sessions, attached, heldBytes, spread } = this.#host
    const draining = this.#drain !== undefined && (this.#drain.isLeaving || !this.#drain.drain.isOver)
    return { sessions, attached, plain: this.#plain, bufferedBytes: heldBytes, spread, draining }
  }

  /**
   * Lets its clients leave, each at a slot of its own. Plain sockets are closed with 1012. Sessions end in order: their messages, then 1012, so that
   * nothing is left unconfirmed; no new ones begin. With `migrate` they move to other links instead, for a server that stays.
   *
   * A second call joins the first. The server does not close; call `close()` then.
   *
   * @throws TypeError for an option that is unknown or wrong, naming option, value and rule
   */
  drain(options: DrainOptions = {}): Promise<DrainResult> {
    const { signal, ...resolved } = resolveDrain(options)
    const isLeaving = resolved.migrate === false
    if (!this.#drain || this.#drain.drain.isOver || (isLeaving && !this.#drain.isLeaving)) {
      this.#drain?.drain.cancel()
      this.#startDrain(resolved, isLeaving)
    }
    const { drain } = this.#drain!
    const force = () => drain.force()
    if (signal?.aborted) force()
    signal?.addEventListener('abort', force)
    return drain.result.finally(() => signal?.removeEventListener('abort', force))
  }

  /** What has happened so far. */
  get totals(): ServerTotals {
    return this.#tally.totals
  }

  /** As with `ws`; `callback` is called once a session, and not for a link that resumes one. */
  override handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, callback: Announce): void {
    const { asked } = this.#gate
    const offer = this.#links && readOffer(request)
    if (offer) this.#links?.take(request, socket, head, offer, (ws, proto) => this.#accept(ws, proto, offer, request, callback))
    else {
      super.handleUpgrade(request, socket, head, (ws) => {
        this.#adopt(ws, request)
        callback(ws, request)
      })
    }
    if (this.#gate.asked === asked) this.#tally.upgradeRefused('invalid')
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
      const { seat } = this.#gate.passOf(request)
      seat?.keep()
      if (seat) socket.on('close', () => seat.free())
      this.clients?.add(socket)
      callback(socket, request)
    }
    const granted = verdict.kind === 'accepted' ? { ...verdict, proto } : verdict
    const renew = () => this.#gate.renew(request, () => this.#choose(request))
    this.#host.accept(ws, offer.isResuming, { head: headOf(request), principal, proto, renew, welcome }, granted)
  }

  /** The subprotocol of a session that begins on a link which came for another one. */
  #choose(request: IncomingMessage): string | Promise<string> {
    const choose = () => this.#links!.chooseLater(request)
    return this.#prepare ? this.#prepare(request).then(choose) : choose()
  }

  /** A client that speaks no holdfast; `ws` has put its socket among the clients. */
  #adopt(socket: SessionSocket, request: IncomingMessage): void {
    const { principal } = this.#gate.passOf(request)
    bindPlain(socket, new PlainSocket(socket, headOf(request), principal, this.#plainConfig))
    this.#tally.linkOpened('plain')
    this.#plain++
    this.#untracked?.add(socket)
  }

  #plainClosed(socket: SessionSocket, code: number): void {
    this.#plain--
    this.#untracked?.delete(socket)
    this.#left(socket, code === abnormal ? 'forced' : 'closed')
  }

  /** To another link of a server that goes nobody has left. */
  #left(key: object, how: keyof DrainResult): void {
    if (how !== 'migrated' || !this.#drain?.isLeaving) this.#drain?.drain.left(key, how)
  }

  #startDrain({ rate, timeout, migrate }: ReturnType<typeof resolveDrain>, isLeaving: boolean): void {
    const { admission, clock } = this.#options
    const leavers = new Map<object, Leaver>(
      isLeaving ? this.#host.ending() : this.#host.moving(migrate === true ? undefined : String(migrate)),
    )
    const sessions = leavers.size
    for (const socket of this.#untracked ?? this.clients) if (plainOf(socket)) leavers.set(socket, plainLeaver(socket))
    const spread = Math.min(
      (1_000 * leavers.size) / (rate ?? (admission.isOn ? admission.ratePerSecond : leavingPerSecond)),
      askingShare * timeout,
    )
    if (isLeaving) {
      this.#gate.leave()
      this.#host.leave()
    }
    this.#journal.server('info', 'drain', { sessions, plain: leavers.size - sessions, spreadMs: Math.round(spread), migrate })
    const drain = new Drain({ clock, wheel: this.#wheel, spread, timeout, lead: isLeaving ? 0 : migrationLeadMs }, leavers)
    this.#drain = { drain, isLeaving }
    drain.begin()
    void drain.result.then((result) => this.#journal.server('info', 'drained', result))
  }

  /** What `ws` does for its own. */
  #untrack(socket: SessionSocket): void {
    if (!this.clients?.delete(socket)) return
    if ((this as unknown as Internals)._shouldEmitClose && this.clients.size === 0) process.nextTick(() => this.#emitClose())
  }

  #emitClose(): void {
    ;(this as unknown as Internals)._state = closedState
    this.emit('close')
  }
}

/** What is left for `ws` when ours are taken out. */
function optionsForWs(options: WebSocketServerOptions, { closeTimeout, session }: ResolvedOptions): ServerOptions<typeof SessionSocket> {
  const {
    session: _,
    heartbeat,
    admission,
    limits,
    writeTimeout,
    origins,
    authenticate,
    logger,
    name,
    clock,
    handleProtocols,
    ...rest
  } = options
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

function createAdmission({ admission, session, clock }: ResolvedOptions): Admission | undefined {
  if (!admission.isOn) return undefined
  const { ratePerSecond, maxPending } = admission
  return new Admission({ ratePerSecond, maxPending, maxSpread: Math.floor(session.ttl / spreadShare), random: () => clock.random() })
}

function plainLeaver(socket: SessionSocket): Leaver {
  const leave = (close: () => void) => {
    plainOf(socket)?.closing('drain')
    close()
  }
  return { ask: () => leave(() => socket.close(restart.code, restart.reason)), force: () => leave(() => socket.terminate()) }
}
