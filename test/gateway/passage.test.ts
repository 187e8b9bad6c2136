// What goes through a gateway, and how: to the backend as if the client had dialled it, and back.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { WebSocket } from 'holdfast'
import { WebSocket as Plain, WebSocketServer } from 'ws'
import { Refusal } from '../../packages/holdfast/src/server.ts'
import { inTime, until } from '../fault/patience.ts'
import { createCertificate } from '../peers/certificate.ts'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { dial, refusedUpgrade } from '../server/script-client.ts'
import { openRoute, startGateway } from './gateway.ts'

interface Opened {
  readonly protocol: string
  send(data: string | Uint8Array): void
  close(code?: number, reason?: string): void
  readonly messages: (string | Buffer)[]
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}
/** What a test does with a client, whichever it is. */
interface Kind {
  readonly name: string
  readonly open: (url: string, protocols?: string[], headers?: Record<string, string>) => Promise<Opened>
}

const kinds: readonly Kind[] = [
  {
    name: 'a session',
    open: async (url, protocols = [], headers = {}) => {
      const socket = new WebSocket(url, protocols, { resume: true, headers })
      socket.binaryType = 'arraybuffer'
      const messages: (string | Buffer)[] = []
      socket.addEventListener('message', ({ data }) => messages.push(typeof data === 'string' ? data : Buffer.from(data)))
      await socket.opened
      assert.notEqual(socket.status.session?.id ?? null, null)
      return Object.assign(socket as unknown as Omit<Opened, 'messages'>, { messages })
    },
  },
  {
    name: 'a plain client',
    open: async (url, protocols = [], headers = {}) => {
      const socket = new Plain(url, protocols, { headers })
      const messages: (string | Buffer)[] = []
      socket.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? data : data.toString()))
      const closed = new Promise<{ code: number; reason: string }>((resolve) => {
        socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
      })
      await inTime(once(socket, 'open'), 'link')
      return Object.assign(socket as unknown as Omit<Opened, 'messages' | 'closed'>, { messages, closed })
    },
  },
]

for (const { name, open } of kinds) {
  describe(`for ${name}`, { timeout: 60_000 }, () => {
    test('path and query go to the backend as they are, behind the path of its own', async () => {
      await using route = await openRoute()
      await using below = await startGateway({ upstream: `${route.peer.url}/app/` })
      const target = '/room%2F7/a:b;v=1?token=a%20b&q={"x":[1]}&r=/../%2e%2e/'
      const seen = async (url: string) => {
        const client = await open(`${url}${target}`)
        client.close()
        return route.peer.attempts.at(-1)!.path
      }
      // What a client of `ws` makes of it itself.
      const { pathname, search } = new URL(target, 'ws://x')
      assert.equal(await seen(route.url), pathname + search)
      assert.equal(await seen(below.url), `/app${pathname}${search}`)
    })

    test('the backend is offered the client’s subprotocols, and the client gets its choice, also none', async () => {
      await using route = await openRoute()
      const chosen = async (path: string, protocols: string[]) => {
        const client = await open(`${route.url}${path}`, protocols)
        client.close()
        return [client.protocol, route.peer.attempts.at(-1)!.headers['sec-websocket-protocol']]
      }
      assert.deepEqual(await chosen('/echo?protocol=b', ['a', 'b']), ['b', 'a, b'])
      assert.deepEqual(await chosen('/echo', ['a', 'b']), ['a', 'a, b'])
      assert.deepEqual(await chosen('/echo', []), ['', undefined])
    })

    test('messages keep type, order, boundaries and content, both ways', async () => {
      await using route = await openRoute()
      const client = await open(`${route.url}/echo`)
      const bytes = [Buffer.alloc(0), Buffer.from([0x10, 0x41, 0]), Buffer.alloc(300_000, 7)]
      const sent = ['', 'grüße 🐕', '\u0010A7', '\u0010', 'x'.repeat(70_000), `\u0010${'🐕'.repeat(1_000)}`, ...bytes, 'last']
      for (const each of sent) client.send(each)
      await until(() => client.messages.length === sent.length, 'echoes')
      assert.deepEqual(client.messages, sent)
      client.close()
    })

    test('close codes and reasons of the backend reach the client', async () => {
      await using route = await openRoute()
      const cases: [given: string, code: number, reason: string][] = [
        ['code=1000&reason=done', 1000, 'done'],
        ['code=1001', 1001, ''],
        ['code=1011&reason=oops', 1011, 'oops'],
        ['code=1012', 1012, ''],
        ['code=3000&reason=auth', 3000, 'auth'],
        ['code=4401&reason=gr%C3%BC%C3%9Fe', 4401, 'grüße'],
        ['code=0', 1014, 'upstream lost'],
      ]
      for (const [query, code, reason] of cases) {
        const client = await open(`${route.url}/close?${query}`)
        const close = await client.closed
        assert.deepEqual([close.code, close.reason], [code, reason], query)
      }
    })

    test('and one without a code reaches it without one', async () => {
      await using route = await openRoute()
      const client = await open(`${route.url}/idle`)
      route.peer.connections[0]!.socket.close()
      assert.equal((await client.closed).code, 1005)
    })

    test('close codes and reasons of the client reach the backend', async () => {
      await using route = await openRoute()
      const cases: [code: number | undefined, reason: string][] = [
        [undefined, ''],
        [1000, 'done'],
        [3001, ''],
        [4999, 'grüße'],
      ]
      for (const [index, [code, reason]] of cases.entries()) {
        const client = await open(`${route.url}/idle`)
        client.close(code, reason)
        const closed = await route.peer.waitFor(({ event, id }) => event === 'closed' && id === index + 1)
        assert.deepEqual([closed.code, closed.reason], [code ?? 1005, reason])
      }
    })

    test('what the client said last is heard before its close', async () => {
      await using route = await openRoute()
      const client = await open(`${route.url}/idle`)
      const heard: string[] = []
      route.peer.connections[0]!.socket.on('message', (data) => heard.push(String(data)))
      for (let number = 0; number < 1_000; number++) client.send(`${number}`)
      client.close(4000)
      await route.peer.waitFor('closed')
      assert.deepEqual(
        heard,
        Array.from({ length: 1_000 }, (_, number) => `${number}`),
      )
    })

    test('cookies, credentials, origin and named headers go to the backend, and no others', async () => {
      await using route = await openRoute({ forwardHeaders: ['X-Tenant', 'Accept-Language'] })
      const given = {
        cookie: 'a=1; b=2',
        authorization: 'Bearer x',
        'user-agent': 'agent',
        origin: 'https://app.example',
        'x-tenant': 'seven',
        'accept-language': 'de',
        'x-other': 'dropped',
      }
      const client = await open(`${route.url}/idle`, [], given)
      client.close()
      const {
        host,
        connection,
        upgrade,
        'sec-websocket-key': key,
        'sec-websocket-version': version,
        ...rest
      } = route.peer.attempts[0]!.headers
      const { 'x-other': _, ...passed } = given
      assert.deepEqual(
        { ...rest },
        { ...passed, 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': new URL(route.url).host },
      )
      assert.deepEqual([host, connection, upgrade, version], [new URL(route.peer.url).host, 'Upgrade', 'websocket', '13'])
    })
  })
}

test('a backend that chooses none of the subprotocols leaves the client with none', async () => {
  await using route = await openRoute()
  await using socket = new WebSocket(`${route.url}/echo?protocol=other`, ['a', 'b'], { resume: true })
  await socket.opened
  assert.equal(socket.protocol, '')
  assert.equal(route.peer.attempts[0]!.headers['sec-websocket-protocol'], 'a, b')
})

describe('a refusal of the backend is the client’s', { timeout: 60_000 }, () => {
  test('with its status, and Retry-After', async () => {
    await using route = await openRoute()
    for (const tokens of [[], ['holdfast.v1', 'holdfast.off']])
      for (const status of [400, 401, 403, 404, 429, 500, 503]) {
        const { statusCode } = await refusedUpgrade(`${route.url}/refuse?status=${status}`, tokens)
        assert.equal(statusCode, status)
      }
    const { headers } = await refusedUpgrade(`${route.url}/refuse?status=503&retryAfter=7`, [])
    assert.equal(headers['retry-after'], '7')
    const { fields, level } = await route.line('upstream failed')
    assert.deepEqual([level, fields.cause, fields.status], ['warn', 'refused', 400])
    assert.equal(route.gateway.stats.upstreams, 0)
  })

  test('but a redirection is followed by nobody', async () => {
    await using route = await openRoute()
    const { statusCode, headers } = await refusedUpgrade(`${route.url}/refuse?status=302`, [])
    assert.deepEqual([statusCode, headers.location], [502, undefined])
  })
})

describe('where the backend is', { timeout: 60_000 }, () => {
  test('may be said by a function, also one that takes its time or refuses', async () => {
    await using a = await startWs()
    await using b = await startWs()
    const upstream = async ({ url = '' }: IncomingMessage): Promise<string | URL> => {
      if (url.startsWith('/a/')) return a.url
      if (url.startsWith('/b/')) return new URL(b.url)
      throw new Refusal(404, { message: 'no such place' })
    }
    await using gateway = await startGateway({ upstream })
    for (const [path, peer] of [['/a/x', a] as const, ['/b/y', b] as const]) {
      const { ws } = await dial(`${gateway.url}${path}`, [])
      assert.deepEqual(
        peer.attempts.map((each) => each.path),
        [path],
      )
      ws.close()
    }
    assert.equal((await refusedUpgrade(`${gateway.url}/c`, [])).statusCode, 404)
  })

  test('and a function that fails, or returns no address, is logged and answered with 502', async () => {
    let result: unknown = 'http://elsewhere'
    await using gateway = await startGateway({
      upstream: () => {
        if (result instanceof Error) throw result
        return result as string
      },
    })
    assert.equal((await refusedUpgrade(gateway.url, [])).statusCode, 502)
    result = new Error('no idea')
    assert.equal((await refusedUpgrade(gateway.url, [])).statusCode, 502)
    const errors = gateway.lines.filter(({ level }) => level === 'error').map(({ fields }) => String(fields.err.message))
    assert.deepEqual(errors, [
      'upstream returned http://elsewhere; it must be a ws:, wss: or ws+unix: URL without query and fragment',
      'no idea',
    ])
  })

  test('may be a Unix socket, and the gateway may listen on one', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-gateway-'))
    t.after(() => rm(folder, { recursive: true }))
    const backend = createServer()
    const server = new WebSocketServer({ server: backend })
    backend.listen(join(folder, 'back.sock'))
    await once(backend, 'listening')
    t.after(() => backend.close())
    const paths: (string | undefined)[] = []
    const forwarded: unknown[] = []
    server.on('connection', (socket, { url, headers }) => {
      paths.push(url)
      forwarded.push(headers['x-forwarded-for'])
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
    const upstream = `ws+unix:${folder}/back.sock`
    await using tcp = await startGateway({ upstream: `${upstream}:/base` })
    await using unix = await startGateway({ upstream, trustProxies: ['unix:'] }, join(folder, 'front.sock'))
    assert.deepEqual([unix.url, unix.port], [`ws+unix:${folder}/front.sock`, 0])
    const headers = { 'x-forwarded-for': '192.0.2.7' }
    for (const url of [`${tcp.url}/a:b?c=d:e`, `${unix.url}:/x`]) {
      const client = await dial(url, [], { headers })
      client.send('hello')
      assert.equal(await client.next(), 'hello')
      client.ws.close()
    }
    assert.deepEqual(paths, ['/base/a:b?c=d:e', '/x'])
    assert.deepEqual(forwarded, ['127.0.0.1', '192.0.2.7'])
  })
})

describe('over TLS', { ...needs('openssl'), timeout: 60_000 }, () => {
  test('towards clients by a server of one’s own, and towards backends whose authority the process knows', async (t) => {
    const { ca, key, cert } = await createCertificate()
    const known = getCACertificates()
    setDefaultCACertificates([...known, ca])
    t.after(() => setDefaultCACertificates(known))
    const server = createTlsServer({ key, cert })
    t.after(() => server.close())
    await using peer = await startWs({ tls: { key, cert } })
    await using gateway = await startGateway({ upstream: peer.url, server })
    assert.match(gateway.url, /^wss:/)
    const client = await dial(`${gateway.url}/echo`, [], { ca })
    client.send('hello')
    assert.equal(await client.next(), 'hello')
    assert.equal(peer.attempts[0]!.headers['x-forwarded-proto'], 'https')
    client.ws.close()
    setDefaultCACertificates(known)
    assert.equal((await refusedUpgrade(gateway.url, [], { ca })).statusCode, 502)
    const { fields } = await gateway.line('upstream failed')
    assert.equal(fields.cause, 'unreachable')
  })
})
