// Sessions in front of any server: the client's session ends here, and what it says goes on over a plain link of its own to the server that
// the client dialled. The handshake is answered when that link is open, and refused when it cannot be opened.

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { WebSocket as Upstream } from 'ws'
import { Refusal, type SessionSocket, WebSocketServer } from '../../packages/holdfast/src/server.ts'

export interface Bridge extends AsyncDisposable {
  /** For `wsOptions` of a client: it dials whom it means, and its bytes come here. */
  readonly createConnection: (options: { defaultPort?: number }) => Socket
}

const abnormal = 1006
const noCode = 1005
const securePort = 443

export async function openBridge(): Promise<Bridge> {
  const upstreams = new WeakMap<IncomingMessage, Upstream>()
  const joined = new WeakSet<Upstream>()
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: 0,
    perMessageDeflate: { threshold: 0 },
    authenticate: async (request, { resuming }) => {
      if (resuming) return
      const upstream = dial(request)
      upstreams.set(request, upstream)
      request.socket.once('close', () => joined.has(upstream) || upstream.terminate())
      await opened(upstream)
    },
    handleProtocols: (_, request) => upstreams.get(request)!.protocol || false,
  })
  const listener = createServer()
  listener.on('upgrade', (request: IncomingMessage, socket, head) => {
    // The servers of the suite compress under this path and nowhere else.
    if (!request.url?.startsWith('/deflate')) delete request.headers['sec-websocket-extensions']
    server.handleUpgrade(request, socket, head, (session) => {
      const upstream = upstreams.get(request)!
      joined.add(upstream)
      join(session, upstream)
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  return {
    createConnection: ({ defaultPort }) => (defaultPort === securePort ? connectTls(port, '127.0.0.1') : connect(port, '127.0.0.1')),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      listener.close()
    },
  }
}

function dial({ url, headers }: IncomingMessage): Upstream {
  const own = (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((token) => token.trim())
    .filter((token) => !token.startsWith('holdfast.'))
  const { authorization } = headers
  return new Upstream(`ws://${headers.host}${url}`, own, { maxPayload: 0, ...(authorization && { headers: { authorization } }) })
}

/** @throws Refusal, when the server meant does not open the link */
function opened(upstream: Upstream): Promise<void> {
  return new Promise((resolve, reject) => {
    upstream.once('open', () => {
      upstream.pause() // until there is a session that takes what comes
      resolve()
    })
    upstream.on('error', () => reject(new Refusal(503)))
  })
}

function join(socket: SessionSocket, upstream: Upstream): void {
  socket.on('message', (data, isBinary) => upstream.send(data, { binary: isBinary }))
  upstream.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.on('error', () => {})
  upstream.once('close', (code, reason) => end(socket, code, reason))
  socket.once('close', (code, reason) => end(upstream, code, reason))
  upstream.resume()
}

function end(other: Upstream, code: number, reason: Buffer): void {
  if (code === abnormal) other.terminate()
  else if (code === noCode) other.close()
  else other.close(code, reason)
}
