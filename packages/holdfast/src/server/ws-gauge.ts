/** What a socket of `ws` shows of its link: bytes as they come and go, and not only what the system took over. */

import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { LinkGauge } from '../core/liveness.ts'

/** `ws` and Node keep these to themselves; nothing else tells how much of a write has left. */
interface Handle {
  readonly writeQueueSize?: number
  readonly _parent?: Handle
}
export type RawSocket = Socket & { readonly _bytesDispatched?: number; readonly _handle?: Handle | null }

export function rawSocket(ws: WebSocket | undefined): RawSocket | null {
  return (ws as unknown as { readonly _socket: RawSocket | null } | undefined)?._socket ?? null
}

/** What is gone shows nothing. */
export class WsGauge<Ws extends WebSocket | undefined = WebSocket> implements LinkGauge {
  protected ws: Ws

  constructor(ws: Ws) {
    this.ws = ws
  }

  get isOpen(): boolean {
    return this.ws?.readyState === 1
  }
  get backlog(): number {
    return this.ws?.bufferedAmount ?? 0
  }
  get bytesRead(): number {
    return rawSocket(this.ws)?.bytesRead ?? 0
  }
  /** A stream that is no socket (an `upgrade` handed on) shows nothing. */
  get bytesWritten(): number {
    const socket = rawSocket(this.ws)
    if (!socket) return 0
    const handle = socket._handle?._parent ?? socket._handle
    return (socket._bytesDispatched ?? socket.bytesWritten ?? 0) - (handle?.writeQueueSize ?? socket.writableLength)
  }
}
