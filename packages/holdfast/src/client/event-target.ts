/**
 * An EventTarget as the DOM standard has it (section 2.7), with `on…` attributes (HTML section 8.1.8.1), that dispatches without the
 * platform's cost. Listeners are one list, replaced when it changes: a dispatch walks the list that it found.
 */

import type { SocketEvent } from './event.ts'
import { report } from './report.ts'

type Callback = ((event: Event) => unknown) | { handleEvent(event: Event): unknown }

export type ListenerOptions = boolean | { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignal }

type Listener = {
  readonly type: string
  /** Undefined once it was removed: a dispatch may still come across it. */
  callback: Callback | undefined
  /** How it was added; an `on…` attribute has no options. */
  readonly options: 'handler' | { readonly capture?: boolean; readonly once?: boolean; readonly passive?: boolean }
}

const none: readonly Listener[] = []

function NativePrototype() {}
NativePrototype.prototype = globalThis.EventTarget.prototype
/** Has the platform's prototype and none of its constructor's work. */
const NativeBase = NativePrototype as unknown as new () => EventTarget

/** Dispatches one of our own events. */
export let dispatch: (target: DispatchTarget, event: SocketEvent) => void
export let handlerOf: (target: DispatchTarget, type: string) => any
/** A handler that is replaced keeps its place; one that is taken away loses it. Anything but a function or an object is null. */
export let setHandler: (target: DispatchTarget, type: string, callback: unknown) => void

export class DispatchTarget extends NativeBase {
  #listeners: readonly Listener[] = none

  static {
    dispatch = (target, event) => target.#dispatch(event)
    handlerOf = (target, type) => target.#handlerOf(type)?.callback ?? null
    setHandler = (target, type, callback) => target.#setHandler(type, callback)
  }

  override addEventListener(type: string, callback: any, options?: ListenerOptions): void {
    const { signal, ...own } = optionsOf(options)
    if (signal?.aborted || callback === null || callback === undefined) return
    if (typeof callback !== 'function' && typeof callback !== 'object')
      throw new TypeError(`a listener is a function or an object with handleEvent, not ${String(callback)}`)
    if (this.#find(type, callback, Boolean(own.capture))) return
    const listener: Listener = { type: String(type), callback, options: own }
    this.#listeners = this.#listeners.concat(listener) // exactly as long as it is, which a spread is not
    signal?.addEventListener('abort', () => this.#remove(listener), { once: true })
  }

  override removeEventListener(type: string, callback: any, options?: ListenerOptions): void {
    const listener = this.#find(type, callback, Boolean(optionsOf(options).capture))
    if (listener) this.#remove(listener)
  }

  override dispatchEvent(event: Event): boolean {
    if (!(event instanceof Event)) throw new TypeError(`dispatchEvent takes an Event, not ${String(event)}`)
    if (isOwn(event)) {
      if (event.eventPhase !== 0) throw new DOMException('the event is being dispatched already', 'InvalidStateError')
      this.#dispatch(event)
      return true
    }
    this.#dispatchForeign(event)
    return !event.defaultPrevented
  }

  #dispatch(event: SocketEvent): void {
    event.target = this
    event.dispatchPhase = 'dispatching'
    for (const listener of this.#listeners) {
      if (listener.type !== event.type) continue
      this.#call(listener, event)
      if (event.isStopped) break
    }
    event.dispatchPhase = 'idle'
  }

  #setHandler(type: string, callback: unknown): void {
    const present = this.#handlerOf(type)
    const isCallback = typeof callback === 'function' || (typeof callback === 'object' && callback !== null)
    if (present && isCallback) present.callback = callback as Callback
    else if (present) this.#remove(present)
    else if (isCallback) this.#listeners = this.#listeners.concat({ type, callback: callback as Callback, options: 'handler' })
  }

  #find(type: string, callback: Callback, isCapture: boolean): Listener | undefined {
    return this.#listeners.find(
      (each) =>
        each.options !== 'handler' && each.type === type && each.callback === callback && Boolean(each.options.capture) === isCapture,
    )
  }

  #handlerOf(type: string): Listener | undefined {
    return this.#listeners.find((each) => each.options === 'handler' && each.type === type)
  }

  #remove(listener: Listener): void {
    listener.callback = undefined
    this.#listeners = this.#listeners.filter((each) => each !== listener)
  }

  #call(listener: Listener, event: Event): void {
    const { callback, options } = listener
    if (callback === undefined) return
    const isPassive = options !== 'handler' && options.passive
    if (options !== 'handler' && options.once) this.#remove(listener)
    if (isPassive) Object.defineProperty(event, 'preventDefault', { value: () => {}, configurable: true })
    try {
      if (typeof callback === 'function') {
        const result = callback.call(this, event)
        if (result === false && options === 'handler') event.preventDefault()
      } else if (options !== 'handler') callback.handleEvent(event)
    } catch (error) {
      report(error)
    }
    if (isPassive) Reflect.deleteProperty(event, 'preventDefault')
  }

  /** An event of the platform's own making: it is told its target, and whether it was stopped is seen from outside. */
  #dispatchForeign(event: Event): void {
    let isStopped = false
    const stop = event.stopImmediatePropagation
    Object.defineProperties(event, {
      target: { value: this, configurable: true },
      srcElement: { value: this, configurable: true },
      currentTarget: { value: this, configurable: true },
      stopImmediatePropagation: {
        configurable: true,
        value: () => {
          isStopped = true
          stop.call(event)
        },
      },
    })
    for (const listener of this.#listeners) {
      if (listener.type !== event.type) continue
      this.#call(listener, event)
      if (isStopped) break
    }
    Object.defineProperty(event, 'currentTarget', { value: null, configurable: true })
  }
}

function optionsOf(options: ListenerOptions | undefined): Exclude<ListenerOptions, boolean> {
  return typeof options === 'object' && options !== null ? options : { capture: Boolean(options) }
}

function isOwn(event: Event): event is SocketEvent {
  return 'dispatchPhase' in event
}
