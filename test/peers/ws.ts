// A server on the `ws` package, in the test's own process: a plain peer whose every socket a test can reach.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, STATUS_CODES } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { EventLog, type Peer } from './peer.ts'

export interface WsOptions {
  /** @default '127.0.0.1' */
  readonly host?: string
  /** A port that was this peer's before, to come back at the same URL. @default a free one */
  readonly port?: number
  /** Serves `wss:`. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Whether pings are answered. @default true */
  readonly autoPong?: boolean
  /** Sends dial number `attempt` (from 1) to another endpoint than it asked for, so that one URL can change its mind. */
  readonly route?: (request: IncomingMessage, attempt: number) => string | undefined
}

/** An opening handshake that arrived, whatever became of it. */
export interface WsAttempt {
  readonly at: number
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

export interface WsConnection {
  readonly at: number
  readonly path: string
  readonly socket: WebSocket
  readonly request: IncomingMessage
}

export interface WsPeer extends Peer {
  /** The server itself, for `connection` handlers and `clients`. */
  readonly server: WebSocketServer
  /** Each handshake that arrived, oldest first; `at` is `performance.now()`. */
  readonly attempts: readonly WsAttempt[]
  /** Each connection there ever was, oldest first. */
  readonly connections: readonly WsConnection[]
}

/**
 * Endpoints: `/echo`, `/feed?every=10ms`, `/silent`, `/close?code=4401&reason=x&after=0ms`, `/greet-close?code=0`,
 * `/refuse?status=503&retryAfter=5`, `/slow?delay=5s`, `/hang` (the handshake is never answered), `/wrong-accept`; any other path
 * accepts and leaves the rest to the test. On any of them `protocol=a,b` chooses a subprotocol and `ping=50ms` pings on a period.
 * Events: `attempt`, `connected`, `ping`, `pong`, `closed`, `abandoned`.
 */
export async function startWs({ host = '127.0.0.1', port = 0, tls, autoPong = true, route }: WsOptions = {}): Promise<WsPeer> {
  const log = new EventLog('ws server')
  const attempts: WsAttempt[] = []
  const connections: WsConnection[] = []
  const open = new Set<Duplex>()
  const server = new WebSocketServer({ noServer: true, autoPong, handleProtocols })
  const listener = tls ? createTlsServer({ key: tls.key, cert: tls.cert }) : createServer()

  listener.on('connection', (socket: Duplex) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  listener.on('request', (_request, response) => response.writeHead(426, { 'Content-Length': 0 }).end())
  listener.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const path = request.url ?? '/'
    attempts.push({ at: performance.now(), path, headers: request.headers })
    log.add({ event: 'attempt', path })
    socket.on('error', () => {})
    request.url = route?.(request, attempts.length) ?? path
    answer(request, socket, () => server.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket, request)))
  })

  /** What happens before the connection is open. */
  function answer(request: IncomingMessage, socket: Duplex, upgrade: () => void): void {
    const { pathname, query } = parse(request)
    switch (pathname) {
      case '/hang':
        break
      case '/refuse':
        refuse(socket, Number(query.get('status') ?? 503), query.get('retryAfter'))
        break
      case '/wrong-accept':
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n')
        break
      case '/slow':
        delay(socket, duration(query.get('delay') ?? '5s'), upgrade, () => log.add({ event: 'abandoned', path: request.url ?? '/' }))
        break
      default:
        upgrade()
    }
  }

  function accept(socket: WebSocket, request: IncomingMessage): void {
    const path = request.url ?? '/'
    const id = connections.push({ at: performance.now(), path, socket, request })
    socket.on('ping', () => log.add({ event: 'ping', id }))
    socket.on('pong', () => log.add({ event: 'pong', id }))
    socket.on('error', () => {})
    socket.on('close', (code, reason) => log.add({ event: 'closed', id, code, reason: String(reason) }))
    log.add({ event: 'connected', id, path, protocol: socket.protocol })
    server.emit('connection', socket, request)
    behave(socket, request)
  }

  listener.listen(port, host)
  await new Promise<void>((resolve, reject) => listener.once('listening', resolve).once('error', reject))
  const bound = (listener.address() as AddressInfo).port

  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= new Promise((resolve) => {
      listener.close(() => {
        log.end('was stopped')
        resolve()
      })
      for (const client of server.clients) client.terminate()
      for (const socket of open) socket.destroy()
    })
    return stopping
  }
  return {
    url: `${tls ? 'wss' : 'ws'}://${host}:${bound}`,
    port: bound,
    events: log.events,
    server,
    attempts,
    connections,
    waitFor: (predicate, timeoutMs) => log.waitFor(predicate, timeoutMs),
    count: (predicate) => log.count(predicate),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** What happens once the connection is open. */
function behave(socket: WebSocket, request: IncomingMessage): void {
  const { pathname, query } = parse(request)
  if (query.has('ping')) repeat(socket, duration(query.get('ping')), () => socket.ping())
  switch (pathname) {
    case '/echo':
    case '/slow':
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
      break
    case '/feed': {
      let number = 0
      repeat(socket, duration(query.get('every') ?? '10ms'), () => socket.send(String(++number)))
      break
    }
    case '/silent':
      socket.pause()
      break
    case '/close':
      goodbye(socket, query)
      break
    case '/greet-close':
      socket.send('hello', () => goodbye(socket, query))
      break
  }
}

function goodbye(socket: WebSocket, query: URLSearchParams): void {
  const code = Number(query.get('code') ?? 1000)
  const timer = setTimeout(
    () => {
      if (code === 0) socket.terminate()
      else socket.close(code, query.get('reason') ?? '')
    },
    duration(query.get('after') ?? '0ms'),
  )
  socket.once('close', () => clearTimeout(timer))
}

function repeat(socket: WebSocket, everyMs: number, action: () => void): void {
  const timer = setInterval(() => socket.readyState === socket.OPEN && action(), everyMs)
  socket.once('close', () => clearInterval(timer))
}

/** Waits with the answer, unless the client leaves first. */
function delay(socket: Duplex, delayMs: number, then: () => void, abandoned: () => void): void {
  const settle = (): void => {
    clearTimeout(timer)
    socket.off('end', leave).off('close', leave)
  }
  const leave = (): void => {
    settle()
    socket.destroy()
    abandoned()
  }
  const timer = setTimeout(() => {
    settle()
    then()
  }, delayMs)
  socket.once('end', leave).once('close', leave)
  // A socket that nobody reads never ends. The client has nothing to say before it is answered, so nothing is lost.
  socket.resume()
}

function refuse(socket: Duplex, status: number, retryAfter: string | null): void {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'Connection: close', 'Content-Length: 0']
  if (retryAfter !== null) lines.push(`Retry-After: ${retryAfter}`)
  socket.end(`${lines.join('\r\n')}\r\n\r\n`)
}

/** Without `protocol` in the query the first one offered is taken, as `ws` does by itself. */
function handleProtocols(offered: Set<string>, request: IncomingMessage): string | false {
  const [first = false] = offered
  const wanted = parse(request).query.get('protocol')?.split(',')
  return wanted ? (wanted.find((protocol) => offered.has(protocol)) ?? false) : first
}

function parse(request: IncomingMessage): { pathname: string; query: URLSearchParams } {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://peer')
  return { pathname, query: searchParams }
}

const units = { ms: 1, s: 1_000, m: 60_000 } as const

/** Milliseconds in `10ms`, `5s`, `1m`. */
function duration(text: string | null): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text ?? '') ?? []
  if (amount === undefined) throw new TypeError(`a duration such as 10ms or 5s was expected instead of '${text}'`)
  return Number(amount) * units[unit as keyof typeof units]
}
