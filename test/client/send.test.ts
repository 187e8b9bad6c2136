// What sendAsync promises, and what becomes of a message too many.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { eventually, soon, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { hasty, patient, transports } from './transport.ts'

/** More than the buffers of the system take on the way to a peer that does not read. */
const hugeBytes = 32 * 1024 * 1024

for (const transport of transports) {
  describe(`sending over ${transport.name}`, () => {
    let server: Server
    before(async () => {
      server = await startServer()
    })
    after(() => server.stop())

    describe('sendAsync', () => {
      test("resolves with 'written' once the bytes left", async (t) => {
        const { socket, record } = transport.strict(t, server.address('echo').url)
        await record.until('open')
        assert.equal(await soon(socket.sendAsync('one'), 'the write'), 'written')
        assert.equal(await soon(socket.sendAsync(new Uint8Array([1, 2, 3])), 'the write'), 'written')
        assert.equal(socket.bufferedAmount, 0)
        await record.until('message', 2)
        assert.equal(socket.stats.sent, 2)
      })

      test('of a strict socket that is not open yet rejects with InvalidStateError', async (t) => {
        const { socket } = transport.strict(t, server.address('echo').url)
        await assert.rejects(socket.sendAsync('early'), { name: 'InvalidStateError' })
      })

      test('of a reconnecting socket that is not open yet waits for the session', async (t) => {
        const peer = server.address('echo')
        const { socket } = transport.reconnecting(t, peer.url)
        const written = socket.sendAsync('early')
        assert.equal(socket.status.allConfirmed, false)
        assert.equal(await soon(written, 'the write'), 'written')
        assert.equal(socket.status.allConfirmed, true)
        assert.deepEqual(await peer.heard(0, 1), ['early'])
      })

      test('takes the message as it is at the call', async (t) => {
        const peer = server.address('echo')
        const { socket } = transport.reconnecting(t, peer.url)
        const bytes = new TextEncoder().encode('as it was')
        const written = socket.sendAsync(bytes)
        socket.send(bytes)
        bytes.fill(0)
        await soon(written, 'the write')
        assert.deepEqual(await peer.heard(0, 2), ['as it was', 'as it was'])
      })

      test('rejects with the reason of a signal that is aborted already, and sends nothing', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url)
        const reason = new Error('not wanted')
        await assert.rejects(socket.sendAsync('never', { signal: AbortSignal.abort(reason) }), reason)
        socket.send('after')
        await record.until('message')
        assert.deepEqual(peer.texts(0), ['after'])
      })

      test('takes a message that is still queued back when its signal aborts', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url)
        const controller = new AbortController()
        socket.send('first')
        const written = socket.sendAsync('taken back', { signal: controller.signal })
        socket.send('last')
        const reason = new Error('not wanted')
        controller.abort(reason)
        await assert.rejects(written, reason)
        await record.until('message', 2)
        assert.deepEqual(peer.texts(0), ['first', 'last'])
      })

      test('an abort after the bytes left changes nothing', async (t) => {
        const { socket, record } = transport.strict(t, server.address('echo').url)
        await record.until('open')
        const controller = new AbortController()
        assert.equal(await soon(socket.sendAsync('kept', { signal: controller.signal }), 'the write'), 'written')
        controller.abort()
        await record.until('message')
        assert.equal(record.lines.at(-1), 'message 1 kept')
      })

      test('waits for room, and one that is taken back makes room', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient, outbox: { maxMessages: 1 } })
        await record.until('retry')
        const controller = new AbortController()
        const order: string[] = []
        const first = socket.sendAsync('first', { signal: controller.signal }).catch(() => order.push('first taken back'))
        const second = socket.sendAsync('second').catch(() => order.push('second rejected'))
        await strays()
        assert.throws(() => socket.send('a third'), { name: 'QuotaExceededError' })
        controller.abort()
        await first
        await strays()
        socket.close()
        const event = await record.until('close')
        await second
        assert.deepEqual(event.unconfirmed, ['second'])
        assert.deepEqual(order, ['first taken back', 'second rejected'])
      })

      test('while it waits for room its signal ends the wait', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient, outbox: { maxMessages: 1 } })
        await record.until('retry')
        socket.send('in the way')
        const controller = new AbortController()
        const waiting = socket.sendAsync('waits', { signal: controller.signal })
        await strays()
        controller.abort()
        await assert.rejects(waiting, { name: 'AbortError' })
        socket.close()
        assert.deepEqual((await record.until('close')).unconfirmed, ['in the way'])
      })

      test('many at once pass through a small outbox, in order, none lost', async (t) => {
        const peer = server.address('echo')
        const { socket } = transport.reconnecting(t, peer.url, { outbox: { maxBytes: 1_000, maxMessages: 3 } })
        const texts = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat(100)}`)
        const results = await soon(Promise.all(texts.map((text) => socket.sendAsync(text))), 'the writes')
        assert.ok(results.every((result) => result === 'written'))
        assert.deepEqual(await peer.heard(0, texts.length), texts)
      })

      test('what is queued at the last close rejects, and so does what comes later', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient, outbox: { maxMessages: 1 } })
        await record.until('retry')
        const queued = socket.sendAsync('queued')
        const waiting = socket.sendAsync('waiting for room')
        queued.catch(() => {})
        waiting.catch(() => {})
        await strays()
        socket.close(4000, 'enough')
        await assert.rejects(queued, /closed with 4000 \(enough\)/)
        await assert.rejects(waiting, { name: 'InvalidStateError' })
        await assert.rejects(socket.sendAsync('late'), { name: 'InvalidStateError' })
      })

      test('what a link took and did not write before it was lost rejects', async (t) => {
        const proxy = await FaultProxy.listen({ upstream: server.url })
        t.after(() => proxy.close())
        const { socket, record } = transport.reconnecting(t, `${proxy.url}/silent`, {
          retry: patient,
          outbox: { maxBytes: 2 * hugeBytes },
        })
        await record.until('open')
        proxy.freeze()
        const written = socket.sendAsync(new Uint8Array(hugeBytes))
        written.catch(() => {})
        await strays()
        assert.ok(socket.bufferedAmount > 0)
        proxy.reset()
        await assert.rejects(soon(written, 'the rejection'))
        await record.until('retry')
        assert.deepEqual(record.lines.slice(1), ['error 3 network', 'close 3 1006 unclean network reconnecting', 'retry 0 #1'])
        assert.deepEqual(record.all('close')[0]?.unconfirmed, [])
      })

      test('what is queued through a loss is written into the next session', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: hasty })
        await record.until('open')
        peer.newest.terminate()
        await record.until('close')
        assert.equal(await soon(socket.sendAsync('later'), 'the write'), 'written')
        assert.deepEqual(await peer.heard(1, 1), ['later'])
      })
    })

    describe('a message too many', () => {
      const crowded = { maxBytes: 1_000 }

      for (const kind of ['strict', 'reconnecting'] as const)
        test(`${kind}, a session is open: error and close 1013`, async (t) => {
          const { socket, record } = transport[kind](t, server.address('silent').url, { outbox: crowded, retry: patient })
          await record.until('open')
          const before = socket.bufferedAmount
          socket.send('x'.repeat(900))
          socket.send('y'.repeat(200))
          assert.deepEqual(record.lines, ['open 1'])
          assert.ok(socket.bufferedAmount >= before)
          await record.until('close')
          const end = kind === 'strict' ? 'last' : 'reconnecting'
          assert.deepEqual(record.lines.slice(0, 3), ['open 1', 'error 3 overflow', `close 3 1013 unclean overflow ${end}`])
          assert.match(record.all('error')[0]!.message, /outbox\.maxBytes \(1000\).*raise them or await sendAsync\(\)/)
          assert.equal(socket.stats.failures.overflow, 1)
        })

      test("with overflow: 'throw' it is refused with QuotaExceededError, and the session lives", async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.strict(t, peer.url, { outbox: { ...crowded, overflow: 'throw' } })
        await record.until('open')
        socket.send('x'.repeat(900))
        assert.throws(() => socket.send('y'.repeat(200)), { name: 'QuotaExceededError' })
        await record.until('message')
        await eventually(() => socket.bufferedAmount === 0, 'an empty outbox')
        socket.send('z')
        assert.deepEqual(await peer.heard(0, 2), ['x'.repeat(900), 'z'])
        assert.equal(socket.readyState, 1)
      })

      for (const overflow of ['close', 'throw'] as const)
        test(`with overflow: '${overflow}' and no session open it is refused with QuotaExceededError`, async (t) => {
          const { socket, record } = transport.reconnecting(t, server.address('refuse').url, {
            retry: patient,
            outbox: { maxMessages: 2, overflow },
          })
          socket.send('a')
          socket.send('b')
          assert.throws(() => socket.send('c'), { name: 'QuotaExceededError' })
          await record.until('retry')
          assert.throws(() => socket.send('d'), { name: 'QuotaExceededError' })
          assert.equal(socket.readyState, 0)
          socket.close()
          assert.deepEqual((await record.until('close')).unconfirmed, ['a', 'b'])
        })

      test('while onSession runs, it ends the session', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('echo').url, {
          retry: patient,
          outbox: { maxMessages: 1 },
          onSession: () => new Promise(() => {}),
        })
        await record.until('open')
        socket.send('a')
        socket.send('b')
        await record.until('close')
        assert.deepEqual(record.lines.slice(1, 3), ['error 3 overflow', 'close 3 1013 unclean overflow reconnecting'])
      })

      test('one that is larger than the bound fits an empty outbox', async (t) => {
        const peer = server.address('echo')
        const large = 'x'.repeat(5_000)
        const queueing = transport.reconnecting(t, peer.url, { outbox: crowded })
        queueing.socket.send(large)
        assert.throws(() => queueing.socket.send('y'), { name: 'QuotaExceededError' })
        assert.deepEqual(await peer.heard(0, 1), [large])
        const { socket, record } = transport.strict(t, server.address('echo').url, { outbox: { ...crowded, overflow: 'throw' } })
        await record.until('open')
        socket.send(large)
        assert.throws(() => socket.send('y'), { name: 'QuotaExceededError' })
        await record.until('message')
        assert.equal(record.all('message')[0]?.data, large)
        await eventually(() => socket.bufferedAmount === 0, 'an empty outbox')
        assert.equal(await soon(socket.sendAsync(large), 'the write'), 'written')
      })
    })
  })
}
