// Clients that mean ill, or are broken: what they cost is bounded, they are told a code where they can be told, and the log says what happened.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import type { SessionSocket, WebSocketServerOptions } from '../../packages/holdfast/src/server.ts'
import { HandClock } from '../client/hand-clock.ts'
import { inTime, until } from '../fault/patience.ts'
import { begin, dial, dle, type ScriptLink } from './script-client.ts'
import { next, startServer, type TestServer, turn } from './server.ts'

const kibibyte = 1024
const flood = 50_000
/** What a link may have in hand, and the last message that was let in. */
const maxBacklogBytes = 64 * kibibyte
const large = Buffer.alloc(64 * kibibyte)

interface Abused extends TestServer {
  /** Lines of the log, as `text {fields}`, but for what differs from run to run. */
  readonly lines: string[]
}

async function startAbused(options: WebSocketServerOptions = {}): Promise<Abused> {
  const lines: string[] = []
  const write = (fields: object, text = '') => {
    const { name: _name, session: _session, address: _address, unconfirmed: _unconfirmed, ...rest } = fields as { [field: string]: unknown }
    lines.push(`${text.replace('holdfast: ', '')} ${JSON.stringify(rest)}`)
  }
  const server = await startServer({ logger: { debug: write, info: write, warn: write, error: write }, ...options })
  server.server.on('connection', (socket) => socket.on('error', () => {})) // as every application of ws has to
  return { ...server, lines }
}

/** Bytes of a link's socket as they are, which no class of a client would send. */
function sendRaw(link: ScriptLink, ...bytes: number[]): void {
  ;(link.ws as unknown as { _socket: Socket })._socket.write(Buffer.from(bytes))
}

function backlogOf(socket: SessionSocket): number {
  return (socket._socket as Socket).writableLength
}

async function linesOf({ lines }: Abused, pattern: RegExp): Promise<void> {
  await until(() => lines.some((line) => pattern.test(line)), `line like ${pattern} among ${lines.join('\n')}`)
}

describe('a client that never reads', { timeout: 120_000 }, () => {
  test('without a session is given up when a write has stood still for writeTimeout', async () => {
    const clock = new HandClock()
    await using path = await startAbused({ clock })
    const link = await dial(path.url, [])
    link.ws.pause()
    const socket = await path.socket()
    const closed = next(socket, 'close')
    for (; backlogOf(socket) === 0; await turn()) socket.send(large)
    await clock.advance(12_000)
    assert.equal((await closed)[0], 1006)
    assert.equal(path.server.stats.plain, 0)
    await linesOf(path, /^plain client is given up {"cause":"write-timeout"}/)
    link.ws.terminate()
  })

  test('with a session loses its link the same way, and the session stays', async () => {
    const clock = new HandClock()
    await using path = await startAbused({ clock, session: { maxBytes: Infinity } })
    const { link } = await begin(path.url)
    link.ws.pause()
    const socket = await path.socket()
    const lost = next(socket, 'lost')
    do {
      socket.send(large)
      for (const _ of ['written', 'drained']) await turn()
    } while (socket.bufferedAmount === 0) // until then the buffers of two kernels take it
    await clock.advance(12_000)
    assert.equal((await lost)[0].cause, 'write-timeout')
    assert.equal(socket.readyState, 1)
    await linesOf(path, /^session lost .*write-timeout/)
    link.ws.terminate()
  })

  test('with a session costs what that may hold, and then the session: 1013', async () => {
    await using path = await startAbused({ session: { maxBytes: 1024 * kibibyte } })
    const { link } = await begin(path.url)
    link.ws.pause()
    const socket = await path.socket()
    const closed = next(socket, 'close')
    let mostHeld = 0
    let mostInHand = 0
    while (socket.readyState === 1) {
      socket.send(large)
      mostHeld = Math.max(mostHeld, path.server.stats.bufferedBytes)
      mostInHand = Math.max(mostInHand, backlogOf(socket) - socket.bufferedAmount)
      await turn()
    }
    assert.equal((await closed)[0], 1013)
    assert.ok(mostHeld <= 1024 * kibibyte, `held ${mostHeld}`)
    assert.ok(mostInHand <= maxBacklogBytes + large.length, `in hand ${mostInHand}`)
    assert.equal(path.server.stats.bufferedBytes, 0)
    await linesOf(path, /^session end .*"code":1013.*overflow/)
    link.ws.terminate()
  })
})

describe('a client that never acknowledges', { timeout: 60_000 }, () => {
  for (const how of ['says nothing', 'answers with old numbers'])
    test(`and ${how} ends its session when that holds all that it may: 1013`, async () => {
      await using path = await startAbused({ session: { maxMessages: 100 } })
      const { link } = await begin(path.url)
      const socket = await path.socket()
      if (how !== 'says nothing')
        link.ws.on('message', (data: Buffer) => {
          const frame = String(data)
          if (frame.startsWith(`${dle}P`)) link.control('O', `${frame.slice(2).split(',')[0]},0`)
        })
      const closed = next(socket, 'close')
      for (let count = 0; count <= 100; count++) {
        assert.equal(socket.readyState, 1)
        socket.send('x')
        await turn()
      }
      assert.equal((await closed)[0], 1013)
      assert.equal((await inTime(link.closed, 'end')).code, 3805)
      await linesOf(path, /^session end .*"code":1013.*overflow/)
    })
})

describe('pings whose answers are read', { timeout: 60_000 }, () => {
  for (const [who, open] of [
    ['a client without a session', (url: string) => dial(url, [])],
    ['the link of a session', async (url: string) => (await begin(url)).link],
  ] as const)
    test(`are answered to ${who}, however many they are in all`, async () => {
      await using path = await startAbused({ maxPendingAutoPongs: 5 })
      const link = await open(path.url)
      const socket = await path.socket()
      const pings: string[] = []
      socket.on('ping', (data) => pings.push(String(data)))
      for (let count = 0; count < 20; count++) {
        const pong = next(link.ws, 'pong')
        link.ws.ping(`${count}`)
        assert.equal(String((await pong)[0]), `${count}`)
      }
      assert.deepEqual([pings.length, pings[19], link.ws.readyState], [20, '19', 1])
      link.ws.terminate()
    })

  test('get none where autoPong is false', async () => {
    await using path = await startAbused({ autoPong: false })
    assert.equal(path.server.options.autoPong, false)
    const link = await dial(path.url, [])
    const socket = await path.socket()
    let isAnswered = false
    link.ws.on('pong', () => (isAnswered = true))
    const ping = next(socket, 'ping')
    link.ws.ping()
    await ping
    socket.send('behind it')
    await link.next()
    assert.equal(isAnswered, false)
  })
})

describe('a flood of pings', { timeout: 60_000 }, () => {
  test('whose answers are not read ends a link without a session, and costs little till then', async () => {
    await using path = await startAbused()
    const link = await dial(path.url, [])
    const socket = await path.socket()
    let most = 0
    socket.on('ping', () => {
      most = Math.max(most, backlogOf(socket))
    })
    const closed = next(socket, 'close')
    link.ws.pause()
    const payload = Buffer.alloc(125)
    for (let count = 0; count < flood && socket.readyState === 1; count++) {
      link.ws.ping(payload)
      if (count % 1_000 === 0) await turn()
    }
    assert.equal((await closed)[0], 1006)
    assert.ok(most < maxBacklogBytes, `in hand ${most}`)
    await linesOf(path, /^plain client is gone {"code":1006,"cause":"overflow"}/)
    link.ws.terminate()
  })

  test('whose answers are not read ends the link of a session, which stays', async () => {
    await using path = await startAbused()
    const { link } = await begin(path.url)
    const socket = await path.socket()
    const lost = next(socket, 'lost')
    link.ws.pause()
    const payload = Buffer.alloc(125)
    for (let count = 0; count < flood && socket.attached; count++) {
      link.ws.ping(payload)
      if (count % 1_000 === 0) await turn()
    }
    await lost
    assert.equal(socket.readyState, 1)
    await linesOf(path, /^session lost /)
    link.ws.terminate()
  })

  test('of the session costs no more than its answers, and the session goes on', async () => {
    await using path = await startAbused()
    const { link } = await begin(path.url)
    const socket = await path.socket()
    const messages: string[] = []
    socket.on('message', (data) => messages.push(String(data)))
    link.ws.pause()
    for (let id = 1; id <= flood; id++) {
      link.control('P', `${id},0`)
      if (id % 1_000 === 0) await turn()
    }
    link.send('behind it')
    await until(() => messages.length === 1, 'message behind the flood')
    assert.ok(backlogOf(socket) <= maxBacklogBytes + kibibyte, `in hand ${backlogOf(socket)}`)
    link.ws.resume()
    for (let answer = ''; !answer.startsWith(`${flood},`); ) answer = await link.nextControl('O')
    assert.equal(socket.readyState, 1)
  })
})

describe('frames that no client sends', { timeout: 60_000 }, () => {
  for (const [name, letter, payload] of [
    ['a welcome', 'W', {}],
    ['a splice', 'S', { recv: 0 }],
    ['a refusal', 'X', { why: 'busy' }],
    ['a request to move', 'D', { in: 0, by: 0 }],
    ['a second resumption', 'R', {}],
    ['an unknown capital letter', 'Q', ''],
    ['a control frame that is too long', 'P', '1'.repeat(5_000)],
  ] as const)
    test(`${name} ends the session, and says so: 3806`, async () => {
      await using path = await startAbused()
      const { link } = await begin(path.url)
      const socket = await path.socket()
      const closed = next(socket, 'close')
      link.control(letter, payload)
      await closed
      assert.deepEqual([socket.closeInfo?.code, socket.closeInfo?.cause], [1006, 'protocol'])
      assert.equal((await inTime(link.closed, 'end')).code, 3806)
      await linesOf(path, /^session end .*"cause":"protocol"/)
    })

  for (const [name, bytes] of [
    ['a control frame in pieces', [0x09, 0x80, 0, 0, 0, 0]],
    ['an unknown opcode', [0x83, 0x80, 0, 0, 0, 0]],
    ['a frame without a mask', [0x81, 0x01, 0x61]],
  ] as const) {
    test(`${name} of WebSocket ends a link without a session: 1002`, async () => {
      await using path = await startAbused()
      const link = await dial(path.url, [])
      const closed = next(await path.socket(), 'close')
      sendRaw(link, ...bytes)
      assert.equal((await closed)[0], 1006)
      assert.equal((await inTime(link.closed, 'end')).code, 1002)
      await linesOf(path, /^plain client is at fault {"reason":/)
    })

    test(`${name} of WebSocket ends a session, as another link would bring the same: 1002`, async () => {
      await using path = await startAbused()
      const { link } = await begin(path.url)
      const socket = await path.socket()
      const closed = next(socket, 'close')
      sendRaw(link, ...bytes)
      assert.equal((await closed)[0], 1002)
      assert.equal((await inTime(link.closed, 'end')).code, 1002)
      await linesOf(path, /^session end .*"code":1002/)
    })
  }

  test('what is control in a session is a text like any other without one', async () => {
    await using path = await startAbused()
    const link = await dial(path.url, [])
    const socket = await path.socket()
    const message = next(socket, 'message')
    link.control('W', {})
    assert.equal(String((await message)[0]), `${dle}W{}`)
    assert.equal(socket.readyState, 1)
  })
})
