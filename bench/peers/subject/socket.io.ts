/** socket.io, against its own server, by WebSocket only. A message is the event `m` with one argument. */

import { loadPackage } from './package.ts'
import type { Subject } from './subject.ts'

export const socketIo: Subject = async ({ retry }) => {
  const { io } = await loadPackage('socket.io-client')
  const delays = retry && { reconnectionDelay: retry.minDelay, reconnectionDelayMax: retry.maxDelay }
  return ({ port, query }, listener) => {
    const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, query, ...delays })
    socket.on('connect', listener.opened)
    socket.on('m', listener.message)
    socket.on('disconnect', listener.closed)
    return { send: (data) => socket.emit('m', data), close: () => socket.close() }
  }
}
