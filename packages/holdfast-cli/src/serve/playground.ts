/** A plain WebSocket server to try clients on: echoes, the time, numbers. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Endpoint, renderEndpoint } from '../fault/endpoint.ts'
import { UsageError } from '../usage-error.ts'
import type { ServeEvent } from './event.ts'
import { Heartbeat } from './heartbeat.ts'
import { findRoute, isRefusal, pathHint, type Refusal, type Route } from './route.ts'
import { serveRoute } from './service.ts'

export interface PlaygroundOptions {
  readonly listen: Endpoint
  readonly heartbeatMs: number
  readonly tell: (event: ServeEvent) => void
}

const goingAway = 1001
/** How long a client may take to answer a close. */
const closeTimeoutMs = 2_000
const upgradeRequired = 426

export class Playground {
  readonly #options: PlaygroundOptions
  readonly #http: Server
  readonly #sockets = new WebSocketServer({ noServer: true, clientTracking: true })
  readonly #heartbeat: Heartbeat
  readonly #startedAt: number = performance.now()
  #connections = 0

  /** @throws UsageError when the address cannot be listened on */
  static async listen(options: PlaygroundOptions): Promise<Playground> {
    const playground = new Playground(options)
    const { host, port } = options.listen
    playground.#http.listen({ host, port })
    try {
      await once(playground.#http, 'listening')
    } catch (error) {
      playground.#heartbeat.stop()
      throw new UsageError(`--listen ${renderEndpoint(options.listen)}: ${listenProblem(error as NodeJS.ErrnoException)}`, { cause: error })
    }
    options.tell({ event: 'listen', url: playground.url, ...playground.#address })
    return playground
  }

  private constructor(options: PlaygroundOptions) {
    this.#options = options
    this.#heartbeat = new Heartbeat(this.#sockets.clients, options.heartbeatMs)
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
    this.#heartbeat.stop()
    const isDown = new Promise((resolve) => this.#http.close(resolve))
    for (const socket of clients) {
      socket.resume()
      socket.close(goingAway, 'the server is stopping')
    }
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

  #welcome(socket: WebSocket, request: IncomingMessage, route: Route): void {
    const connection = ++this.#connections
    const openedAt = performance.now()
    const over = new AbortController()
    const counts = { received: 0, sent: 0 }
    const subprotocol = socket.protocol === '' ? {} : { subprotocol: socket.protocol }
    this.#options.tell({ event: 'open', connection, path: request.url ?? '/', from: senderOf(request), ...subprotocol })
    socket.on('error', () => {})
    socket.on('message', () => counts.received++)
    socket.on('close', (code, reason) => {
      over.abort()
      const upMs = performance.now() - openedAt
      this.#options.tell({ event: 'closed', connection, code, reason: String(reason), upMs, ...counts })
    })
    this.#heartbeat.watch(socket)
    serveRoute(route, { socket, signal: over.signal, startedAt: this.#startedAt, counts })
  }
}

function senderOf({ socket }: IncomingMessage): string {
  return renderEndpoint({ host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 })
}

function listenProblem({ code, message }: NodeJS.ErrnoException): string {
  return code === 'EADDRINUSE' ? 'this port is already in use; choose another with --listen, or stop what listens there' : message
}
