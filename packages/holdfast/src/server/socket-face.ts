/**
 * What stands where `ws` has its TCP socket: the same object as long as the session lives, whichever socket is behind it.
 *
 * `createWebSocketStream` of `ws` waits for its `finish`; applications read addresses from it.
 */

import { EventEmitter } from 'node:events'
import { unknown, type Whereabouts, whereaboutsOf } from './whereabouts.ts'
import type { RawSocket } from './ws-gauge.ts'

/** The session behind a face. */
export interface FaceOwner {
  /** The newest link's; null once it is gone. */
  readonly raw: RawSocket | null
  /** Where that leads, or led. */
  readonly whereabouts: Whereabouts
  readonly bufferedAmount: number
  terminate(): void
  pause(): void
  resume(): void
}

export class SocketFace extends EventEmitter {
  readonly #owner: FaceOwner
  #lastShown: Whereabouts = unknown
  readonly _writableState: { finished: boolean; readonly length: number }
  readonly _readableState: { endEmitted: boolean } = { endEmitted: false }

  constructor(owner: FaceOwner) {
    super()
    this.#owner = owner
    this._writableState = {
      finished: false,
      get length() {
        return owner.bufferedAmount
      },
    }
  }

  get remoteAddress(): string | undefined {
    return this.#show().remoteAddress as string | undefined
  }
  get remotePort(): number | undefined {
    return this.#show().remotePort as number | undefined
  }
  get remoteFamily(): string | undefined {
    return this.#show().remoteFamily as string | undefined
  }
  get localAddress(): string | undefined {
    return this.#show().localAddress as string | undefined
  }
  get localPort(): number | undefined {
    return this.#show().localPort as number | undefined
  }
  get localFamily(): string | undefined {
    return this.#show().localFamily as string | undefined
  }
  get encrypted(): boolean {
    return this.#show().encrypted === true
  }
  get authorized(): boolean {
    return this.#show().authorized === true
  }
  get bytesRead(): number {
    return this.#owner.raw?.bytesRead ?? 0
  }
  get bytesWritten(): number {
    return this.#owner.raw?.bytesWritten ?? 0
  }
  get writableLength(): number {
    return this._writableState.length
  }
  get destroyed(): boolean {
    return this._writableState.finished
  }
  get readable(): boolean {
    return !this.destroyed
  }
  get writable(): boolean {
    return !this.destroyed
  }

  /** Ends the session. */
  destroy(): this {
    this.#owner.terminate()
    return this
  }
  pause(): this {
    this.#owner.pause()
    return this
  }
  resume(): this {
    this.#owner.resume()
    return this
  }
  setNoDelay(isOn?: boolean): this {
    this.#owner.raw?.setNoDelay?.(isOn)
    return this
  }
  setKeepAlive(isOn?: boolean, delayMs?: number): this {
    this.#owner.raw?.setKeepAlive?.(isOn, delayMs)
    return this
  }
  /** A session is away at times, and idle without harm. */
  setTimeout(): this {
    return this
  }
  ref(): this {
    this.#owner.raw?.ref?.()
    return this
  }
  unref(): this {
    this.#owner.raw?.unref?.()
    return this
  }

  /** Remembers what a link that is about to go shows. */
  refresh(): void {
    this.#show()
  }

  /** The session is over. */
  finish(): void {
    this._writableState.finished = true
    this._readableState.endEmitted = true
    this.emit('finish')
    this.emit('close', false)
  }

  #show(): Whereabouts {
    const where = whereaboutsOf(this.#owner.whereabouts)
    if (where !== unknown) this.#lastShown = where
    return this.#lastShown
  }
}
