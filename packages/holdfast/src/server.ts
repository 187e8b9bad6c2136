/** The entry `holdfast/server`: the server of `ws`, with sessions. */

export { WebSocket } from 'ws'
export type { CloseCause, CloseInfo } from './core/close-info.ts'
export type { Clock } from './server/clock.ts'
export type { SessionCloseInfo } from './server/hosted-session.ts'
export type { Logger } from './server/journal.ts'
export type { HoldfastOptions, Origins, ServerHeartbeatOptions, SessionOptions } from './server/options.ts'
export type { SendCallback, SendOptions } from './server/outgoing.ts'
export { Refusal, type RefusalOptions } from './server/refusal.ts'
export { SessionSocket, type SessionSocketEvents } from './server/session-socket.ts'
export { type ServerStats, WebSocketServer, WebSocketServer as Server, type WebSocketServerOptions } from './server/websocket-server.ts'
export { createWebSocketStream } from './server/websocket-stream.ts'
