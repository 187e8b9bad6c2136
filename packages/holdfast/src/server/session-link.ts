/** A link that carries a session or wants to: a socket of `ws`, what the machine reads of it, and one system call for what a turn writes. */

import { abnormalClose, type CloseInfo } from '../core/close-info.ts'
import { isControl } from '../core/control.ts'
import type { ServerLink, Verdict } from '../core/server-session.ts'
import type { Answerer, AutoPong } from './auto-pong.ts'
import type { Turn, Turning } from './clock.ts'
import { frameOf, isShort, textOf } from './frame.ts'
import { HollowSocket } from './hollow-socket.ts'
import type { LinkAlarm } from './link-alarm.ts'
import { dle, Outgoing } from './outgoing.ts'
import type { SessionSocket } from './session-socket.ts'
import { type Head, UpgradeRequest } from './upgrade-request.ts'
import { unknown, type Whereabouts, whereaboutsOf } from './whereabouts.ts'
import { rawSocket, WsGauge } from './ws-gauge.ts'

/** To whom a link tells what happens to it. */
export interface LinkOwner {
  readonly turn: Turn
  readonly pongs: AutoPong
  /** @param payload a text only where its first character makes it one that has to be looked at; else its bytes */
  linkMessage(link: SessionLink, payload: string | Buffer, isBinary: boolean): void
  linkPinged(link: SessionLink, data: Buffer): void
  linkClosed(link: SessionLink, close: CloseInfo): void
  /** Its backlog fell. */
  linkDrained(link: SessionLink): void
  /** Its deadline has come. */
  linkRang(link: SessionLink): void
}

/** Whose link it is, as origin check and authentication found. */
export interface Visitor {
  readonly head: Head
  readonly principal: unknown
  /** The subprotocol that was chosen for a new session; empty for none. */
  proto: string
  /** Whether a new session may begin on a link that came for another one. */
  renew(): Verdict | Promise<Verdict>
  /** It has begun, with this socket. */
  welcome(socket: SessionSocket): void
}

/** Tells its link without going through listeners: they cost half a kilobyte a socket, and time for each message. */
export class LinkSocket extends HollowSocket {
  /** Where it leads what it has to tell; nowhere once nothing more is to be heard. */
  link: SessionLink | undefined = undefined

  override emit(event: string | symbol, ...details: any[]): boolean {
    this.link?.told(event as string, details[0], details[1])
    return true
  }

  /** So ends who lets answers to his pings pile up; where it is our doing, we let go of the link before. */
  override terminate(): void {
    this.link?.told('flood', undefined, undefined)
    super.terminate()
  }
}

/** UTF-8 never needs more for a UTF-16 unit. */
const bytesPerUnit = 3
/** Above this much in hand somebody may be waiting for it to leave. */
const busyBytes = 32 * 1024
/** What `ws` says to the peer when it does not understand him (RFC 6455 section 7.4.1). */
const codesOfErrors: { readonly [error: string]: number } = {
  // biome-ignore-start lint/style/useNamingConvention: the names of `ws`
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  // biome-ignore-end lint/style/useNamingConvention: the names of `ws`
}

export class SessionLink extends WsGauge<LinkSocket | undefined> implements Answerer, Turning {
  /** Whose it is, as `authenticate` found. */
  readonly principal: unknown
  readonly extensions: string
  pendingPongs = 0
  /** As the machine knows it. */
  server!: ServerLink
  /** While its time is bounded. */
  alarm: LinkAlarm | undefined
  readonly #owner: LinkOwner
  /** Whether `ws` writes at once: it compresses nothing, and had no Blob to read first. */
  #isDirect: boolean
  #request: Head | UpgradeRequest
  #failure: CloseInfo | undefined
  /** What was written in this turn of the event loop: nothing, one frame, or more, which wait for its end. */
  #turn: 'silent' | 'spoken' | 'corked' = 'silent'

  constructor(ws: LinkSocket, owner: LinkOwner, { head, principal }: Visitor) {
    super(ws)
    this.principal = principal
    this.extensions = ws.extensions
    this.#owner = owner
    this.#isDirect = ws.extensions === ''
    this.#request = head
    ws.link = this
    ;(ws as { _events?: undefined })._events = undefined // it has no listeners, and room for some
  }

  get request(): UpgradeRequest {
    const kept = this.#request
    const request = kept instanceof UpgradeRequest ? kept : new UpgradeRequest(kept, this.raw ?? unknown)
    this.#request = request
    return request
  }
  /** Where its connection leads, or led. */
  get whereabouts(): Whereabouts {
    return this.raw ?? (this.#request instanceof UpgradeRequest ? this.#request.whereabouts : unknown)
  }
  get raw(): ReturnType<typeof rawSocket> {
    return rawSocket(this.ws)
  }

  ring(): void {
    this.#owner.linkRang(this)
  }

  /** Writes what a session gave: a control frame, a text, bytes, or one of these with what the application wants to know of it. */
  write(frame: unknown): void {
    this.#coalesce()
    if (frame instanceof Outgoing) this.#send(frame.wire, frame.isBinary, frame.isCompressed, frame.isAwaited ? frame : undefined)
    else if (typeof frame === 'string') this.#send(frame, false, !isControl(frame), undefined)
    else this.#send(frame as Buffer, true, true, undefined)
  }

  /** Says goodbye. */
  close(code: number, reason: string): void {
    this.ws?.resume() // the peer's answer must be read, whoever stopped reading
    this.ws?.close(code, reason)
  }

  drop(): void {
    const { ws } = this
    this.#release()
    ws?.terminate()
  }

  pause(): void {
    this.ws?.pause()
  }
  resume(): void {
    this.ws?.resume()
  }

  /** An event of the socket, with what comes with it. */
  told(event: string, first: any, second: any): void {
    switch (event) {
      case 'message':
        this.#owner.linkMessage(this, !second && (first as Buffer)[0] === dle ? textOf(first) : first, second)
        return
      case 'ping':
        if (this.ws) this.#owner.pongs.answer(this.ws, this, first)
        this.#owner.linkPinged(this, first)
        return
      case 'error':
        this.#failure ??= failureOf(first)
        return
      case 'flood':
        this.#failure ??= abnormalClose('overflow')
        return
      case 'close':
        this.#release()
        this.#owner.linkClosed(this, this.#failure ?? peersClose(first, second))
        return
    }
  }

  #send(data: string | Buffer | Blob, isBinary: boolean, isCompressed: boolean, awaited: Outgoing | undefined): void {
    const { raw } = this
    if (data instanceof Blob) this.#isDirect = false
    if (raw && this.#isDirect && this.isOpen && isShort(data)) {
      raw.write(frameOf(data, isBinary), this.#onWritten(awaited, raw.writableLength > busyBytes))
      return
    }
    const bytes = typeof data === 'string' ? bytesPerUnit * data.length : data instanceof Blob ? data.size : data.length
    const isBusy = !this.#isDirect || this.backlog + bytes > busyBytes
    this.ws?.send(data as Buffer, { binary: isBinary, compress: isCompressed }, this.#onWritten(awaited, isBusy))
  }

  #onWritten(awaited: Outgoing | undefined, isBusy: boolean): ((error?: Error | null) => void) | undefined {
    if (!awaited && !isBusy) return undefined
    return (error) => {
      if (!error) awaited?.settle() // else another link will carry it
      if (isBusy) this.#owner.linkDrained(this)
    }
  }

  /** The session may outlive it by minutes, and keeps of it what is asked for. */
  #release(): void {
    if (!this.ws) return
    const where = whereaboutsOf(this.raw)
    if (this.#request instanceof UpgradeRequest) this.#request.release(where)
    else if (where !== unknown) this.#request = new UpgradeRequest(this.#request, where)
    this.ws.link = undefined
    this.ws = undefined
  }

  /** The first frame of a turn leaves at once, the others in one write when the turn ends. */
  #coalesce(): void {
    switch (this.#turn) {
      case 'silent':
        this.#turn = 'spoken'
        this.#owner.turn.await(this)
        return
      case 'spoken':
        this.#turn = 'corked'
        this.raw?.cork()
        return
      case 'corked':
        return
    }
  }

  turned(): void {
    const wasCorked = this.#turn === 'corked'
    this.#turn = 'silent'
    if (wasCorked) this.raw?.uncork()
  }
}

/** This end has ended the link, for what the peer sent; the peer is told the same code. */
function failureOf(error: Error & { code?: string }): CloseInfo {
  const { code } = error
  if (!code?.startsWith('WS_ERR_')) return abnormalClose('network')
  return Object.freeze({ code: codesOfErrors[code] ?? 1002, reason: error.message, wasClean: false, cause: 'protocol' })
}

function peersClose(code: number, reason: Buffer): CloseInfo {
  if (code === 1006) return abnormalClose('network')
  return Object.freeze({ code, reason: reason.toString(), wasClean: true, cause: 'client' })
}
