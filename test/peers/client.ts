// A plain `ws` client, as a test drives it: what came, what it was refused with, how it ended.

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type ClientOptions, WebSocket } from 'ws'

export interface Ending {
  readonly code: number
  readonly reason: string
}

/** A `ws` client; dial errors surface as `closed`, never as an unhandled 'error'. */
export interface Client {
  readonly socket: WebSocket
  /** Every message so far, as text. */
  readonly messages: string[]
  readonly opened: Promise<unknown>
  readonly closed: Promise<Ending>
}

export function dial(url: string, protocols: string[] = [], options: ClientOptions = {}): Client {
  const socket = new WebSocket(url, protocols, options)
  const messages: string[] = []
  socket.on('error', () => {})
  socket.on('message', (data) => messages.push(String(data)))
  const opened = once(socket, 'open')
  opened.catch(() => {})
  const closed = new Promise<Ending>((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })))
  return { socket, messages, opened, closed }
}

/** The HTTP answer of a server that refuses the handshake. */
export async function refusal(url: string): Promise<{ status: number | undefined; retryAfter: string | undefined }> {
  const socket = new WebSocket(url)
  socket.on('error', () => {})
  const [request, response] = (await once(socket, 'unexpected-response')) as [{ destroy(): void }, IncomingMessage]
  request.destroy()
  return { status: response.statusCode, retryAfter: response.headers['retry-after'] }
}

/** The next message, with whether it was binary. */
export async function nextMessage(socket: WebSocket): Promise<{ data: Buffer; isBinary: boolean }> {
  const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
  return { data, isBinary }
}
