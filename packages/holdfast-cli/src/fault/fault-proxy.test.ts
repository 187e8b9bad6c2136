import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FaultProxy, type FaultProxyOptions } from './fault-proxy.ts'
import { seededRandom } from './random.ts'
import type { FaultEvent, FaultRecord } from './record.ts'

/** A socket as a test sees it: everything it has heard. */
class Peer {
  readonly socket: Socket
  text = ''
  reads = 0
  ended = false
  error: string | undefined
  closed = false
  readonly #watchers = new Set<() => void>()

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    const changed = (change: () => void) => {
      change()
      for (const watcher of [...this.#watchers]) watcher()
    }
    socket.on('data', (bytes) =>
      changed(() => {
        this.text += bytes.toString('latin1')
        this.reads += 1
      }),
    )
    socket.on('end', () => changed(() => (this.ended = true)))
    socket.on('error', (error) => changed(() => (this.error = 'code' in error ? String(error.code) : error.message)))
    socket.on('close', () => changed(() => (this.closed = true)))
  }

  /** Resolves when what the peer has heard fits. */
  async until(fits: (peer: Peer) => boolean): Promise<void> {
    if (fits(this)) return
    await new Promise<void>((resolve) => {
      const watcher = () => {
        if (!fits(this)) return
        this.#watchers.delete(watcher)
        resolve()
      }
      this.#watchers.add(watcher)
    })
  }

  hears(text: string): Promise<void> {
    return this.until((peer) => peer.text === text)
  }

  closes(): Promise<void> {
    return this.until((peer) => peer.closed)
  }
}

class Stage {
  readonly server: Server
  readonly proxy: FaultProxy
  readonly records: FaultRecord[]
  readonly #accepted: Peer[] = []
  readonly #dialled: Peer[] = []
  #taken = 0

  constructor(server: Server, proxy: FaultProxy, records: FaultRecord[]) {
    this.server = server
    this.proxy = proxy
    this.records = records
    server.on('connection', (socket) => this.#accepted.push(new Peer(socket)))
  }

  get upstreamConnections(): number {
    return this.#accepted.length
  }

  async dial(): Promise<Peer> {
    const peer = new Peer(connect({ host: this.proxy.host, port: this.proxy.port, allowHalfOpen: true }))
    this.#dialled.push(peer)
    await once(peer.socket, 'connect')
    return peer
  }

  /** The upstream's end of the next connection it was given. */
  async upstream(): Promise<Peer> {
    if (!this.#accepted[this.#taken]) await once(this.server, 'connection')
    const peer = this.#accepted[this.#taken]
    this.#taken += 1
    assert.ok(peer)
    return peer
  }

  async pair(): Promise<{ client: Peer; upstream: Peer }> {
    const client = await this.dial()
    return { client, upstream: await this.upstream() }
  }

  /** Resolves when the proxy has accepted all that was dialled. */
  async accepted(): Promise<void> {
    await eventually(() => this.proxy.stats.accepted === this.#dialled.length)
  }

  event<Name extends FaultEvent['event']>(name: Name): (FaultRecord & { event: Name }) | undefined {
    return this.records.find((record): record is FaultRecord & { event: Name } => record.event === name)
  }

  async close(): Promise<void> {
    await this.proxy.close()
    for (const { socket } of [...this.#dialled, ...this.#accepted]) socket.destroy()
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve))
  }
}

const eventually = async (holds: () => boolean): Promise<void> => {
  const giveUpAt = performance.now() + 20_000
  while (!holds()) {
    assert.ok(performance.now() < giveUpAt, `still not so: ${holds}`)
    await turn()
  }
}

/** Lets everything that is under way on the loopback arrive. Only ever used before asserting that something did not happen. */
const settle = async (): Promise<void> => {
  for (let turns = 0; turns < 50; turns += 1) await turn()
}

const stage = async (t: TestContext, options: Partial<FaultProxyOptions> = {}): Promise<Stage> => {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const records: FaultRecord[] = []
  const proxy = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port }, log: (record) => records.push(record), ...options })
  const made = new Stage(server, proxy, records)
  t.after(() => made.close())
  return made
}

const greet = async ({ client, upstream }: { client: Peer; upstream: Peer }): Promise<void> => {
  client.socket.write('hello')
  upstream.socket.write('welcome')
  await Promise.all([upstream.hears('hello'), client.hears('welcome')])
}

test('bytes pass both ways and are counted', async (t) => {
  const made = await stage(t)
  const pair = await made.pair()
  await greet(pair)
  assert.equal(made.proxy.connections, 1)
  const { accepted, bytesUp, bytesDown } = made.proxy.stats
  assert.deepEqual({ accepted, bytesUp, bytesDown }, { accepted: 1, bytesUp: 5, bytesDown: 7 })
})

test('a client that half-closes still receives the answer', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  client.socket.end('question')
  await upstream.until((peer) => peer.ended)
  assert.equal(upstream.text, 'question')
  upstream.socket.end('answer')
  await client.closes()
  assert.equal(client.text, 'answer')
  assert.equal(client.error, undefined)
  await eventually(() => made.proxy.connections === 0)
  assert.equal(made.event('disconnect')?.cause, 'client-fin')
})

test('an upstream that half-closes still receives the rest', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  upstream.socket.end('bye')
  await client.until((peer) => peer.ended)
  client.socket.end('rest')
  await upstream.closes()
  assert.equal(upstream.text, 'rest')
  await eventually(() => made.proxy.connections === 0)
  assert.equal(made.event('disconnect')?.cause, 'upstream-fin')
})

test('a reset by one side resets the other', async (t) => {
  const made = await stage(t)
  for (const breaker of ['client', 'upstream'] as const) {
    const pair = await made.pair()
    await greet(pair)
    pair[breaker].socket.resetAndDestroy()
    const other = breaker === 'client' ? pair.upstream : pair.client
    await other.closes()
    assert.equal(other.error, 'ECONNRESET')
  }
  await eventually(() => made.proxy.connections === 0)
  const causes = made.records.filter((record) => record.event === 'disconnect').map((record) => record.cause)
  assert.deepEqual(causes, ['client-reset', 'upstream-reset'])
})

test('a cut ends both sides orderly', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  assert.equal(made.proxy.cut(), 1)
  assert.equal(made.proxy.connections, 0)
  assert.equal(made.proxy.cut(), 0)
  await Promise.all([client.until((peer) => peer.ended), upstream.until((peer) => peer.ended)])
  client.socket.end()
  upstream.socket.end()
  await Promise.all([client.closes(), upstream.closes()])
  assert.deepEqual([client.error, upstream.error], [undefined, undefined])
  assert.equal(made.proxy.stats.cuts, 1)
})

test('a side that does not answer a cut is let go after a while', async (t) => {
  const made = await stage(t)
  await made.pair()
  made.proxy.cut()
  await eventually(() => made.event('disconnect') !== undefined)
  assert.equal(made.event('disconnect')?.cause, 'cut')
})

test('a reset breaks both sides', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  assert.equal(made.proxy.reset(), 1)
  assert.equal(made.proxy.connections, 0)
  await Promise.all([client.closes(), upstream.closes()])
  assert.deepEqual([client.error, upstream.error], ['ECONNRESET', 'ECONNRESET'])
})

test('a frozen proxy passes nothing, and a release passes everything in order', async (t) => {
  const made = await stage(t)
  const pair = await made.pair()
  await greet(pair)
  made.proxy.freeze()
  pair.client.socket.write(' one')
  pair.upstream.socket.write(' eins')
  await settle()
  pair.client.socket.write(' two')
  pair.upstream.socket.write(' zwei')
  await settle()
  assert.deepEqual([pair.upstream.text, pair.client.text], ['hello', 'welcome'])
  made.proxy.heal('release')
  await Promise.all([pair.upstream.hears('hello one two'), pair.client.hears('welcome eins zwei')])
  pair.client.socket.write('!')
  await pair.upstream.hears('hello one two!')
  assert.equal(made.proxy.stats.discardedUp, 0)
})

test('a drop leaves the connections of that time black holes, and new ones are well', async (t) => {
  const made = await stage(t)
  const old = await made.pair()
  await greet(old)
  made.proxy.freeze()
  old.client.socket.write('lost')
  await settle()
  made.proxy.heal('drop')
  old.client.socket.write('lost too')
  old.upstream.socket.write('lost as well')
  await greet(await made.pair())
  await eventually(() => made.proxy.stats.discardedUp === 12 && made.proxy.stats.discardedDown === 12)
  assert.deepEqual([old.upstream.text, old.client.text], ['hello', 'welcome'])
  assert.equal(made.proxy.connections, 2)
})

test('a black hole swallows FIN too, and is let go when both sides gave up', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  made.proxy.freeze()
  made.proxy.heal('drop')
  client.socket.end()
  await settle()
  assert.equal(upstream.ended, false)
  upstream.socket.resetAndDestroy()
  await eventually(() => made.proxy.connections === 0)
  await client.closes()
  assert.equal(client.error, undefined)
})

test('a connection that was idle during a dropped freeze is a black hole as well', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  made.proxy.freeze()
  made.proxy.heal('drop')
  client.socket.write('into the void')
  await eventually(() => made.proxy.stats.discardedUp === 13)
  assert.equal(upstream.text, '')
})

for (const [direction, blocked, open] of [
  ['up', 'client', 'upstream'],
  ['down', 'upstream', 'client'],
] as const) {
  test(`a freeze ${direction} leaves the other way open`, async (t) => {
    const made = await stage(t)
    const pair = await made.pair()
    made.proxy.freeze(direction)
    pair[blocked].socket.write('held')
    pair[open].socket.write('passes')
    await pair[blocked].hears('passes')
    await settle()
    assert.equal(pair[open].text, '')
    made.proxy.heal()
    await pair[open].hears('held')
  })

  test(`after a dropped freeze ${direction} only that way is a black hole`, async (t) => {
    const made = await stage(t)
    const pair = await made.pair()
    made.proxy.freeze(direction)
    made.proxy.heal('drop')
    pair[blocked].socket.write('gone')
    pair[open].socket.write('passes')
    await pair[blocked].hears('passes')
    await settle()
    assert.equal(pair[open].text, '')
  })
}

test('two freezes add up, and each way can heal alone', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  made.proxy.freeze('up')
  made.proxy.freeze('down')
  client.socket.write('a')
  upstream.socket.write('b')
  await settle()
  made.proxy.heal('release', 'up')
  await upstream.hears('a')
  assert.equal(client.text, '')
  made.proxy.heal()
  await client.hears('b')
})

test('a connection made during a freeze is accepted, silent and not dialled; a release connects it', async (t) => {
  const made = await stage(t)
  made.proxy.freeze()
  const client = await made.dial()
  client.socket.write('hello')
  await made.accepted()
  await settle()
  assert.equal(made.upstreamConnections, 0)
  assert.equal(made.proxy.connections, 1)
  made.proxy.heal()
  const upstream = await made.upstream()
  upstream.socket.write('welcome')
  await Promise.all([upstream.hears('hello'), client.hears('welcome')])
})

test('a connection made during a freeze that is dropped stays silent and is never dialled', async (t) => {
  const made = await stage(t)
  made.proxy.freeze()
  const client = await made.dial()
  client.socket.write('hello')
  await made.accepted()
  made.proxy.heal('drop')
  await eventually(() => made.proxy.stats.discardedUp === 5)
  await settle()
  assert.equal(made.upstreamConnections, 0)
  assert.deepEqual([client.text, client.ended, client.closed], ['', false, false])
  client.socket.end()
  await eventually(() => made.proxy.connections === 0)
})

test('a client that breaks off during a freeze leaves nothing behind', async (t) => {
  const made = await stage(t)
  made.proxy.freeze()
  const client = await made.dial()
  await made.accepted()
  client.socket.resetAndDestroy()
  await eventually(() => made.proxy.connections === 0)
  assert.equal(made.upstreamConnections, 0)
})

test('a connection made during a freeze one way is dialled, and that way is silent', async (t) => {
  const made = await stage(t)
  made.proxy.freeze('down')
  const { client, upstream } = await made.pair()
  client.socket.write('hello')
  upstream.socket.write('welcome')
  await upstream.hears('hello')
  await settle()
  assert.equal(client.text, '')
  made.proxy.heal()
  await client.hears('welcome')
})

test('FIN and RST are held by a freeze and passed on by a release', async (t) => {
  const made = await stage(t)
  const first = await made.pair()
  const second = await made.pair()
  made.proxy.freeze()
  first.client.socket.end('last words')
  second.upstream.socket.resetAndDestroy()
  await settle()
  assert.deepEqual([first.upstream.ended, second.client.closed], [false, false])
  made.proxy.heal()
  await Promise.all([first.upstream.until((peer) => peer.ended), second.client.closes()])
  assert.deepEqual([first.upstream.text, second.client.error], ['last words', 'ECONNRESET'])
})

test('a freeze holds a flood within bounds, and a release loses nothing of it', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  made.proxy.freeze()
  const flood = Buffer.alloc(32 * 1024 * 1024, 'x')
  client.socket.write(flood)
  await settle()
  assert.ok(client.socket.writableLength > 0, 'the sender must feel back-pressure')
  made.proxy.heal()
  await upstream.until((peer) => peer.text.length === flood.length)
})

test('a receiver that does not read stops the sender', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  upstream.socket.pause()
  const flood = Buffer.alloc(32 * 1024 * 1024, 'x')
  client.socket.write(flood)
  let passed = -1
  while (passed !== made.proxy.stats.bytesUp) {
    passed = made.proxy.stats.bytesUp
    await settle()
  }
  assert.ok(passed < flood.length, 'the proxy must not swallow what nobody reads')
  upstream.socket.resume()
  await upstream.until((peer) => peer.text.length === flood.length)
})

test('a refusing proxy refuses, keeps what it has and accepts again on the same port', async (t) => {
  const made = await stage(t)
  const pair = await made.pair()
  const { port } = made.proxy
  await made.proxy.refuse()
  const refused = new Peer(connect({ host: '127.0.0.1', port }))
  await refused.closes()
  assert.equal(refused.error, 'ECONNREFUSED')
  await greet(pair)
  await made.proxy.accept()
  assert.equal(made.proxy.port, port)
  await greet(await made.pair())
})

test('refuse and accept do nothing twice and keep their order', async (t) => {
  const made = await stage(t)
  await Promise.all([made.proxy.refuse(), made.proxy.refuse(), made.proxy.accept(), made.proxy.accept(), made.proxy.refuse()])
  const names = made.records.map((record) => record.event)
  assert.deepEqual(names, ['listen', 'refuse', 'accept', 'refuse'])
})

test('a delayed chunk does not arrive before its time', async (t) => {
  const made = await stage(t, { delay: { ms: 40 } })
  const { client, upstream } = await made.pair()
  const sentAt = performance.now()
  client.socket.write('late')
  await upstream.hears('late')
  upstream.socket.write('later')
  await client.hears('later')
  assert.ok(performance.now() - sentAt >= 79)
})

test('jitter keeps the order', async (t) => {
  const made = await stage(t, { delay: { ms: 5, jitter: 5 }, random: seededRandom(7) })
  const { client, upstream } = await made.pair()
  let sent = ''
  for (let number = 0; number < 50; number += 1) {
    client.socket.write(`${number},`)
    sent += `${number},`
    await turn()
  }
  client.socket.end()
  await upstream.until((peer) => peer.ended)
  assert.equal(upstream.text, sent)
})

test('a delay that is switched off lets what comes after it wait for what came before', async (t) => {
  const made = await stage(t, { delay: { ms: 30 } })
  const { client, upstream } = await made.pair()
  client.socket.write('first ')
  await settle()
  made.proxy.delay()
  client.socket.write('second')
  await upstream.hears('first second')
})

test('slices keep the content and arrive in pieces', async (t) => {
  const made = await stage(t, { slice: 3 })
  const { client, upstream } = await made.pair()
  const text = Array.from({ length: 100 }, (_, index) => `${index}`).join(' ')
  client.socket.end(text)
  await upstream.until((peer) => peer.ended)
  assert.equal(upstream.text, text)
  assert.ok(upstream.reads > 1)
})

test('a limit holds bytes back and loses none', async (t) => {
  const bytesPerSecond = 50_000
  const made = await stage(t, { limit: bytesPerSecond })
  const { client, upstream } = await made.pair()
  const flood = 'x'.repeat(15_000)
  const sentAt = performance.now()
  client.socket.write(flood)
  await upstream.hears(flood)
  const burstBytes = bytesPerSecond / 10
  assert.ok(performance.now() - sentAt >= ((flood.length - burstBytes) / bytesPerSecond) * 1000 - 2)
})

test('a limit that is lifted lets the rest go', async (t) => {
  const made = await stage(t, { limit: 1 })
  const { client, upstream } = await made.pair()
  client.socket.write('a word that would take half a minute')
  await upstream.until((peer) => peer.text === 'a')
  made.proxy.limit()
  await upstream.hears('a word that would take half a minute')
})

test('delay, slice and limit together keep the content', async (t) => {
  const made = await stage(t, { delay: { ms: 2, jitter: 2 }, slice: 100, limit: 1_000_000 })
  const { client, upstream } = await made.pair()
  const text = Array.from({ length: 5000 }, (_, index) => String.fromCharCode(33 + (index % 90))).join('')
  client.socket.end(text)
  await upstream.until((peer) => peer.ended)
  assert.equal(upstream.text, text)
})

test('an upstream that is down resets the client, and the log tells why', async (t) => {
  const made = await stage(t)
  await new Promise((resolve) => made.server.close(resolve))
  const client = new Peer(connect({ host: '127.0.0.1', port: made.proxy.port }))
  await client.closes()
  assert.equal(client.error, 'ECONNRESET')
  await eventually(() => made.proxy.connections === 0)
  assert.equal(made.event('unreachable')?.error, 'ECONNREFUSED')
  assert.equal(made.event('disconnect')?.cause, 'upstream-unreachable')
  assert.equal(made.proxy.stats.unreachable, 1)
})

test('what a freeze hides includes an upstream that is down', async (t) => {
  const made = await stage(t)
  await new Promise((resolve) => made.server.close(resolve))
  made.proxy.freeze('down')
  const client = new Peer(connect({ host: '127.0.0.1', port: made.proxy.port }))
  await eventually(() => made.proxy.stats.unreachable === 1)
  await settle()
  assert.equal(client.closed, false)
  made.proxy.heal()
  await client.closes()
  assert.equal(client.error, 'ECONNRESET')
})

test('the log tells what was done, in order', async (t) => {
  const made = await stage(t)
  const { client, upstream } = await made.pair()
  made.proxy.delay({ ms: 1, jitter: 2 })
  made.proxy.slice(3)
  made.proxy.limit(4)
  made.proxy.freeze('up')
  made.proxy.heal('drop')
  made.proxy.reset()
  await Promise.all([client.closes(), upstream.closes()])
  await made.proxy.refuse()
  await made.proxy.accept()
  await made.proxy.close()
  const told = made.records.map(({ at, elapsedMs, ...event }) => {
    assert.ok(at > 0 && elapsedMs >= 0)
    return event
  })
  const { port } = made.proxy
  assert.deepEqual(told, [
    { event: 'listen', host: '127.0.0.1', port, upstream: made.event('listen')?.upstream },
    { event: 'connect', connection: 1, from: made.event('connect')?.from },
    { event: 'delay', ms: 1, jitter: 2 },
    { event: 'slice', maxBytes: 3 },
    { event: 'limit', bytesPerSecond: 4 },
    { event: 'freeze', direction: 'up', connections: 1 },
    { event: 'heal', held: 'drop', direction: 'up', connections: 1 },
    { event: 'reset', connections: 1 },
    { event: 'disconnect', connection: 1, cause: 'reset', bytesUp: 0, bytesDown: 0 },
    { event: 'refuse' },
    { event: 'accept' },
    { event: 'close' },
  ])
})

test('close ends everything and can be repeated', async (t) => {
  const made = await stage(t, { delay: { ms: 60_000 } })
  const pair = await made.pair()
  pair.client.socket.write('never arrives')
  made.proxy.freeze('down')
  await made.dial()
  await made.accepted()
  await Promise.all([made.proxy.close(), made.proxy.close()])
  assert.equal(made.proxy.connections, 0)
  assert.equal(made.records.filter((record) => record.event === 'close').length, 1)
  await pair.client.until((peer) => peer.ended || peer.closed)
  await assert.rejects(made.proxy.accept(), /this proxy is closed/)
  await made.proxy[Symbol.asyncDispose]()
  assert.deepEqual([made.proxy.cut(), made.proxy.reset()], [0, 0])
})

test('close leaves no timer and no socket', async (t) => {
  const handles = (): string => {
    const names = process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP') || name === 'Timeout')
    return names.sort().join()
  }
  await eventually(() => handles() === '')
  const made = await stage(t, { delay: { ms: 60_000 }, slice: 1 })
  const { client } = await made.pair()
  client.socket.write('never arrives')
  await eventually(() => handles().includes('Timeout'))
  made.proxy.cut()
  const second = await made.pair()
  second.client.socket.write('nor this')
  await settle()
  await made.close()
  await eventually(() => handles() === '')
})

test('faults on live connections in every state are survived by close', async (t) => {
  const made = await stage(t)
  const pair = await made.pair()
  made.proxy.cut()
  made.proxy.freeze()
  await made.dial()
  await made.accepted()
  made.proxy.heal('drop')
  await made.pair()
  await made.proxy.refuse()
  await made.proxy.close()
  await pair.client.until((peer) => peer.ended || peer.closed)
})

test('an occupied port is an error that says what to do', async (t) => {
  const made = await stage(t)
  const { port } = made.proxy
  await assert.rejects(FaultProxy.listen({ upstream: '127.0.0.1:9', port }), (error: Error) => {
    assert.equal(error.message, `port ${port} on 127.0.0.1 is already in use; choose another with port, or stop what is listening there`)
    assert.equal((error.cause as { code?: string }).code, 'EADDRINUSE')
    return true
  })
})

test('options that are no use are refused by name, value and rule', async (t) => {
  const listen = (options: object) => FaultProxy.listen({ upstream: '127.0.0.1:9', ...options })
  await assert.rejects(listen({ port: 70_000 }), { name: 'TypeError', message: 'port must be a whole number from 0 to 65535; got 70000' })
  await assert.rejects(listen({ host: '' }), { name: 'TypeError', message: 'host must be an address to listen on; got ""' })
  await assert.rejects(
    listen({ delay: { ms: -1 } }),
    /^TypeError: delay\.ms must be a number of milliseconds from 0 to 2147483647; got -1$/,
  )
  await assert.rejects(listen({ delay: { ms: 1, jitter: '5' } }), /delay\.jitter must be .*; got "5"$/)
  const { proxy } = await stage(t)
  assert.throws(() => proxy.slice(1.5), {
    name: 'TypeError',
    message: 'slice must be a whole number of bytes from 0 to 1073741824; got 1.5',
  })
  assert.throws(() => proxy.limit(Number.NaN), /^TypeError: limit must be a whole number of bytes per second from 0 .*; got NaN$/)
  assert.throws(() => proxy.freeze('sideways' as 'up'), /^TypeError: direction must be one of both, up, down; got "sideways"$/)
  assert.throws(() => proxy.heal('keep' as 'drop'), /^TypeError: held must be one of drop, release; got "keep"$/)
})

test('a proxy can be given as a URL', async (t) => {
  const { proxy } = await stage(t)
  assert.equal(proxy.url, `ws://127.0.0.1:${proxy.port}`)
})
