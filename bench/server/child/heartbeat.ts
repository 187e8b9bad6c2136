/** What servers of `ws` do to find their dead: as its README shows it, with a timer for each, or pings without any purpose. */

import type { ServerSubject } from '../subject.ts'

const spreadMs = 4
/** Pings of so many milliseconds go together in our wheel. */
const groupMs = 32

interface Alive {
  isAlive: boolean
  on(event: string, listener: () => void): void
  ping(): void
  terminate(): void
}

export function beat(subject: ServerSubject, server: any, intervalMs: number): void {
  const connected = (listener: (socket: Alive) => void) =>
    server.on('connection', (socket: Alive) => {
      socket.on('error', () => {})
      listener(socket)
    })
  switch (subject) {
    case 'ws, README sweep':
      connected(listen)
      setInterval(() => server.clients.forEach(check), intervalMs)
      return
    case 'ws, a timer each':
      connected((socket) => {
        listen(socket)
        const timer = setInterval(() => check(socket), intervalMs)
        socket.on('close', () => clearInterval(timer))
      })
      return
    case 'ws, bare spread':
      spread(connected, intervalMs, spreadMs)
      return
    case 'ws, bare groups':
      spread(connected, intervalMs, groupMs)
      return
    default:
      connected(() => {})
  }
}

/** `function heartbeat()` of the README. */
function listen(socket: Alive): void {
  socket.isAlive = true
  socket.on('pong', heard)
}
function heard(this: unknown): void {
  ;(this as Alive).isAlive = true
}

function check(socket: Alive): void {
  if (!socket.isAlive) {
    socket.terminate()
    return
  }
  socket.isAlive = false
  socket.ping()
}

/**
 * In an order drawn by lot, as phases are: who goes from one connection to the one that was accepted behind it finds most of what he needs in
 * the caches of the processor, and pays two thirds.
 */
function spread(connected: (listener: (socket: Alive) => void) => void, intervalMs: number, everyMs: number): void {
  const sockets: Alive[] = []
  connected((socket) => {
    const place = Math.floor(Math.random() * (sockets.length + 1))
    sockets.push(sockets[place] ?? socket)
    sockets[place] = socket
  })
  let pinged = 0
  let due = 0
  let at = performance.now()
  setInterval(() => {
    const now = performance.now()
    due += ((now - at) / intervalMs) * sockets.length
    at = now
    for (; due >= 1; due--) sockets[pinged++ % sockets.length]?.ping()
  }, everyMs)
}
