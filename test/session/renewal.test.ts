// Both ends of this library where a server is gone and another is there that knows nothing of its sessions: a new one begins on the link on which
// the client learns it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dialTcp, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { ReconnectingWebSocket, type ReconnectingWebSocketOptions, type Status, WebSocket } from 'holdfast'
import type { WebSocketServerOptions } from '../../packages/holdfast/src/server.ts'
import { EventRecord } from '../client/record.ts'
import { recorded, transports } from '../client/transport.ts'
import { until } from '../fault/patience.ts'
import { begin } from '../server/script-client.ts'
import { startServer, type TestServer, textsOf } from '../server/server.ts'

const options: ReconnectingWebSocketOptions = {
  resume: true,
  retry: { minDelay: 5, maxDelay: 50, maxRetries: Infinity },
  closeTimeout: 50,
}

interface Door {
  readonly url: string
  readonly first: TestServer
  readonly second: TestServer
  /** How many came. */
  readonly accepted: number
  /** The first server is gone, with all links to it; who comes now finds the second. */
  change(): void
}

/** One address, and behind it a server and the one that takes its place. */
async function openDoor(t: TestContext, serverOptions?: WebSocketServerOptions): Promise<Door> {
  const [first, second] = [await startServer(serverOptions), await startServer(serverOptions)]
  const open = new Set<Socket>()
  let target = first
  let accepted = 0
  const keep = (socket: Socket): Socket => {
    open.add(socket)
    return socket.on('error', () => {}).once('close', () => open.delete(socket))
  }
  const door = createServer((client) => {
    accepted++
    const upstream = keep(dialTcp((target.server.address() as AddressInfo).port, '127.0.0.1'))
    keep(client).pipe(upstream).pipe(client)
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => client.destroy())
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  t.after(async () => {
    cut()
    door.close()
    await Promise.all([first, second].map((each) => each[Symbol.asyncDispose]()))
  })
  return {
    url: `ws://127.0.0.1:${(door.address() as AddressInfo).port}`,
    first,
    second,
    get accepted() {
      return accepted
    },
    change: () => {
      target = second
      cut()
    },
  }
}

describe('a server that is replaced', { timeout: 60_000 }, () => {
  test('is dialled once by each of its clients, and each message arrived or is given back', async (t) => {
    const crowd = 30
    const door = await openDoor(t)
    const clients = Array.from({ length: crowd }, () => recorded(t, new ReconnectingWebSocket(door.url, null, options)))
    await Promise.all(clients.map(({ record }) => record.until('open')))
    const arrived: string[] = []
    for (let index = 0; index < crowd; index++) (await door.first.socket(index)).on('message', (data) => arrived.push(String(data)))
    for (const [index, { socket }] of clients.entries()) for (const name of ['a', 'b']) socket.send(`${name}${index}`)
    await until(() => arrived.length >= crowd, 'half of the messages')
    door.change()
    const closes = await Promise.all(clients.map(({ record }) => record.until('close')))
    for (const [index, { reason, exact, unconfirmed }] of closes.entries()) {
      assert.deepEqual([reason, exact], ['session-lost:unknown', false])
      for (const name of ['a', 'b']) {
        const message = `${name}${index}`
        assert.ok(arrived.includes(message) || unconfirmed.includes(message), `${message} is neither there nor given back`)
      }
    }
    await Promise.all(clients.map(({ record }) => record.until('open', 2)))
    assert.equal(door.accepted, 2 * crowd)
    const { linksOpened, sessionsOpened, sessionsRefused } = door.second.server.totals
    assert.deepEqual(linksOpened, { session: 0, resumption: crowd, plain: 0 })
    assert.deepEqual([sessionsOpened, sessionsRefused.unknown, door.second.server.stats.attached], [crowd, crowd, crowd])
    for (const { socket } of clients) assert.deepEqual([socket.stats.dials, socket.stats.sessions], [2, 2])
    for (const { socket } of clients) socket.close()
  })

  for (const transport of transports)
    test(`is told to the application as ever, but that nothing is waited for, over ${transport.name}`, async (t) => {
      const door = await openDoor(t)
      const { socket, record } = transport.reconnecting(t, door.url, options)
      const told: Status[] = []
      socket.subscribe(() => told.push(socket.status))
      await record.until('open')
      socket.addEventListener('close', ({ unconfirmed }) => {
        for (const message of unconfirmed) socket.send(`${message} again`)
      })
      door.change()
      socket.send('lost')
      await record.until('open', 2)
      const texts = textsOf(await door.second.socket())
      await until(() => texts.length > 0, 'what was sent again')
      assert.deepEqual(texts, ['lost again'])
      assert.deepEqual(
        record.lines.map((line) => line.split(' ', 2).join(' ')),
        ['open 1', 'lost 1', 'retry 1', 'error 3', 'close 3', 'open 1'],
      )
      assert.deepEqual(
        told.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]),
        ['connecting', 'open', 'waiting', 'connecting', 'open'],
      )
      for (const { state, retryAt } of told) assert.equal(retryAt === null, state !== 'waiting')
      assert.equal(told.at(-1)!.session?.id, (await door.second.socket()).sessionId)
    })

  test('sets each new session up', async (t) => {
    const door = await openDoor(t)
    const setups: boolean[] = []
    const socket = new ReconnectingWebSocket(door.url, null, {
      ...options,
      onSession: ({ isFirst, send }) => {
        setups.push(isFirst)
        send('subscribe')
      },
    })
    const { record } = recorded(t, socket)
    await record.until('open')
    door.change()
    const close = await record.until('close')
    socket.send('after that')
    await record.until('open', 2)
    const texts = textsOf(await door.second.socket())
    await until(() => texts.length === 2, 'both messages')
    assert.deepEqual([setups, texts, close.willReconnect], [[true, false], ['subscribe', 'after that'], true])
  })

  test('chooses among the subprotocols that the client offered to resume', async (t) => {
    const door = await openDoor(t, { handleProtocols: (offered) => [...offered].at(-1)! })
    const { socket, record } = recorded(t, new ReconnectingWebSocket(door.url, ['a', 'b'], options))
    await record.until('open')
    door.change()
    await record.until('open', 2)
    assert.deepEqual([socket.protocol, (await door.second.socket()).protocol], ['b', 'b'])
  })

  test('begins nothing for who has closed, or closes when it is told', async (t) => {
    const door = await openDoor(t)
    const socket = new ReconnectingWebSocket(door.url, null, options)
    const record = new EventRecord(socket)
    await record.until('open')
    socket.addEventListener('close', () => socket.close(4_000, 'enough'))
    door.change()
    const last = await socket.closed
    assert.deepEqual([last.code, last.reason, last.willReconnect], [4_000, 'enough', false])
    const strict = new WebSocket(door.url, null, options)
    await strict.opened
    await until(() => door.second.server.stats.attached === 1, 'session')
    assert.equal(door.second.server.totals.sessionsOpened, 1, 'that of the strict class')
    await strict.close()
  })

  test('gets no new session of the strict class', async (t) => {
    const door = await openDoor(t)
    const { record } = recorded(t, new WebSocket(door.url, null, options))
    await record.until('open')
    door.change()
    const close = await record.until('close')
    assert.deepEqual([close.reason, close.willReconnect], ['session-lost:unknown', false])
    assert.deepEqual([door.accepted, door.second.server.totals.sessionsOpened], [2, 0])
  })

  test('is waited for as it says where it is too busy for another session', async (t) => {
    const door = await openDoor(t, { admission: { ratePerSecond: 1 } })
    const { socket, record } = recorded(t, new ReconnectingWebSocket(door.url, null, options))
    await record.until('open')
    await begin(door.second.url) // it takes no other one within a second
    door.change()
    socket.reconnect()
    await record.until('open', 2)
    const { sessionsRefused, linksOpened } = door.second.server.totals
    assert.deepEqual([sessionsRefused.unknown, sessionsRefused.busy], [1, 1])
    assert.deepEqual(linksOpened, { session: 2, resumption: 1, plain: 0 })
  })
})
