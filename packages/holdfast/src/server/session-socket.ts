/** The socket that `connection` hands out: for a client of sessions one that outlives its links, else a plain socket of `ws`. */

import { type RawData, WebSocket as WsSocket } from 'ws'
import type { CloseInfo } from '../core/close-info.ts'
import { HollowSocket } from './hollow-socket.ts'
import { HostedSession, type SessionCloseInfo } from './hosted-session.ts'
import type { SendCallback, SendOptions } from './outgoing.ts'
import { PlainSocket } from './plain-socket.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

/** Events besides those of `ws`. */
export interface SessionSocketEvents {
  /** The link is gone; the session waits for its client. */
  lost: [info: CloseInfo]
  /** Another link carries the session. `downtime` in milliseconds; `replayed`: messages that it was given to carry so far. */
  resumed: [info: { downtime: number; replayed: number }, request: UpgradeRequest]
}

type Data = Parameters<WsSocket['send']>[0]
type Callback = (error: Error) => void

const plain = WsSocket.prototype

/** What is behind a socket. */
type Core = HostedSession | PlainSocket

let bind: (socket: SessionSocket, core: Core) => void
let coreOf: (socket: SessionSocket) => Core | undefined

/**
 * A `ws` socket for a session: OPEN while its link is away, with every message delivered once and in order. For a client that speaks no
 * holdfast it is the ordinary socket of `ws`, and `sessionId` is null.
 */
export class SessionSocket extends HollowSocket {
  #core: Core | undefined

  static {
    bind = (socket, core) => {
      socket.#core = core
    }
    coreOf = (socket) => socket.#core
    // Accessors of `ws` that its types call properties, which TypeScript lets nobody override.
    const override = (name: keyof WsSocket, read: (hosted: HostedSession) => unknown) => {
      const own = Object.getOwnPropertyDescriptor(plain, name)!
      const get = function (this: SessionSocket): unknown {
        const core = this.#core
        return core instanceof HostedSession ? read(core) : own.get!.call(this)
      }
      Object.defineProperty(this.prototype, name, { ...own, get })
    }
    override('readyState', (hosted) => hosted.readyState)
    override('bufferedAmount', (hosted) => hosted.bufferedAmount)
    override('extensions', (hosted) => hosted.link.extensions)
    override('isPaused', (hosted) => hosted.isPaused)
  }

  /** Identifies the session, also in the client; null for a plain socket. Half of a credential: not for logs. */
  get sessionId(): string | null {
    return sessionOf(this)?.session.sid ?? null
  }
  /** Whether a link carries it at the moment. */
  get attached(): boolean {
    return sessionOf(this)?.isAttached ?? this.readyState === WsSocket.OPEN
  }
  /** What `authenticate` returned for the latest upgrade. */
  get principal(): unknown {
    return this.#core?.principal
  }
  /** The latest upgrade, as far as it is kept. What `authenticate` found in it belongs into `principal`. */
  get request(): UpgradeRequest {
    return this.#core!.request
  }
  /** Milliseconds that the last ping took which was answered; null before. */
  get rtt(): number | null {
    return this.#core?.rtt ?? null
  }
  /** Bytes that were written to a link and that the client has not acknowledged. */
  get unackedAmount(): number {
    return sessionOf(this)?.unackedAmount ?? 0
  }
  /** How the session ended, in and after `close`; null before, and for a plain socket. */
  get closeInfo(): SessionCloseInfo | null {
    return sessionOf(this)?.closeInfo ?? null
  }

  /** A heartbeat hears what the application hears; a listener of its own would cost as much as all the rest of it. */
  override emit(event: string | symbol, ...details: any[]): boolean {
    if (this.#core instanceof PlainSocket) this.#core.told(event as string, details[0])
    return super.emit(event, ...details)
  }

  override on<K extends keyof SessionSocketEvents>(event: K, listener: (this: this, ...details: SessionSocketEvents[K]) => void): this
  override on(event: 'message', listener: (this: this, data: RawData, isBinary: boolean) => void): this
  override on(event: 'close', listener: (this: this, code: number, reason: Buffer) => void): this
  override on(event: 'error', listener: (this: this, error: Error) => void): this
  override on(event: 'ping' | 'pong', listener: (this: this, data: Buffer) => void): this
  override on(event: string | symbol, listener: (this: this, ...details: any[]) => void): this
  override on(event: string | symbol, listener: (this: any, ...details: any[]) => void): this {
    return super.on(event, listener)
  }

  /** Where `ws` keeps its TCP socket: for a session a stand-in that is never null and outlives the links. */
  get _socket(): unknown {
    return sessionOf(this)?.face
  }
  /** Called once, by the constructor of `ws`: what it makes has its own. */
  set _socket(value: unknown) {
    Object.defineProperty(this, '_socket', { value, writable: true, enumerable: true, configurable: true })
  }

  /**
   * Sends a message. The callback is called when it was written to a link, or with the error that ended the session.
   *
   * @throws RangeError for a message that is larger than either end of a session takes
   * @throws QuotaExceededError (a DOMException) when `session.overflow` is 'throw' and the message does not fit
   */
  override send(data: Data, options?: SendOptions | SendCallback, callback?: SendCallback): void {
    const given = typeof options === 'function' ? {} : (options ?? {})
    const told = typeof options === 'function' ? options : callback
    const core = this.#core
    if (core instanceof HostedSession) core.send(data, given, told)
    else {
      core?.sending()
      plain.send.call(this, data, given as object, told)
    }
  }

  /**
   * Sends a message when there is room for it.
   *
   * @returns 'acknowledged' when the client has it; for a plain socket 'written' when it left
   * @throws InvalidStateError (a DOMException) when the session is over
   */
  sendAsync(data: Data, options: { signal?: AbortSignal | undefined } = {}): Promise<'acknowledged' | 'written'> {
    if (this.#core instanceof HostedSession) return this.#core.sendAsync(data, options.signal)
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted()
      this.send(data, (error) => (error ? reject(error) : resolve('written')))
    })
  }

  /** Ends the session in order, behind all that was sent. @throws TypeError or RangeError for a code or reason that cannot be sent */
  override close(code?: number, reason?: string | Buffer): void {
    const core = this.#core
    if (!(core instanceof HostedSession)) {
      core?.closing()
      plain.close.call(this, code, reason)
    } else if (this.readyState === WsSocket.OPEN) core.close(checkedCode(code), checkedReason(code, reason))
  }

  /** Ends the session, not only its link, at once. */
  override terminate(): void {
    const core = this.#core
    if (core instanceof HostedSession) core.terminate()
    else {
      core?.closing()
      plain.terminate.call(this)
    }
  }

  /** Asks whether the session lives: `pong` with the same data follows while it does, also when its client is away. */
  override ping(data?: any, mask?: boolean | Callback, callback?: Callback): void {
    if (this.#core instanceof HostedSession) this.#core.ping(...dataAndCallback(data, mask, callback))
    else plain.ping.call(this, data, mask as boolean, callback)
  }

  /** Does nothing in a session, whose client waits for none. */
  override pong(data?: any, mask?: boolean | Callback, callback?: Callback): void {
    if (this.#core instanceof HostedSession) this.#core.pong(...dataAndCallback(data, mask, callback))
    else plain.pong.call(this, data, mask as boolean, callback)
  }

  /** No message is emitted until `resume()`, and the client is not told of what arrives. */
  override pause(): void {
    const core = this.#core
    if (!(core instanceof HostedSession)) plain.pause.call(this)
    core?.pause()
  }

  override resume(): void {
    const core = this.#core
    if (!(core instanceof HostedSession)) plain.resume.call(this)
    core?.resume()
  }
}

/** @param proto the subprotocol of the session; empty for none */
export function bindSession(socket: SessionSocket, hosted: HostedSession, proto: string): void {
  bind(socket, hosted)
  Reflect.deleteProperty(socket, '_socket') // a class that does not pass its options on has been made for a connection
  if (proto !== '') Object.assign(socket, { _protocol: proto }) // where `ws` has that of a link
}

export function bindPlain(socket: SessionSocket, link: PlainSocket): void {
  bind(socket, link)
}

/** The session behind a socket; undefined for a plain one. */
export function sessionOf(socket: SessionSocket): HostedSession | undefined {
  const core = coreOf(socket)
  return core instanceof HostedSession ? core : undefined
}

/** The heartbeat of a plain socket. */
export function plainOf(socket: SessionSocket): PlainSocket | undefined {
  const core = coreOf(socket)
  return core instanceof PlainSocket ? core : undefined
}

/** As `ws` takes them: the callback may stand in the place of what is left out. */
function dataAndCallback(
  data: unknown,
  mask: unknown,
  callback: Callback | undefined,
): [data: unknown, callback: SendCallback | undefined] {
  if (typeof data === 'function') return [undefined, data as SendCallback]
  return [data, (typeof mask === 'function' ? mask : callback) as SendCallback | undefined]
}

const maxReasonBytes = 123

/** The rules and the words of `ws`. */
function checkedCode(code: number | undefined): number | undefined {
  const isReserved = code === 1004 || code === 1005 || code === 1006
  const isValid = typeof code === 'number' && ((code >= 1000 && code <= 1014 && !isReserved) || (code >= 3000 && code <= 4999))
  if (code !== undefined && !isValid) throw new TypeError('First argument must be a valid error code number')
  return code
}

function checkedReason(code: number | undefined, reason: string | Buffer | undefined): string {
  if (code === undefined || reason === undefined || reason.length === 0) return ''
  if (Buffer.byteLength(reason) > maxReasonBytes) throw new RangeError(`The message must not be greater than ${maxReasonBytes} bytes`)
  if (typeof reason !== 'string' && !ArrayBuffer.isView(reason)) throw new TypeError('Second argument must be a string or a Uint8Array')
  return Buffer.from(reason as string).toString() // and no half of a surrogate pair is left
}
