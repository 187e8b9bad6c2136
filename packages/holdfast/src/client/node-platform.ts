/** Node: the package `ws` when it is installed, loaded at the first dial; else Node's own WebSocket, from 22 on. */

import diagnostics from 'node:diagnostics_channel'
import type { Dialer } from './link.ts'
import type { Platform } from './platform.ts'
import { type WebSocketLike, webDialer } from './web-link.ts'
import { type WsClass, wsDialer } from './ws-link.ts'

/** Subscribers get a StateMessage at each change of state of any socket. */
const stateChannel: diagnostics.Channel = diagnostics.channel('holdfast:state')

let overWs: Promise<Dialer | undefined> | undefined

export const nodePlatform: Platform = {
  dialer: async (options, clock): Promise<Dialer> => {
    const setTimer = (run: () => void, ms: number) => clock.setTimer(run, ms)
    const web = (WebSocket: WebSocketLike, takesHeaders: boolean) =>
      webDialer({ WebSocket, takesHeaders, setTimer }, options.headers !== undefined)
    if (options.WebSocket) return web(options.WebSocket, options.WebSocket === globalThis.WebSocket)
    const dialer = await (overWs ??= loadWs())
    if (dialer) return dialer
    if (options.wsOptions) throw new Error('wsOptions need the package ws, which is not installed: npm install ws')
    if (globalThis.WebSocket) return web(globalThis.WebSocket, true)
    throw new Error(`Node ${process.versions.node} has no WebSocket of its own and the package ws is not installed: npm install ws`)
  },
  afterReads: (run) => {
    setImmediate(run)
  },
  watch: () => unwatched,
  isOffline: false,
  publish: (message) => {
    if (stateChannel.hasSubscribers) stateChannel.publish(message)
  },
  hasBuffers: true,
}

function unwatched(): void {}

async function loadWs(): Promise<Dialer | undefined> {
  try {
    const { WebSocket } = await import('ws')
    return wsDialer(WebSocket as unknown as WsClass)
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}
