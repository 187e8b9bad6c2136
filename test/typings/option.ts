// Compiled, never run: what the constructors and methods take, and what they do not.
import {
  type Clock,
  type CloseInfo,
  type Logger,
  type Received,
  ReconnectingWebSocket,
  type ReconnectingWebSocketOptions,
  type SessionCloseEvent,
  WebSocket,
  type WebSocketOptions,
} from 'holdfast'

const url = 'wss://localhost/'

// Constructors
new WebSocket(url)
new WebSocket(new URL(url), 'chat')
new WebSocket(url, ['a', 'b'], { resume: true })
new WebSocket(url, undefined, {})
new WebSocket(url, null)
new WebSocket(url, { protocols: 'chat', headers: { cookie: 'a=b' } })
new ReconnectingWebSocket(url, null, { onSession: ({ send }) => send('hello') })
new ReconnectingWebSocket(() => url)
new ReconnectingWebSocket(async ({ attempt, lastClose, signal, resuming, url }) => {
  attempt satisfies number
  lastClose satisfies CloseInfo | null
  signal satisfies AbortSignal
  resuming satisfies boolean
  return new URL(url)
})
new ReconnectingWebSocket(url, async () => ['chat', 'token'], { headers: async () => ({ authorization: 'Bearer x' }) })
// @ts-expect-error a URL is needed
new WebSocket()
// @ts-expect-error the strict class dials one URL; the reconnecting one takes a function
new WebSocket(() => url)
// @ts-expect-error a provider gives strings or URLs
new ReconnectingWebSocket(() => 7)
// @ts-expect-error subprotocols are strings
new WebSocket(url, [7])

// Options: everything at once, undefined for the default.
const logger: Logger = console
const clock: Clock = {
  now: () => 0,
  wall: () => 0,
  random: () => 0,
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer as number),
}
export const all: WebSocketOptions = {
  resume: true,
  heartbeat: { interval: 30_000, timeout: 10_000, message: () => 'ping', isReply: (data) => data === 'pong' },
  retry: {
    minDelay: 1,
    maxDelay: 2,
    factor: 2,
    jitter: 'full',
    maxRetries: 10,
    stableAfter: 1,
    shouldRetry: ({ code }, attempt) => (attempt > 3 ? code !== 1008 : undefined),
  },
  connectTimeout: 1,
  writeTimeout: 1,
  closeTimeout: 1,
  outbox: { maxBytes: 1, maxMessages: 1, overflow: 'throw' },
  inbox: { maxBytes: 1 },
  maxLinkAge: Infinity,
  headers: { authorization: 'Bearer x' },
  rewriteUrl: ({ url }) => `${url}?token=x`,
  WebSocket: globalThis.WebSocket,
  wsOptions: { perMessageDeflate: false },
  signal: AbortSignal.timeout(1),
  logger,
  name: 'feed',
  clock,
}
export const none: Record<keyof ReconnectingWebSocketOptions, undefined> = {
  resume: undefined,
  heartbeat: undefined,
  retry: undefined,
  connectTimeout: undefined,
  writeTimeout: undefined,
  closeTimeout: undefined,
  outbox: undefined,
  inbox: undefined,
  maxLinkAge: undefined,
  headers: undefined,
  rewriteUrl: undefined,
  WebSocket: undefined,
  wsOptions: undefined,
  signal: undefined,
  logger: undefined,
  name: undefined,
  clock: undefined,
  onSession: undefined,
  autoStart: undefined,
}
new ReconnectingWebSocket(url, null, none)
new WebSocket(url, null, { heartbeat: false, retry: false })
new WebSocket(url, null, {
  heartbeat: { interval: undefined },
  retry: { jitter: undefined },
  outbox: { overflow: undefined },
  inbox: { maxBytes: undefined },
})
new WebSocket(url, null, { WebSocket })

// @ts-expect-error times are milliseconds
new WebSocket(url, null, { connectTimeout: '10s' })
// @ts-expect-error there is no such option
new WebSocket(url, null, { reconnect: true })
// @ts-expect-error there is no such option of the heartbeat
new WebSocket(url, null, { heartbeat: { period: 1 } })
// @ts-expect-error true is no heartbeat
new WebSocket(url, null, { heartbeat: true })
// @ts-expect-error there is no such jitter
new WebSocket(url, null, { retry: { jitter: 'some' } })
// @ts-expect-error there is no such policy
new WebSocket(url, null, { outbox: { overflow: 'drop' } })
// @ts-expect-error autoStart is an option of the reconnecting class
new WebSocket(url, null, { autoStart: false })
// @ts-expect-error onSession is an option of the reconnecting class
WebSocket.with({ onSession: () => {} })
// @ts-expect-error with() is given options
WebSocket.with()
// @ts-expect-error a class is needed, not an instance
new WebSocket(url, null, { WebSocket: new WebSocket(url) })

// Methods
const socket = new WebSocket(url)
const reconnecting = new ReconnectingWebSocket(url, null, {
  async onSession({ socket, isFirst, send, signal }) {
    socket satisfies ReconnectingWebSocket
    isFirst satisfies boolean
    signal satisfies AbortSignal
    send(new Uint8Array(1))
  },
})
for (const data of [
  'x',
  new ArrayBuffer(1),
  new SharedArrayBuffer(1),
  new Uint8Array(1),
  new DataView(new ArrayBuffer(1)),
  new Blob([]),
  Buffer.from('x'),
]) {
  socket.send(data)
  socket.sendAsync(data, { signal: AbortSignal.timeout(1) }) satisfies Promise<'acknowledged' | 'written'>
}
// @ts-expect-error only strings and bytes are sent
socket.send({ hello: 'world' })
// @ts-expect-error there is something to send
socket.send()
socket.close()
socket.close(1000, 'done')
// @ts-expect-error the code comes first
socket.close('done')
socket.binaryType = 'arraybuffer'
// @ts-expect-error there is no such binaryType
socket.binaryType = 'text'
// @ts-expect-error only the reconnecting class reconnects
socket.reconnect()
reconnecting.start()
reconnecting.reconnect()
reconnecting.opened satisfies Promise<ReconnectingWebSocket>
socket.opened satisfies Promise<WebSocket>
socket.closed satisfies Promise<SessionCloseEvent>
socket.stats.failures['heartbeat-timeout'] satisfies number | undefined
socket.stats.lastHeardAt satisfies number | null
socket.status.session?.id satisfies string | null | undefined

export async function reads(): Promise<Received | undefined> {
  await using kept = new WebSocket(url)
  for await (const data of kept) return data
  return undefined
}
