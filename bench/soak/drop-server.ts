// A `ws` server that lets go of each link as soon as the client has said something: by a reset, by a bare FIN, by a close frame, in
// turn. Run by `fork`; it sends its port, and ends when whoever started it is gone.

import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

const restarting = 1012
const drops: readonly ((socket: WebSocket, wire: Socket) => void)[] = [
  (_socket, wire) => wire.resetAndDestroy(),
  (socket) => socket.terminate(),
  (socket) => socket.close(restarting),
]
let turn = 0

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('connection', (socket, request) => {
  socket.on('error', () => {})
  socket.once('message', () => drops[turn++ % drops.length]!(socket, request.socket))
})
process.on('disconnect', () => process.exit())
await once(server, 'listening')
process.send?.((server.address() as AddressInfo).port)
