// Every fault that a TCP proxy can make, against a real server, with deadlines short enough to wait for.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ReconnectingWebSocket, type ReconnectingWebSocketOptions, WebSocket } from 'holdfast'
import { FaultProxy, type FaultProxyOptions } from '../../packages/holdfast-cli/src/fault/index.ts'
import { startWs, type WsPeer } from '../peers/ws.ts'
import { inTime, until } from './patience.ts'
import { SocketLog } from './socket-log.ts'
import { transports, ws } from './transport.ts'

const heartbeat = { interval: 300, timeout: 600 }
/** Several heartbeats and their deadlines. */
const aWhileMs = 2_000
const retry = { minDelay: 20, maxDelay: 100, maxRetries: Infinity }
const options = { retry, closeTimeout: 300 } satisfies ReconnectingWebSocketOptions
const kibibyte = 1024
const mebibyte = 1024 * kibibyte

interface Path extends AsyncDisposable {
  readonly peer: WsPeer
  readonly proxy: FaultProxy
}

/** A server, and a proxy on the way to it. */
async function openPath(shape?: Omit<FaultProxyOptions, 'upstream'>): Promise<Path> {
  const peer = await startWs()
  const proxy = await FaultProxy.listen({ upstream: peer.url, ...shape })
  return {
    peer,
    proxy,
    [Symbol.asyncDispose]: async () => {
      await proxy.close()
      await peer.stop()
    },
  }
}

for (const transport of transports) {
  describe(`through a faulty network, over ${transport.name}`, { concurrency: true, timeout: 120_000 }, () => {
    const dial = ({ proxy }: Path, more?: ReconnectingWebSocketOptions): ReconnectingWebSocket =>
      new ReconnectingWebSocket(`${proxy.url}/echo`, [], transport.with(heartbeat, { ...options, ...more }))

    for (const fault of ['cut', 'reset'] as const) {
      test(`a link that is ${fault === 'cut' ? 'cut' : 'reset'} is replaced, and what is sent meanwhile arrives on the next one`, async () => {
        await using path = await openPath()
        await using socket = dial(path)
        const log = SocketLog.of(socket)
        await log.next('open')
        path.proxy[fault]()
        const close = await log.next('close')
        assert.deepEqual([close.code, close.wasClean, close.cause, close.willReconnect], [1006, false, 'network', true])
        socket.send('queued')
        await log.next('open')
        assert.equal((await log.next('message')).data, 'queued')
        assert.equal(socket.stats.dials, 2)
      })
    }

    test('a strict socket ends with the link that is reset, and says so once', async () => {
      await using path = await openPath()
      await using socket = new WebSocket(`${path.proxy.url}/echo`, [], transport.with(heartbeat, { closeTimeout: 300 }))
      const log = SocketLog.of(socket)
      await log.next('open')
      path.proxy.reset()
      await log.next('close')
      assert.deepEqual(
        log.events.map(({ event }) => event),
        ['open', 'error', 'close'],
      )
      assert.equal(path.peer.attempts.length, 1)
    })

    for (const direction of ['both', 'up', 'down'] as const) {
      test(`a black hole (${direction}) is noticed while TCP still calls the link open`, async () => {
        await using path = await openPath()
        await using socket = dial(path)
        const log = SocketLog.of(socket)
        await log.next('open')
        path.proxy.freeze(direction)
        const close = await log.next('close')
        assert.deepEqual([close.code, close.cause], [1006, 'heartbeat-timeout'])
        path.proxy.heal('drop')
        await log.next('open')
        socket.send('after')
        assert.equal((await log.next('message')).data, 'after')
      })
    }

    test('a short outage that the network repairs by itself costs nothing', async () => {
      await using path = await openPath()
      await using socket = new ReconnectingWebSocket(
        `${path.proxy.url}/echo`,
        [],
        transport.with({ interval: 200, timeout: 10_000 }, options),
      )
      const log = SocketLog.of(socket)
      await log.next('open')
      socket.send('1')
      await log.next('message')
      path.proxy.freeze()
      socket.send('2')
      socket.send('3')
      await sleep(aWhileMs)
      path.proxy.heal('release')
      await log.atLeast(3, 'message')
      assert.deepEqual(log.texts, ['1', '2', '3'])
      assert.equal(log.count('close'), 0)
    })

    test('a dial that was made in the outage is not waited for when the network is back', async () => {
      await using path = await openPath()
      await using socket = dial(path, { connectTimeout: 3_000 })
      const log = SocketLog.of(socket)
      await log.next('open')
      path.proxy.freeze()
      await log.next('close')
      const { accepted } = path.proxy.stats
      // Accepted by the proxy and black-holed for good.
      await until(() => path.proxy.stats.accepted > accepted, 'dial in the outage')
      path.proxy.heal('drop')
      await log.next('open')
      assert.ok((socket.stats.failures['connect-timeout'] ?? 0) >= 1)
    })

    test('a closed port is dialled until it opens', async () => {
      await using path = await openPath()
      await path.proxy.refuse()
      await using socket = dial(path)
      const log = SocketLog.of(socket)
      await log.next('retry', ({ attempt }) => attempt === 3)
      assert.equal(log.count('close'), 0, 'no session has ended, because none has begun')
      await path.proxy.accept()
      await log.next('open')
      await path.proxy.refuse()
      path.proxy.cut()
      await log.next('retry', ({ attempt }) => attempt >= 3)
      await path.proxy.accept()
      await log.next('open')
    })

    test('tries are used up against a closed port, and a person brings the socket back', async () => {
      await using path = await openPath()
      await path.proxy.refuse()
      await using socket = dial(path, { retry: { ...retry, maxRetries: 3 } })
      const log = SocketLog.of(socket)
      assert.equal((await log.next('giveup')).cause, 'retries-exhausted')
      assert.equal(socket.stats.dials, 4)
      assert.equal(socket.status.state, 'suspended')
      await path.proxy.accept()
      await sleep(5 * retry.maxDelay)
      assert.equal(socket.stats.dials, 4, 'nobody tries again by itself')
      socket.reconnect()
      await log.next('open')
    })

    test('a slow and uneven network keeps order and link', async () => {
      await using path = await openPath({ delay: { ms: 60, jitter: 50 } })
      await using socket = new ReconnectingWebSocket(
        `${path.proxy.url}/echo`,
        [],
        transport.with({ interval: 100, timeout: 2_000 }, options),
      )
      const log = SocketLog.of(socket)
      await log.next('open')
      const numbers = Array.from({ length: 100 }, (_, index) => String(index))
      for (const number of numbers) {
        socket.send(number)
        await sleep(5)
      }
      await log.atLeast(numbers.length, 'message')
      assert.deepEqual(log.texts, numbers)
      await sleep(aWhileMs / 2)
      assert.equal(log.count('close'), 0)
      assert.ok((socket.status.rtt ?? 0) >= 20, `a ping was answered, both ways late: ${socket.status.rtt} ms`)
    })

    for (const maxBytes of [1, 3, 7]) {
      test(`frames in pieces of ${maxBytes} bytes arrive whole, text and binary`, async () => {
        await using path = await openPath()
        await using socket = dial(path)
        const log = SocketLog.of(socket)
        await log.next('open')
        path.proxy.slice(maxBytes)
        const bytes = Uint8Array.from({ length: 300 }, (_, index) => index)
        socket.send('grüße')
        socket.send(bytes)
        assert.equal((await log.next('message')).data, 'grüße')
        assert.deepEqual(new Uint8Array((await log.next('message')).data as ArrayBuffer), bytes)
        assert.equal(log.count('close'), 0)
      })
    }

    test('a large message that takes longer to write than an answer may take is not a reason to cut', async () => {
      await using path = await openPath({ limit: 2 * mebibyte })
      await using socket = dial(path, { outbox: { maxBytes: 8 * mebibyte } })
      const log = SocketLog.of(socket)
      await log.next('open')
      const large = new Uint8Array(4 * mebibyte).fill(7)
      const start = performance.now()
      await sendUnechoed(path.peer, socket, large)
      assert.ok(performance.now() - start > 2 * (heartbeat.interval + heartbeat.timeout), 'it took several deadlines')
      assert.equal(log.count('close'), 0)
      path.proxy.limit()
      await log.next('message')
    })

    test('close() on a black-holed link ends within closeTimeout', async () => {
      await using path = await openPath()
      await using socket = dial(path)
      const log = SocketLog.of(socket)
      await log.next('open')
      path.proxy.freeze()
      socket.close(1000)
      assert.equal(socket.readyState, 2)
      const close = await log.next('close')
      assert.deepEqual([close.code, close.wasClean, close.willReconnect], [1006, false, false])
    })

    test('a peer that stops reading costs the link when a write makes no progress', async () => {
      await using path = await openPath()
      await using socket = dial(path, { writeTimeout: 500, outbox: { maxBytes: 64 * mebibyte } })
      const log = SocketLog.of(socket)
      await log.next('open')
      path.peer.connections.at(-1)!.socket.pause()
      const large = new Uint8Array(32 * mebibyte)
      socket.send(large)
      const close = await log.next('close')
      assert.deepEqual([close.code, close.cause], [1006, 'write-timeout'])
      await log.next('open')
    })
  })
}

describe('where the transport shows its bytes', { concurrency: true, timeout: 120_000 }, () => {
  const dial = ({ proxy }: Path, pathname: string): ReconnectingWebSocket =>
    new ReconnectingWebSocket(`${proxy.url}${pathname}`, [], ws.with(heartbeat, options))

  for (const maxBytes of [1, 7]) {
    test(`a trickle of ${maxBytes}-byte pieces of one large message is life`, async () => {
      await using path = await openPath()
      await using socket = dial(path, '/quiet')
      const log = SocketLog.of(socket)
      await log.next('open')
      path.proxy.slice(maxBytes)
      path.proxy.limit(4 * kibibyte)
      const large = new Uint8Array(12 * kibibyte).fill(7)
      const start = performance.now()
      path.peer.connections.at(-1)!.socket.send(large)
      const { data } = await log.next('message')
      assert.ok(performance.now() - start > 2 * (heartbeat.interval + heartbeat.timeout), 'it took several deadlines')
      assert.equal((data as ArrayBuffer).byteLength, large.length)
      assert.equal(log.count('close'), 0)
    })
  }

  test('a message of 4 MiB that takes longer than any deadline is received', async () => {
    await using path = await openPath()
    await using socket = dial(path, '/quiet')
    const log = SocketLog.of(socket)
    await log.next('open')
    path.proxy.limit(1.5 * mebibyte)
    path.peer.connections.at(-1)!.socket.send(new Uint8Array(4 * mebibyte))
    const { data } = await log.next('message')
    assert.equal((data as ArrayBuffer).byteLength, 4 * mebibyte)
    assert.equal(log.count('close'), 0)
  })

  test('a trickle that ends in silence is not life any more', async () => {
    await using path = await openPath()
    await using socket = dial(path, '/quiet')
    const log = SocketLog.of(socket)
    await log.next('open')
    path.proxy.limit(4 * kibibyte)
    path.peer.connections.at(-1)!.socket.send(new Uint8Array(mebibyte))
    await sleep(aWhileMs)
    assert.equal(log.count('close'), 0)
    path.proxy.freeze('down')
    assert.equal((await log.next('close')).cause, 'heartbeat-timeout')
  })

  test('a peer that only listens, to whom no packet comes through, is noticed by what it does not answer', async () => {
    await using path = await openPath()
    await using socket = dial(path, '/quiet')
    const log = SocketLog.of(socket)
    await log.next('open')
    path.proxy.freeze('up')
    socket.send('lost')
    assert.equal((await log.next('close')).cause, 'heartbeat-timeout')
  })
})

test('over a transport without pings and without a heartbeat of the application’s, a healthy idle link is left alone', async () => {
  await using path = await openPath()
  await using socket = new ReconnectingWebSocket(`${path.proxy.url}/echo`, [], { ...options, WebSocket: globalThis.WebSocket, heartbeat })
  const log = SocketLog.of(socket)
  await log.next('open')
  await sleep(aWhileMs)
  assert.deepEqual([log.count('close'), socket.stats.pings], [0, 0])
})

/** Sends a message and waits until the server has all of it. */
async function sendUnechoed(peer: WsPeer, socket: ReconnectingWebSocket, message: Uint8Array<ArrayBuffer>): Promise<void> {
  const server = peer.connections.at(-1)!.socket
  const arrived = new Promise<void>((resolve) => server.on('message', (data: Buffer) => data.length === message.length && resolve()))
  socket.send(message)
  await inTime(arrived, 'message at the server')
}
