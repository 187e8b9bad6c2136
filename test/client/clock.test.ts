// Backoff, the reset of the count and late ticks, with real sockets and the time in the test's hand.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { HandClock } from './hand-clock.ts'
import { eventually, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { transports, ws } from './transport.ts'

const hour = 3_600_000

for (const transport of transports) {
  describe(`time over ${transport.name}`, () => {
    let server: Server
    before(async () => {
      server = await startServer()
    })
    after(() => server.stop())

    test('retries wait 1, 2, 4, 8, 16, 30, 30 … seconds under jitter none, and the tenth failure is giveup', async (t) => {
      const clock = new HandClock()
      const peer = server.address('refuse')
      const { socket, record } = transport.reconnecting(t, peer.url, { clock, retry: { jitter: 'none' } })
      const delays: number[] = []
      for (let retry = 1; retry <= 10; retry++) {
        const { detail } = await record.until('retry', retry)
        assert.equal(detail.attempt, retry)
        assert.equal(detail.at, clock.wall() + detail.delay)
        delays.push(detail.delay)
        await clock.advance(detail.delay - 1)
        assert.equal(peer.dials, retry, 'dialled too early')
        await clock.advance(1)
        await peer.dialled(retry + 1)
      }
      await record.until('giveup')
      assert.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000])
      assert.equal(peer.dials, 11)
      assert.equal(socket.stats.giveups, 1)
      await clock.advance(hour)
      assert.equal(peer.dials, 11)
      assert.equal(clock.pending, 0)
    })

    for (const [jitter, expected] of [
      ['equal', [250, 1_250, 2_500]],
      ['full', [250, 500, 1_000]],
    ] as const)
      test(`jitter '${jitter}' draws from the clock's lots`, async (t) => {
        const clock = new HandClock()
        clock.draw = 0.25
        const peer = server.address('refuse')
        const { record } = transport.reconnecting(t, peer.url, { clock, retry: { jitter } })
        const delays: number[] = []
        for (let retry = 1; retry <= 3; retry++) {
          const { detail } = await record.until('retry', retry)
          delays.push(detail.delay)
          await clock.advance(detail.delay)
        }
        assert.deepEqual(delays, expected)
      })

    test('a greeter that ends each link before stableAfter is not dialled for ever', async (t) => {
      const clock = new HandClock()
      const peer = server.address('greeter')
      const { socket, record } = transport.reconnecting(t, peer.url, {
        clock,
        heartbeat: false,
        retry: { jitter: 'none', maxRetries: 3 },
      })
      for (let link = 1; link <= 4; link++) {
        await record.until('open', link)
        assert.equal(socket.status.attempt, link - 1)
        await clock.advance(29_999)
        assert.equal(socket.status.attempt, link - 1)
        peer.newest.close(1012)
        await record.until('close', link)
        const retry = record.all('retry')[link - 1]
        if (retry) await clock.advance(retry.detail.delay)
      }
      await record.until('giveup')
      assert.equal(peer.dials, 4)
    })

    test('stableAfter of uptime sets the count to zero', async (t) => {
      const clock = new HandClock()
      const peer = server.address('greeter')
      const { socket, record } = transport.reconnecting(t, peer.url, { clock, heartbeat: false, retry: { jitter: 'none' } })
      await record.until('open')
      peer.newest.terminate()
      await clock.advance((await record.until('retry')).detail.delay)
      await record.until('open', 2)
      assert.equal(socket.status.attempt, 1)
      let told = 0
      socket.subscribe(() => told++)
      await clock.advance(30_000)
      assert.equal(socket.status.attempt, 0)
      assert.equal(told, 1)
      peer.newest.terminate()
      const { detail } = await record.until('retry', 2)
      assert.equal(detail.attempt, 1)
      assert.equal(detail.delay, 1_000)
    })

    test('a connect timeout counts awake time only', async (t) => {
      const clock = new HandClock()
      const peer = server.address('hang')
      const { record } = transport.reconnecting(t, peer.url, { clock, retry: { jitter: 'none' } })
      await peer.dialled()
      await clock.sleep(hour)
      await strays()
      assert.deepEqual(record.lines, [])
      await clock.advance(10_000)
      await record.until('retry')
      assert.deepEqual(record.lines, ['error 0 connect-timeout', 'retry 0 #1'])
    })

    test('a wait that slept away dials when the process runs again', async (t) => {
      const clock = new HandClock()
      const peer = server.address('refuse')
      const { record } = transport.reconnecting(t, peer.url, { clock, retry: { jitter: 'none' } })
      await record.until('retry')
      await clock.sleep(hour)
      await peer.dialled(2)
    })

    test('without a heartbeat nothing ticks on an idle link', async (t) => {
      const clock = new HandClock()
      const { socket, record } = transport.strict(t, server.address('echo').url, { clock, heartbeat: false })
      await record.until('open')
      await clock.advance(hour)
      assert.equal(clock.pending, 0)
      assert.equal(socket.stats.pings, 0)
      assert.deepEqual(record.lines, ['open 1'])
    })

    test('closeTimeout is measured by the clock', async (t) => {
      const clock = new HandClock()
      const { socket, record } = transport.strict(t, server.address('silent').url, { clock, heartbeat: false })
      await record.until('open')
      socket.close()
      await strays()
      await clock.advance(9_999)
      assert.deepEqual(record.lines, ['open 1'])
      await clock.advance(1)
      await record.until('close')
      assert.deepEqual(record.lines, ['open 1', 'error 3 client', 'close 3 1006 unclean client last'])
    })
  })
}

describe('a heartbeat over ws, with the time in hand', () => {
  let server: Server
  let mute: Server
  before(async () => {
    server = await startServer()
    mute = await startServer({ autoPong: false })
  })
  after(async () => {
    await server.stop()
    await mute.stop()
  })

  test('asks after 30 s of silence, and an answer keeps the link', async (t) => {
    const clock = new HandClock()
    const { socket, record } = ws.strict(t, server.address('echo').url, { clock })
    await record.until('open')
    await clock.advance(29_999)
    assert.equal(socket.stats.pings, 0)
    await clock.advance(1)
    for (let ping = 1; ping <= 3; ping++) {
      assert.equal(socket.stats.pings, ping)
      await eventually(() => socket.stats.lastHeardAt === clock.wall(), 'an answer')
      await clock.advance(29_999)
      assert.equal(socket.stats.pings, ping)
      await clock.advance(1)
    }
    assert.deepEqual(record.lines, ['open 1'])
  })

  test('a peer that does not answer is dead 40 s after it was last heard', async (t) => {
    const clock = new HandClock()
    const { socket, record } = ws.strict(t, mute.address('echo').url, { clock })
    await record.until('open')
    const heardAt = clock.wall()
    await clock.advance(39_999)
    assert.deepEqual(record.lines, ['open 1'])
    await clock.advance(1_000)
    await record.until('close')
    assert.deepEqual(record.lines, ['open 1', 'error 3 heartbeat-timeout', 'close 3 1006 unclean heartbeat-timeout last'])
    assert.equal(socket.stats.lastHeardAt, heardAt)
  })

  test('a process that slept asks first: a peer that answers is kept', async (t) => {
    const clock = new HandClock()
    const peer = server.address('echo')
    const { socket, record } = ws.reconnecting(t, peer.url, { clock })
    await record.until('open')
    await clock.sleep(hour)
    assert.equal(socket.stats.pings, 1)
    await eventually(() => socket.status.rtt !== null, 'an answer')
    await clock.advance(20_000)
    assert.deepEqual(record.lines, ['open 1'])
    assert.equal(peer.dials, 1)
  })

  test('a process that slept asks first: a peer that does not answer is dead within 5 s', async (t) => {
    const clock = new HandClock()
    const proxy = await FaultProxy.listen({ upstream: server.url })
    t.after(() => proxy.close())
    const { record } = ws.reconnecting(t, `${proxy.url}${server.address('echo').path}`, { clock })
    await record.until('open')
    proxy.freeze()
    await clock.sleep(hour)
    assert.deepEqual(record.lines, ['open 1'])
    await clock.advance(5_000)
    await record.until('retry')
    assert.deepEqual(record.lines, [
      'open 1',
      'error 3 heartbeat-timeout',
      'close 3 1006 unclean heartbeat-timeout reconnecting',
      'retry 0 #1',
    ])
  })
})
