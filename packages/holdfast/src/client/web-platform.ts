/** Browsers, workers, Deno, Bun and workerd: the global WebSocket, and the page's own hints. */

import type { Hint, Platform } from './platform.ts'
import { webDialer } from './web-link.ts'

type Listener = (hint: Hint) => void

const listeners: Set<Listener> = new Set()
let isWatching = false

export const webPlatform: Platform = {
  dialer: (options, clock) => {
    if (options.wsOptions) throw new Error('wsOptions are for the package ws, which is for Node')
    const WebSocket = options.WebSocket ?? globalThis.WebSocket
    if (!WebSocket) throw new Error('this platform has no WebSocket; give a class with the option WebSocket')
    const takesHeaders = typeof document === 'undefined' && !options.WebSocket
    return webDialer({ WebSocket, takesHeaders, setTimer: (run, ms) => clock.setTimer(run, ms) }, options.headers !== undefined)
  },
  afterReads: (run) => {
    setTimeout(run)
  },
  watch: (listener) => {
    if (!isWatching) watchPage()
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
  get isOffline() {
    return globalThis.navigator?.onLine === false
  },
  publish: () => {},
  hasBuffers: false,
}

/** One set of listeners for all sockets of a page, there for as long as the page. */
function watchPage(): void {
  isWatching = true
  if (typeof globalThis.addEventListener !== 'function') return
  const tell = (hint: Hint) => {
    for (const listener of [...listeners]) listener(hint)
  }
  addEventListener('online', () => tell('online'))
  addEventListener('offline', () => tell('offline'))
  addEventListener('pagehide', (event) => {
    if (event.persisted) tell('hide')
  })
  addEventListener('pageshow', (event) => {
    if (event.persisted) tell(webPlatform.isOffline ? 'offline' : 'online')
  })
  globalThis.document?.addEventListener('resume', () => tell('wake'))
  globalThis.document?.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') tell('wake')
  })
}
