/** A server that sends every message back, with sessions for those that ask, and keeps account of what came from whom. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'holdfast/server'
import { Arrivals } from './arrivals.ts'
import { numberOf } from './traffic.ts'
import { localTuning } from './tuning.ts'

export class EchoServer {
  readonly #server: WebSocketServer
  /** By the path of the client's url. */
  readonly #arrivals = new Map<string, Arrivals>()

  static async listen(): Promise<EchoServer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, heartbeat: localTuning.heartbeat })
    await once(server, 'listening')
    return new EchoServer(server)
  }

  private constructor(server: WebSocketServer) {
    this.#server = server
    server.on('connection', (socket, request) => {
      const arrivals = this.arrivalsOf(request.url ?? '/')
      socket.on('message', (data) => {
        arrivals.receive(numberOf(String(data)))
        socket.send(String(data))
      })
      // A torn connection is told with `close`; without this it would end the process.
      socket.on('error', () => {})
    })
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** What the client of this path has delivered. */
  arrivalsOf(path: string): Arrivals {
    const known = this.#arrivals.get(path) ?? new Arrivals()
    this.#arrivals.set(path, known)
    return known
  }

  async close(): Promise<void> {
    await this.#server[Symbol.asyncDispose]()
  }
}
