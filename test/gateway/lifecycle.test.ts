// A gateway from its options to its end.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { ReconnectingWebSocket, WebSocket } from 'holdfast'
import { createGateway, type GatewayOptions } from '../../packages/holdfast/src/gateway.ts'
import { HandClock } from '../client/hand-clock.ts'
import { EventRecord } from '../client/record.ts'
import { patient } from '../client/transport.ts'
import { inTime, until } from '../fault/patience.ts'
import { startWs } from '../peers/ws.ts'
import { begin, dial } from '../server/script-client.ts'
import { openPath, openRoute, partition, startGateway } from './gateway.ts'

const nowhere = 'ws://127.0.0.1:9'

describe('options', () => {
  const address = 'a ws:, wss: or ws+unix: URL without query and fragment'
  const wrong: [given: object | undefined, message: string | RegExp][] = [
    [undefined, 'options must be an object, not undefined'],
    [{}, `option upstream is missing; it must be ${address}, or a function that returns one`],
    [{ upstream: 'localhost:9000' }, `option upstream is "localhost:9000"; it must be ${address}, or a function that returns one`],
    [{ upstream: 'http://x' }, /^option upstream is "http:\/\/x"; /],
    [{ upstream: 'ws://x/?a=1' }, /^option upstream is /],
    [{ upstream: nowhere, upstreams: [] }, /^unknown option upstreams \(an array\); known are upstream, server, /],
    [{ upstream: nowhere, maxPayload: 0 }, 'option maxPayload is 0; it must be a whole number of bytes above 0'],
    [{ upstream: nowhere, maxPayload: '1MB' }, /^option maxPayload is "1MB"; /],
    [{ upstream: nowhere, limits: { headers: 5 } }, /^unknown option limits.headers \(5\); known are .*headerBytes, headerCount, /],
    [
      { upstream: nowhere, limits: { headerBytes: Infinity } },
      /^option limits.headerBytes is Infinity; it must be a whole number of bytes/,
    ],
    [{ upstream: nowhere, limits: false }, /^option limits is false; /],
    [
      { upstream: nowhere, limits: { messagesPerSecond: 0 } },
      'option limits.messagesPerSecond is 0; it must be a number above 0, or Infinity',
    ],
    [{ upstream: nowhere, upstreamHeartbeat: { interval: -1 } }, /^option upstreamHeartbeat.interval is -1; /],
    [{ upstream: nowhere, upstreamConnectTimeout: Infinity }, /^option upstreamConnectTimeout is Infinity; /],
    [{ upstream: nowhere, forwardHeaders: 'x-a' }, /^option forwardHeaders is "x-a"; it must be an array of names of headers$/],
    [
      { upstream: nowhere, trustProxies: ['10.0.0.0/8', '10.0.0/8'] },
      /^option trustProxies has "10.0.0\/8"; each must be an address, a range/,
    ],
    [{ upstream: nowhere, trustProxies: ['10.0.0.0/33'] }, /^option trustProxies has "10.0.0.0\/33"; /],
    [{ upstream: nowhere, trustProxies: ['::1/x'] }, /^option trustProxies has "::1\/x"; /],
    [{ upstream: nowhere, trustProxies: 'loopback' }, /^option trustProxies is "loopback"; /],
    [{ upstream: nowhere, server: 8080 }, /^option server is 8080; it must be a server of node:http or node:https$/],
    [{ upstream: nowhere, perMessageDeflate: 1 }, /^option perMessageDeflate is 1; /],
    [{ upstream: nowhere, session: { ttl: 0 } }, /^option session.ttl is 0; /],
    [{ upstream: nowhere, port: 8080 }, /^unknown option port \(8080\); /],
  ]
  for (const [given, message] of wrong)
    test(`that are wrong are named: ${message}`, () => {
      assert.throws(() => createGateway(given as GatewayOptions), { name: 'TypeError', message })
    })

  test('that are undefined are those that are left out', async () => {
    const left = { forwardHeaders: undefined, trustProxies: undefined, limits: undefined, session: undefined, heartbeat: undefined }
    await using gateway = createGateway({ upstream: nowhere, maxPayload: undefined, perMessageDeflate: undefined, ...left })
    assert.deepEqual(gateway.stats.upstreams, 0)
  })

  test('may switch sessions off: every client is a plain one', async () => {
    await using route = await openRoute({ session: false })
    const { ws } = await dial(`${route.url}/echo`, ['holdfast.v1'], { protocols: ['a'] })
    assert.equal(ws.protocol, 'a')
    assert.deepEqual([route.gateway.stats.sessions, route.gateway.stats.plain], [0, 1])
    assert.equal(route.peer.attempts[0]!.headers['sec-websocket-protocol'], 'a')
    ws.terminate()
  })

  test('may switch pings towards the backend off', async () => {
    const clock = new HandClock()
    await using route = await openRoute({ clock, upstreamHeartbeat: false })
    await using pinged = await startGateway({ clock, upstream: route.peer.url })
    for (const { url } of [route, pinged]) await begin(`${url}/idle`)
    await clock.advance(29_000)
    await route.peer.waitFor('ping')
    assert.deepEqual(new Set(route.peer.events.filter(({ event }) => event === 'ping').map(({ id }) => id)), new Set([2]))
  })

  test('may compress towards clients', async () => {
    await using route = await openRoute({ perMessageDeflate: { threshold: 0 } })
    const link = await dial(`${route.url}/echo`, [], { perMessageDeflate: true })
    assert.equal(link.ws.extensions, 'permessage-deflate')
    link.send('x'.repeat(1_000))
    assert.equal(await link.next(), 'x'.repeat(1_000))
    assert.equal(route.peer.attempts[0]!.headers['sec-websocket-extensions'], undefined)
    link.ws.terminate()
  })
})

describe('listening', { timeout: 60_000 }, () => {
  test('at an address that is taken fails, and says which', async () => {
    await using first = await startGateway({ upstream: nowhere })
    const second = createGateway({ upstream: nowhere })
    await assert.rejects(second.listen(first.port, '127.0.0.1'), { code: 'EADDRINUSE', message: new RegExp(`127.0.0.1:${first.port}`) })
    await second.close()
  })

  test('with a server that was given ends with the gateway, if the gateway began it', async () => {
    const server = createServer()
    await using gateway = await startGateway({ upstream: nowhere, server })
    await gateway.gateway.close()
    assert.equal(server.listening, false)
  })

  test('on all addresses is told as localhost', async () => {
    await using gateway = createGateway({ upstream: nowhere })
    const { url, port } = await gateway.listen(0)
    assert.equal(url, `ws://localhost:${port}`)
  })

  test('is left to a server that was given, which goes on when the gateway ends', async () => {
    const server = createServer((_, response) => response.end('a page'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using peer = await startWs()
    const gateway = createGateway({ upstream: peer.url, server })
    const { port } = server.address() as { port: number }
    const client = await dial(`ws://127.0.0.1:${port}/echo`, [])
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'a page')
    await gateway.close()
    assert.equal((await client.closed).code, 1001)
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'a page')
    server.close()
    server.closeAllConnections()
  })
})

describe('its counts', { timeout: 60_000 }, () => {
  test('are of clients and of links to backends', async () => {
    await using path = await openPath({ heartbeat: false })
    await using session = new WebSocket(`${path.url}/idle`, null, {
      resume: true,
      retry: { minDelay: 5, maxDelay: 20, maxRetries: Infinity },
    })
    await session.opened
    const plain = await dial(`${path.url}/idle`, [])
    const counts = () => {
      const { sessions, attached, plain, upstreams } = path.gateway.stats
      return { sessions, attached, plain, upstreams }
    }
    assert.deepEqual(counts(), { sessions: 1, attached: 1, plain: 1, upstreams: 2 })
    await partition(path)
    await until(() => path.gateway.stats.upstreams === 1, 'end of the plain one')
    assert.deepEqual(counts(), { sessions: 1, attached: 0, plain: 0, upstreams: 1 })
    await plain.closed
    await path.proxy.accept()
    await until(() => path.gateway.stats.attached === 1, 'resumption')
    session.close()
    await session.closed
    await until(() => path.gateway.stats.upstreams === 0, 'end of the link')
    assert.deepEqual(counts(), { sessions: 0, attached: 0, plain: 0, upstreams: 0 })
  })
})

describe('a drain', { timeout: 60_000 }, () => {
  test('ends clients in order with 1012, each behind its last message, and their backends after them with 1001', async () => {
    await using path = await openPath()
    await using session = new ReconnectingWebSocket(`${path.url}/idle`, null, { resume: true, retry: patient })
    const record = new EventRecord(session)
    await record.until('open')
    const plain = await dial(`${path.url}/idle`, [])
    for (const { socket } of path.peer.connections) socket.send('last words')
    await until(() => path.gateway.stats.bufferedBytes > 0, 'words of the backend')
    const result = await path.gateway.drain({ timeout: 5_000 })
    assert.deepEqual(result, { migrated: 0, closed: 2, forced: 0 })
    const close = await record.until('close')
    assert.deepEqual([close.code, close.willReconnect, (await plain.closed).code], [1012, true, 1012])
    assert.deepEqual([record.all('message').map(({ data }) => data), await plain.next()], [['last words'], 'last words'])
    await until(() => path.peer.count('closed') === 2, 'ends at the backend')
    for (const { event, code } of path.peer.events) if (event === 'closed') assert.equal(code, 1001)
    const attempts = path.peer.attempts.length
    for (const tokens of [[], ['holdfast.v1']]) await dial(path.url, tokens, { protocols: ['a'] }).catch(() => {})
    assert.equal(path.peer.attempts.length, attempts, 'who comes now is sent elsewhere, and no backend is dialled')
  })

  test('lets a backend see the last words of a client that is away, and then that it is gone', async () => {
    await using path = await openPath()
    await using session = new WebSocket(`${path.url}/idle`, null, { resume: true, retry: patient, closeTimeout: 1 })
    await session.opened
    await partition(path)
    const { forced } = await path.gateway.drain({ timeout: 50 })
    assert.equal(forced, 1)
    assert.equal((await path.peer.waitFor('closed')).code, 1001)
  })

  test('checks its options', async () => {
    await using gateway = createGateway({ upstream: nowhere })
    assert.throws(() => void gateway.drain({ rate: 0 }), { name: 'TypeError', message: /^option rate is 0; / })
  })
})

describe('its end', { timeout: 60_000 }, () => {
  test('is told to clients and backends, and settles when all have heard it', async () => {
    await using path = await openPath()
    await using session = new ReconnectingWebSocket(`${path.url}/idle`, null, { resume: true, retry: patient })
    const record = new EventRecord(session)
    await record.until('open')
    const plain = await dial(`${path.url}/idle`, [])
    await path.gateway.close()
    const close = await record.until('close')
    assert.deepEqual([close.code, close.willReconnect, (await plain.closed).code], [1001, true, 1001])
    await until(() => path.peer.count('closed') === 2, 'ends at the backend')
    assert.deepEqual(
      path.peer.events.filter(({ event }) => event === 'closed').map(({ code }) => code),
      [1001, 1001],
    )
    assert.deepEqual([path.gateway.stats.sessions, path.gateway.stats.upstreams], [0, 0])
    await assert.rejects(dial(path.url, []))
  })

  test('does not wait for clients that are away', async () => {
    await using path = await openPath()
    await using session = new WebSocket(`${path.url}/idle`, null, { resume: true, retry: patient, closeTimeout: 1 })
    await session.opened
    await partition(path)
    await inTime(path.gateway.close(), 'end')
    const closed = await path.peer.waitFor('closed')
    assert.equal(closed.code, 1001)
  })

  test('comes at once when it is disposed of, whatever is under way', async () => {
    const route = await openRoute()
    const { link } = await begin(`${route.url}/idle`)
    const plain = await dial(`${route.url}/idle`, [])
    const dialled = dial(`${route.url}/hang`, []).catch((error: Error) => error)
    await until(() => route.gateway.stats.upstreams === 3, 'dial')
    await inTime(Promise.resolve(route.gateway[Symbol.asyncDispose]()), 'end')
    await Promise.all([link.closed, plain.closed])
    assert.ok((await dialled) instanceof Error)
    await until(() => route.gateway.stats.upstreams === 0, 'ends of links')
    await route.peer.stop()
  })
})

describe('its log', { timeout: 60_000 }, () => {
  test('says what became of a client in few lines, without its query and with half of no credential', async () => {
    await using route = await openRoute({ name: 'edge' })
    const { link, welcome } = await begin(`${route.url}/close?code=4001&reason=done&token=secret`)
    await link.nextControl('F')
    link.ws.close()
    await route.line('upstream ended')
    const session = welcome.sid.slice(0, 6)
    const upstream = new URL(route.peer.url).host
    assert.deepEqual(
      route.lines.filter(({ text }) => text.includes('upstream')),
      [
        {
          level: 'info',
          text: 'holdfast: upstream open',
          fields: { name: 'edge', session, upstream, client: '127.0.0.1', path: '/close' },
        },
        {
          level: 'warn',
          text: 'holdfast: upstream ended',
          fields: { name: 'edge', session, upstream, code: 4001, reason: 'done', cause: 'upstream' },
        },
      ],
    )
    assert.doesNotMatch(JSON.stringify(route.lines), /secret/)
    assert.ok(!JSON.stringify(route.lines).includes(welcome.sid))
  })

  test('may be left out', async () => {
    await using route = await openRoute({ logger: undefined })
    const client = await dial(`${route.url}/echo`, [])
    client.send('hello')
    assert.equal(await client.next(), 'hello')
    client.ws.close()
  })
})
