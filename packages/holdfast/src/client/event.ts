/**
 * The events of a socket.
 *
 * They pass `instanceof Event` (MessageEvent, CloseEvent, CustomEvent where the platform has them) and behave as the DOM standard says,
 * without its constructors: those cost more than a microsecond an event in Node, these a few nanoseconds. Each class can be made
 * anew from one of its own (`new event.constructor(event.type, event)`), which is how some wrappers pass events on.
 */

import type { CloseCause, CloseInfo } from '../core/close-info.ts'
import { type BinaryType, type Received, received, type Wire } from './data.ts'

type NativeName = 'MessageEvent' | 'CloseEvent' | 'CustomEvent'

/** A class to extend that has the prototype of Event and none of its constructor's work. */
function Base() {}
Base.prototype = globalThis.Event.prototype
const EventBase = Base as unknown as new () => Event

type Phase = 'idle' | 'dispatching' | 'stopped'

const empty = {}

/** What is common to all of them, and the whole of `open`. */
export class SocketEvent extends EventBase {
  declare readonly type: string
  declare target: EventTarget | null
  /** Set by the target that dispatches it. */
  declare dispatchPhase: Phase

  constructor(type: string) {
    super()
    this.type = String(type)
    this.target = null
    this.dispatchPhase = 'idle'
  }

  override get currentTarget(): EventTarget | null {
    return this.dispatchPhase === 'idle' ? null : this.target
  }
  override get srcElement(): EventTarget | null {
    return this.target
  }
  override get eventPhase(): number {
    return this.dispatchPhase === 'idle' ? 0 : 2
  }
  /** Taken when it is first asked for; most never are. */
  override get timeStamp(): number {
    const timeStamp = performance.now()
    fix(this, { timeStamp })
    return timeStamp
  }
  override get cancelBubble(): boolean {
    return this.isStopped
  }
  get isStopped(): boolean {
    return this.dispatchPhase === 'stopped'
  }
  override preventDefault(): void {}
  override stopPropagation(): void {}
  override stopImmediatePropagation(): void {
    if (this.dispatchPhase === 'dispatching') this.dispatchPhase = 'stopped'
  }
  override composedPath(): EventTarget[] {
    return this.dispatchPhase === 'idle' || !this.target ? [] : [this.target]
  }
}

// The platform's attributes cannot be assigned to, these can. Fields of the class would do as well, but each message would pay for them: V8
// does not inline a constructor with fields into that of a subclass.
for (const attribute of ['type', 'target']) Object.defineProperty(SocketEvent.prototype, attribute, { value: null, writable: true })

fix(SocketEvent.prototype, {
  bubbles: false,
  cancelable: false,
  composed: false,
  defaultPrevented: false,
  returnValue: true,
  isTrusted: false,
})

/** Gives attributes a value that stays, in front of what an object has from its prototype. */
function fix(object: object, attributes: object): void {
  for (const [attribute, value] of Object.entries(attributes)) Object.defineProperty(object, attribute, { value })
}

export class SocketMessageEvent extends SocketEvent {
  #wire: Wire
  #binaryType: BinaryType | 'done' = 'done'

  constructor(type: string, init: { readonly data?: unknown; readonly origin?: string } = empty) {
    super(type)
    this.#wire = (init.data ?? null) as Wire
    if (init.origin !== undefined) fix(this, { origin: init.origin })
  }

  /** A message as the link brought it; converted when somebody reads it. */
  static received(wire: Wire, binaryType: BinaryType): SocketMessageEvent {
    const event = new SocketMessageEvent('message')
    event.#wire = wire
    event.#binaryType = binaryType
    return event
  }

  get data(): Received {
    if (this.#binaryType !== 'done') {
      this.#wire = received(this.#wire, this.#binaryType) as Wire
      this.#binaryType = 'done'
    }
    return this.#wire as Received
  }
  get origin(): string {
    const url = (this.target as { readonly url?: string } | null)?.url
    return url ? new URL(url).origin : ''
  }
}

fix(SocketMessageEvent.prototype, { lastEventId: '', source: null, ports: Object.freeze([]) })

export interface SessionCloseEventInit extends Partial<CloseInfo> {
  readonly willReconnect?: boolean
  readonly unconfirmed?: readonly Received[]
  readonly exact?: boolean
}

export class SessionCloseEvent extends SocketEvent {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
  readonly cause: CloseCause
  readonly httpStatus?: number
  readonly retryAfter?: number
  readonly willReconnect: boolean
  readonly unconfirmed: readonly Received[]
  readonly exact: boolean

  constructor(type: string, init: SessionCloseEventInit = empty) {
    super(type)
    this.code = init.code ?? 0
    this.reason = init.reason ?? ''
    this.wasClean = init.wasClean ?? false
    this.cause = init.cause ?? 'network'
    if (init.httpStatus !== undefined) this.httpStatus = init.httpStatus
    if (init.retryAfter !== undefined) this.retryAfter = init.retryAfter
    this.willReconnect = init.willReconnect ?? false
    this.unconfirmed = init.unconfirmed ?? []
    this.exact = init.exact ?? false
  }
}

export interface SocketErrorEventInit {
  readonly error?: Error
  readonly message?: string
  readonly cause?: CloseCause
}

export class SocketErrorEvent extends SocketEvent {
  readonly message: string
  readonly error: Error
  readonly cause: CloseCause

  constructor(type: string, init: SocketErrorEventInit = empty) {
    super(type)
    this.message = init.message ?? init.error?.message ?? ''
    this.error = init.error ?? new Error(this.message)
    this.cause = init.cause ?? 'network'
  }
}

export class DetailEvent<T> extends SocketEvent {
  readonly detail: T

  constructor(type: string, init: { readonly detail?: T } = empty) {
    super(type)
    this.detail = init.detail as T
  }
}

const natives: [prototype: object, name: NativeName][] = [
  [SocketMessageEvent.prototype, 'MessageEvent'],
  [SessionCloseEvent.prototype, 'CloseEvent'],
  [DetailEvent.prototype, 'CustomEvent'],
]

/**
 * Puts the events under the platform's own classes, so that `instanceof` holds; what they had from SocketEvent becomes their own. Called
 * when the first dial begins: in Node the mere mention of MessageEvent loads 50 ms of code, which nobody should pay for an import.
 */
export function rootEvents(): void {
  for (const [prototype, name] of natives.splice(0)) {
    const native = globalThis[name]
    if (!native) continue
    const common = Object.getOwnPropertyDescriptors(SocketEvent.prototype)
    Object.defineProperties(prototype, { ...common, ...Object.getOwnPropertyDescriptors(prototype) })
    Object.setPrototypeOf(prototype, native.prototype)
  }
}
