/** A server of one kind, in this process. */

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import type { Peer } from '../../peers/server/mode.ts'
import { loadPackage } from '../../peers/subject/package.ts'
import type { ServerKind } from '../subject.ts'

/** A connection as the application of a server has it: one a session, where there are sessions. */
export interface HostedPeer extends Peer {
  readonly isSocketIo: boolean
  /** Calls back at each loss of the link that the session outlives. */
  lost(listener: () => void): void
}

export type Connected = (peer: HostedPeer, query: URLSearchParams) => void

const maxPending = 8_192
const mebibyte = 1024 * 1024
/** Floods and thousands of clients of one principal are the bench's business; what a session costs does not depend on its limits. */
const session = { maxMessages: 1_000_000, maxBytes: 64 * mebibyte, maxPerPrincipal: Infinity }

/** Resolves with the port. @param port 0: any */
export async function host(
  kind: ServerKind,
  build: string,
  connected: Connected,
  http: Server = createServer(),
  port = 0,
): Promise<number> {
  await (kind.startsWith('socket.io') ? hostSocketIo(kind, http, connected) : hostWs(kind, http, build, connected))
  return await listen(http, port)
}

async function hostWs(kind: ServerKind, server: Server, build: string, connected: Connected): Promise<void> {
  const { WebSocketServer } = await loadPackage(kind === 'ws' ? 'ws' : join(build, 'server.mjs'))
  const sockets = new WebSocketServer({ server, ...(kind === 'holdfast' && { session }) })
  sockets.on('connection', (socket: any, request: IncomingMessage) => {
    socket.on('error', () => {})
    const receive = (listener: (data: unknown) => void) =>
      socket.on('message', (data: Buffer, isBinary: boolean) => listener(isBinary ? data : data.toString()))
    const peer: HostedPeer = {
      // The stand-in of a session is made when it is asked for, and costs what it costs.
      get raw() {
        return socket._socket as Socket
      },
      socket,
      isSocketIo: false,
      send: (data) => socket.send(data),
      receive,
      lost: (listener) => socket.on('lost', listener),
    }
    connected(peer, queryOf(request))
  })
}

async function hostSocketIo(kind: ServerKind, http: Server, connected: Connected): Promise<void> {
  const { Server: SocketIoServer } = await loadPackage('socket.io')
  const recovery = kind === 'socket.io, recovery' && { connectionStateRecovery: {} }
  new SocketIoServer(http, { serveClient: false, transports: ['websocket'], ...recovery }).on('connection', (socket: any) => {
    const { socket: ws } = socket.conn.transport
    const peer: HostedPeer = {
      raw: ws._socket,
      socket: ws,
      isSocketIo: true,
      send: (data) => socket.emit('m', data),
      receive: (listener) => socket.on('m', listener),
      lost: () => {},
    }
    connected(peer, queryOf(socket.request))
  })
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve) => {
    server.listen({ port, host: '127.0.0.1', backlog: maxPending }, () => resolve((server.address() as AddressInfo).port))
  })
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URL(request.url ?? '/', 'http://127.0.0.1').searchParams
}
