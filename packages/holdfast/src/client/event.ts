/**
 * The events of a socket.
 *
 * They pass `instanceof Event` (MessageEvent, CloseEvent, CustomEvent where the platform has them) and behave as the DOM standard says,
 * without its constructors: those cost more than a microsecond an event in Node, these a few nanoseconds. Each class can be made
 * anew from one of its own (`new event.constructor(event.type, event)`), which is how some wrappers pass events on.
 */

import type { CloseCause, CloseInfo } from '../core/close-info.ts'
import { type BinaryType, type Received, received, type Wire } from './data.ts'

type NativeName = 'Event' | 'MessageEvent' | 'CloseEvent' | 'CustomEvent'

/** A class to extend that has the prototype of Event and none of its constructor's work. */
function Base() {}
Base.prototype = globalThis.Event.prototype
const EventBase = Base as unknown as new () => object

const rooted: { readonly prototype: object; readonly name: NativeName }[] = []

/**
 * Puts the events under the platform's own classes, so that `instanceof` holds. Called when the first dial begins: in Node the mere
 * mention of MessageEvent loads 50 ms of code, which nobody should pay for an import.
 */
export function rootEvents(): void {
  for (const { prototype, name } of rooted.splice(0)) Object.setPrototypeOf(prototype, (globalThis[name] ?? globalThis.Event).prototype)
}

type Phase = 'idle' | 'dispatching' | 'stopped'

const empty = {}
const noPorts: readonly MessagePort[] = Object.freeze([])

function eventClass(name: NativeName): new (type: string) => SocketEvent {
  class DispatchedEvent extends EventBase {
    readonly type: string
    target: EventTarget | null = null
    #phase: Phase = 'idle'
    #at: number | undefined

    constructor(type: string) {
      super()
      this.type = String(type)
    }

    get currentTarget(): EventTarget | null {
      return this.#phase === 'idle' ? null : this.target
    }
    get srcElement(): EventTarget | null {
      return this.target
    }
    get eventPhase(): number {
      return this.#phase === 'idle' ? 0 : 2
    }
    get bubbles(): boolean {
      return false
    }
    get cancelable(): boolean {
      return false
    }
    get composed(): boolean {
      return false
    }
    get defaultPrevented(): boolean {
      return false
    }
    get returnValue(): boolean {
      return true
    }
    get isTrusted(): boolean {
      return false
    }
    /** Taken when it is first asked for. */
    get timeStamp(): number {
      return (this.#at ??= performance.now())
    }
    get cancelBubble(): boolean {
      return this.#phase === 'stopped'
    }
    preventDefault(): void {}
    stopPropagation(): void {}
    stopImmediatePropagation(): void {
      if (this.#phase === 'dispatching') this.#phase = 'stopped'
    }
    composedPath(): EventTarget[] {
      return this.#phase === 'idle' || !this.target ? [] : [this.target]
    }

    /** Used by the target that dispatches it. */
    begin(target: EventTarget): void {
      this.target = target
      this.#phase = 'dispatching'
    }
    get isStopped(): boolean {
      return this.#phase === 'stopped'
    }
    finish(): void {
      this.#phase = 'idle'
    }
  }
  rooted.push({ prototype: DispatchedEvent.prototype, name })
  return DispatchedEvent as unknown as new (
    type: string,
  ) => SocketEvent
}

/** What a target needs of an event that it dispatches. */
export interface SocketEvent extends Event {
  begin(target: EventTarget): void
  readonly isStopped: boolean
  finish(): void
}

const PlainEvent: new (type: string) => SocketEvent = eventClass('Event')
const MessageBase: new (type: string) => SocketEvent = eventClass('MessageEvent')
const CloseBase: new (type: string) => SocketEvent = eventClass('CloseEvent')
const DetailBase: new (type: string) => SocketEvent = eventClass('CustomEvent')

export class OpenEvent extends PlainEvent {}

export class SocketMessageEvent extends MessageBase {
  #wire: Wire
  #binaryType: BinaryType | 'done' = 'done'
  readonly #origin: string | undefined

  constructor(type: string, init: { readonly data?: unknown; readonly origin?: string } = empty) {
    super(type)
    this.#wire = (init.data ?? null) as Wire
    this.#origin = init.origin
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
    if (this.#origin !== undefined) return this.#origin
    const url = (this.target as { readonly url?: string } | null)?.url
    return url ? new URL(url).origin : ''
  }
  get lastEventId(): string {
    return ''
  }
  get source(): null {
    return null
  }
  get ports(): readonly MessagePort[] {
    return noPorts
  }
}

export interface SessionCloseEventInit extends Partial<CloseInfo> {
  readonly willReconnect?: boolean
  readonly unconfirmed?: readonly Received[]
  readonly exact?: boolean
}

export class SessionCloseEvent extends CloseBase {
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

export class SocketErrorEvent extends PlainEvent {
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

export class DetailEvent<T> extends DetailBase {
  readonly detail: T

  constructor(type: string, init: { readonly detail?: T } = empty) {
    super(type)
    this.detail = init.detail as T
  }
}
