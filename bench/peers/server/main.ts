/**
 * The server process: one port for plain WebSockets, one for socket.io, and one for a socket.io that is tuned. It tells its ports first,
 * and counts the dials of each label.
 */

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { loadPackage } from '../subject/package.ts'
import { modes, type Peer } from './mode.ts'

export interface ServerArgument {
  /** For the tuned socket.io. */
  readonly heartbeatMs: number
}

export interface Ports {
  readonly plain: number
  readonly socketIo: number
  readonly socketIoTuned: number
}

/** Label to the times of its dials, epoch ms. */
export type Dials = Readonly<Record<string, readonly number[]>>

const maxDials = 100_000
const maxPending = 8_192
const refusal = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

const { heartbeatMs }: ServerArgument = JSON.parse(process.argv[2]!)
const dials: Record<string, number[]> = {}

const ports: Ports = {
  plain: await listen(await plainUpgrade()),
  socketIo: await listen(await socketIoUpgrade({})),
  socketIoTuned: await listen(await socketIoUpgrade({ pingInterval: heartbeatMs, pingTimeout: heartbeatMs })),
}
process.on('disconnect', () => process.exit())
process.on('message', () => process.send?.(dials))
process.send?.(ports)

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

async function plainUpgrade(): Promise<Upgrade> {
  const { WebSocketServer } = await loadPackage('ws')
  const server = new WebSocketServer({ noServer: true })
  return (request, raw, head) =>
    server.handleUpgrade(request, raw, head, (socket: any) => {
      socket.on('error', () => {})
      const receive = (listener: (data: unknown) => void) =>
        socket.on('message', (data: Buffer, isBinary: boolean) => listener(isBinary ? data : data.toString()))
      begin(request, { raw: socket._socket, socket, send: (data) => socket.send(data), receive })
    })
}

/** socket.io listens on a server that itself does not: refusing comes before it. */
async function socketIoUpgrade(options: object): Promise<Upgrade> {
  const { Server: SocketIoServer } = await loadPackage('socket.io')
  const hidden = createServer()
  new SocketIoServer(hidden, { ...options, serveClient: false }).on('connection', (peer: any) => {
    const { socket } = peer.conn.transport
    begin(peer.request, {
      raw: socket._socket,
      socket,
      send: (data) => peer.emit('m', data),
      receive: (listener) => peer.on('m', listener),
    })
  })
  return (request, raw, head) => void hidden.emit('upgrade', request, raw, head)
}

function begin(request: IncomingMessage, peer: Peer): void {
  const query = queryOf(request)
  modes[query.get('mode') ?? 'idle']?.(peer, query)
}

function listen(upgrade: Upgrade): Promise<number> {
  const server: Server = createServer()
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    const query = queryOf(request)
    const label = query.get('label')
    if (label) countDial(label)
    if (query.get('mode') === 'refuse') socket.end(refusal)
    else upgrade(request, socket, head)
  })
  return new Promise((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: maxPending }, () => resolve((server.address() as AddressInfo).port))
  })
}

function countDial(label: string): void {
  const times = (dials[label] ??= [])
  if (times.length < maxDials) times.push(Date.now())
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URL(request.url ?? '/', 'http://127.0.0.1').searchParams
}
