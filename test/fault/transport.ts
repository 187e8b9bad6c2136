// The two things that a link can be made of in Node, and what a heartbeat needs on each.

import type { HeartbeatOptions, ReconnectingWebSocketOptions } from 'holdfast'

export interface Transport {
  readonly name: string
  /** Options with this heartbeat over this transport. The peer must echo: a ping of the application's comes back as its answer. */
  with(heartbeat: HeartbeatOptions, more?: ReconnectingWebSocketOptions): ReconnectingWebSocketOptions
}

const ping = '♥'

/** `ws`, which has real pings and shows its bytes. */
export const ws: Transport = { name: 'ws', with: (heartbeat, more) => ({ ...more, heartbeat }) }

/** The class with the standard's face, which has neither. */
export const native: Transport = {
  name: 'the WebSocket of Node',
  with: (heartbeat, more) => ({
    ...more,
    WebSocket: globalThis.WebSocket,
    heartbeat: { ...heartbeat, message: ping, isReply: (data) => data === ping },
  }),
}

export const transports: readonly Transport[] = [ws, native]
