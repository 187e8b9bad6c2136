// A socket of holdfast in a process of its own, which can be stopped, or live on another host. It does what it is told, sends every
// event of the socket, and ends when whoever started it is gone.

import { ReconnectingWebSocket } from 'holdfast'
import type { ClientOrders, ClientReport, Command } from './client.ts'
import { type SocketEvent, SocketLog } from './socket-log.ts'
import { native, ws } from './transport.ts'

let socket: ReconnectingWebSocket
const report = (line: ClientReport): void => void process.send?.(line)

process.on('message', (command: Command) => {
  switch (command.name) {
    case 'dial':
      dial(command.orders)
      return
    case 'send':
      socket.send(command.data)
      return
    case 'block':
      block(command.ms)
      return
    case 'stats':
      report({ stats: socket.stats })
      return
  }
})
process.on('disconnect', () => process.exit())

function dial({ url, transport, heartbeat, options }: ClientOrders): void {
  socket = new ReconnectingWebSocket(url, [], (transport === 'native' ? native : ws).with(heartbeat ?? {}, options))
  const log = SocketLog.of(socket)
  log.add = (event: SocketEvent) => report({ event })
}

/** Keeps the event loop from turning. */
function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}
