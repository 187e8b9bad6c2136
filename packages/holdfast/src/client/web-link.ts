/** A link over a WebSocket class with the standard's face: a browser's, Node's own, or one that the application brought. */

import { abnormalClose, type CloseInfo, isAuthRefusal } from '../core/close-info.ts'
import { type Data, isShared, snapshot, type Wire } from './data.ts'
import type { Dialer, DialRequest, Link, LinkOwner } from './link.ts'

/** A WebSocket class; only what is used is asked for. */
export type WebSocketLike = new (
  url: string,
  protocols?: string | string[],
) => { readonly readyState: number; send(data: any): void; close(code?: number, reason?: string): void }

/** How often the backlog is looked at while somebody waits for it to drain; the standard has no event for it. */
const drainPollMs = 20

type Drain = { readonly upTo: number; readonly settle: (error?: Error) => void }

export interface WebLinkOptions {
  readonly WebSocket: WebSocketLike
  /** Whether the class takes `{ protocols, headers }` in second place, as Node, Bun and Deno do. */
  readonly takesHeaders: boolean
  setTimer(run: () => void, ms: number): unknown
}

/** @throws Error, when headers are wanted of a class that cannot send them */
export function webDialer(options: WebLinkOptions, wantsHeaders: boolean): Dialer {
  if (wantsHeaders && !options.takesHeaders)
    throw new Error('headers cannot be sent through this WebSocket class: a browser has no way to; in Node use the package ws')
  return (request, owner) => new WebLink(options, request, owner)
}

class WebLink implements Link {
  readonly bytesRead = 0
  readonly canPing = false
  readonly canPause = false
  readonly #socket: any
  readonly #options: WebLinkOptions
  #handed = 0
  #drains: Drain[] = []
  #wasOpen = false

  constructor(options: WebLinkOptions, request: DialRequest, owner: LinkOwner) {
    this.#options = options
    const { url, protocols, headers } = request
    this.#socket = new options.WebSocket(url, headers ? ({ protocols, headers } as unknown as string[]) : protocols)
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.onopen = () => {
      this.#wasOpen = true
      owner.linkOpened(this)
    }
    this.#socket.onmessage = (event: { data: Wire }) => owner.linkMessage(this, event.data)
    let detail: { error?: Error; message?: string } = {}
    this.#socket.onerror = (event: typeof detail) => {
      detail = event
    }
    this.#socket.onclose = (event: CloseInfo) => {
      const text = detail.message || (this.#wasOpen ? 'the connection was lost' : 'the connection could not be established')
      const error = detail.error?.message ? detail.error : new Error(text, { cause: detail.error })
      this.#settleAll(error)
      owner.linkClosed(this, closeInfo(event), error)
    }
  }

  get protocol(): string {
    return this.#socket.protocol ?? ''
  }
  get extensions(): string {
    return this.#socket.extensions ?? ''
  }
  get isOpen(): boolean {
    return this.#socket.readyState === 1
  }
  get bufferedAmount(): number {
    return this.backlog
  }
  get backlog(): number {
    return this.#socket.bufferedAmount ?? 0
  }
  get bytesWritten(): number {
    return this.#handed - this.backlog
  }

  send(data: Data, settle?: (error?: Error) => void): void {
    const before = this.backlog
    this.#socket.send(isShared(data) ? snapshot(data) : data)
    this.#handed += this.backlog - before
    if (!settle) return
    if (this.backlog === 0) settle()
    else if (this.#drains.push({ upTo: this.#handed, settle }) === 1) this.#pollDrains()
  }

  whenDrained(run: () => void): void {
    if (this.#drains.push({ upTo: this.#handed, settle: run }) === 1) this.#pollDrains()
  }

  ping(): void {}

  close(code?: number, reason?: string): void {
    if (code === undefined) this.#socket.close()
    else this.#socket.close(code, reason)
  }

  terminate(): void {
    const socket = this.#socket
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.onerror = () => {} // a listener must stay: some classes throw an error that nobody hears
    this.#settleAll(new Error('the link was dropped before the message was written'))
    try {
      socket.close()
    } catch {
      // a class of the application's that cannot be closed yet: nobody listens to it any more
    }
  }

  pause(): void {}
  resume(): void {}

  #pollDrains(): void {
    this.#options.setTimer(() => {
      const written = this.bytesWritten
      while (this.#drains[0] && this.#drains[0].upTo <= written) this.#drains.shift()!.settle()
      if (this.#drains.length > 0) this.#pollDrains()
    }, drainPollMs)
  }

  #settleAll(error: Error): void {
    const drains = this.#drains
    this.#drains = []
    for (const drain of drains) drain.settle(error)
  }
}

/** The codes that 1006 stands for carry no cause: a browser does not say why. */
function closeInfo({ code, reason, wasClean }: CloseInfo): CloseInfo {
  if (code === 1006) return abnormalClose('network')
  return Object.freeze({ code, reason, wasClean, cause: isAuthRefusal(code) ? 'auth' : 'server' })
}
