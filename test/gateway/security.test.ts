// What somebody can try at the edge, and what comes of it. Each test has its paragraph in docs/guide/security.md.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { createGateway } from '../../packages/holdfast/src/gateway.ts'
import { Refusal } from '../../packages/holdfast/src/server.ts'
import { HandClock } from '../client/hand-clock.ts'
import { inTime, until } from '../fault/patience.ts'
import { startWs } from '../peers/ws.ts'
import { begin, dial, refusedUpgrade } from '../server/script-client.ts'
import { openRoute, startGateway } from './gateway.ts'

const handshake = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']

/** Sends a request as it is written here. Returns the first line of the answer, or '' when the connection is closed without one. */
async function raw(port: number, target: string, more: readonly string[] = [], host = 'gateway.example'): Promise<string> {
  return answer(port, [`GET ${target} HTTP/1.1`, `Host: ${host}`, ...handshake, ...more, '', ''].join('\r\n'))
}

async function answer(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(Buffer.from(text, 'latin1'))
  const [data] = await inTime(Promise.race([once(socket, 'data'), once(socket, 'close')]), 'answer')
  socket.destroy()
  return Buffer.isBuffer(data) ? data.toString('latin1').split('\r\n', 1)[0]! : ''
}

describe('where a request leads', { timeout: 60_000 }, () => {
  const refused: [name: string, target: string][] = [
    ['an absolute target', 'http://evil.example/x'],
    ['an absolute target of our scheme', 'ws://evil.example:9/x'],
    ['a target that is no path', 'evil.example:80'],
    ['an asterisk', '*'],
    ['dot segments', '/public/../admin'],
    ['dot segments at the end', '/public/..'],
    ['a single dot', '/./admin'],
    ['encoded dots', '/public/%2e%2E/admin'],
    ['half encoded dots', '/public/.%2e/admin'],
    ['encoded slashes around dots', '/public/..%2fadmin'],
    ['encoded backslashes around dots', '/public%5c..%5cadmin'],
    ['backslashes around dots', '/public\\..\\admin'],
    ['a fragment', '/x#y'],
    ['bytes outside of ASCII', '/caf\u00e9'],
    ['a control character', '/x\u007fy'],
  ]
  for (const [name, target] of refused)
    test(`is not changed by ${name}, which is refused: ${JSON.stringify(target)}`, async () => {
      await using route = await openRoute()
      assert.match(await raw(route.port, target), /^HTTP\/1\.1 400 /)
      assert.equal(route.peer.attempts.length, 0)
      assert.equal(route.gateway.stats.upstreams, 0)
    })

  const passed: [name: string, target: string][] = [
    ['two slashes and a host', '//evil.example/x'],
    ['a slash, a backslash and a host', '/\\evil.example/x'],
    ['userinfo', '/@evil.example/x'],
    ['userinfo and a port', '/user:password@evil.example:9/x'],
    ['a url as its path', '/http://evil.example/x'],
    ['encoded slashes', '/%2f%2fevil.example/x'],
    ['a url in its query', '/x?to=http://evil.example/../y#'.slice(0, -1)],
    ['an encoded line end', '/x%0d%0aHost:%20evil.example'],
  ]
  for (const [name, target] of passed)
    test(`is not changed by ${name}, which is a path like others: ${JSON.stringify(target)}`, async () => {
      await using route = await openRoute()
      assert.match(await raw(route.port, target), /^HTTP\/1\.1 101 /)
      assert.deepEqual(
        route.peer.attempts.map(({ path, headers: { host } }) => [path, host]),
        [[target, new URL(route.peer.url).host]],
      )
    })

  test('is not changed by its Host, which the backend sees as X-Forwarded-Host only', async () => {
    await using route = await openRoute()
    assert.match(await raw(route.port, '/idle', [], 'evil.example'), /^HTTP\/1\.1 101 /)
    const { headers } = route.peer.attempts[0]!
    assert.deepEqual([headers.host, headers['x-forwarded-host']], [new URL(route.peer.url).host, 'evil.example'])
  })
})

describe('what a request says of where it came from', { timeout: 60_000 }, () => {
  const claims = ['X-Forwarded-For: 192.0.2.1, 198.51.100.2', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: bank.example']
  const others = ['Forwarded: for=192.0.2.1', 'X-Real-IP: 192.0.2.1', 'X-Forwarded-Port: 443', 'X_Forwarded_For: 192.0.2.1']
  const loopback = '127.0.0.1'
  const cases: [name: string, trustProxies: readonly string[] | boolean, seen: string[]][] = [
    ['is replaced when it comes from nobody who is trusted', false, [loopback, 'http', 'gateway.example']],
    ['is replaced when it comes from outside of the list', ['10.0.0.0/8', '::1'], [loopback, 'http', 'gateway.example']],
    ['is believed as far as those said it who are trusted', ['127.0.0.0/8'], [`198.51.100.2, ${loopback}`, 'https', 'bank.example']],
    [
      'is believed up to the first who is not trusted',
      [loopback, '198.51.100.0/24'],
      [`192.0.2.1, 198.51.100.2, ${loopback}`, 'https', 'bank.example'],
    ],
    ['is believed altogether when everybody is trusted', true, [`192.0.2.1, 198.51.100.2, ${loopback}`, 'https', 'bank.example']],
  ]
  for (const [name, trustProxies, seen] of cases)
    test(name, async () => {
      await using route = await openRoute({ trustProxies })
      await raw(route.port, '/idle', [...claims, ...others])
      const { headers } = route.peer.attempts[0]!
      assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x-forwarded-host']], seen)
      for (const name of ['forwarded', 'x-real-ip', 'x-forwarded-port', 'x_forwarded_for']) assert.equal(headers[name], undefined, name)
    })
})

describe('headers of one hop', { timeout: 60_000 }, () => {
  test('are dropped, and so is what Connection names, also if it is to be forwarded', async () => {
    await using route = await openRoute({ forwardHeaders: ['X-Tenant', 'X-Kept'] })
    const sent = ['X-Tenant: a', 'X-Kept: b', 'TE: trailers', 'Keep-Alive: 5', 'Proxy-Authorization: x', 'Proxy-Connection: keep-alive']
    const [upgrade, , ...rest] = handshake
    const lines = ['GET /idle HTTP/1.1', 'Host: x', upgrade, 'Connection: Upgrade, X-Tenant', ...rest, ...sent, '', '']
    await answer(route.port, lines.join('\r\n'))
    const { headers } = route.peer.attempts[0]!
    assert.deepEqual([headers['x-kept'], headers.connection], ['b', 'Upgrade'])
    for (const name of ['x-tenant', 'te', 'keep-alive', 'proxy-authorization', 'proxy-connection'])
      assert.equal(headers[name], undefined, name)
  })

  test('of the handshake are the gateway’s own: no key and no extension goes through', async () => {
    await using route = await openRoute()
    await raw(route.port, '/idle', ['Sec-WebSocket-Extensions: x-evil', 'Sec-WebSocket-Accept: x'])
    const { headers } = route.peer.attempts[0]!
    assert.notEqual(headers['sec-websocket-key'], 'dGhlIHNhbXBsZSBub25jZQ==')
    assert.deepEqual([headers['sec-websocket-extensions'], headers['sec-websocket-accept']], [undefined, undefined])
  })

  test('cannot be asked for', () => {
    for (const name of ['Connection', 'Upgrade', 'Host', 'Sec-WebSocket-Key', 'X-Forwarded-For', 'Forwarded', 'a b'])
      assert.throws(() => startUnheard(name), {
        name: 'TypeError',
        message: new RegExp(`^option forwardHeaders has ${JSON.stringify(name)}, which `),
      })
  })

  test('cannot carry line ends, or a second request, to the backend', async () => {
    await using route = await openRoute({ forwardHeaders: ['X-Tenant'] })
    for (const text of ['X-Tenant: a\rX-Evil: b', 'X-Tenant: a\nX-Evil: b', 'X-Tenant: a\r\n X-Evil: b', 'X-Tenant: a\u0000b'])
      assert.match(await raw(route.port, '/idle', [text]), /^HTTP\/1\.1 400 /)
    assert.equal(route.peer.attempts.length, 0)
    await raw(route.port, '/idle', ['Content-Length: 40', 'Transfer-Encoding: chunked', '', 'GET /evil HTTP/1.1', 'Host: x', ''])
    for (const { path, headers } of route.peer.attempts)
      assert.deepEqual([path, headers['content-length'], headers['transfer-encoding']], ['/idle', undefined, undefined])
  })
})

function startUnheard(name: string): void {
  createGateway({ upstream: 'ws://127.0.0.1:9', forwardHeaders: [name] })
}

describe('the size of a request', { timeout: 60_000 }, () => {
  const headers = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: 1`)
  const own = handshake.length + 1

  test('is limited in headers', async () => {
    await using route = await openRoute({ limits: { headerCount: 20 } })
    assert.match(await raw(route.port, '/idle', headers(20 - own)), /^HTTP\/1\.1 101 /)
    assert.match(await raw(route.port, '/idle', headers(21 - own)), /^HTTP\/1\.1 431 /)
    assert.match(await raw(route.port, '/idle', headers(500)), /^HTTP\/1\.1 431 /)
    assert.equal(route.peer.attempts.length, 1)
    assert.equal((await route.line('request refused')).fields.status, 431)
  })
  test('and in their bytes', async () => {
    await using route = await openRoute({ limits: { headerBytes: 2_000 } })
    assert.match(await raw(route.port, '/idle', [`Cookie: ${'x'.repeat(1_500)}`]), /^HTTP\/1\.1 101 /)
    assert.match(await raw(route.port, '/idle', [`Cookie: ${'x'.repeat(2_500)}`]), /^HTTP\/1\.1 431 /)
    assert.equal(route.peer.attempts.length, 1)
  })
})

describe('a slow handshake', { timeout: 60_000 }, () => {
  for (const [name, text] of [
    ['that begins and does not end', 'GET /idle HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    ['of somebody who says nothing', ''],
  ] as const)
    test(`${name} is ended`, async () => {
      await using route = await openRoute({ limits: { handshakeTimeout: 80 } })
      assert.match(await answer(route.port, text), /^HTTP\/1\.1 408 /)
      assert.equal(route.peer.attempts.length, 0)
    })
})

describe('messages', { timeout: 60_000 }, () => {
  test('beyond maxPayload end their client with 1009, and the backend does not see them', async () => {
    await using route = await openRoute({ maxPayload: 1_000 })
    const heard: number[] = []
    route.peer.server.on('connection', (socket) => socket.on('message', (data) => heard.push(String(data).length)))
    const { link } = await begin(`${route.url}/idle`)
    for (const each of [link, await dial(`${route.url}/idle`, [])]) {
      each.send('x'.repeat(1_000))
      each.send('x'.repeat(1_001))
      assert.equal((await each.closed).code, 1009)
    }
    await until(() => route.peer.count('closed') === 2, 'ends')
    assert.deepEqual(heard, [1_000, 1_000])
    assert.deepEqual(
      route.peer.events.filter(({ event }) => event === 'closed').map(({ code }) => code),
      [1009, 1001],
    )
  })

  for (const [name, limits] of [
    ['messages', { messagesPerSecond: 10 }],
    ['bytes', { bytesPerSecond: 100 }],
  ] as const)
    test(`beyond a rate of ${name} wait, and none is lost`, async () => {
      const clock = new HandClock()
      await using route = await openRoute({ clock, limits })
      const heard: string[] = []
      route.peer.server.on('connection', (socket) => socket.on('message', (data) => heard.push(String(data).trim())))
      const { link } = await begin(`${route.url}/idle`)
      for (let number = 0; number < 30; number++) link.send(String(number).padEnd(10))
      await route.line('client held back')
      await until(() => heard.length >= 11, 'a second’s worth')
      link.ws.ping() // its answer comes behind all that was sent
      await inTime(once(link.ws, 'pong'), 'pong')
      assert.equal(heard.length, 11)
      while (heard.length < 30) {
        const count: number = heard.length
        await clock.advance(100)
        await until(() => heard.length > count, 'next message')
        assert.equal(heard.length, count + 1)
      }
      assert.deepEqual(
        heard,
        Array.from({ length: 30 }, (_, number) => `${number}`),
      )
    })
})

describe('connections of one address', { timeout: 60_000 }, () => {
  test('are limited, whichever trusted proxy they come through; the backend is not dialled', async () => {
    await using route = await openRoute({ limits: { maxPerAddress: 1 }, trustProxies: ['127.0.0.1'] })
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
    const first = await dial(`${route.url}/idle`, [], from('192.0.2.1'))
    assert.equal((await refusedUpgrade(`${route.url}/idle`, [], from('192.0.2.1'))).statusCode, 429)
    const second = await dial(`${route.url}/idle`, [], from('192.0.2.2'))
    assert.equal(route.peer.attempts.length, 2)
    for (const { ws } of [first, second]) ws.close()
  })
  test('are counted by their own address when nobody is trusted', async () => {
    await using route = await openRoute({ limits: { maxPerAddress: 1 } })
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
    const { ws } = await dial(`${route.url}/idle`, [], from('192.0.2.1'))
    assert.equal((await refusedUpgrade(`${route.url}/idle`, [], from('192.0.2.2'))).statusCode, 429)
    ws.close()
  })
})

describe('pages of other sites', { timeout: 60_000 }, () => {
  test('are refused with 403, and the backend is not dialled', async () => {
    await using route = await openRoute({ origins: ['https://app.example'] })
    assert.equal((await refusedUpgrade(`${route.url}/idle`, [], { origin: 'https://evil.example' })).statusCode, 403)
    assert.equal(route.peer.attempts.length, 0)
    const { ws } = await dial(`${route.url}/idle`, [], { origin: 'https://app.example' })
    ws.close()
  })
})

describe('somebody without a login', { timeout: 60_000 }, () => {
  test('does not reach the backend, if the gateway asks for one', async () => {
    await using route = await openRoute({
      authenticate: ({ headers }) => {
        if (headers.authorization !== 'Bearer good') throw new Refusal(401)
        return headers.authorization
      },
    })
    assert.equal((await refusedUpgrade(`${route.url}/idle`, [])).statusCode, 401)
    assert.equal(route.peer.attempts.length, 0)
    const { ws } = await dial(`${route.url}/idle`, [], { headers: { authorization: 'Bearer good' } })
    ws.close()
  })
})

describe('a request that is no upgrade', { timeout: 60_000 }, () => {
  test('is answered with 426, and goes nowhere', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway({ upstream: peer.url })
    const response = await fetch(gateway.url.replace('ws', 'http'), { method: 'POST', body: 'x' })
    assert.deepEqual([response.status, response.headers.get('upgrade')], [426, 'websocket'])
    assert.equal(peer.attempts.length, 0)
  })
})
