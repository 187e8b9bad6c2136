// What every conformance test is given: the class under test, a server of its own, and ways to watch a socket.
import assert from 'node:assert/strict'
import { type Peer, type RawPeer, type Server, startServer } from './server.ts'

export type WebSocketClass = typeof globalThis.WebSocket
export type Test = (room: Room) => void | Promise<void>

export interface Room {
  readonly WebSocket: WebSocketClass
  readonly server: Server
  /** Closes the socket when the test ends. */
  keep<S extends WebSocket>(socket: S): S
  /** A new socket to the test's own server. */
  dial(path?: string, protocols?: string | string[]): WebSocket
  /** An open socket and the server's end of it. */
  open(path?: string, protocols?: string | string[]): Promise<{ socket: WebSocket; peer: Peer }>
  /** An open socket and the server's end of it, by hand. */
  openRaw(): Promise<{ socket: WebSocket; raw: RawPeer }>
  leave(): Promise<void>
}

async function enter(WebSocket: WebSocketClass): Promise<Room> {
  const server = await startServer()
  const sockets: WebSocket[] = []
  const keep: Room['keep'] = (socket) => {
    sockets.push(socket)
    return socket
  }
  const dial: Room['dial'] = (path = '/', protocols) => {
    return keep(protocols === undefined ? new WebSocket(server.url + path) : new WebSocket(server.url + path, protocols))
  }
  return {
    WebSocket,
    server,
    keep,
    dial,
    async open(path, protocols) {
      const socket = dial(path, protocols)
      const [, peer] = await Promise.all([opened(socket), server.accept()])
      return { socket, peer }
    },
    async openRaw() {
      const socket = dial('/raw')
      const isOpen = opened(socket)
      const raw = await server.acceptRaw()
      raw.answer()
      await isOpen
      return { socket, raw }
    },
    async leave() {
      for (const socket of sockets) socket.close()
      await server.close()
    },
  }
}

/** Runs a test in a room of its own. One that waits for ever fails after `patienceMs`. */
export async function inRoom(WebSocket: WebSocketClass, test: Test, patienceMs: number): Promise<void> {
  const room = await enter(WebSocket)
  let timer: NodeJS.Timeout | undefined
  const impatience = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened for ${patienceMs} ms`)), patienceMs)
  })
  try {
    await Promise.race([test(room), impatience])
  } finally {
    clearTimeout(timer)
    await room.leave()
  }
}

export function next<K extends keyof WebSocketEventMap>(socket: WebSocket, type: K): Promise<WebSocketEventMap[K]> {
  return new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }))
}

/** Resolves with `open`; rejects when the socket closes before. */
export function opened(socket: WebSocket): Promise<Event> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('close', ({ code, reason }) => reject(new Error(`closed (${code} ${reason}) instead of open`)), { once: true })
  })
}

export function closed(socket: WebSocket): Promise<CloseEvent> {
  return next(socket, 'close')
}

/** The standard's four events as they come, each with the readyState that its listeners see: `open 1`, `message 1 hello`, `close 3 1000`. */
export function journal(socket: WebSocket): string[] {
  const lines: string[] = []
  socket.addEventListener('open', () => lines.push(`open ${socket.readyState}`))
  socket.addEventListener('message', ({ data }) => lines.push(`message ${socket.readyState} ${typeof data === 'string' ? data : 'binary'}`))
  socket.addEventListener('error', () => lines.push(`error ${socket.readyState}`))
  socket.addEventListener('close', ({ code }) => lines.push(`close ${socket.readyState} ${code}`))
  return lines
}

/** Asserts that the connection fails as the standard says it does: `error`, then `close` with 1006. */
export async function fails(socket: WebSocket, before: readonly string[] = []): Promise<void> {
  const lines = journal(socket)
  const { code, reason, wasClean } = await closed(socket)
  assert.deepEqual(
    { lines, code, reason, wasClean },
    { lines: [...before, 'error 3', 'close 3 1006'], code: 1006, reason: '', wasClean: false },
  )
}

export function throwsDom(run: () => unknown, name: 'SyntaxError' | 'InvalidStateError' | 'InvalidAccessError'): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof DOMException, `expected a DOMException, got ${error}`)
    assert.equal(error.name, name)
    return true
  })
}
