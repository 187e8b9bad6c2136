/** A WebSocket that keeps the standard's contract to the letter and notices when its link is dead. */

import type { CloseCause, CloseInfo } from '../core/close-info.ts'
import { checkClose, parseProtocols, parseUrl } from './address.ts'
import { Connection, type Setup } from './connection.ts'
import { type Data, type Received, sendable } from './data.ts'
import type { Address } from './dial-request.ts'
import { DispatchTarget, handlerOf, type ListenerOptions, setHandler } from './event-target.ts'
import { type Rules, resolveOptions, socketRules, type WebSocketOptions } from './options.ts'
import { platform } from './platform.ts'
import type { Stats, Status } from './status.ts'

export interface SessionCloseEvent extends CloseEvent, CloseInfo {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
  /** False: this was the last event, and readyState stays CLOSED. */
  readonly willReconnect: boolean
  /** Messages that were accepted and not delivered. On a plain link: those that no link ever took; what a dying link took is not kept. */
  readonly unconfirmed: readonly Received[]
  /** Whether it is certain that none of `unconfirmed` arrived. */
  readonly exact: boolean
}

export interface SocketErrorEvent extends Event {
  readonly message: string
  readonly error: Error
  readonly cause: CloseCause
}

export interface WebSocketEvents {
  open: Event
  message: MessageEvent
  error: SocketErrorEvent
  close: SessionCloseEvent
  lost: CustomEvent<CloseInfo>
  /** Times in ms, `at` since the epoch; `error` says what went wrong before. */
  retry: CustomEvent<{ attempt: number; delay: number; at: number; close: CloseInfo; error: Error }>
  resumed: CustomEvent<{ downtime: number; replayed: number; resent: number }>
}

export interface LinkInit {
  protocols?: string | string[]
  headers?: any
}

export type Handler<T, E> = ((this: T, event: E) => any) | null
/** What is read from an `on…` attribute: anything narrower is not assignable to the platform's WebSocket. */
export type HandlerRead = ((this: any, event: any) => any) | null
export type Listener<T, E> = (this: T, event: E) => any
export type AnyListener = ((event: Event) => void) | { handleEvent(event: Event): void }

/** What sets the classes apart: each names its own. */
export interface SocketKind {
  readonly isReconnecting: boolean
  readonly rules: Rules
  address(url: unknown, protocols: unknown): Address
}

/** What a class adds to its parent; looked up along the chain of classes, so that subclasses of applications inherit it. */
const kinds: WeakMap<object, SocketKind> = new WeakMap()
const bindings: WeakMap<object, WebSocketOptions> = new WeakMap()

export function registerKind(socketClass: object, kind: SocketKind): void {
  kinds.set(socketClass, kind)
}

function inherited<T>(registry: WeakMap<object, T>, socketClass: object): T | undefined {
  for (let each: object | null = socketClass; each; each = Object.getPrototypeOf(each)) {
    const found = registry.get(each)
    if (found) return found
  }
  return undefined
}

const strict: SocketKind = {
  isReconnecting: false,
  rules: socketRules,
  address: (url, protocols) => ({
    url: parseUrl(url as string | URL).href,
    protocols: parseProtocols(protocols as string | string[] | null),
  }),
}

/** Lets the module of the reconnecting class reach what is private here. */
export let connectionOf: (socket: WebSocket) => Connection

const connecting = 0
const open = 1
const closing = 2
const closed = 3
const normalClosure = 1000

/**
 * One session, with the contract of the WHATWG WebSocket: it can be handed to any library that takes a WebSocket class.
 *
 * @example
 * ```ts
 * import { WebSocket } from 'holdfast'
 *
 * const socket = new WebSocket('ws://localhost:8080/')
 * socket.onmessage = (event) => console.log(event.data)
 * ```
 */
export class WebSocket extends DispatchTarget implements AsyncDisposable {
  declare static readonly CONNECTING: 0
  declare static readonly OPEN: 1
  declare static readonly CLOSING: 2
  declare static readonly CLOSED: 3
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSING: 2
  declare readonly CLOSED: 3

  static {
    connectionOf = (socket) => socket.#connection
  }

  readonly #connection: Connection
  #subscribe: ((listener: () => void) => () => void) | undefined

  /**
   * @param url absolute, or relative to the page; `http:` and `https:` become `ws:` and `wss:`
   * @param protocols subprotocols, or an object of protocols and headers as in Node
   * @throws SyntaxError (DOMException) for a bad url or subprotocol (WHATWG WebSockets, constructor)
   * @throws TypeError for a wrong or unknown option, naming option, value and rule
   */
  constructor(url: string | URL, protocols?: string | string[] | LinkInit | null, options?: WebSocketOptions) {
    if (arguments.length === 0) throw new TypeError('a WebSocket needs a url')
    super()
    const kind = inherited(kinds, new.target) ?? strict
    const bound = inherited(bindings, new.target)
    const init = isLinkInit(protocols) ? protocols : undefined
    const address = kind.address(url, init ? init.protocols : protocols)
    const given = bound ? { ...bound, ...headersOf(options) } : options
    const resolved = resolveOptions(init?.headers ? { ...given, headers: init.headers } : given, kind.rules)
    const { onSession } = resolved
    const setup = onSession && ((start: Setup) => onSession({ socket: this, ...start }))
    this.#connection = new Connection(this, address, resolved, kind.isReconnecting, setup)
  }

  /**
   * A subclass bound to options, for libraries that construct with (url, protocols). Of a third argument only `headers` is looked at.
   *
   * @throws TypeError for a wrong or unknown option
   */
  static with<C extends new (...args: any[]) => WebSocket>(this: C, options: NonNullable<ConstructorParameters<C>[2]>): C {
    const Parent: typeof WebSocket = this as unknown as typeof WebSocket
    const merged: WebSocketOptions = { ...inherited(bindings, Parent), ...options }
    resolveOptions(merged, (inherited(kinds, Parent) ?? strict).rules)
    const Bound = class extends Parent {}
    Object.defineProperties(Bound, { name: { value: Parent.name }, length: { value: Parent.length } })
    bindings.set(Bound, merged)
    return Bound as unknown as C
  }

  get url(): string {
    return this.#connection.url
  }
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#connection.readyState
  }
  get protocol(): string {
    return this.#connection.protocol
  }
  get extensions(): string {
    return this.#connection.extensions
  }
  /** Bytes of messages that were sent and have not left. */
  get bufferedAmount(): number {
    return this.#connection.sender.bufferedAmount
  }

  /** How binary messages arrive. In Node `'nodebuffer'` is accepted too, and costs nothing. @default 'blob' */
  get binaryType(): 'blob' | 'arraybuffer' {
    return this.#connection.binaryType as 'blob' | 'arraybuffer'
  }
  set binaryType(type: 'blob' | 'arraybuffer') {
    const wanted: string = type
    if (wanted === 'blob' || wanted === 'arraybuffer' || (wanted === 'nodebuffer' && platform().hasBuffers))
      this.#connection.binaryType = wanted
  }

  get onopen(): HandlerRead {
    return handlerOf(this, 'open')
  }
  set onopen(handler: Handler<this, Event>) {
    setHandler(this, 'open', handler)
  }
  get onmessage(): HandlerRead {
    return handlerOf(this, 'message')
  }
  set onmessage(handler: Handler<this, MessageEvent>) {
    setHandler(this, 'message', handler)
  }
  get onerror(): HandlerRead {
    return handlerOf(this, 'error')
  }
  set onerror(handler: Handler<this, SocketErrorEvent>) {
    setHandler(this, 'error', handler)
  }
  get onclose(): HandlerRead {
    return handlerOf(this, 'close')
  }
  set onclose(handler: Handler<this, SessionCloseEvent>) {
    setHandler(this, 'close', handler)
  }

  /**
   * @throws InvalidStateError (DOMException) before the session is open
   * @throws QuotaExceededError (DOMException) when `outbox.overflow` is `'throw'` and the message does not fit
   */
  send(data: Data): void {
    if (arguments.length === 0) throw new TypeError('send needs a message')
    if (this.readyState === connecting && !this.#connection.isReconnecting)
      throw new DOMException(
        'the socket is not open yet; send after the open event, or use ReconnectingWebSocket, which queues',
        'InvalidStateError',
      )
    this.#connection.sender.send(sendable(data))
  }

  /**
   * @param code 1000, or 3000 to 4999 @throws InvalidAccessError (DOMException) for another
   * @param reason at most 123 bytes in UTF-8 @throws SyntaxError (DOMException) for more
   */
  close(code?: number, reason?: string): void {
    const connection = this.#connection
    const clamped = code === undefined ? undefined : clampShort(code)
    const text = reason === undefined ? '' : String(reason)
    checkClose(clamped, text)
    // WHATWG: a reason without a code is sent with 1000.
    connection.close(clamped ?? (text === '' ? undefined : normalClosure), text)
  }

  override addEventListener<K extends keyof WebSocketEvents>(
    type: K,
    listener: Listener<this, WebSocketEvents[K]>,
    options?: ListenerOptions,
  ): void
  override addEventListener(type: string, listener: AnyListener | null, options?: ListenerOptions): void
  override addEventListener(type: string, listener: any, options?: ListenerOptions): void {
    super.addEventListener(type, listener, options)
  }

  override removeEventListener<K extends keyof WebSocketEvents>(
    type: K,
    listener: Listener<this, WebSocketEvents[K]>,
    options?: ListenerOptions,
  ): void
  override removeEventListener(type: string, listener: AnyListener | null, options?: ListenerOptions): void
  override removeEventListener(type: string, listener: any, options?: ListenerOptions): void {
    super.removeEventListener(type, listener, options)
  }

  /** What it is doing now: frozen, and the same object until one of its fields changes. */
  get status(): Status {
    return this.#connection.status
  }

  /** What it has done so far: the report. Read on demand, safe for JSON. */
  get stats(): Stats {
    return this.#connection.stats
  }

  /** Calls `listener` after `status` has changed; bound, so that `useSyncExternalStore(socket.subscribe, () => socket.status)` works. */
  get subscribe(): (listener: () => void) => () => void {
    return (this.#subscribe ??= (listener) => this.#connection.subscribe(listener))
  }

  /** The session in sight: resolves when it opens, rejects when it closes before, or on giveup. Never an unhandled rejection. */
  get opened(): Promise<this> {
    return this.#connection.opened as Promise<this>
  }

  /** Resolves with the last close event; never rejects. */
  get closed(): Promise<SessionCloseEvent> {
    return this.#connection.closed as Promise<unknown> as Promise<SessionCloseEvent>
  }

  /**
   * Sends, and waits for room first and for the bytes to leave then: `'written'` on a plain link. While it waits for room, what is sent
   * by `send` may go first.
   *
   * @throws InvalidStateError (DOMException) when the socket is not open yet, or closed
   */
  async sendAsync(data: Data, options?: { signal?: AbortSignal }): Promise<'acknowledged' | 'written'> {
    if (this.readyState === connecting && !this.#connection.isReconnecting)
      throw new DOMException(
        'the socket is not open yet; await opened first, or use ReconnectingWebSocket, which queues',
        'InvalidStateError',
      )
    return await this.#connection.sender.sendAsync(sendable(data), options?.signal)
  }

  /**
   * The messages, across sessions. One loop at a time; a loop that is behind stops the link (Node). `break` leaves the socket open.
   *
   * @throws Error out of the loop after an unclean last close
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Received> {
    return this.#connection.read()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close(normalClosure)
    await this.closed
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocket'
  }
}

// Web IDL: arguments with a default are not counted.
Object.defineProperty(WebSocket, 'length', { value: 1 })
Object.defineProperty(WebSocket.prototype.close, 'length', { value: 0 })

// Web IDL: constants stand on the class and on the prototype, and attributes and methods are enumerable.
const constants = { CONNECTING: connecting, OPEN: open, CLOSING: closing, CLOSED: closed }
for (const [name, value] of Object.entries(constants))
  for (const holder of [WebSocket, WebSocket.prototype]) Object.defineProperty(holder, name, { value, enumerable: true })

const attributes = [
  'url',
  'readyState',
  'protocol',
  'extensions',
  'bufferedAmount',
  'binaryType',
  'onopen',
  'onmessage',
  'onerror',
  'onclose',
  'send',
  'close',
]
for (const name of attributes) Object.defineProperty(WebSocket.prototype, name, { enumerable: true })

function isLinkInit(value: unknown): value is LinkInit {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value)
}

function headersOf(options: unknown): WebSocketOptions {
  const headers = (options as WebSocketOptions | undefined)?.headers
  return headers === undefined ? {} : { headers }
}

/** Web IDL `[Clamp] unsigned short`. */
function clampShort(value: number): number {
  const clamped = Math.min(Math.max(+value, 0), 0xffff) // not Number(): a BigInt is a TypeError here
  if (Number.isNaN(clamped)) return 0
  const floor = Math.floor(clamped)
  const isTie = clamped - floor === 0.5
  return isTie ? floor + (floor % 2) : Math.round(clamped)
}
