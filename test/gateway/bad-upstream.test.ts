// Backends that are not there, do not answer, or say what nobody understands: each has its status or close code, and a line in the log.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { WebSocket } from 'holdfast'
import { WebSocket as Plain } from 'ws'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { inTime, until } from '../fault/patience.ts'
import { unusedPort } from '../peers/port.ts'
import { startWs } from '../peers/ws.ts'
import { begin, dial, refusedUpgrade } from '../server/script-client.ts'
import { openRoute, startGateway, type TestGateway } from './gateway.ts'

interface Listener extends AsyncDisposable {
  readonly url: string
}

const newSession = ['holdfast.off', 'holdfast.v1']

/** Answers whatever comes with `text`. */
async function answering(text: string): Promise<Listener> {
  const open = new Set<Socket>()
  const server = createTcpServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => socket.end(text))
  })
  return listening(server, open)
}

/** Answers the handshake as it should, and then does what it likes. */
async function upgrading(then: (socket: Socket) => void, headers = ''): Promise<Listener> {
  const open = new Set<Socket>()
  const server = createServer()
  server.on('upgrade', ({ headers: { 'sec-websocket-key': key } }, socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.resume()
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(`HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${headers}\r\n`)
    then(socket)
  })
  return listening(server, open)
}

async function listening(server: ReturnType<typeof createTcpServer>, open: ReadonlySet<Socket>): Promise<Listener> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of open) socket.destroy()
      await once(server, 'close')
    },
  }
}

async function failure(gateway: TestGateway, path = '/'): Promise<[status: number | undefined, cause: unknown]> {
  const { statusCode } = await refusedUpgrade(`${gateway.url}${path}`, newSession)
  const { level, fields } = await gateway.line('upstream failed')
  assert.deepEqual([level, fields.status], ['warn', statusCode])
  assert.equal(gateway.gateway.stats.sessions, 0)
  await until(() => gateway.gateway.stats.upstreams === 0, 'end of the dial')
  return [statusCode, fields.cause]
}

describe('an upstream that cannot be dialled', { timeout: 60_000 }, () => {
  test('because nobody listens: 502', async () => {
    await using gateway = await startGateway({ upstream: `ws://127.0.0.1:${await unusedPort()}` })
    assert.deepEqual(await failure(gateway), [502, 'unreachable'])
  })
  test('because its name leads nowhere: 502', async () => {
    await using gateway = await startGateway({ upstream: 'ws://nowhere.invalid' })
    assert.deepEqual(await failure(gateway), [502, 'unreachable'])
  })
  test('because it hangs: 504 after the time that a dial may take', async () => {
    await using route = await openRoute({ upstreamConnectTimeout: 50 })
    assert.deepEqual(await failure(route, '/hang'), [504, 'timeout'])
  })
  test('because it trickles: its answer as a whole has that time', async () => {
    const server = createTcpServer((socket) => {
      const timer = setInterval(() => socket.write('X'), 5)
      socket.on('error', () => {}).on('close', () => clearInterval(timer))
      socket.resume()
      socket.write('HTTP/1.1 101 ')
    })
    await using backend = await listening(server, new Set())
    await using gateway = await startGateway({ upstream: backend.url, upstreamConnectTimeout: 60 })
    assert.deepEqual(await failure(gateway), [504, 'timeout'])
  })
  test('because it talks garbage: 502', async () => {
    await using backend = await answering('SSH-2.0-OpenSSH_9.2\r\n')
    await using gateway = await startGateway({ upstream: backend.url })
    assert.deepEqual(await failure(gateway), [502, 'protocol'])
  })
  test('because it hangs up: 502', async () => {
    await using backend = await answering('')
    await using gateway = await startGateway({ upstream: backend.url })
    assert.deepEqual(await failure(gateway), [502, 'unreachable'])
  })
  test('because its key is wrong: 502', async () => {
    await using route = await openRoute()
    assert.deepEqual(await failure(route, '/wrong-accept'), [502, 'protocol'])
  })
  test('because it chooses what nobody offered: 502', async () => {
    await using backend = await upgrading(() => {}, 'Sec-WebSocket-Protocol: other\r\n')
    await using gateway = await startGateway({ upstream: backend.url })
    assert.deepEqual(await failure(gateway), [502, 'protocol'])
    assert.match(gateway.lines.at(-1)!.fields.error, /"other", which nobody offered/)
  })
  test('because it answers 200, as a page does: 502', async () => {
    await using backend = await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
    await using gateway = await startGateway({ upstream: backend.url })
    assert.deepEqual(await failure(gateway), [502, 'protocol'])
  })
})

describe('an upstream that fails in the middle', { timeout: 60_000 }, () => {
  const text = (first: number, length: number, data: string | Buffer) => Buffer.concat([Buffer.from([first, length]), Buffer.from(data)])
  const cases: [name: string, bytes: Buffer | undefined, code: number, reason: string, cause: string][] = [
    ['closes inside a message', text(0x81, 100, 'the beginning'), 1014, 'upstream lost', 'network'],
    ['closes inside a fragmented message', text(0x01, 2, 'ab'), 1014, 'upstream lost', 'network'],
    ['closes without a word', undefined, 1014, 'upstream lost', 'network'],
    ['sends frames that there are not', Buffer.from([0xff, 0xff, 1, 2, 3]), 1014, 'upstream broke the protocol', 'protocol'],
    ['sends text that is none', text(0x81, 2, Buffer.from([0xc3, 0x28])), 1014, 'upstream broke the protocol', 'protocol'],
    [
      'sends more than maxPayload',
      Buffer.from([0x82, 127, 0, 0, 0, 0, 0xff, 0, 0, 0]),
      1009,
      'a message of the upstream is too big',
      'overflow',
    ],
  ]
  for (const [name, bytes, code, reason, cause] of cases)
    test(`and ${name}: ${code}`, async () => {
      await using backend = await upgrading((socket) => {
        socket.write(text(0x81, 5, 'whole'))
        if (bytes) socket.end(bytes)
        else socket.end()
      })
      await using gateway = await startGateway({ upstream: backend.url })
      await using client = new WebSocket(gateway.url, null, { resume: true })
      const messages: unknown[] = []
      client.addEventListener('message', ({ data }) => messages.push(data))
      const close = await inTime(client.closed, 'close')
      assert.deepEqual([close.code, close.reason, messages], [code, reason, ['whole']])
      const plain = await dial(gateway.url, [])
      assert.deepEqual(await plain.closed, { code, reason })
      const { level, fields } = await gateway.line('upstream ended')
      assert.deepEqual([level, fields.code, fields.cause], ['warn', 1006, cause])
      await until(() => gateway.gateway.stats.upstreams === 0, 'end of the link')
    })

  test('and freezes: its heartbeat ends it, and the client is told 1014', async () => {
    await using peer = await startWs()
    const proxy = await FaultProxy.listen({ upstream: peer.url })
    await using gateway = await startGateway({ upstream: proxy.url, upstreamHeartbeat: { interval: 40, timeout: 80 } })
    await using client = new WebSocket(`${gateway.url}/echo`, null, { resume: true })
    await client.opened
    await peer.waitFor('ping')
    proxy.freeze()
    const close = await inTime(client.closed, 'close')
    assert.deepEqual([close.code, close.reason], [1014, 'upstream heartbeat-timeout'])
    assert.equal((await gateway.line('upstream ended')).fields.cause, 'heartbeat-timeout')
    await proxy.close()
  })
})

describe('a client that does not come through', { timeout: 60_000 }, () => {
  test('because it leaves during the dial: the backend is let go of', async () => {
    await using route = await openRoute()
    const client = new Plain(`${route.url}/slow?delay=100ms`).on('error', () => {})
    await route.peer.waitFor('attempt')
    client.terminate()
    const closed = await route.peer.waitFor('closed')
    assert.deepEqual([closed.code, closed.reason], [1001, 'client gone'])
    await until(() => route.gateway.stats.upstreams === 0, 'end of the link')
  })
  test('because its connection breaks during the dial: that is given up, and leaves room for another handshake', async () => {
    await using route = await openRoute({ limits: { maxHandshakes: 1 }, upstreamConnectTimeout: 60_000 })
    const client = new Plain(`${route.url}/hang`).on('error', () => {})
    await route.peer.waitFor('attempt')
    assert.equal((await refusedUpgrade(`${route.url}/idle`, [])).statusCode, 503)
    ;(client as unknown as { _req: { socket: Socket } })._req.socket.resetAndDestroy()
    assert.equal((await route.line('upstream failed')).fields.cause, 'aborted')
    assert.equal(route.gateway.stats.upstreams, 0)
    const { ws } = await dial(`${route.url}/idle`, [])
    ws.close()
  })
  test('because there are sessions enough: the backend is let go of', async () => {
    await using route = await openRoute({ session: { maxSessions: 1 } })
    await begin(`${route.url}/idle`)
    const second = await dial(`${route.url}/idle`, newSession.slice(1))
    assert.match(await second.nextControl('X'), /busy/)
    const closed = await route.peer.waitFor('closed')
    assert.deepEqual([closed.id, closed.code], [2, 1001])
    await until(() => route.gateway.stats.upstreams === 1, 'end of the link')
  })
  test('because too many come at once: its backend is not even dialled', async () => {
    await using route = await openRoute({ admission: { ratePerSecond: 0.1 } })
    await begin(`${route.url}/idle`)
    const second = await dial(`${route.url}/idle`, newSession.slice(1))
    assert.match(await second.nextControl('X'), /busy/)
    assert.equal(route.gateway.stats.upstreams, 1)
    assert.equal(route.peer.connections.length, 1)
  })
  test('because it does not come back in time: the backend hears that it is gone', async () => {
    await using route = await openRoute({ session: { ttl: 60 } })
    const { link } = await begin(`${route.url}/idle`)
    link.reset()
    const closed = await route.peer.waitFor('closed')
    assert.deepEqual([closed.code, closed.reason], [1001, 'client gone'])
    const { fields } = await route.line('client ended')
    assert.deepEqual([fields.code, fields.cause], [1006, 'session-lost'])
  })
})
