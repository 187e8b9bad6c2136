/** A WebSocket server to try clients on, with sessions for those that ask: echoes, the time, numbers. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CloseCause, type SessionSocket, WebSocketServer } from 'holdfast/server'
import { type Endpoint, renderEndpoint } from '../fault/endpoint.ts'
import type { SessionLabel } from '../life/event.ts'
import { sessionName } from '../life/session-name.ts'
import { UsageError } from '../usage-error.ts'
import type { ServeEvent } from './event.ts'
import { findRoute, isRefusal, pathHint, type Refusal, type Route } from './route.ts'
import { serveRoute } from './service.ts'

export interface PlaygroundOptions {
  readonly listen: Endpoint
  readonly heartbeatMs: number
  /** How long a session waits for its client; undefined: there are no sessions. */
  readonly ttlMs: number | undefined
  readonly tell: (event: ServeEvent) => void
}

const goingAway = 1001
/** How long a client may take to answer a close. */
const closeTimeoutMs = 2_000
/** For the answer to a ping; an eager heartbeat waits no longer than its own period. */
const longestAnswerMs = 10_000
/** A feed of ten a second is kept whole for over an hour. */
const maxSessionMessages = 65_536
const upgradeRequired = 426

export class Playground {
  readonly #options: PlaygroundOptions
  readonly #http: Server
  readonly #sockets: WebSocketServer
  readonly #startedAt: number = performance.now()
  #connections = 0

  /** @throws UsageError when the address cannot be listened on */
  static async listen(options: PlaygroundOptions): Promise<Playground> {
    const playground = new Playground(options, createSockets(options))
    const { host, port } = options.listen
    playground.#http.listen({ host, port })
    try {
      await once(playground.#http, 'listening')
    } catch (error) {
      throw new UsageError(`--listen ${renderEndpoint(options.listen)}: ${listenProblem(error as NodeJS.ErrnoException)}`, { cause: error })
    }
    options.tell({ event: 'listen', url: playground.url, ...playground.#address })
    return playground
  }

  private constructor(options: PlaygroundOptions, sockets: WebSocketServer) {
    this.#options = options
    this.#sockets = sockets
    this.#http = createServer((_request, response) => {
      response.writeHead(upgradeRequired, { 'Content-Type': 'text/plain', Connection: 'close', Upgrade: 'websocket' })
      response.end(`This is a WebSocket server; ${pathHint}. Try: holdfast connect ${this.url}\n`)
    })
    this.#http.on('upgrade', (request, socket, head) => this.#receiveUpgrade(request, socket, head))
  }

  get url(): string {
    return `ws://${renderEndpoint(this.#address)}`
  }

  /** Says goodbye to everybody with 1001, and resolves when all are gone. */
  async close(): Promise<void> {
    const clients = [...this.#sockets.clients]
    this.#options.tell({ event: 'stop', connections: clients.length })
    const isDown = new Promise((resolve) => this.#http.close(resolve))
    for (const socket of clients) {
      socket.resume()
      socket.close(goingAway, 'the server is stopping')
    }
    // Sessions whose clients are away end with it.
    this.#sockets.close()
    const patience = new AbortController()
    await Promise.race([isDown, sleep(closeTimeoutMs, undefined, { signal: patience.signal }).catch(() => {})])
    patience.abort()
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#http.closeAllConnections()
    await isDown
  }

  get #address(): Endpoint {
    const { address, port } = this.#http.address() as AddressInfo
    return { host: address, port }
  }

  #receiveUpgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    // A torn connection is told with `close`; without this it would end the process.
    raw.on('error', () => {})
    const found = findRoute(request.url ?? '/')
    if (isRefusal(found)) this.#refuse(request, raw, found)
    else this.#sockets.handleUpgrade(request, raw, head, (socket) => this.#welcome(socket, request, found))
  }

  #refuse(request: IncomingMessage, raw: Duplex, { status, problem }: Refusal): void {
    const body = `${problem}\n`
    raw.once('finish', () => raw.destroy())
    raw.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    this.#options.tell({ event: 'refused', path: request.url ?? '/', from: senderOf(request), status, problem })
  }

  #welcome(socket: SessionSocket, request: IncomingMessage, route: Route): void {
    const connection = ++this.#connections
    const openedAt = performance.now()
    const over = new AbortController()
    const counts = { received: 0, sent: 0 }
    const { ttlMs, tell } = this.#options
    const session = socket.sessionId === null || ttlMs === undefined ? undefined : { id: sessionName(socket.sessionId), ttlMs }
    const subprotocol = socket.protocol === '' ? {} : { subprotocol: socket.protocol }
    tell({ event: 'open', connection, path: request.url ?? '/', from: senderOf(request), ...subprotocol, ...(session && { session }) })
    socket.on('error', () => {})
    socket.on('message', () => counts.received++)
    socket.on('close', (code, reason) => {
      over.abort()
      const end = { connection, code, reason: String(reason), upMs: performance.now() - openedAt, ...counts }
      tell(session ? { event: 'ended', session, ...end, ...endingOf(socket) } : { event: 'closed', ...end })
    })
    if (session) this.#watch(socket, connection, session)
    serveRoute(route, { socket, signal: over.signal, startedAt: this.#startedAt, counts })
  }

  #watch(socket: SessionSocket, connection: number, session: SessionLabel): void {
    let linkedAt = performance.now()
    socket.on('lost', ({ cause }) => {
      const upMs = performance.now() - linkedAt
      this.#options.tell({ event: 'lost', connection, session, cause, upMs, unackedBytes: socket.unackedAmount })
    })
    socket.on('resumed', ({ downtime, replayed }, request) => {
      linkedAt = performance.now()
      this.#options.tell({ event: 'resumed', connection, session, from: senderOf(request), downMs: downtime, resent: replayed })
    })
  }
}

function createSockets({ heartbeatMs, ttlMs }: PlaygroundOptions): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    closeTimeout: closeTimeoutMs,
    heartbeat: { interval: heartbeatMs, timeout: Math.min(heartbeatMs, longestAnswerMs) },
    session: ttlMs === undefined ? false : { ttl: ttlMs, maxMessages: maxSessionMessages, overflow: 'throw' },
  })
}

function endingOf({ closeInfo }: SessionSocket): { cause: CloseCause; wasClean: boolean; unconfirmed: number } {
  const { cause = 'network', wasClean = false, unconfirmed = [] } = closeInfo ?? {}
  return { cause, wasClean, unconfirmed: unconfirmed.length }
}

function senderOf({ socket }: Pick<IncomingMessage, 'socket'>): string {
  return renderEndpoint({ host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 })
}

function listenProblem({ code, message }: NodeJS.ErrnoException): string {
  return code === 'EADDRINUSE' ? 'this port is already in use; choose another with --listen, or stop what listens there' : message
}
