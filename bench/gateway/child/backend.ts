/** A backend as it stands behind any proxy: a plain server of `ws`, which sends everything back, or feeds numbers (`/feed?every=20ms`). */

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { loadPackage } from '../../peers/subject/package.ts'
import type { ConnectionsOrder } from './task.ts'

const maxPending = 8_192

export async function serveBackend(): Promise<number> {
  const { WebSocketServer } = await loadPackage('ws')
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', backlog: maxPending, perMessageDeflate: false })
  const paths: string[] = []
  server.on('connection', (socket: any, { url = '' }: IncomingMessage) => {
    paths.push(url)
    socket.on('error', () => {})
    const everyMs = Number.parseInt(new URL(url, 'http://127.0.0.1').searchParams.get('every') ?? '', 10)
    if (everyMs > 0) feed(socket, everyMs)
    else socket.on('message', (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }))
  })
  process.on('message', ({ path }: ConnectionsOrder) => process.send?.(paths.filter((each) => each === path).length))
  await once(server, 'listening')
  return server.address().port
}

/** 1, 2, 3 … */
function feed(socket: any, everyMs: number): void {
  let number = 0
  const timer = setInterval(() => socket.send(String(++number)), everyMs)
  socket.on('close', () => clearInterval(timer))
}
