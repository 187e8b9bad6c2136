/** The entry for browsers, workers and every platform with a WebSocket of its own. */

export type { Data, Received } from './client/data.ts'
export type { ListenerOptions } from './client/event-target.ts'
export type {
  Clock,
  DialContext,
  HeadersProvider,
  HeartbeatOptions,
  InboxOptions,
  Logger,
  OutboxOptions,
  ProtocolsProvider,
  RetryOptions,
  UrlProvider,
  WebSocketOptions,
} from './client/options.ts'
export type { StateMessage } from './client/platform.ts'
export {
  ReconnectingWebSocket,
  type ReconnectingWebSocketEvents,
  type ReconnectingWebSocketOptions,
  type SessionStart,
} from './client/reconnecting-websocket.ts'
export type { State, Stats, Status } from './client/status.ts'
export type { WebSocketLike } from './client/web-link.ts'
export { type LinkInit, type SessionCloseEvent, type SocketErrorEvent, WebSocket, type WebSocketEvents } from './client/websocket.ts'
export type { BackoffPolicy, Jitter } from './core/backoff.ts'
export { type CloseCode, closeCode, closeCodes, type Outcome } from './core/close-code.ts'
export type { CloseCause, CloseInfo } from './core/close-info.ts'
