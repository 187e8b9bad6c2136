// What the surroundings say: the network is gone or back, somebody looks again, the page is put away.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import 'holdfast'
import { type Hint, type Platform, platform, usePlatform } from '../../packages/holdfast/src/client/platform.ts'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { HandClock } from './hand-clock.ts'
import { eventually, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { patient, transports, ws } from './transport.ts'

const nodePlatform: Platform = platform()
const watchers = new Set<(hint: Hint) => void>()
let isOffline = false

function hint(name: Hint): void {
  isOffline = name === 'offline' || (isOffline && name !== 'online')
  for (const watcher of [...watchers]) watcher(name)
}

let server: Server
before(async () => {
  server = await startServer()
  usePlatform({
    ...nodePlatform,
    watch: (listener) => {
      watchers.add(listener)
      return () => watchers.delete(listener)
    },
    get isOffline() {
      return isOffline
    },
  })
})
after(async () => {
  usePlatform(nodePlatform)
  await server.stop()
})
beforeEach(() => {
  isOffline = false
})
afterEach(async () => {
  // The sockets of a test end after it.
  await eventually(() => watchers.size === 0, 'the end of all watching')
})

for (const transport of transports) {
  describe(`hints over ${transport.name}`, () => {
    test('while offline nothing is dialled and nothing is counted; online dials at once', async (t) => {
      let { url } = server.address('refuse')
      const { socket, record } = transport.reconnecting(t, () => url, { retry: patient })
      await record.until('retry')
      hint('offline')
      assert.equal(socket.status.state, 'waiting')
      assert.equal(socket.status.retryAt, null)
      assert.equal(socket.status.attempt, 1)
      await strays()
      assert.equal(socket.stats.dials, 1)
      url = server.address('echo').url
      hint('online')
      await record.until('open')
      assert.equal(socket.stats.dials, 2)
      assert.equal(socket.status.attempt, 1)
      t.after(() => socket.close())
      socket.close()
      await record.until('close')
    })

    test('a first dial waits for the network', async (t) => {
      isOffline = true
      const peer = server.address('echo')
      const { socket, record } = transport.reconnecting(t, peer.url)
      await strays()
      assert.equal(socket.status.state, 'waiting')
      assert.equal(socket.status.attempt, 0)
      assert.equal(socket.stats.dials, 0)
      assert.deepEqual(record.lines, [])
      hint('online')
      await record.until('open')
      assert.equal(peer.dials, 1)
      socket.close()
      await record.until('close')
    })

    test('a strict socket dials all the same, as the standard has it', async (t) => {
      isOffline = true
      const { socket, record } = transport.strict(t, server.address('echo').url)
      await record.until('open')
      socket.close()
      await record.until('close')
    })

    test('a link that is lost while offline is announced without a retry, which comes with the network', async (t) => {
      const peer = server.address('echo')
      const { socket, record } = transport.reconnecting(t, peer.url, { retry: patient })
      await record.until('open')
      hint('offline')
      assert.equal(socket.readyState, 1)
      peer.newest.terminate()
      await record.until('close')
      await strays()
      assert.deepEqual(record.lines, ['open 1', 'error 3 network', 'close 3 1006 unclean network reconnecting'])
      assert.equal(socket.status.retryAt, null)
      hint('online')
      await record.until('open', 2)
      socket.close()
      await record.until('close', 2)
    })

    for (const name of ['online', 'wake'] as const) {
      test(`${name} brings a suspended socket back`, async (t) => {
        let { url } = server.address('refuse')
        const { socket, record } = transport.reconnecting(t, () => url, { retry: false })
        await record.until('giveup')
        url = server.address('echo').url
        hint(name)
        await record.until('open')
        assert.equal(socket.status.attempt, 0)
        socket.close()
        await record.until('close')
      })

      test(`${name} ends the wait between dials, and several hints make one dial`, async (t) => {
        let peer = server.address('refuse')
        const { socket, record } = transport.reconnecting(t, () => peer.url, { retry: patient })
        await record.until('retry')
        peer = server.address('slow?delay=60s')
        hint(name)
        hint(name)
        hint('wake')
        await peer.dialled()
        await strays()
        assert.equal(peer.dials, 1)
        assert.equal(socket.stats.dials, 2)
        socket.close()
        await record.until('close')
      })
    }

    test('hints cause one dial a second at the most', async (t) => {
      const clock = new HandClock()
      const peer = server.address('refuse')
      const { socket, record } = transport.reconnecting(t, peer.url, { clock, retry: patient })
      await record.until('retry')
      hint('wake')
      await record.until('retry', 2)
      hint('wake')
      await strays()
      assert.equal(peer.dials, 2)
      await clock.advance(999)
      assert.equal(peer.dials, 2)
      await clock.advance(1)
      await record.until('retry', 3)
      assert.equal(peer.dials, 3)
      socket.close()
      await record.until('close')
    })

    test('hide lets go of the link without a retry, and the way back is a dial', async (t) => {
      const peer = server.address('echo')
      const { socket, record } = transport.reconnecting(t, peer.url, { retry: patient })
      await record.until('open')
      const { newest } = peer
      hint('hide')
      await record.until('close')
      await eventually(() => newest.readyState === 3, "the end of the server's socket")
      await strays()
      assert.deepEqual(record.lines, ['open 1', 'error 3 offline', 'close 3 1006 unclean offline reconnecting'])
      assert.equal(peer.dials, 1)
      hint('online')
      await record.until('open', 2)
      socket.close()
      await record.until('close', 2)
    })

    test('hide leaves a strict socket alone', async (t) => {
      const { socket, record } = transport.strict(t, server.address('echo').url)
      await record.until('open')
      hint('hide')
      await strays()
      assert.deepEqual(record.lines, ['open 1'])
      socket.close()
      await record.until('close')
    })

    test('nobody watches before start and after the end', async (t) => {
      const { socket, record } = transport.reconnecting(t, server.address('echo').url, { autoStart: false })
      await strays()
      assert.equal(watchers.size, 0)
      socket.start()
      assert.equal(watchers.size, 1)
      await record.until('open')
      socket.close()
      await record.until('close')
      assert.equal(watchers.size, 0)
    })
  })
}

describe('hints over ws, on an open link', () => {
  test('wake asks for a sign of life at once, and an answer keeps the link', async (t) => {
    const peer = server.address('echo')
    const { socket, record } = ws.strict(t, peer.url)
    await record.until('open')
    let pings = 0
    peer.newest.on('ping', () => pings++)
    hint('wake')
    await eventually(() => pings === 1, 'a ping')
    await eventually(() => socket.status.rtt !== null, 'an answer')
    assert.deepEqual(record.lines, ['open 1'])
    socket.close()
    await record.until('close')
  })

  test('without an answer the link is dead within 5 s', async (t) => {
    const clock = new HandClock()
    const proxy = await FaultProxy.listen({ upstream: server.url })
    t.after(() => proxy.close())
    const { socket, record } = ws.reconnecting(t, `${proxy.url}${server.address('echo').path}`, { clock, retry: patient })
    await record.until('open')
    proxy.freeze()
    hint('online')
    await clock.advance(5_000)
    await record.until('retry')
    assert.deepEqual(record.lines.slice(1, 3), ['error 3 heartbeat-timeout', 'close 3 1006 unclean heartbeat-timeout reconnecting'])
    socket.close()
    await record.until('close', 2)
  })

  test('wake does not dial before Retry-After', async (t) => {
    const clock = new HandClock()
    const peer = server.address('refuse?status=503&retryAfter=60')
    const { socket, record } = ws.reconnecting(t, peer.url, { clock })
    await record.until('retry')
    hint('wake')
    await clock.advance(59_999)
    assert.equal(peer.dials, 1)
    await clock.advance(1)
    await peer.dialled(2)
    socket.close()
    await record.until('close')
  })
})
