/** A session in this process: what its socket asks of it, and what becomes of that while links come and go. */

import { isUtf8 } from 'node:buffer'
import type { CloseInfo } from '../core/close-info.ts'
import type { OutboxEntry } from '../core/outbox.ts'
import type { ServerSession } from '../core/server-session.ts'
import { Backlog, type Incoming, received } from './incoming.ts'
import { Assembly, byteLength, Outgoing, ownPayload, type Payload, type SendCallback, type SendOptions } from './outgoing.ts'
import { Sending } from './sending.ts'
import type { SessionLink } from './session-link.ts'
import type { SessionSocket } from './session-socket.ts'
import { SocketFace } from './socket-face.ts'
import { nowhere, type Timed } from './timer-wheel.ts'
import type { UpgradeRequest } from './upgrade-request.ts'
import type { Whereabouts } from './whereabouts.ts'
import type { RawSocket } from './ws-gauge.ts'

/** What a session asks of its host. */
export interface SessionOwner {
  /** The largest message that either end takes, in bytes. */
  readonly maxMessageBytes: number
  /** Whether a message too many is refused, and the session goes on. */
  readonly throwsOnOverflow: boolean
  sendMessage(hosted: HostedSession, entry: OutboxEntry): void
  closeSession(hosted: HostedSession, code: number, reason: string): void
  terminateSession(hosted: HostedSession): void
  pauseSession(hosted: HostedSession): void
  resumeSession(hosted: HostedSession): void
  askForAck(hosted: HostedSession): void
  /** Its socket is about to say so. */
  sessionClosed(hosted: HostedSession): void
  sessionRang(hosted: HostedSession, now: number): void
}

/** How a session ended. */
export interface SessionCloseInfo extends CloseInfo {
  /** Sent and never acknowledged, in order; a prefix of them may have arrived. */
  readonly unconfirmed: readonly Payload[]
}

const maxPingBytes = 125
const longBytes = 1_024
const noCode = 1005

export class HostedSession implements Timed {
  readonly session: ServerSession
  readonly socket: SessionSocket
  /** The link that carries it, or the last one that did. */
  link: SessionLink
  rtt: number | null = null
  slot: number = nowhere
  before: Timed | undefined
  behind: Timed | undefined
  readonly #owner: SessionOwner
  #pingedAt: number | undefined
  #close: { readonly info: SessionCloseInfo; readonly isTold: boolean } | undefined
  #backlog: Backlog | undefined
  #sending: Sending | undefined
  #face: SocketFace | undefined

  constructor(session: ServerSession, socket: SessionSocket, link: SessionLink, owner: SessionOwner) {
    this.session = session
    this.socket = socket
    this.link = link
    this.#owner = owner
  }

  get deadline(): number {
    return this.session.deadline
  }
  get principal(): unknown {
    return this.link.principal
  }
  get request(): UpgradeRequest {
    return this.link.request
  }
  get readyState(): 1 | 2 | 3 {
    if (this.#close) return this.#close.isTold ? 3 : 2
    return this.session.session.isOpen ? 1 : 2
  }
  get isAttached(): boolean {
    return this.session.link !== undefined
  }
  /** Set in and after `close`. */
  get closeInfo(): SessionCloseInfo | null {
    return this.#close?.isTold ? this.#close.info : null
  }
  get bufferedAmount(): number {
    const discardedBytes = this.#sending?.discardedBytes ?? 0
    if (this.#close) return discardedBytes
    return this.session.session.pendingBytes + (this.isAttached ? this.link.backlog : 0) + discardedBytes
  }
  get unackedAmount(): number {
    const { session } = this.session
    return this.#close ? 0 : session.outbox.bytes - session.pendingBytes
  }
  get raw(): RawSocket | null {
    return this.link.raw
  }
  get whereabouts(): Whereabouts {
    return this.link.whereabouts
  }
  get isPaused(): boolean {
    return this.#backlog?.isHeld ?? false
  }
  get face(): SocketFace {
    return (this.#face ??= new SocketFace(this))
  }

  ring(now: number): void {
    this.#owner.sessionRang(this, now)
  }

  // From the application

  send(data: unknown, options: SendOptions, callback: SendCallback | undefined): void {
    const payload = ownPayload(data)
    if (this.readyState !== 1) {
      this.#refuse(byteLength(payload), callback)
      return
    }
    const isBinary = options.binary ?? typeof payload !== 'string'
    if (options.fin === false || this.#sending?.assembly) this.#assemble(payload, isBinary, options, callback)
    else this.#enqueue(payload, isBinary, options.compress ?? true, callback, undefined)
  }

  /** As `send`, of bytes that nobody writes to any more, that are UTF-8 if they are a text, and that no end of a session finds too big. */
  forward(data: Buffer, isBinary: boolean): void {
    if (this.readyState !== 1) {
      this.#refuse(data.length, undefined)
      return
    }
    // A short message would keep all that was read together with it.
    const own = data.length < longBytes ? Buffer.from(data) : data
    this.#owner.sendMessage(this, {
      data: isBinary ? own : new Outgoing(own, false, true, undefined),
      bytes: own.length,
      settle: undefined,
    })
  }

  /** Waits for room, then for the peer. */
  async sendAsync(data: unknown, signal: AbortSignal | undefined): Promise<'acknowledged'> {
    const payload = ownPayload(data)
    signal?.throwIfAborted()
    const bytes = byteLength(payload)
    while (this.isFullFor(bytes)) await this.nextRoom(signal)
    this.#assertOpen()
    return new Promise((resolve, reject) => {
      const settle: SendCallback = (error) => (error ? reject(error) : resolve('acknowledged'))
      this.#enqueue(payload, typeof payload !== 'string', true, undefined, settle)
      this.#askSoon()
    })
  }

  /** As `send`, but waits for room first: for a stream, which sends one message after the other. */
  async sendWhenRoom(data: unknown, callback: SendCallback): Promise<void> {
    try {
      const payload = ownPayload(data)
      const bytes = byteLength(payload)
      while (this.isFullFor(bytes)) await this.nextRoom(undefined)
      this.#assertOpen()
      this.#enqueue(payload, typeof payload !== 'string', true, callback, undefined)
    } catch (error) {
      callback(error as Error)
    }
  }

  close(code: number | undefined, reason: string): void {
    if (this.readyState === 1) this.#owner.closeSession(this, code ?? noCode, reason)
  }

  terminate(): void {
    if (!this.#close) this.#owner.terminateSession(this)
  }

  /** Asks the session, not the link: the answer comes while the session lives, wherever its client is. */
  ping(data: unknown, callback: SendCallback | undefined): void {
    const payload = Buffer.from(ownPayload(data) as string)
    if (payload.length > maxPingBytes) throw new RangeError(`The data size must not be greater than ${maxPingBytes} bytes`)
    if (this.readyState !== 1) {
      this.#refuse(payload.length, callback)
      return
    }
    setImmediate(() => {
      callback?.()
      if (this.readyState !== 3) this.socket.emit('pong', payload)
    })
  }

  /** Nobody waits for it. */
  pong(data: unknown, callback: SendCallback | undefined): void {
    if (this.readyState !== 1) this.#refuse(byteLength(ownPayload(data)), callback)
    else if (callback) process.nextTick(callback)
  }

  pause(): void {
    if (this.readyState === 3 || this.isPaused) return
    this.#backlog ??= new Backlog()
    this.#backlog.isHeld = true
    this.#owner.pauseSession(this)
  }

  resume(): void {
    if (this.readyState === 3 || !this.#backlog?.isHeld) return
    this.#backlog.isHeld = false
    process.nextTick(() => this.#readOn())
  }

  // From the host

  deliver(message: Incoming): void {
    const backlog = this.#backlog
    if (!backlog || (!backlog.isHeld && backlog.isEmpty)) {
      this.#emitMessage(message)
      return
    }
    backlog.push(message)
    if (backlog.isFull) this.link.pause()
  }

  pinged(now: number): void {
    this.#pingedAt = now
  }
  /** Returns the milliseconds that the answer took; undefined for one that nobody waits for. */
  answered(now: number): number | undefined {
    if (this.#pingedAt === undefined) return undefined
    this.rtt = now - this.#pingedAt
    this.#pingedAt = undefined
    return this.rtt
  }

  lost(close: CloseInfo): void {
    this.#pingedAt = undefined
    this.socket.emit('lost', close)
  }

  resumed(link: SessionLink, details: { downtime: number; replayed: number }): void {
    this.link = link
    this.#pingedAt = undefined
    if (this.#backlog?.isFull) link.pause()
    this.#face?.refresh()
    this.socket.emit('resumed', details, this.request)
  }

  /** There may be room for more. */
  wake(): void {
    this.#sending?.room.wake()
  }

  /** The session is over; its socket says so when this turn is done. */
  end(close: CloseInfo, unsent: readonly OutboxEntry[]): void {
    const info = Object.freeze({ ...close, unconfirmed: Object.freeze(unsent.map(({ data }) => payloadOf(data))) })
    this.#close = { info, isTold: false }
    const error = closeError(close)
    process.nextTick(() => this.#tellEnd(info, unsent, error))
  }

  #tellEnd(info: SessionCloseInfo, unsent: readonly OutboxEntry[], error: Error): void {
    if (this.#backlog) this.#backlog.isHeld = false
    this.#backlog?.drain((message) => this.#emitMessage(message)) // nothing comes behind, so a pause would keep it for ever
    this.#close = { info, isTold: true }
    for (const entry of unsent) entry.settle?.(error)
    this.#sending?.assembly?.callback(error)
    this.#sending?.room.wake()
    const { socket } = this
    // What `ws` makes the `wasClean` of its close events of.
    Object.assign(socket, { _closeFrameReceived: info.wasClean, _closeFrameSent: info.wasClean })
    if (isPeersFault(info) && socket.listenerCount('error') > 0) socket.emit('error', error)
    this.#face?.finish()
    this.#owner.sessionClosed(this)
    socket.emit('close', info.code, Buffer.from(info.reason))
  }

  /** Made for the few who need it. */
  get #inHand(): Sending {
    return (this.#sending ??= new Sending())
  }

  #emitMessage(message: Incoming): boolean {
    this.socket.emit('message', received(message, this.socket.binaryType), message.isBinary)
    return !this.isPaused
  }

  #readOn(): void {
    if (this.isPaused || this.readyState === 3) return
    this.#backlog?.drain((message) => this.#emitMessage(message))
    if (!this.isPaused) this.#owner.resumeSession(this)
  }

  #refuse(bytes: number, callback: SendCallback | undefined): void {
    this.#inHand.discardedBytes += bytes
    const { readyState } = this
    const text = `WebSocket is not open: readyState ${readyState} (${readyState === 2 ? 'CLOSING' : 'CLOSED'})`
    if (callback) process.nextTick(callback, new Error(text))
  }

  #assemble(payload: Payload, isBinary: boolean, { fin, compress }: SendOptions, callback: SendCallback | undefined): void {
    const sending = this.#inHand
    sending.assembly ??= new Assembly(isBinary)
    sending.assembly.add(payload, callback)
    if (fin === false) return
    const { whole, isBinary: isBinaryWhole, callback: tell } = sending.assembly
    sending.assembly = undefined
    this.#enqueue(whole, isBinaryWhole, compress ?? true, tell, undefined)
  }

  /** @throws RangeError for a message that no end of a session takes */
  #enqueue(given: Payload, isBinary: boolean, isCompressed: boolean, callback: SendCallback | undefined, settle?: SendCallback): void {
    const payload = asSaid(given, isBinary)
    const bytes = byteLength(payload)
    const { maxMessageBytes, throwsOnOverflow } = this.#owner
    if (bytes > maxMessageBytes)
      throw new RangeError(
        `a message of ${bytes} bytes exceeds maxPayload (${maxMessageBytes}), the most that either end of a session takes`,
      )
    const { outbox } = this.session.session
    if (throwsOnOverflow && !outbox.hasRoom(bytes)) throw overflowError(outbox.bytes, outbox.length)
    if (!callback && isCompressed && isBinary === (typeof payload !== 'string')) {
      this.#owner.sendMessage(this, { data: payload, bytes, settle })
      return
    }
    const outgoing = new Outgoing(payload, isBinary, isCompressed, callback)
    // What it calls may send again, and must not do so from within the session that is just counting.
    const told = callback && ((error?: Error) => process.nextTick(() => outgoing.settle(error)))
    this.#owner.sendMessage(this, { data: outgoing, bytes, settle: told })
  }

  /** Whoever waits looks and sends in one step, so that no two take the same room. */
  isFullFor(bytes: number): boolean {
    return this.readyState === 1 && !this.session.session.outbox.hasRoom(bytes)
  }

  nextRoom(signal: AbortSignal | undefined): Promise<void> {
    return this.#inHand.room.wait(signal)
  }

  #assertOpen(): void {
    if (this.readyState !== 1) throw new DOMException('the session is over; nothing more can be sent', 'InvalidStateError')
  }

  /** One question for all that this turn sends. */
  #askSoon(): void {
    const sending = this.#inHand
    if (sending.isAskDue) return
    sending.isAskDue = true
    queueMicrotask(() => {
      sending.isAskDue = false
      if (!this.#close) this.#owner.askForAck(this)
    })
  }
}

/** Bytes can be sent as a text, and a text as bytes. What is no UTF-8 would cost the link. */
function asSaid(payload: Payload, isBinary: boolean): Payload {
  if (isBinary) return typeof payload === 'string' ? Buffer.from(payload) : payload
  if (payload instanceof Blob) throw new TypeError('a Blob cannot be sent as text (binary: false) in a session; send its text()')
  return typeof payload === 'string' || isUtf8(payload) ? payload : payload.toString()
}

function payloadOf(data: unknown): Payload {
  if (!(data instanceof Outgoing)) return data as Payload
  return data.isBinary ? data.payload : data.payload.toString()
}

/** With `ws`, too, an end for which the peer's frames are to blame is an error. A lost link is none. */
function isPeersFault({ cause, wasClean }: CloseInfo): boolean {
  return !wasClean && (cause === 'protocol' || cause === 'overflow')
}

function closeError({ code, reason, cause }: CloseInfo): Error {
  return new Error(`the session ended with ${code}${reason && ` (${reason})`}: ${cause}`)
}

function overflowError(heldBytes: number, messages: number): Error {
  const text = `${heldBytes} unacknowledged bytes in ${messages} messages leave no room within session.maxBytes and session.maxMessages; raise them or await sendAsync()`
  return new DOMException(text, 'QuotaExceededError')
}
