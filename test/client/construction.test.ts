// What constructors and `with` take, and with which words they refuse the rest.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ReconnectingWebSocket, WebSocket } from 'holdfast'
import { strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { recorded } from './transport.ts'

const url = 'ws://127.0.0.1:1/'
const positive = 'a number of milliseconds above 0'
const positiveOrNever = 'a number of milliseconds above 0, or Infinity'
const limit = 'a number above 0, or Infinity'
const fn = 'a function'

/** Options, and the message that names option, value and rule. */
const wrong: readonly [object, string][] = [
  [{ resume: 'yes' as unknown as boolean }, 'option resume is "yes"; it must be a boolean'],
  [{ heartbeat: true }, 'option heartbeat is true; it must be an object of options, or false'],
  [{ heartbeat: null }, 'option heartbeat is null; it must be an object of options, or false'],
  [{ heartbeat: { interval: 0 } }, `option heartbeat.interval is 0; it must be ${positive}`],
  [{ heartbeat: { interval: Infinity } }, `option heartbeat.interval is Infinity; it must be ${positive}`],
  [{ heartbeat: { timeout: '10s' } }, `option heartbeat.timeout is "10s"; it must be ${positive}`],
  [{ heartbeat: { message: null } }, 'option heartbeat.message is null; it must be a message, or a function that returns one'],
  [{ heartbeat: { isReply: 'pong' } }, `option heartbeat.isReply is "pong"; it must be ${fn}`],
  [{ retry: true }, 'option retry is true; it must be an object of options, or false'],
  [{ retry: { minDelay: -1 } }, `option retry.minDelay is -1; it must be ${positive}`],
  [{ retry: { maxDelay: NaN } }, `option retry.maxDelay is NaN; it must be ${positive}`],
  [{ retry: { minDelay: 2, maxDelay: 1 } }, 'retry.minDelay (2) must not be above retry.maxDelay (1)'],
  [{ retry: { factor: 0.5 } }, 'option retry.factor is 0.5; it must be a number of at least 1'],
  [{ retry: { jitter: true } }, "option retry.jitter is true; it must be 'equal', 'full' or 'none'"],
  [{ retry: { maxRetries: 1.5 } }, 'option retry.maxRetries is 1.5; it must be a whole number of at least 0, or Infinity'],
  [{ retry: { maxRetries: -1 } }, 'option retry.maxRetries is -1; it must be a whole number of at least 0, or Infinity'],
  [{ retry: { stableAfter: 0 } }, `option retry.stableAfter is 0; it must be ${positiveOrNever}`],
  [{ retry: { shouldRetry: false } }, `option retry.shouldRetry is false; it must be ${fn}`],
  [{ connectTimeout: '5s' }, `option connectTimeout is "5s"; it must be ${positive}`],
  [{ writeTimeout: 0 }, `option writeTimeout is 0; it must be ${positive}`],
  [{ closeTimeout: -1 }, `option closeTimeout is -1; it must be ${positive}`],
  [{ outbox: false }, 'option outbox is false; it must be an object of options'],
  [{ outbox: { maxBytes: 0 } }, `option outbox.maxBytes is 0; it must be ${limit}`],
  [{ outbox: { maxMessages: '10' } }, `option outbox.maxMessages is "10"; it must be ${limit}`],
  [{ outbox: { overflow: 'drop' } }, `option outbox.overflow is "drop"; it must be 'close' or 'throw'`],
  [{ inbox: { maxBytes: {} } }, `option inbox.maxBytes is an object; it must be ${limit}`],
  [{ maxLinkAge: 60_000 }, 'maxLinkAge is 60000, but only a session can move to another link; set resume: true as well'],
  [{ headers: 'a: b' }, 'option headers is "a: b"; it must be an object of strings, or a function that returns one'],
  [{ rewriteUrl: 'ws://x' }, `option rewriteUrl is "ws://x"; it must be ${fn}`],
  [{ WebSocket: {} }, 'option WebSocket is an object; it must be a WebSocket class'],
  [{ wsOptions: () => {} }, 'option wsOptions is a function; it must be an object'],
  [{ wsOptions: {}, WebSocket: globalThis.WebSocket }, 'wsOptions are for the package ws; leave out the option WebSocket, or wsOptions'],
  [{ signal: {} }, 'option signal is an object; it must be an AbortSignal'],
  [{ logger: { info: () => {} } }, 'option logger is an object; it must be an object with debug, info, warn and error'],
  [{ name: 7 }, 'option name is 7; it must be a string'],
  [{ clock: [] }, 'option clock is an array; it must be an object with now, wall, random, setTimer and clearTimer'],
]

/** Options that do not exist. */
const unknown: readonly [object, RegExp][] = [
  [{ reconnectInterval: 5_000 }, /^unknown option reconnectInterval \(5000\); known are resume, heartbeat, retry, .*clock/],
  [{ heartbeat: { intervall: 1 } }, /^unknown option heartbeat\.intervall \(1\); known are interval, timeout, message, isReply$/],
  [{ retry: { maxAttempts: 3 } }, /^unknown option retry\.maxAttempts \(3\); known are minDelay, .*shouldRetry$/],
  [{ constructor: 1 }, /^unknown option constructor \(1\); known are /],
]

describe('options', () => {
  for (const [options, message] of wrong)
    test(message, () => {
      for (const Class of [WebSocket, ReconnectingWebSocket]) {
        assert.throws(() => new Class(url, [], options), { name: 'TypeError', message })
        assert.throws(() => Class.with(options), { name: 'TypeError', message })
      }
    })

  for (const [options, message] of unknown)
    test(`unknown: ${JSON.stringify(options)}`, () => {
      for (const Class of [WebSocket, ReconnectingWebSocket]) {
        assert.throws(() => new Class(url, [], options), { name: 'TypeError', message })
        assert.throws(() => Class.with(options), { name: 'TypeError', message })
      }
    })

  test('onSession and autoStart are for the reconnecting class', () => {
    const options: object[] = [{ onSession: () => {} }, { autoStart: true }]
    for (const each of options) assert.throws(() => new WebSocket(url, [], each), TypeError)
    assert.throws(() => new ReconnectingWebSocket(url, [], { autoStart: 1 } as object), {
      message: 'option autoStart is 1; it must be a boolean',
    })
    assert.throws(() => new ReconnectingWebSocket(url, [], { onSession: {} } as object), {
      message: `option onSession is an object; it must be ${fn}`,
    })
  })

  test('options that are no object are refused', () => {
    for (const options of [7, 'resume', true])
      assert.throws(() => new WebSocket(url, [], options as unknown as object), {
        name: 'TypeError',
        message: /^options must be an object, not /,
      })
  })

  test('undefined is the default, known or not', () => {
    for (const Class of [WebSocket, ReconnectingWebSocket]) {
      const socket = new Class(url, [], {
        heartbeat: undefined,
        retry: { maxRetries: undefined },
        signal: undefined,
        nobody: undefined,
      } as object)
      socket.close()
      new Class(url, null, undefined).close()
    }
  })
})

describe('url and subprotocols', () => {
  const badUrls = ['', 'nonsense', '/relative', 'ftp://x/', 'ws://x/#fragment', 'ws://x/#', 'ws://x:99999/', 'mailto:x@y']
  for (const bad of badUrls)
    test(`the url ${JSON.stringify(bad)} is a SyntaxError`, () => {
      for (const Class of [WebSocket, ReconnectingWebSocket]) assert.throws(() => new Class(bad), isSyntaxError)
    })

  const badProtocols = ['', 'a b', 'a,b', 'grüße', 'holdfast.v1', 'Holdfast.anything', ['a', 'a'], ['a', 'A'], ['a', '']]
  for (const bad of badProtocols)
    test(`the subprotocol ${JSON.stringify(bad)} is a SyntaxError`, () => {
      for (const Class of [WebSocket, ReconnectingWebSocket]) assert.throws(() => new Class(url, bad), isSyntaxError)
      assert.throws(() => new WebSocket(url, { protocols: bad }), isSyntaxError)
    })

  test('the message of a reserved name says that it is reserved', () => {
    assert.throws(() => new WebSocket(url, 'holdfast.v1'), /"holdfast\." are not for applications/)
  })

  test('a constructor needs a url', () => {
    assert.throws(() => new (WebSocket as any)(), TypeError)
  })

  test('url is the normalised one; a function has none before its dial', () => {
    for (const [given, href] of [
      ['ws://EXAMPLE.com', 'ws://example.com/'],
      ['https://example.com/a?b', 'wss://example.com/a?b'],
      ['wss://example.com:443/', 'wss://example.com/'],
    ] as const) {
      const socket = new WebSocket(given)
      assert.equal(socket.url, href)
      socket.close()
    }
    const socket = new ReconnectingWebSocket(() => url)
    assert.equal(socket.url, '')
    socket.close()
  })
})

describe('with()', () => {
  let server: Server
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  test('binds options to a subclass, and may be chained', async (t) => {
    const names: (string | undefined)[] = []
    const logger = { debug: () => {}, info: ({ name }: { name?: string }) => names.push(name), warn: () => {}, error: () => {} }
    const First = ReconnectingWebSocket.with({ name: 'first', logger, retry: false })
    const Second = First.with({ name: 'second' })
    const one = recorded(t, new First(server.address('refuse').url))
    await one.record.until('giveup')
    one.socket.close()
    await one.record.until('close')
    const two = recorded(t, new Second(server.address('refuse').url))
    await two.record.until('giveup')
    two.socket.close()
    await two.record.until('close')
    assert.deepEqual(names, ['first', 'second'])
  })

  test('keeps instanceof, the name and the constants', () => {
    const Bound = WebSocket.with({ name: 'bound' })
    const Rebound = ReconnectingWebSocket.with({}).with({ name: 'twice' })
    const strict = new Bound(url)
    const reconnecting = new Rebound(url)
    assert.ok(strict instanceof Bound && strict instanceof WebSocket && strict instanceof EventTarget)
    assert.ok(!(strict instanceof ReconnectingWebSocket))
    assert.ok(reconnecting instanceof Rebound && reconnecting instanceof ReconnectingWebSocket && reconnecting instanceof WebSocket)
    for (const holder of [WebSocket, Bound, Rebound, strict, reconnecting])
      assert.deepEqual([holder.CONNECTING, holder.OPEN, holder.CLOSING, holder.CLOSED], [0, 1, 2, 3])
    assert.equal(Bound.name, 'WebSocket')
    assert.equal(Rebound.name, 'ReconnectingWebSocket')
    strict.close()
    reconnecting.close()
  })

  test('of a third argument only headers are looked at', async (t) => {
    const peer = server.address('echo')
    const Bound = WebSocket.with({ name: 'bound', headers: { 'x-bound': '1' } })
    const ofALibrary = { headers: { 'x-given': '2' }, agent: {}, retry: 'something of its own', perMessageDeflate: false } as object
    const { record } = recorded(t, new Bound(peer.url, [], ofALibrary))
    await record.until('open')
    const { headers } = server.attempts.find(({ path }) => path === peer.path)!
    assert.equal(headers['x-given'], '2')
    assert.equal(headers['x-bound'], undefined)
    for (const other of [null, 7, 'text', {}]) {
      const { record } = recorded(t, new Bound(peer.url, [], other as object))
      await record.until('open')
    }
    assert.equal(server.attempts.filter(({ path, headers }) => path === peer.path && headers['x-bound'] === '1').length, 4)
  })

  test('a subclass of the application inherits what is bound', async (t) => {
    class Own extends WebSocket.with({ headers: { 'x-bound': '1' } }) {
      greet(): void {
        this.send('hello')
      }
    }
    const peer = server.address('echo')
    const { socket, record } = recorded(t, new Own(peer.url))
    await record.until('open')
    socket.greet()
    assert.deepEqual(await peer.heard(0, 1), ['hello'])
    assert.equal(server.attempts.find(({ path }) => path === peer.path)?.headers['x-bound'], '1')
  })

  test('does not change the class that it is called on', async (t) => {
    const peer = server.address('echo')
    WebSocket.with({ headers: { 'x-bound': '1' } })
    const { record } = recorded(t, new WebSocket(peer.url))
    await record.until('open')
    assert.equal(server.attempts.find(({ path }) => path === peer.path)?.headers['x-bound'], undefined)
  })
})

describe('a transport that cannot do what is asked', () => {
  /** A class of the application's, which takes no headers. */
  class Foreign extends globalThis.WebSocket {}

  test('is no network failure: a reconnecting socket ends at once, with cause unsupported', async (t) => {
    const socket = new ReconnectingWebSocket(url, null, { WebSocket: Foreign, headers: { a: 'b' } })
    const { record } = recorded(t, socket)
    await record.until('close')
    await strays()
    assert.deepEqual(record.lines, ['error 3 unsupported', 'close 3 1006 unclean unsupported last'])
    assert.match(record.all('error')[0]!.message, /headers cannot be sent through this WebSocket class/)
    assert.equal(socket.stats.dials, 1)
  })

  test('a class of the application is a transport like any other', async (t) => {
    const server = await startServer()
    t.after(() => server.stop())
    const { socket, record } = recorded(t, new WebSocket(server.address('echo').url, [], { WebSocket: Foreign }))
    await record.until('open')
    socket.send('hello')
    await record.until('message')
    assert.deepEqual(record.lines, ['open 1', 'message 1 hello'])
    socket.close(1000)
    await record.until('close')
  })

  test('a constructor of it that throws is a failed try', async (t) => {
    const failure = new Error('not today')
    class Throwing {
      readonly readyState = 0
      constructor() {
        throw failure
      }
      send(): void {}
      close(): void {}
    }
    const { record } = recorded(t, new ReconnectingWebSocket(url, null, { WebSocket: Throwing, retry: false }))
    await record.until('giveup')
    assert.deepEqual(record.lines, ['error 0 setup', 'giveup 0 retries-exhausted'])
    assert.equal(record.all('error')[0]?.error.cause, failure)
  })

  test("'nodebuffer' is a binaryType in Node, and what is unknown changes nothing", async (t) => {
    const server = await startServer()
    t.after(() => server.stop())
    for (const options of [{}, { WebSocket: globalThis.WebSocket }]) {
      const { socket, record } = recorded(t, new WebSocket(server.address('echo').url, [], options))
      socket.binaryType = 'nodebuffer' as 'blob'
      socket.binaryType = 'base64' as 'blob'
      assert.equal(socket.binaryType, 'nodebuffer')
      await record.until('open')
      socket.send(new Uint8Array([1, 2]))
      const { data } = await record.until('message')
      assert.deepEqual([...data], [1, 2])
    }
  })
})

function isSyntaxError(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'SyntaxError'
}
