/** A WebSocket that begins a new session whenever one is lost, until it is told to stop. */

import type { CloseInfo } from '../core/close-info.ts'
import { parseProtocols, parseUrl } from './address.ts'
import type { Data } from './data.ts'
import type { ListenerOptions } from './event-target.ts'
import { type ProtocolsProvider, reconnectingRules, type UrlProvider, type WebSocketOptions } from './options.ts'
import {
  type AnyListener,
  connectionOf,
  type Listener,
  registerKind,
  type SocketKind,
  WebSocket,
  type WebSocketEvents,
} from './websocket.ts'

export interface ReconnectingWebSocketEvents extends WebSocketEvents {
  giveup: CustomEvent<CloseInfo>
}

/** What `onSession` gets: authenticate or subscribe here. */
export interface SessionStart {
  readonly socket: ReconnectingWebSocket
  readonly isFirst: boolean
  /** Aborted when the session ends. */
  readonly signal: AbortSignal
  /** Goes out at once; `socket.send()` waits until `onSession` has settled. @throws InvalidStateError once the session is over */
  send(data: Data): void
}

export interface ReconnectingWebSocketOptions extends WebSocketOptions {
  /** Runs in each new session after `open`. A rejection ends the session and counts as a failed try. */
  onSession?: ((start: SessionStart) => void | PromiseLike<void>) | undefined
  /** False waits for `start()`. @default true */
  autoStart?: boolean | undefined
}

const reconnecting: SocketKind = {
  isReconnecting: true,
  rules: reconnectingRules,
  address: (url, protocols) => ({
    url: typeof url === 'function' ? (url as UrlProvider) : parseUrl(url as string | URL).href,
    protocols: typeof protocols === 'function' ? (protocols as ProtocolsProvider) : parseProtocols(protocols as string | string[] | null),
  }),
}

/**
 * Begins a new session whenever one is lost: dials with backoff, queues what is sent meanwhile, gives up after `maxRetries` failures in
 * a row and waits for a person, for the network, or for `reconnect()`.
 *
 * @example
 * ```ts
 * import { ReconnectingWebSocket } from 'holdfast'
 *
 * const socket = new ReconnectingWebSocket('ws://localhost:8080/')
 * socket.addEventListener('giveup', (event) => console.error('nobody answers', event.detail))
 * ```
 */
export class ReconnectingWebSocket extends WebSocket {
  /**
   * @param url fixed, or a function that is called for each dial; one that rejects is a failed try
   * @param protocols the same
   * @throws SyntaxError (DOMException) for a bad fixed url or subprotocol
   * @throws TypeError for a wrong or unknown option
   */
  constructor(url: UrlProvider, protocols?: ProtocolsProvider, options?: ReconnectingWebSocketOptions) {
    super(url as string, protocols as string[], options as WebSocketOptions)
  }

  /** Dials, after `autoStart: false`. Idempotent. */
  start(): void {
    connectionOf(this).start()
  }

  /**
   * A fresh link now, with the count of retries at zero.
   *
   * @throws InvalidStateError (DOMException) after `close()`, a final close code, or an abort
   */
  reconnect(): void {
    const connection = connectionOf(this)
    if (connection.isFinished) throw new DOMException('the socket is closed for good; make a new one', 'InvalidStateError')
    connection.reconnect()
  }

  override addEventListener<K extends keyof ReconnectingWebSocketEvents>(
    type: K,
    listener: Listener<this, ReconnectingWebSocketEvents[K]>,
    options?: ListenerOptions,
  ): void
  override addEventListener(type: string, listener: AnyListener | null, options?: ListenerOptions): void
  override addEventListener(type: string, listener: any, options?: ListenerOptions): void {
    super.addEventListener(type, listener, options)
  }

  override removeEventListener<K extends keyof ReconnectingWebSocketEvents>(
    type: K,
    listener: Listener<this, ReconnectingWebSocketEvents[K]>,
    options?: ListenerOptions,
  ): void
  override removeEventListener(type: string, listener: AnyListener | null, options?: ListenerOptions): void
  override removeEventListener(type: string, listener: any, options?: ListenerOptions): void {
    super.removeEventListener(type, listener, options)
  }
}

registerKind(ReconnectingWebSocket, reconnecting)
