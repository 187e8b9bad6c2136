/** A link over the package `ws`: real pings, the server's refusal, bytes as they come, and one system call for what a turn writes. */

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { ClientOptions, WebSocket as WsSocket } from 'ws'
import { statusOutcome } from '../core/close-code.ts'
import { abnormalClose, type CloseCause, type CloseInfo, isAuthRefusal } from '../core/close-info.ts'
import type { Data, Wire } from './data.ts'
import { byteLength, isBlob, snapshot } from './data.ts'
import type { Dialer, DialRequest, Link, LinkOwner } from './link.ts'

export type WsClass = new (url: string, protocols: string[], options: ClientOptions) => WsSocket

export function wsDialer(Ws: WsClass): Dialer {
  const Class = linkedClass(Ws)
  return (request, owner) => new WsLink(Class, request, owner)
}

/** `ws` keeps these to itself; nothing else tells how much of a write the system took. */
interface Internals {
  readonly _socket: (Socket & { readonly _bytesDispatched?: number; readonly _handle?: Handle | null }) | null
}
interface Handle {
  readonly writeQueueSize?: number
  readonly _parent?: Handle
}

/** Where a socket of `ws` leads what it has to tell; nowhere once nothing more is to be heard. */
const linkOf: unique symbol = Symbol('holdfast.link')
type Linked = WsSocket & Internals & { [linkOf]?: WsLink | undefined }

/**
 * A class of `ws` that tells its link without going through listeners: they cost half a kilobyte a socket, and time for each message.
 */
function linkedClass(Ws: WsClass): WsClass {
  return class extends (Ws as new (...args: any[]) => any) {
    emit(event: string, first?: any, second?: any): boolean {
      ;(this as unknown as Linked)[linkOf]?.told(event, first, second)
      return true
    }
  } as unknown as WsClass
}

const asText = { binary: false }
const asBinary = { binary: true }
/** Characters of a text that is handed over as bytes: these `ws` masks into a frame of one piece, where a text would leave as two. */
const shortText = 1_024

class WsLink implements Link {
  readonly #ws: Linked
  readonly #owner: LinkOwner
  #failure: { readonly close: CloseInfo; readonly error: Error } | undefined
  /** What was sent in this turn of the event loop. */
  #turn: Data[] | undefined
  #backlogBeforeTurn = 0
  #isCompressed = false

  constructor(Ws: WsClass, request: DialRequest, owner: LinkOwner) {
    const { headers: given, ...wsOptions } = (request.wsOptions ?? {}) as ClientOptions
    const headers = { ...given, ...request.headers }
    this.#owner = owner
    this.#ws = new Ws(request.url, request.protocols, { ...wsOptions, headers }) as Linked
    this.#ws[linkOf] = this
  }

  get canPing(): true {
    return true
  }
  get canPause(): true {
    return true
  }
  get protocol(): string {
    return this.#ws.protocol
  }
  get extensions(): string {
    return this.#ws.extensions
  }
  get isOpen(): boolean {
    return this.#ws.readyState === 1
  }
  /** Without the frames' headers for what this turn sent, as the standard counts. */
  get bufferedAmount(): number {
    return this.#turn ? this.#turn.reduce((sum, data) => sum + byteLength(data), this.#backlogBeforeTurn) : this.backlog
  }
  get backlog(): number {
    return this.#ws.bufferedAmount
  }
  get bytesRead(): number {
    return this.#ws._socket?.bytesRead ?? 0
  }
  get bytesWritten(): number {
    const socket = this.#ws._socket
    if (!socket) return 0
    const handle = socket._handle?._parent ?? socket._handle
    return (socket._bytesDispatched ?? socket.bytesWritten) - (handle?.writeQueueSize ?? socket.writableLength)
  }

  send(data: Data, settle?: (error?: Error) => void): void {
    this.#cork(data)
    // A compressor reads the buffer later than this turn, and the application may write to it by then.
    const owned = this.#isCompressed && typeof data !== 'string' && !isBlob(data) ? snapshot(data) : data
    const isText = typeof owned === 'string'
    const given = isText && owned.length <= shortText ? Buffer.from(owned) : owned
    this.#ws.send(given as Buffer, isText ? asText : asBinary, settle && ((error) => settle(error ?? undefined)))
  }

  whenDrained(run: () => void): void {
    const socket = this.#ws._socket
    if (socket?.writableNeedDrain) socket.once('drain', run)
    else setImmediate(run)
  }

  ping(ping: number): void {
    // While we do not read, answers would pile up at the peer, and `ws` ends who lets them. A pong that nobody asked for (RFC 6455
    // section 5.5.3) lets the peer hear us as well.
    if (this.#ws.isPaused) this.#ws.pong()
    else this.#ws.ping(String(ping))
  }

  close(code?: number, reason?: string): void {
    this.#ws.close(code, reason)
  }

  terminate(): void {
    const ws = this.#ws
    ws[linkOf] = undefined
    ws.terminate()
  }

  pause(): void {
    this.#ws.pause()
  }
  resume(): void {
    this.#ws.resume()
  }

  /** An event of the socket, with what comes with it. */
  told(event: string, first: any, second: any): void {
    switch (event) {
      case 'message':
        this.#owner.linkMessage(this, second ? (first as Wire) : (first as Buffer).toString())
        return
      case 'open':
        this.#isCompressed = this.#ws.extensions !== ''
        this.#owner.linkOpened(this)
        return
      case 'ping':
        this.#owner.linkHeard(this)
        return
      case 'pong':
        this.#owner.linkAnswered(this, Number((first as Buffer).toString()))
        return
      case 'unexpected-response':
        this.#refused(first, second)
        return
      case 'error':
        this.#failure ??= { close: abnormalClose(errorCause(first)), error: first }
        return
      case 'close':
        this.#closed(first, second)
        return
    }
  }

  #refused(request: { destroy(): void }, response: IncomingMessage): void {
    const status = response.statusCode ?? 0
    const wait = retryAfterMs(response.headers['retry-after'])
    const close = Object.freeze({
      ...abnormalClose(isAuthRefusal(status) ? 'auth' : 'server'),
      httpStatus: status,
      ...(wait !== undefined && statusOutcome(status) === 'retried' && { retryAfter: wait }),
    })
    this.#failure = { close, error: new Error(`the server refused the upgrade with ${status} ${response.statusMessage ?? ''}`.trim()) }
    request.destroy()
    this.#ws.terminate()
  }

  #closed(code: number, reason: Buffer): void {
    this.#ws[linkOf] = undefined
    const failure = this.#failure
    if (failure) this.#owner.linkClosed(this, failure.close, failure.error)
    else if (code === 1006) this.#owner.linkClosed(this, abnormalClose('network'), new Error('the connection was lost'))
    else {
      const close = Object.freeze({
        code,
        reason: reason.toString(),
        wasClean: true,
        cause: isAuthRefusal(code) ? 'auth' : 'server',
      } as const)
      this.#owner.linkClosed(this, close, new Error(`the peer closed with ${code}`))
    }
  }

  /** Everything sent in one turn of the event loop leaves in one write. */
  #cork(data: Data): void {
    if (this.#turn) {
      this.#turn.push(data)
      return
    }
    const socket = this.#ws._socket
    if (!socket) return
    this.#turn = [data]
    this.#backlogBeforeTurn = this.backlog
    socket.cork()
    process.nextTick(() => {
      this.#turn = undefined
      socket.uncork()
    })
  }
}

/** Errors of the system have a code; those of `ws` about the handshake have none, those about frames begin with WS_ERR. */
function errorCause(error: Error & { code?: string }): CloseCause {
  return error.code === undefined || /^(WS_ERR|HPE)_/.test(error.code) ? 'protocol' : 'network'
}

/** Seconds or a date (RFC 9110 section 10.2.3), as milliseconds from now. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
