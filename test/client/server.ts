// The peer on `ws`, where each test has an address of its own and finds its connections under it.

import type { WebSocket } from 'ws'
import { startWs, type WsConnection, type WsOptions, type WsPeer } from '../peers/ws.ts'
import { eventually } from './record.ts'

export interface Server extends WsPeer {
  /** An address that nobody has dialled yet; `endpoint` is one of the peer's, or any other name for one that is left to the test. */
  address(endpoint: string): Address
}

/** What happened under one address. Connections are numbered from 0. */
export interface Address {
  readonly url: string
  readonly path: string
  /** Handshakes that came, whatever became of them. */
  readonly dials: number
  /** Those of which the client let go before they were answered. */
  readonly abandoned: number
  /** The server's end of the newest connection. */
  readonly newest: WebSocket
  /** The texts that came in a connection so far. */
  texts(connection: number): readonly string[]
  /** Waits for a handshake. */
  dialled(count?: number): Promise<void>
  /** Waits until a connection has said so much. */
  heard(connection: number, count: number): Promise<readonly string[]>
}

export async function startServer(options?: WsOptions): Promise<Server> {
  const peer = await startWs(options)
  const texts = new WeakMap<WebSocket, string[]>()
  let addresses = 0
  peer.server.on('connection', (socket) => {
    const own: string[] = []
    texts.set(socket, own)
    socket.on('message', (data) => own.push(String(data)))
  })

  const address = (endpoint: string): Address => {
    const path = `/${endpoint}${endpoint.includes('?') ? '&' : '?'}test=${++addresses}`
    const connections = (): WsConnection[] => peer.connections.filter((each) => each.path === path)
    const of = (connection: number): string[] => {
      const socket = connections()[connection]?.socket
      return (socket && texts.get(socket)) ?? []
    }
    const count = (event: string) => peer.count((each) => each.event === event && each.path === path)
    return {
      url: peer.url + path,
      path,
      get dials() {
        return count('attempt')
      },
      get abandoned() {
        return count('abandoned')
      },
      get newest() {
        return connections().at(-1)!.socket
      },
      texts: of,
      dialled: (dials = 1) => eventually(() => count('attempt') >= dials, `dial ${dials} of ${path}`),
      heard: async (connection, messages) => {
        await eventually(() => of(connection).length >= messages, `message ${messages} of connection ${connection} to ${path}`)
        return of(connection)
      },
    }
  }
  return { ...peer, address }
}
