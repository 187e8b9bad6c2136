// Neither side is read faster than the other takes what it says, and what waits in between is bounded. Nothing is dropped for it.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'holdfast'
import type { WebSocket as Plain } from 'ws'
import { EventRecord } from '../client/record.ts'
import { until } from '../fault/patience.ts'
import { begin, dial } from '../server/script-client.ts'
import { openPath, openRoute, partition } from './gateway.ts'

const kibibyte = 1024
const mebibyte = 1024 * kibibyte
/** What the kernel may hold of a connection on its way: megabytes, on loopback. */
const inTheKernelBytes = 16 * mebibyte
const retry = { minDelay: 5, maxDelay: 20, maxRetries: Infinity }

/** Sends numbered messages of so many bytes. */
function sendAll(socket: { send(data: string): void }, count: number, bytes: number): void {
  for (let number = 0; number < count; number++) socket.send(String(number).padEnd(bytes))
}

/** Once nothing more leaves. */
async function settled(amount: () => number): Promise<number> {
  let last = -1
  let looks = 0
  await until(() => {
    looks = amount() === last ? looks + 1 : 0
    last = amount()
    return looks === 15
  }, 'standstill')
  return last
}

describe('a client that does not read stops its backend', { timeout: 90_000 }, () => {
  const count = 1_000
  const bytes = 64 * kibibyte

  test('with a session', async () => {
    await using route = await openRoute({ writeTimeout: 60_000, session: { maxBytes: mebibyte } })
    const { link } = await begin(`${route.url}/idle`)
    const { socket } = route.peer.connections[0]!
    link.ws.pause()
    sendAll(socket, count, bytes)
    assert.ok((await settled(() => socket.bufferedAmount)) > count * bytes - inTheKernelBytes, 'most of it has to wait at the backend')
    assert.ok(route.gateway.stats.bufferedBytes <= mebibyte, `${route.gateway.stats.bufferedBytes} bytes held`)
    await route.line('upstream held back')
    link.ws.resume()
    for (let number = 0; number < count; number++) {
      assert.equal(Number(await link.nextData()), number)
      link.control('A', number + 1)
    }
    assert.equal(route.peer.count('closed'), 0)
    link.ws.close()
  })

  test('without one', async () => {
    await using route = await openRoute({ writeTimeout: 60_000 })
    const link = await dial(`${route.url}/idle`, [])
    const { socket } = route.peer.connections[0]!
    link.ws.pause()
    sendAll(socket, count, bytes)
    assert.ok((await settled(() => socket.bufferedAmount)) > count * bytes - inTheKernelBytes, 'most of it has to wait at the backend')
    link.ws.resume()
    for (let number = 0; number < count; number++) assert.equal(Number(await link.next()), number)
    link.ws.close()
  })
})

describe('a client that never reads again', { timeout: 60_000 }, () => {
  test('loses its link, then its session, and the backend is told that it is gone', async () => {
    // What a session may hold fits into the kernel, so that it is the missing answer that gives such a client away.
    const session = { ttl: 200, maxBytes: 4 * kibibyte }
    await using route = await openRoute({ session, heartbeat: { interval: 100, timeout: 200 } })
    const { link } = await begin(`${route.url}/idle`)
    link.ws.pause()
    sendAll(route.peer.connections[0]!.socket, 1_000, kibibyte)
    assert.equal((await route.line('session lost')).fields.cause, 'heartbeat-timeout')
    assert.equal((await route.line('client ended')).fields.code, 1006)
    assert.equal((await route.peer.waitFor('closed')).code, 1001)
    assert.equal(route.gateway.stats.bufferedBytes, 0)
    link.reset()
  })

  test('loses its link if it has no session, and the backend is told that it is gone', async () => {
    await using route = await openRoute({ writeTimeout: 200 })
    const link = await dial(`${route.url}/idle`, [])
    link.ws.pause()
    sendAll(route.peer.connections[0]!.socket, 1_000, 64 * kibibyte)
    assert.equal((await route.line('client ended')).fields.code, 1006)
    assert.equal((await route.peer.waitFor('closed')).code, 1001)
    link.reset()
  })
})

describe('a backend that never reads again', { timeout: 60_000 }, () => {
  test('loses its link, and the client is told: 1014', async () => {
    await using route = await openRoute({ writeTimeout: 200 })
    const link = await dial(`${route.url}/silent`, [])
    sendAll(link, 1_000, 64 * kibibyte)
    assert.deepEqual(await link.closed, { code: 1014, reason: 'upstream write-timeout' })
    assert.equal((await route.line('upstream ended')).fields.cause, 'write-timeout')
  })
})

describe('a backend that ends while its client has to wait for it', { timeout: 60_000 }, () => {
  test('is told to the client at once', async () => {
    await using route = await openRoute()
    await using client = new WebSocket(`${route.url}/silent`, null, { resume: true, outbox: { maxBytes: Infinity } })
    await client.opened
    sendAll(client, 400, 64 * kibibyte)
    await settled(() => client.stats.unackedBytes + client.bufferedAmount)
    route.peer.connections[0]!.socket.terminate()
    const close = await client.closed
    assert.deepEqual([close.code, close.reason, close.wasClean], [1014, 'upstream lost', true])
  })
})

describe('a backend that does not read stops its client', { timeout: 90_000 }, () => {
  const count = 1_000
  const bytes = 64 * kibibyte

  test('with a session, whose messages are not acknowledged any more', async () => {
    await using route = await openRoute()
    await using client = new WebSocket(`${route.url}/idle`, null, { resume: true, outbox: { maxBytes: Infinity }, writeTimeout: 60_000 })
    await client.opened
    const { socket } = route.peer.connections[0]!
    socket.pause()
    sendAll(client, count, bytes)
    const waiting = await settled(() => client.stats.unackedBytes + client.bufferedAmount)
    assert.ok(waiting > count * bytes - inTheKernelBytes, `${waiting} bytes wait at the client`)
    await checkAll(socket)
  })

  test('without one', async () => {
    await using route = await openRoute()
    const client = await dial(`${route.url}/idle`, [])
    const { socket } = route.peer.connections[0]!
    socket.pause()
    sendAll(client, count, bytes)
    const waiting = await settled(() => client.ws.bufferedAmount)
    assert.ok(waiting > count * bytes - inTheKernelBytes, `${waiting} bytes wait at the client`)
    await checkAll(socket)
    client.ws.close()
  })

  async function checkAll(socket: Plain): Promise<void> {
    const numbers: number[] = []
    socket.on('message', (data) => numbers.push(Number(String(data))))
    socket.resume()
    await until(() => numbers.length === count, 'all messages')
    assert.deepEqual(
      numbers,
      Array.from({ length: count }, (_, number) => number),
    )
  }
})

describe('while a client is away', { timeout: 90_000 }, () => {
  const shapes: [name: string, count: number, bytes: number][] = [
    ['large messages', 400, 16 * kibibyte],
    ['more messages than a session keeps', 20_000, 5],
  ]
  for (const [name, count, bytes] of shapes)
    test(`its session keeps what it may, and the backend waits with the rest: ${name}`, async () => {
      await using route = await openPath({ session: { maxBytes: mebibyte }, upstreamHeartbeat: { interval: 50, timeout: 5_000 } })
      await using client = new WebSocket(`${route.url}/idle`, null, { resume: true, retry })
      const record = new EventRecord(client)
      await record.until('open')
      const { socket } = route.peer.connections[0]!
      await partition(route)
      sendAll(socket, count, bytes)
      await route.line('upstream held back')
      assert.ok(route.gateway.stats.bufferedBytes <= mebibyte, `${route.gateway.stats.bufferedBytes} bytes held`)
      const pongs = route.peer.count('pong')
      await until(() => route.peer.count('pong') > pongs + 2, 'signs of life, which the backend needs also while it is not read')
      await route.proxy.accept()
      await until(() => record.all('message').length === count, 'all messages')
      assert.deepEqual(
        record.all('message').map(({ data }) => Number(data)),
        Array.from({ length: count }, (_, number) => number),
      )
      assert.deepEqual([route.peer.count('closed'), record.all('close').length, route.peer.connections.length], [0, 0, 1])
    })

  test('and its backend ends, it hears the last words and the close when it is back', async () => {
    await using route = await openPath({ closeTimeout: 1_000 })
    await using client = new WebSocket(`${route.url}/idle`, null, { resume: true, retry })
    const record = new EventRecord(client)
    await record.until('open')
    await partition(route)
    const { socket } = route.peer.connections[0]!
    sendAll(socket, 3_000, 1_000)
    socket.close(4000, 'done')
    await sleep(1_200) // longer than a close may take
    await route.proxy.accept()
    const close = await record.until('close')
    assert.deepEqual([close.code, close.reason, close.wasClean], [4000, 'done', true])
    assert.equal(record.all('message').length, 3_000)
  })
})
