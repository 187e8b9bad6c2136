// A server of the library on a port of its own, for one test.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type SessionSocket, WebSocketServer, type WebSocketServerOptions } from '../../packages/holdfast/src/server.ts'
import { inTime } from '../fault/patience.ts'

export interface TestServer extends AsyncDisposable {
  readonly server: WebSocketServer
  readonly url: string
  /** The sockets that `connection` gave, in order. */
  readonly sockets: readonly SessionSocket[]
  /** Waits for the nth, from 0. */
  socket(index?: number): Promise<SessionSocket>
}

export async function startServer(options: WebSocketServerOptions = {}): Promise<TestServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sockets: SessionSocket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  const socket = async (index = 0): Promise<SessionSocket> => {
    while (sockets.length <= index) await next(server, 'connection')
    return sockets[index]!
  }
  return { server, url: `ws://127.0.0.1:${port}`, sockets, socket, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** What comes with the next event. */
export function next(emitter: NodeJS.EventEmitter, event: string): Promise<any[]> {
  return inTime(
    new Promise<any[]>((resolve) => {
      emitter.once(event, (...details) => resolve(details))
    }),
    `${event}`,
  )
}

/** Once a turn of the event loop has passed for reads that are under way. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Collects the texts that a socket gets. */
export function textsOf(socket: SessionSocket): string[] {
  const texts: string[] = []
  socket.on('message', (data) => texts.push(String(data)))
  return texts
}
