/** A message of the application on its way to a link, as `ws` takes it. */

import { escapeText } from '../core/control.ts'

/** The options of `send`, as `ws` has them. */
export interface SendOptions {
  binary?: boolean | undefined
  /** Has no effect: a server masks nothing. */
  mask?: boolean | undefined
  compress?: boolean | undefined
  fin?: boolean | undefined
}

export type SendCallback = (error?: Error) => void
export type Payload = string | Buffer | Blob

/** The first byte of texts that have to be looked at. */
export const dle = 0x10

/** What an outbox keeps of a message about which more is to be known than its content. */
export class Outgoing {
  readonly payload: Payload
  readonly isBinary: boolean
  readonly isCompressed: boolean
  #callback: SendCallback | undefined

  constructor(payload: Payload, isBinary: boolean, isCompressed: boolean, callback: SendCallback | undefined) {
    this.payload = payload
    this.isBinary = isBinary
    this.isCompressed = isCompressed
    this.#callback = callback
  }

  /** As it travels. */
  get wire(): Payload {
    const { payload } = this
    if (this.isBinary || payload instanceof Blob) return payload
    if (typeof payload === 'string') return escapeText(payload)
    return payload[0] === dle ? escapeText(payload.toString()) : payload
  }

  /** Whether somebody wants to know when it was written. */
  get isAwaited(): boolean {
    return this.#callback !== undefined
  }

  /** It was written, or is known to have arrived, or never will be: the first of these is told. */
  settle(error?: Error): void {
    const callback = this.#callback
    this.#callback = undefined
    callback?.(error)
  }
}

/** A copy in one of the forms that an outbox keeps: later writes to the application's buffer do not reach it. */
export function ownPayload(data: unknown): Payload {
  if (typeof data === 'string') return data
  if (typeof data === 'number') return String(data)
  if (data instanceof Blob) return data
  if (data === undefined || data === null || data === false) return Buffer.alloc(0)
  if (data instanceof Uint8Array) return Buffer.from(data)
  if (ArrayBuffer.isView(data)) return Buffer.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return Buffer.from(new Uint8Array(data))
  return Buffer.from(data as never) // what is no message is a TypeError here, as with `ws`
}

export function byteLength(payload: Payload): number {
  if (typeof payload === 'string') return Buffer.byteLength(payload)
  return payload instanceof Blob ? payload.size : payload.length
}

/** Parts of a message that the application sends piece by piece (`fin: false`). The peer gets it whole. */
export class Assembly {
  readonly isBinary: boolean
  readonly #parts: Buffer[] = []
  readonly #callbacks: SendCallback[] = []

  constructor(isBinary: boolean) {
    this.isBinary = isBinary
  }

  /** @throws TypeError for a Blob, whose bytes are not at hand */
  add(payload: Payload, callback: SendCallback | undefined): void {
    if (payload instanceof Blob) throw new TypeError('a Blob cannot be a fragment (fin: false) of a message in a session; send it whole')
    this.#parts.push(Buffer.from(payload as string))
    if (callback) this.#callbacks.push(callback)
  }

  get whole(): string | Buffer {
    const bytes = Buffer.concat(this.#parts)
    return this.isBinary ? bytes : bytes.toString()
  }

  /** Tells all who wait for a part of it. */
  get callback(): SendCallback {
    return (error) => {
      for (const each of this.#callbacks) each(error)
    }
  }
}
