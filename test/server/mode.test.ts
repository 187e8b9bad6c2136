// Every way in which a server of ws can be made carries sessions.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { createWebSocketStream, type SessionSocket, WebSocketServer } from '../../packages/holdfast/src/server.ts'
import { createCertificate } from '../peers/certificate.ts'
import { begin, dial, refusedUpgrade, resume } from './script-client.ts'
import { next, startServer } from './server.ts'

const opened: Server[] = []
afterEach(() => {
  for (const http of opened.splice(0)) http.close()
})

async function listen(http: Server): Promise<string> {
  opened.push(http)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return `ws://127.0.0.1:${(http.address() as AddressInfo).port}`
}

/** A session is begun, loses its link and goes on. */
async function goesOn(url: string, sockets: readonly SessionSocket[], options?: object): Promise<void> {
  const { link, welcome } = await begin(url, options)
  link.reset()
  const { link: second } = await resume(url, welcome, {}, options)
  assert.equal(sockets.length, 1)
  sockets[0]!.send('hello')
  assert.equal(await second.nextData(), 'hello')
}

describe('a server', { timeout: 60_000 }, () => {
  test('on a port, with host and backlog', async () => {
    await using path = await startServer({ backlog: 10 })
    assert.equal((path.server.address() as AddressInfo).address, '127.0.0.1')
    await goesOn(path.url, path.sockets)
  })

  test('tells its callback and its listeners that it listens', async () => {
    let isTold = false
    await using server = new WebSocketServer({ port: 0 }, () => {
      isTold = true
    })
    await next(server, 'listening')
    assert.equal(isTold, true)
  })

  test('on a server that is there', async () => {
    const http = createServer()
    const sockets: SessionSocket[] = []
    {
      await using server = new WebSocketServer({ server: http })
      server.on('connection', (socket) => sockets.push(socket))
      await goesOn(await listen(http), sockets)
    }
    assert.equal(http.listening, true, 'which is not closed with it')
  })

  test('over TLS', async () => {
    const { key, cert } = await createCertificate()
    const https = createTlsServer({ key, cert })
    await using server = new WebSocketServer({ server: https })
    const sockets: SessionSocket[] = []
    server.on('connection', (socket) => sockets.push(socket))
    const url = await listen(https as unknown as Server)
    await goesOn(url.replace('ws:', 'wss:'), sockets, { rejectUnauthorized: false })
  })

  test('without a server: handleUpgrade calls back once a session', async () => {
    const http = createServer()
    await using server = new WebSocketServer({ noServer: true })
    const sockets: SessionSocket[] = []
    http.on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (client, given) => {
        assert.equal(given, request)
        sockets.push(client)
      })
    })
    await goesOn(await listen(http), sockets)
    assert.throws(() => server.address(), /noServer/)
  })

  test('on a path', async () => {
    await using path = await startServer({ path: '/ws' })
    await goesOn(`${path.url}/ws?a=b`, path.sockets)
    assert.equal((await refusedUpgrade(`${path.url}/other`, ['holdfast.off', 'holdfast.v1'])).statusCode, 400)
  })

  test('on a socket of the file system', async () => {
    const http = createServer()
    const file = join(tmpdir(), `holdfast-${process.pid}.sock`)
    await using server = new WebSocketServer({ server: http })
    const sockets: SessionSocket[] = []
    server.on('connection', (socket) => sockets.push(socket))
    opened.push(http)
    http.listen(file)
    await once(http, 'listening')
    await goesOn(`ws+unix://${file}:/`, sockets)
  })

  test('with a class of sockets that extends ours', async () => {
    const { SessionSocket: Base } = await import('../../packages/holdfast/src/server.ts')
    class Named extends Base {
      readonly label = 'mine'
    }
    await using path = await startServer({ WebSocket: Named })
    await begin(path.url)
    assert.equal(((await path.socket()) as Named).label, 'mine')
  })

  test('with a class of sockets that has a constructor of its own', async () => {
    const { SessionSocket: Base } = await import('../../packages/holdfast/src/server.ts')
    class Stubborn extends Base {
      readonly #since: number
      constructor() {
        super(null as never, undefined, {})
        this.#since = Date.now()
      }
      get since(): number {
        return this.#since
      }
    }
    await using path = await startServer({ WebSocket: Stubborn as never })
    const { link } = await begin(path.url)
    const socket = (await path.socket()) as Stubborn
    assert.ok(socket.since > 0)
    const stream = createWebSocketStream(socket)
    stream.write('a')
    assert.deepEqual([String(await link.nextData()), (socket._socket as { destroyed: boolean }).destroyed], ['a', false])
    await dial(path.url, [])
    const plain = await path.socket(1)
    assert.equal((plain._socket as { remoteAddress: string }).remoteAddress, '127.0.0.1')
  })

  test('without tracking of clients', async () => {
    await using path = await startServer({ clientTracking: false })
    assert.equal(path.server.clients, undefined)
    await goesOn(path.url, path.sockets)
    for (const socket of path.sockets) socket.terminate()
  })

  test('whose shouldHandle is overridden is asked for sessions as well', async () => {
    class Picky extends WebSocketServer {
      override shouldHandle(): boolean {
        return false
      }
    }
    await using server = new Picky({ port: 0, host: '127.0.0.1' })
    await next(server, 'listening')
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
    assert.equal((await refusedUpgrade(url, ['holdfast.off', 'holdfast.v1'])).statusCode, 400)
  })

  test('emits headers for every link, with the request', async () => {
    await using path = await startServer()
    const urls: unknown[] = []
    path.server.on('headers', (headers, request) => {
      headers.push('x-added: yes')
      urls.push(request.url)
    })
    const { welcome } = await begin(`${path.url}/a`)
    await resume(`${path.url}/b`, welcome)
    assert.deepEqual(urls, ['/a', '/b'])
  })

  test('emits wsClientError for a handshake that is none, sessions or not', async () => {
    await using path = await startServer()
    const error = next(path.server, 'wsClientError')
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': 'holdfast.off, holdfast.v1' }
    const attempt = httpRequest(path.url.replace('ws:', 'http:'), { headers }).end()
    const response = next(attempt, 'response')
    const [{ message }, socket] = await error
    assert.match(message, /Sec-WebSocket-Key/)
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    const [{ statusCode }] = await response
    assert.equal(statusCode, 400)
    attempt.destroy()
  })
})
