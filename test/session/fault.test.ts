// Sessions of both ends of this library through networks, servers and processes that fail: 3 000 numbered messages each way, and what became of
// them. A message may arrive late; it may not be lost, come twice or out of order, unless the session ends, and then its fate is told.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, connect as dialTcp, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Clock, ReconnectingWebSocket, type ReconnectingWebSocketOptions } from 'holdfast'
import { EventRecord } from '../client/record.ts'
import { transports } from '../client/transport.ts'
import { startClient } from '../fault/client.ts'
import { until } from '../fault/patience.ts'
import { startProcess } from '../peers/process.ts'
import { next, startServer, textsOf } from '../server/server.ts'
import { openPath, type Path, partition } from './path.ts'
import { fatesOf, Traffic, unharmed } from './traffic.ts'

const messages = 3_000
const mebibyte = 1024 * 1024
const heartbeat = { interval: 100, timeout: 200 }
const retry = { minDelay: 5, maxDelay: 50, maxRetries: Infinity }
/** A test may end while the network is away: then nobody answers the close. */
const options: ReconnectingWebSocketOptions = { resume: true, retry, closeTimeout: 500 }

interface Kind {
  readonly name: string
  readonly shape?: Parameters<typeof openPath>[1]
  readonly perMs?: number
  /** Brings the faults about. Returns what ends them. */
  readonly play: (path: Path, traffic: Traffic, socket: ReconnectingWebSocket, record: EventRecord) => (() => void) | undefined
  readonly leastLinks: number
}

const kinds: readonly Kind[] = [
  {
    name: 'a reset every 250 ms, with 20 ms of delay',
    shape: { delay: { ms: 20 } },
    perMs: 1,
    play: ({ proxy }) => {
      const timer = setInterval(() => proxy.reset(), 250)
      return () => clearInterval(timer)
    },
    leastLinks: 4,
  },
  {
    name: 'a cut after every 400 messages',
    play: ({ proxy }, traffic) => void traffic.every(400, () => proxy.cut()),
    leastLinks: 5,
  },
  ...(['both', 'up', 'down'] as const).map(
    (direction): Kind => ({
      name: `a network that freezes (${direction}) and forgets what it held`,
      play: ({ proxy }, traffic, socket) => {
        traffic.every(1_500, () => proxy.freeze(direction))
        // Whoever notices first: the other end has to find out by itself.
        socket.addEventListener('lost', () => proxy.heal('drop'))
      },
      leastLinks: 2,
    }),
  ),
  {
    name: 'a network that is away for three redials',
    play: (path, traffic, socket) => {
      traffic.every(1_000, () => void partition(path))
      socket.addEventListener('retry', ({ detail }) => {
        if (detail.attempt === 3) void path.proxy.accept()
      })
    },
    leastLinks: 3,
  },
  {
    name: 'frames in slices of 7 bytes, and resets in the middle of them',
    shape: { slice: 7 },
    play: ({ proxy }, traffic) => void traffic.every(700, () => proxy.reset()),
    leastLinks: 4,
  },
  {
    name: 'an uneven delay, and resets',
    shape: { delay: { ms: 10, jitter: 10 } },
    play: ({ proxy }, traffic) => void traffic.every(700, () => proxy.reset()),
    leastLinks: 3,
  },
  {
    name: 'reconnect() again and again, in the middle of everything',
    play: (_path, traffic, socket) => void traffic.every(300, () => socket.reconnect()),
    leastLinks: 5,
  },
]

for (const transport of transports) {
  describe(`3 000 messages each way over ${transport.name}`, { concurrency: true, timeout: 100_000 }, () => {
    for (const { name, shape, perMs = 10, play, leastLinks } of kinds)
      test(`through ${name}: none lost, twice or out of order`, async (t) => {
        // A limit of messages that is small keeps the wait short where a transport does not show its bytes.
        await using path = await openPath({ heartbeat, maxPayload: 1_000 }, shape)
        const { socket, record } = transport.reconnecting(t, path.url, options)
        await record.until('open')
        const traffic = new Traffic(socket, await path.socket(), { messages, perMs })
        const stop = play(path, traffic, socket, record)
        const fates = await traffic.fates().finally(() => stop?.())
        assert.deepEqual(fates, { up: unharmed, down: unharmed })
        assert.deepEqual([record.all('error').length, record.all('close').length, path.sockets.length], [0, 0, 1])
        assert.ok(socket.stats.links >= leastLinks, `${socket.stats.links} links`)
      })
  })
}

describe('a server that restarts', { concurrency: true, timeout: 60_000 }, () => {
  test('and remembers nothing: the session is lost, and each message arrived or is given back', async (t) => {
    const first = await startSessions()
    await using socket = new ReconnectingWebSocket(first.url, null, options)
    t.after(() => first.stop())
    const record = new EventRecord(socket)
    await record.until('open')
    let sent = 0
    const timer = setInterval(() => {
      for (let count = 0; count < 20; count++) socket.send(`${sent++}`)
    }, 2)
    t.after(() => clearInterval(timer))
    await until(() => first.count('message') > 1_500, 'messages')
    await first.stop()
    await record.until('lost')
    clearInterval(timer)
    const sentBefore = sent
    await using second = await startSessions(first.port)
    const close = await record.until('close')
    assert.deepEqual([close.cause, close.reason, close.exact, close.willReconnect], ['session-lost', 'session-lost:unknown', false, true])
    const unconfirmed = close.unconfirmed.map(Number)
    // What a dying process read and did not get to tell is missing from what it wrote, so that only its first messages are compared.
    const firstUnconfirmed = unconfirmed[0] ?? sentBefore
    assert.deepEqual(
      unconfirmed,
      Array.from({ length: sentBefore - firstUnconfirmed }, (_, index) => firstUnconfirmed + index),
      'a tail of what was sent, in order',
    )
    const arrived = first.events.filter(({ event }) => event === 'message').map(({ data }) => Number(data))
    assert.deepEqual(fatesOf(arrived, arrived.length), unharmed)
    assert.ok(arrived.length >= firstUnconfirmed, `${firstUnconfirmed} confirmed, ${arrived.length} arrived`)
    await record.until('open', 2)
    socket.send('to the new one')
    await second.waitFor(({ data }) => data === 'to the new one')
    assert.equal(second.count('message'), 1, 'nothing of the old session is sent into the new one')
  })

  test('two of them behind a balancer that does not remember who was where: the session is lost, honestly', async (t) => {
    await using a = await startServer()
    await using b = await startServer()
    const balancer = await roundRobin([a.server.address() as AddressInfo, b.server.address() as AddressInfo])
    t.after(() => balancer.close())
    const { socket, record } = transports[0]!.reconnecting(t, balancer.url, options)
    await record.until('open')
    const texts = textsOf(await a.socket())
    for (let number = 0; number < messages; number++) socket.send(`${number}`)
    await until(() => texts.length > 500, 'messages')
    balancer.reset()
    const close = await record.until('close')
    assert.deepEqual([close.reason, close.exact], ['session-lost:unknown', false])
    const known = new Set([...texts, ...close.unconfirmed].map(Number))
    assert.equal(known.size, messages, 'each message arrived or is given back')
    await record.until('open', 2)
    assert.equal((await b.socket()).sessionId, socket.status.session?.id, 'where the old one was not known, and new')
    assert.deepEqual([a.sockets.length, socket.stats.dials], [1, 2])
  })
})

describe('a process that stands still', { concurrency: true, timeout: 60_000 }, () => {
  test('the client: the session goes on with it, and nothing is lost, twice or out of order', async () => {
    await using path = await startServer({ heartbeat })
    await using client = startClient({ url: path.url, options: { resume: true, retry } })
    await client.log.next('open')
    const peer = await path.socket()
    const texts = textsOf(peer)
    for (let number = 0; number < messages; number++) {
      peer.send(`${number}`)
      client.send(`${number}`)
      if (number % 1_000 !== 500) continue
      client.stop()
      await next(peer, 'lost')
      client.go()
      await until(() => peer.attached, 'resumption')
    }
    await client.log.atLeast(messages, 'message')
    await until(() => texts.length >= messages, 'all messages')
    assert.deepEqual(fatesOf(texts.map(Number), messages), unharmed)
    assert.deepEqual(fatesOf(client.log.texts.map(Number), messages), unharmed)
    const { links, sessions } = await client.stats()
    assert.deepEqual([sessions, links >= 4], [1, true])
  })

  test('the server: the client resumes when it goes on, and nothing is lost, twice or out of order', async () => {
    await using server = await startSessions()
    await using socket = new ReconnectingWebSocket(server.url, null, { ...options, connectTimeout: 500 })
    const record = new EventRecord(socket)
    await record.until('open')
    for (let number = 0; number < messages; number++) {
      socket.send(`${number}`)
      if (number !== 1_500) continue
      await server.freeze()
      await record.until('lost')
      server.thaw()
    }
    await record.until('message', messages)
    await record.until('resumed')
    assert.deepEqual(
      fatesOf(
        record.all('message').map(({ data }) => Number(data)),
        messages,
      ),
      unharmed,
    )
    assert.equal(record.all('close').length, 0)
  })
})

describe('a clock on the wall that jumps', { concurrency: true, timeout: 60_000 }, () => {
  const hourMs = 3_600_000
  for (const at of ['client', 'server'] as const)
    test(`at the ${at}, forwards and back, costs no link and no message`, async (t) => {
      let offset = 0
      const clock: Clock = {
        now: () => performance.now(),
        wall: () => Date.now() + offset,
        random: Math.random,
        setTimer: (run, ms) => setTimeout(run, ms),
        clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
      }
      await using path = await openPath({ heartbeat: { interval: 100, timeout: 1_000 }, ...(at === 'server' && { clock }) })
      const { socket, record } = transports[0]!.reconnecting(t, path.url, { ...options, ...(at === 'client' && { clock }) })
      await record.until('open')
      const traffic = new Traffic(socket, await path.socket(), { messages, perMs: 4 })
      const jumps = [hourMs, -hourMs, 24 * hourMs, -48 * hourMs]
      traffic.every(1_100, () => {
        offset += jumps.shift() ?? 0
      })
      assert.deepEqual(await traffic.fates(), { up: unharmed, down: unharmed })
      assert.deepEqual([record.all('lost').length, socket.stats.links], [0, 1])
    })
})

describe('messages of every size on a slow link', { concurrency: true, timeout: 60_000 }, () => {
  const sizes = [0, 125, 126, 64 * 1024, mebibyte]
  for (const fault of [undefined, 'reset'] as const)
    test(fault ? 'arrive whole, though the link is reset in the middle of the largest' : 'arrive whole, and cost no link', async (t) => {
      // All of them at once are more than a server's outbox holds by default.
      await using path = await openPath({ heartbeat, session: { maxBytes: 4 * mebibyte } }, { limit: mebibyte })
      const { socket, record } = transports[0]!.reconnecting(t, path.url, options)
      socket.binaryType = 'arraybuffer'
      await record.until('open')
      const peer = await path.socket()
      const received: number[] = []
      peer.on('message', (data) => received.push((data as Buffer).length))
      const { bytesUp } = path.proxy.stats
      for (const size of sizes) {
        socket.send(new Uint8Array(size).fill(7))
        peer.send(Buffer.alloc(size, 7))
      }
      if (fault) {
        await until(() => path.proxy.stats.bytesUp - bytesUp > mebibyte / 2, 'half of it')
        path.proxy.reset()
      }
      await record.until('message', sizes.length)
      await until(() => received.length === sizes.length, 'all messages')
      assert.deepEqual(received, sizes)
      assert.deepEqual(
        record.all('message').map(({ data }) => data.byteLength),
        sizes,
      )
      assert.ok(record.all('message').every(({ data }) => new Uint8Array(data).every((byte) => byte === 7)))
      assert.equal(record.all('lost').length, fault ? 1 : 0)
    })

  test('and above the limit are refused to both senders, whose session goes on', async (t) => {
    await using path = await openPath({ heartbeat }, { limit: mebibyte })
    const { socket, record } = transports[0]!.reconnecting(t, path.url, options)
    await record.until('open')
    const peer = await path.socket()
    const large = new Uint8Array(mebibyte + 1)
    assert.throws(() => socket.send(large), { name: 'QuotaExceededError' })
    assert.throws(() => peer.send(large), RangeError)
    const texts = textsOf(peer)
    socket.send('still here')
    peer.send('still here')
    await record.until('message')
    await until(() => texts.length === 1, 'message')
    assert.equal(record.all('close').length, 0)
  })
})

/** A server of sessions in a process of its own. @param port one that was such a server's before */
function startSessions(port = 0): Promise<Awaited<ReturnType<typeof startProcess>>> {
  const script = fileURLToPath(new URL('./server-process.ts', import.meta.url))
  return startProcess({
    name: 'server of sessions',
    command: process.execPath,
    args: ['--conditions=holdfast-source', '--disable-warning=ExperimentalWarning', script, `${port}`],
  })
}

/** Hands each connection to the next server in turn. */
async function roundRobin(servers: readonly AddressInfo[]): Promise<{ url: string; reset(): void; close(): void }> {
  const open = new Set<Socket>()
  let count = 0
  const keep = (socket: Socket): Socket => {
    open.add(socket)
    socket.on('error', () => {})
    return socket.once('close', () => open.delete(socket))
  }
  const balancer = createServer((client) => {
    const upstream = keep(dialTcp(servers[count++ % servers.length]!.port, '127.0.0.1'))
    keep(client).pipe(upstream).pipe(client)
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => client.destroy())
  })
  balancer.listen(0, '127.0.0.1')
  await once(balancer, 'listening')
  const reset = (): void => {
    for (const socket of open) socket.destroy()
  }
  return {
    url: `ws://127.0.0.1:${(balancer.address() as AddressInfo).port}`,
    reset,
    close: () => {
      reset()
      balancer.close()
    },
  }
}
