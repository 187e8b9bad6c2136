/**
 * A server that knows nothing of sessions: it sends every message back and tells the time every second. It keeps account of what came from
 * whom.
 */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { Arrivals } from './arrivals.ts'
import { clockWord, numberOf } from './traffic.ts'

/** What the server knows of a client, by the path of its url. */
export interface Account {
  readonly arrivals: Arrivals
  /** How many of its connections it said something on: one may break before it is open at the client's end. */
  readonly connections: number
  /** How often the time was told since it first said something, whether it was there or not. */
  readonly ticks: number
}

const tickMs = 1_000

export class Backend {
  readonly #server: WebSocketServer
  readonly #accounts = new Map<string, OpenAccount>()
  readonly #clock: NodeJS.Timeout

  static async listen(): Promise<Backend> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    return new Backend(server)
  }

  private constructor(server: WebSocketServer) {
    this.#server = server
    this.#clock = setInterval(() => this.#tick(), tickMs)
    server.on('connection', (socket, request) => {
      const account = this.accountOf(request.url ?? '/')
      socket.once('message', () => account.enter(socket))
      socket.on('message', (data) => {
        account.arrivals.receive(numberOf(String(data)))
        socket.send(String(data))
      })
      // A torn connection is told with `close`; without this it would end the process.
      socket.on('error', () => {})
    })
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  accountOf(path: string): OpenAccount {
    const known = this.#accounts.get(path) ?? new OpenAccount()
    this.#accounts.set(path, known)
    return known
  }

  /** From now on it only answers. */
  stopClock(): void {
    clearInterval(this.#clock)
  }

  async close(): Promise<void> {
    this.stopClock()
    for (const socket of this.#server.clients) socket.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #tick(): void {
    const time = new Date().toISOString()
    for (const account of this.#accounts.values()) account.tick(time)
  }
}

class OpenAccount implements Account {
  readonly arrivals: Arrivals = new Arrivals()
  readonly #sockets = new Set<WebSocket>()
  #connections = 0
  #ticks = 0

  get connections(): number {
    return this.#connections
  }
  get ticks(): number {
    return this.#ticks
  }

  enter(socket: WebSocket): void {
    this.#connections++
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  tick(time: string): void {
    if (this.#connections === 0) return
    this.#ticks++
    for (const socket of this.#sockets) socket.send(`${clockWord} ${this.#ticks} ${time}`)
  }
}
