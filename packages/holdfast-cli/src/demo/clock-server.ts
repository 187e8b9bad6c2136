/** A plain `ws` server, as any other: it sends everybody a numbered message ten times a second, and echoes what it is sent. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

export const tickWord = 'tick'
export const echoWord = 'echo'
const tickEveryMs = 100

export class ClockServer {
  readonly #server: WebSocketServer
  readonly #timer: NodeJS.Timeout
  #number = 0

  static async listen(): Promise<ClockServer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    return new ClockServer(server)
  }

  private constructor(server: WebSocketServer) {
    this.#server = server
    this.#timer = setInterval(() => this.#tick(), tickEveryMs)
    server.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
      // A torn connection is told with `close`; without this it would end the process.
      socket.on('error', () => {})
    })
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The number of the last message. */
  get number(): number {
    return this.#number
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    for (const socket of this.#server.clients) socket.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #tick(): void {
    this.#number++
    for (const socket of this.#server.clients) if (socket.readyState === socket.OPEN) socket.send(`${tickWord} ${this.#number}`)
  }
}
