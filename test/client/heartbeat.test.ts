// Pings that keep a link, and the notice that there is nobody any more.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { eventually, reports, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { hasty, patient, transports, ws } from './transport.ts'

/** More than the buffers of the system take on the way to a peer that does not read. */
const hugeBytes = 32 * 1024 * 1024
const ask = { message: 'are you there?', isReply: (data: unknown) => data === 'are you there?' }

let server: Server
before(async () => {
  server = await startServer()
})
after(() => server.stop())

describe('a heartbeat of WebSocket pings', () => {
  test('pings every interval of silence, is answered, and the link lives', async (t) => {
    const peer = server.address('echo')
    const { socket, record } = ws.strict(t, peer.url, { heartbeat: { interval: 50 } })
    await record.until('open')
    let pings = 0
    peer.newest.on('ping', () => pings++)
    await eventually(() => pings >= 5, 'five pings')
    await eventually(() => socket.status.rtt !== null, 'a round trip')
    assert.ok(socket.stats.pings >= 5)
    assert.ok(socket.status.rtt! >= 0)
    assert.deepEqual(record.lines, ['open 1'])
    assert.equal(socket.stats.received, 0)
  })

  test('a peer that never answers is noticed', async (t) => {
    const mute = await startServer({ autoPong: false })
    t.after(() => mute.stop())
    for (const endpoint of ['echo', 'silent'])
      for (const kind of ['strict', 'reconnecting'] as const) {
        const end = kind === 'strict' ? 'last' : 'reconnecting'
        const { socket, record } = ws[kind](t, mute.address(endpoint).url, { heartbeat: { interval: 100, timeout: 50 }, retry: patient })
        await record.until('close')
        await strays()
        assert.deepEqual(record.lines.slice(0, 3), ['open 1', 'error 3 heartbeat-timeout', `close 3 1006 unclean heartbeat-timeout ${end}`])
        assert.equal(socket.stats.failures['heartbeat-timeout'], 1)
      }
  })
})

for (const transport of transports) {
  describe(`a heartbeat of messages over ${transport.name}`, () => {
    test('sends the message, swallows the reply, and passes all else on', async (t) => {
      const peer = server.address('echo')
      const { socket, record } = transport.strict(t, peer.url, { heartbeat: { interval: 20, ...ask } })
      await record.until('open')
      const heard = await peer.heard(0, 5)
      assert.ok(heard.every((text) => text === ask.message))
      socket.send('a message')
      await record.until('message')
      await eventually(() => socket.status.rtt !== null, 'a round trip')
      assert.deepEqual(record.lines, ['open 1', 'message 1 a message'])
      assert.equal(socket.stats.received, 1)
      assert.equal(socket.stats.sent, 1)
      assert.ok(socket.stats.pings >= 5)
    })

    test('a reply is not in the loop either', async (t) => {
      const peer = server.address('echo')
      const { socket, record } = transport.strict(t, peer.url, { heartbeat: { interval: 20, ...ask } })
      await record.until('open')
      const iterator = socket[Symbol.asyncIterator]()
      await peer.heard(0, 3)
      socket.send('a message')
      assert.deepEqual(await iterator.next(), { done: false, value: 'a message' })
    })

    test('a function makes each message', async (t) => {
      const peer = server.address('echo')
      let number = 0
      const { record } = transport.strict(t, peer.url, {
        heartbeat: { interval: 20, message: () => `ping ${++number}`, isReply: (data) => String(data).startsWith('ping') },
      })
      await peer.heard(0, 3)
      assert.deepEqual(peer.texts(0).slice(0, 3), ['ping 1', 'ping 2', 'ping 3'])
      assert.deepEqual(record.lines, ['open 1'])
    })

    test('an isReply that throws is reported, and the message is dispatched', async (t) => {
      const peer = server.address('echo')
      const failure = new Error('a rule of the application')
      const { socket, record } = transport.strict(t, peer.url, {
        heartbeat: {
          isReply: () => {
            throw failure
          },
        },
      })
      const reported = reports(t)
      await record.until('open')
      socket.send('a message')
      await record.until('message')
      assert.deepEqual(reported, [failure])
    })

    test('a frozen link is noticed, and replaced by one that lives', async (t) => {
      const proxy = await FaultProxy.listen({ upstream: server.url })
      t.after(() => proxy.close())
      const { record } = transport.reconnecting(t, `${proxy.url}${server.address('echo').path}`, {
        heartbeat: { interval: 100, timeout: 50, ...ask },
        retry: patient,
      })
      await record.until('open')
      proxy.freeze()
      await record.until('retry')
      assert.deepEqual(record.lines, [
        'open 1',
        'error 3 heartbeat-timeout',
        'close 3 1006 unclean heartbeat-timeout reconnecting',
        'retry 0 #1',
      ])
    })

    test('after the frozen link another one is made', async (t) => {
      const proxy = await FaultProxy.listen({ upstream: server.url })
      t.after(() => proxy.close())
      const { socket, record } = transport.reconnecting(t, `${proxy.url}${server.address('echo').path}`, {
        heartbeat: { interval: 100, timeout: 50, ...ask },
        retry: { ...hasty, maxRetries: Infinity },
      })
      await record.until('open')
      proxy.freeze()
      await record.until('close')
      proxy.heal('drop')
      await record.until('open', 2)
      socket.send('back')
      await record.until('message')
    })

    test('a write that makes no progress is a write-timeout', async (t) => {
      const proxy = await FaultProxy.listen({ upstream: server.url })
      t.after(() => proxy.close())
      const { socket, record } = transport.reconnecting(t, `${proxy.url}${server.address('echo').path}`, {
        heartbeat: false,
        writeTimeout: 100,
        outbox: { maxBytes: 2 * hugeBytes },
        retry: patient,
      })
      await record.until('open')
      proxy.freeze()
      socket.send(new Uint8Array(hugeBytes))
      await record.until('retry')
      assert.deepEqual(record.lines, ['open 1', 'error 3 write-timeout', 'close 3 1006 unclean write-timeout reconnecting', 'retry 0 #1'])
      assert.match(record.all('error')[0]!.message, /writeTimeout/)
    })
  })
}
