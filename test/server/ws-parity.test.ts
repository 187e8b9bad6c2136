// The table of what ws has, line by line. A member, event or option of ws that is not in it is a failure.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { WebSocketServer as WsServer, WebSocket as WsSocket } from 'ws'
import { Server, SessionSocket, WebSocket, WebSocketServer, type WebSocketServerOptions } from '../../packages/holdfast/src/server.ts'
import { until } from '../fault/patience.ts'
import { begin, dial, refusedUpgrade, resume, type ScriptLink, type Welcome } from './script-client.ts'
import { next, startServer, type TestServer, turn } from './server.ts'
import { type Parity, parity } from './ws-parity.ts'

interface Pair {
  readonly path: TestServer
  readonly link: ScriptLink
  readonly welcome: Welcome
  readonly socket: SessionSocket
}
type Check = (pair: Pair) => unknown

async function withSession(check: Check, options?: WebSocketServerOptions): Promise<void> {
  await using path = await startServer(options)
  const { link, welcome } = await begin(path.url)
  await check({ path, link, welcome, socket: await path.socket() })
}

const inherited = (name: string) => () =>
  assert.equal((WebSocketServer.prototype as any)[name], (WsServer.prototype as any)[name], 'nothing of ours stands in between')
const inheritedBySocket = (name: string) => () =>
  assert.deepEqual(descriptorOf(SessionSocket.prototype, name), descriptorOf(WsSocket.prototype, name))
/** Passed on, and so in force on links of sessions as on plain ones. */
const passedOn = (name: string, value: unknown) => () => {
  const server = new WebSocketServer({ noServer: true, [name]: value })
  assert.deepEqual((server.options as any)[name], value)
  server.close()
}

const checks: Readonly<Record<string, Check | { readonly options: WebSocketServerOptions; readonly check: Check }>> = {
  'server member address': ({ path }) => assert.ok((path.server.address() as AddressInfo).port > 0),
  'server member clients': async ({ path, link, socket }) => {
    const lost = next(socket, 'lost')
    link.reset()
    await lost
    assert.deepEqual([...path.server.clients], [socket])
  },
  'server member close': async ({ path, link, socket }) => {
    path.server.close()
    const closed = next(socket, 'close')
    link.reset()
    await closed
  },
  'server member handleUpgrade': async ({ path, link, welcome }) => {
    link.reset()
    await resume(path.url, welcome)
    assert.equal(path.sockets.length, 1)
  },
  'server member options': ({ path }) => assert.equal(path.server.options.port, 0),
  'server member shouldHandle': inherited('shouldHandle'),
  'server internal completeUpgrade': inherited('completeUpgrade'),
  'server event close': async ({ path, socket }) => {
    const closed = next(path.server, 'close')
    path.server.close()
    socket.terminate()
    await closed
  },
  'server event connection': async ({ path, welcome }) => {
    await resume(path.url, welcome)
    await begin(path.url)
    assert.equal(path.sockets.length, 2)
  },
  'server event error': async ({ path }) => {
    const second = new WebSocketServer({ port: (path.server.address() as AddressInfo).port, host: '127.0.0.1' })
    assert.equal((await next(second, 'error'))[0].code, 'EADDRINUSE')
  },
  'server event headers': async ({ path, welcome }) => {
    const headers = next(path.server, 'headers')
    await resume(path.url, welcome)
    assert.ok((await headers)[0].includes('Sec-WebSocket-Protocol: holdfast.v1.resume'))
  },
  'server event listening': async () => {
    const server = new WebSocketServer({ port: 0 })
    await once(server, 'listening')
    server.close()
  },
  'server event wsClientError': async ({ path }) => {
    const error = next(path.server, 'wsClientError')
    await fetch(path.url.replace('ws:', 'http:'), { headers: { 'sec-websocket-protocol': 'a' } }) // no upgrade, no error
    const attempt = fetchUpgrade(path.url)
    const [, socket] = await error
    socket.destroy()
    await assert.rejects(attempt)
  },
  'server option allowSynchronousEvents': passedOn('allowSynchronousEvents', false),
  'server option autoPong': {
    options: { autoPong: false },
    check: async ({ link, socket }) => {
      const ping = next(socket, 'ping')
      let isAnswered = false
      link.ws.on('pong', () => (isAnswered = true))
      link.ws.ping()
      await ping
      link.control('P', '1,0')
      await link.nextControl('O')
      assert.equal(isAnswered, false)
    },
  },
  'server option backlog': passedOn('backlog', 5),
  'server option clientTracking': { options: { clientTracking: false }, check: ({ path }) => assert.equal(path.server.clients, undefined) },
  'server option closeTimeout': {
    options: { closeTimeout: 20 },
    check: async ({ socket }) => {
      const closed = next(socket, 'close')
      socket.close(1000)
      assert.equal((await closed)[0], 1006)
      const server = new WebSocketServer({ noServer: true })
      assert.equal((server.options as { closeTimeout?: number }).closeTimeout, 10_000)
      server.close()
    },
  },
  'server option handleProtocols': {
    options: { handleProtocols: (protocols) => [...protocols].at(-1)! },
    check: async ({ path }) => assert.equal((await begin(path.url, { protocols: ['a', 'b'] })).welcome.proto, 'b'),
  },
  'server option host': ({ path }) => assert.equal((path.server.address() as AddressInfo).address, '127.0.0.1'),
  'server option maxBufferedChunks': passedOn('maxBufferedChunks', 5),
  'server option maxFragments': {
    options: { maxFragments: 2 },
    check: async ({ link, socket }) => {
      const lost = next(socket, 'lost')
      for (const fin of [false, false, true]) link.ws.send('x', { fin })
      await lost
    },
  },
  'server option maxPayload': async ({ welcome, socket }) => {
    assert.equal(welcome.max, 1024 * 1024)
    assert.throws(() => socket.send('x'.repeat(1024 * 1024 + 1)), RangeError)
  },
  'server option maxPendingAutoPongs': passedOn('maxPendingAutoPongs', 5),
  'server option noServer': async () => {
    const http = createServer()
    const server = new WebSocketServer({ noServer: true })
    http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head, (client) => client.terminate()))
    await new Promise<void>((resolve) => http.listen(0, resolve))
    const { link } = await begin(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`).catch(() => ({ link: undefined }))
    await link?.closed
    http.close()
    server.close()
  },
  'server option path': {
    options: { path: '/' },
    check: async ({ path }) => assert.equal((await refusedUpgrade(`${path.url}/x`, ['holdfast.off', 'holdfast.v1'])).statusCode, 400),
  },
  'server option perMessageDeflate': {
    options: { perMessageDeflate: true },
    check: async ({ path }) => {
      const headers = next(path.server, 'headers')
      await begin(path.url, { perMessageDeflate: true })
      assert.match((await headers)[0].join(), /client_no_context_takeover/)
    },
  },
  'server option port': ({ path }) => assert.ok(path.url.length > 0),
  'server option server': async () => {
    const http = createServer()
    const server = new WebSocketServer({ server: http })
    await new Promise<void>((resolve) => http.listen(0, resolve))
    await begin(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
    for (const client of server.clients) client.terminate()
    server.close()
    http.close()
  },
  'server option skipUTF8Validation': passedOn('skipUTF8Validation', true),
  'server option verifyClient': async () => {
    const order: string[] = []
    const verifyClient = () => {
      order.push('verifyClient')
      return true
    }
    const authenticate = () => {
      order.push('authenticate')
      return 'ann'
    }
    await withSession(() => assert.deepEqual(order, ['verifyClient', 'authenticate']), { verifyClient, authenticate })
  },
  'server option WebSocket': () =>
    assert.throws(() => new WebSocketServer({ noServer: true, WebSocket: WsSocket as never }), /SessionSocket/),

  'socket member addEventListener': inheritedBySocket('addEventListener'),
  'socket member removeEventListener': inheritedBySocket('removeEventListener'),
  'socket member binaryType': async ({ link, socket }) => {
    inheritedBySocket('binaryType')()
    socket.binaryType = 'arraybuffer'
    const message = next(socket, 'message')
    link.send(Buffer.from('x'))
    assert.ok((await message)[0] instanceof ArrayBuffer)
  },
  'socket member bufferedAmount': async ({ link, socket }) => {
    const lost = next(socket, 'lost')
    link.reset()
    await lost
    socket.send('grüße')
    assert.equal(socket.bufferedAmount, 7)
  },
  'socket member close': async ({ link, socket }) => {
    socket.send('first')
    socket.close(1000)
    assert.equal(await link.next(), 'first')
    await link.nextControl('F')
  },
  'socket member extensions': ({ socket }) => assert.equal(socket.extensions, ''),
  'socket member isPaused': ({ socket }) => {
    socket.pause()
    assert.equal(socket.isPaused, true)
  },
  'socket member onclose': handlerAttribute('close', ({ socket }) => socket.terminate()),
  'socket member onerror': handlerAttribute('error', ({ link }) => link.control('A', 9)),
  'socket member onmessage': handlerAttribute('message', ({ link }) => link.send('x')),
  'socket member onopen': inheritedBySocket('onopen'),
  'socket member pause': async ({ link, socket }) => {
    socket.pause()
    link.send('x')
    link.control('P', '1,0')
    assert.equal(await link.nextControl('O'), '1,0')
  },
  'socket member ping': async ({ link, socket }) => {
    const lost = next(socket, 'lost')
    link.reset()
    await lost
    const pong = next(socket, 'pong')
    socket.ping('x')
    assert.equal(String((await pong)[0]), 'x')
  },
  'socket member pong': async ({ link, socket }) => {
    link.ws.on('pong', () => assert.fail('nothing is sent'))
    await new Promise<void>((resolve) => socket.pong('x', false, () => resolve()))
  },
  'socket member protocol': async ({ path }) => {
    await begin(path.url, { protocols: ['chat'] })
    assert.equal((await path.socket(1)).protocol, 'chat')
  },
  'socket member readyState': async ({ link, socket }) => {
    const lost = next(socket, 'lost')
    link.reset()
    await lost
    assert.equal(socket.readyState, WsSocket.OPEN)
  },
  'socket member resume': async ({ link, socket }) => {
    socket.pause()
    const message = next(socket, 'message')
    link.send('x')
    socket.resume()
    await message
  },
  'socket member send': async ({ link, socket }) => {
    let isWritten = false
    socket.send('x', () => (isWritten = true))
    assert.equal(await link.next(), 'x')
    await until(() => isWritten, 'callback')
  },
  'socket member terminate': async ({ path, socket }) => {
    const closed = next(socket, 'close')
    socket.terminate()
    await closed
    assert.equal(path.server.stats.sessions, 0)
  },
  'socket member url': ({ socket }) => assert.equal(socket.url, undefined),
  'socket internal emitClose': inheritedBySocket('emitClose'),
  'socket internal setSocket': inheritedBySocket('setSocket'),
  'socket event close': async ({ path, link, welcome, socket }) => {
    let count = 0
    socket.on('close', () => count++)
    link.reset()
    const { link: second } = await resume(path.url, welcome)
    assert.equal(count, 0)
    second.ws.close(3805)
    await until(() => count === 1, 'close')
  },
  'socket event error': async ({ link, socket }) => {
    const closed = next(socket, 'close')
    link.control('A', 9) // nobody listens for an error, and nothing is thrown
    await closed
  },
  'socket event message': async ({ link, socket }) => {
    const message = next(socket, 'message')
    link.send('x')
    assert.deepEqual(await message, [Buffer.from('x'), false])
  },
  'socket event open': ({ socket }) => assert.equal(socket.readyState, WsSocket.OPEN), // emitted before anybody can listen
  'socket event ping': async ({ link, socket }) => {
    const ping = next(socket, 'ping')
    link.ws.ping('x')
    assert.equal(String((await ping)[0]), 'x')
  },
  'socket event pong': async ({ link, socket }) => {
    socket.on('pong', () => assert.fail('nobody asked'))
    link.ws.pong('x')
    link.control('P', '1,0')
    await link.nextControl('O')
    await turn()
  },
}

for (const name of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const)
  Object.assign(checks, {
    [`socket static ${name}`]: () => assert.equal(SessionSocket[name], WsSocket[name]),
    [`socket member ${name}`]: ({ socket }: Pair) => assert.equal(socket[name], WsSocket[name]),
  })
for (const name of ['redirect', 'unexpected-response', 'upgrade'])
  Object.assign(checks, { [`socket event ${name}`]: ({ socket }: Pair) => assert.equal(socket.listenerCount(name), 0) })

describe('ws parity', { timeout: 60_000 }, () => {
  for (const row of parity)
    test(`${keyOf(row)}: ${row.ours}`, async () => {
      const check = checks[keyOf(row)]
      assert.ok(check, 'no line without a test')
      if (typeof check === 'function') await withSession(check)
      else await withSession(check.check, check.options)
    })

  test('the table has everything that ws has, and nothing else', async () => {
    assert.deepEqual(parity.map(keyOf).sort(), [...(await wsHas())].sort())
  })
  test('what is exported under the names of ws is what it is called', () => {
    assert.equal(WebSocket, WsSocket)
    assert.equal(Server, WebSocketServer)
    assert.ok(new SessionSocket(null as never, undefined as never, {} as never) instanceof WsSocket)
  })
  test('a plain client beside sessions has ws itself', async () => {
    await using path = await startServer()
    await dial(path.url, [])
    assert.equal((await path.socket()).sessionId, null)
  })
})

function keyOf({ of, kind, name }: Pick<Parity, 'of' | 'kind' | 'name'>): string {
  return `${of} ${kind} ${name}`
}

/** Read from the classes, from a server's options, and from the source, which alone knows of events. */
async function wsHas(): Promise<Set<string>> {
  const server = new WsServer({ noServer: true })
  const internals = ['completeUpgrade', 'emitClose', 'setSocket']
  const membersOf = (of: string, prototype: object, more: string[] = []) =>
    [...Object.getOwnPropertyNames(prototype), ...more]
      .filter((name) => name !== 'constructor' && !name.startsWith('_'))
      .map((name) => `${of} ${internals.includes(name) ? 'internal' : 'member'} ${name}`)
  const statics = Object.keys(WsSocket).filter((name) => /^[A-Z]+$/.test(name))
  const has = new Set([
    ...membersOf(
      'server',
      WsServer.prototype,
      Object.keys(server).filter((name) => ['clients', 'options'].includes(name)),
    ),
    ...membersOf('socket', WsSocket.prototype),
    ...statics.map((name) => `socket static ${name}`),
    ...Object.keys(server.options).map((name) => `server option ${name}`),
    ...(await eventsIn('websocket-server.js')).map((name) => `server event ${name}`),
    ...(await eventsIn('websocket.js')).map((name) => `socket event ${name}`),
  ])
  server.close()
  return has
}

async function eventsIn(file: string): Promise<string[]> {
  const folder = dirname(createRequire(import.meta.url).resolve('ws/package.json'))
  const source = await readFile(join(folder, 'lib', file), 'utf8')
  return [...source.matchAll(/emit(?:\.bind)?\(\s*(?:this, )?(?:websocket, )?'([\w-]+)'/g)].map(([, name]) => name!)
}

function handlerAttribute(event: 'close' | 'error' | 'message', cause: (pair: Pair) => void): Check {
  return async (pair) => {
    const { socket } = pair
    inheritedBySocket(`on${event}`)()
    const handled = new Promise<{ type: string; target: unknown }>((resolve) => {
      socket[`on${event}`] = resolve as never
    })
    cause(pair)
    const { type, target } = await handled
    assert.deepEqual([type, target === socket], [event, true])
  }
}

function descriptorOf(prototype: object | null, name: string): PropertyDescriptor | undefined {
  if (!prototype) return undefined
  return Object.getOwnPropertyDescriptor(prototype, name) ?? descriptorOf(Object.getPrototypeOf(prototype), name)
}

/** An upgrade without a key. */
function fetchUpgrade(url: string): Promise<unknown> {
  return import('node:http').then(({ get }) => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': 'holdfast.off, holdfast.v1' }
    return new Promise((resolve, reject) => get(url.replace('ws:', 'http:'), { headers }, resolve).on('error', reject))
  })
}
