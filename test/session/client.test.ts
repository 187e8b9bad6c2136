// What an application sees of a session on real sockets, with either class and over either transport of Node.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import type { ReconnectingWebSocketOptions, WebSocketOptions } from 'holdfast'
import { WebSocketServer as PlainServer } from 'ws'
import { deferred, eventually, reports, soon, strays } from '../client/record.ts'
import { hasty, patient, type Transport, transports, web } from '../client/transport.ts'
import { next, startServer, textsOf } from '../server/server.ts'
import { echo, openPath, partition } from './path.ts'

const resume = { resume: true } as const
const kinds = ['strict', 'reconnecting'] as const
const dle = '\u0010'

for (const transport of transports) {
  describe(`a session over ${transport.name}`, { timeout: 120_000 }, () => {
    describe('events', () => {
      for (const kind of kinds) {
        test(`${kind}: a session opens, and says what it is`, async (t) => {
          await using path = await openPath({ session: { ttl: 7_000 } })
          const { socket, record } = transport[kind](t, path.url, resume)
          await record.until('open')
          const { sessionId } = await path.socket()
          assert.deepEqual(record.lines, ['open 1'])
          assert.deepEqual([socket.status.session?.id, socket.status.session?.ttl], [sessionId, 7_000])
        })

        test(`${kind}: a link that is lost is replaced: lost, retry, resumed, and nothing else`, async (t) => {
          await using path = await openPath()
          const { socket, record } = transport[kind](t, path.url, resume)
          await record.until('open')
          for (let cut = 1; cut <= 3; cut++) {
            const peer = await path.socket()
            const resumed = next(peer, 'resumed')
            path.proxy.reset()
            socket.send(`c${cut}`)
            peer.send(`s${cut}`)
            await record.until('message', cut)
            await resumed
          }
          const each = ['lost 1', 'retry 1 #1', 'resumed 1']
          assert.deepEqual(record.lines, ['open 1', ...[1, 2, 3].flatMap((cut) => [...each, `message 1 s${cut}`])])
          assert.deepEqual([path.sockets.length, socket.stats.sessions, socket.stats.links], [1, 1, 4])
          assert.equal(record.all('lost')[0]?.detail.cause, 'network')
        })

        test(`${kind}: redials that fail are no errors while the session is kept`, async (t) => {
          await using path = await openPath()
          const { record } = transport[kind](t, path.url, { ...resume, retry: hasty })
          await record.until('open')
          await partition(path)
          await record.until('retry', 3)
          await path.proxy.accept()
          const { detail } = await record.until('resumed')
          assert.deepEqual([...new Set(record.lines.map((line) => line.split(' ')[0]))], ['open', 'lost', 'retry', 'resumed'])
          for (const retry of record.all('retry')) assert.ok(retry.detail.error.message !== '', 'what went wrong is said')
          assert.ok(detail.downtime > 0)
        })

        test(`${kind}: the server ends it: error, close 1006, and what was not acknowledged comes back`, async (t) => {
          await using path = await openPath()
          const { socket, record } = transport[kind](t, path.url, { ...resume, retry: patient })
          await record.until('open')
          const peer = await path.socket()
          socket.send('fate unknown')
          peer.terminate()
          const close = await record.until('close')
          await strays()
          const more = kind === 'strict' ? [] : ['retry 0 #1']
          const willReconnect = kind === 'strict' ? 'last' : 'reconnecting'
          assert.deepEqual(record.lines, ['open 1', 'error 3 session-lost', `close 3 1006 unclean session-lost ${willReconnect}`, ...more])
          assert.deepEqual([close.unconfirmed, close.exact], [['fate unknown'], false])
          assert.equal(socket.readyState, kind === 'strict' ? 3 : 0)
        })

        for (const [code, name] of [
          [4_000, 'is retried'],
          [4_401, 'is final'],
        ] as const)
          test(`${kind}: the peer closes with ${code}, which ${name}, behind what it sent`, async (t) => {
            await using path = await openPath()
            const { record } = transport[kind](t, path.url, { ...resume, retry: patient })
            await record.until('open')
            const peer = await path.socket()
            peer.send('the last')
            peer.close(code, 'why')
            const close = await record.until('close')
            await strays()
            const goesOn = kind === 'reconnecting' && code === 4_000
            assert.deepEqual(record.lines, [
              'open 1',
              'message 1 the last',
              `close 3 ${code} clean server ${goesOn ? 'reconnecting' : 'last'}`,
              ...(goesOn ? ['retry 0 #1'] : []),
            ])
            assert.deepEqual([close.reason, close.unconfirmed, close.exact], ['why', [], false])
          })
      }

      test('strict: the first dial fails: error, close 1006', async (t) => {
        await using path = await openPath()
        await partition(path)
        const { record } = transport.strict(t, path.url, resume)
        await record.until('close')
        await strays()
        assert.deepEqual(record.lines, ['error 3 network', 'close 3 1006 unclean network last'])
      })

      test('reconnecting: the first dial fails: error, retry, and open in the end', async (t) => {
        await using path = await openPath()
        await partition(path)
        const { record } = transport.reconnecting(t, path.url, { ...resume, retry: hasty })
        await record.until('retry')
        await path.proxy.accept()
        await record.until('open')
        assert.deepEqual(record.lines.slice(0, 2), ['error 0 network', 'retry 0 #1'])
        assert.deepEqual(record.lines.slice(-1), ['open 1'])
      })

      test('strict: retries are used up: error, close 1006, and what was not acknowledged comes back in order', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, retry: { ...hasty, maxRetries: 2 } })
        await record.until('open')
        await partition(path)
        await record.until('lost')
        socket.send('1')
        socket.send(Uint8Array.of(2))
        const close = await record.until('close')
        await strays()
        assert.deepEqual(record.lines, [
          'open 1',
          'lost 1',
          'retry 1 #1',
          'retry 1 #2',
          'error 3 retries-exhausted',
          'close 3 1006 unclean retries-exhausted last',
        ])
        assert.deepEqual([close.unconfirmed, close.exact], [['1', Uint8Array.of(2).buffer], false])
        assert.equal(socket.readyState, 3)
      })

      test('reconnecting: retries are used up: giveup, suspended with its session, which reconnect() brings back', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.reconnecting(t, path.url, { ...resume, retry: { ...hasty, maxRetries: 2 } })
        await record.until('open')
        const peer = await path.socket()
        const texts = textsOf(peer)
        await partition(path)
        await record.until('giveup')
        await strays()
        assert.deepEqual(record.lines, ['open 1', 'lost 1', 'retry 1 #1', 'retry 1 #2', 'giveup 1 retries-exhausted'])
        assert.deepEqual([socket.readyState, socket.status.state, socket.status.session?.id], [1, 'suspended', peer.sessionId])
        socket.send('kept')
        await path.proxy.accept()
        socket.reconnect()
        await record.until('resumed')
        await eventually(() => texts.length === 1, 'the message')
        assert.deepEqual([texts, path.sockets.length, socket.stats.giveups], [['kept'], 1, 1])
      })

      test('reconnecting: suspended, the time of the session passes: error, close (willReconnect), still suspended', async (t) => {
        await using path = await openPath({ session: { ttl: 200 } })
        const { socket, record } = transport.reconnecting(t, path.url, { ...resume, retry: { ...hasty, maxRetries: 1 } })
        await record.until('open')
        await partition(path)
        await record.until('giveup')
        socket.send('too late')
        const close = await record.until('close')
        assert.deepEqual(record.lines.slice(-3), [
          'giveup 1 retries-exhausted',
          'error 3 session-lost',
          'close 3 1006 unclean session-lost reconnecting',
        ])
        assert.deepEqual([close.unconfirmed, close.exact], [['too late'], false])
        await strays()
        assert.deepEqual([socket.readyState, socket.status.state, socket.status.session], [0, 'suspended', null])
        await path.proxy.accept()
        socket.reconnect()
        await record.until('open', 2)
      })

      test('a client that comes back too late is told what arrived, exactly', async (t) => {
        // The client may think that it has more time than the server gives it: then the server's answer holds.
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, retry: { ...hasty, maxRetries: Infinity } })
        await record.until('open')
        const peer = await path.socket()
        const texts = textsOf(peer)
        socket.send('arrived')
        await eventually(() => texts.length === 1, 'the message')
        await partition(path)
        await record.until('lost')
        socket.send('did not')
        peer.terminate()
        await path.proxy.accept()
        const close = await record.until('close')
        assert.deepEqual([close.cause, close.reason], ['session-lost', 'session-lost:expired'])
        assert.deepEqual([close.unconfirmed, close.exact], [['did not'], true])
      })

      for (const kind of kinds)
        test(`${kind}: its signal aborts: error, close 1006, the last, and the server's end goes at once`, async (t) => {
          await using path = await openPath()
          const controller = new AbortController()
          const { socket, record } = transport[kind](t, path.url, { ...resume, signal: controller.signal })
          await record.until('open')
          const closed = next(await path.socket(), 'close')
          socket.send('on its way')
          controller.abort()
          const close = await record.until('close')
          await strays()
          assert.deepEqual(record.lines, ['open 1', 'error 3 aborted', 'close 3 1006 unclean aborted last'])
          assert.deepEqual(close.unconfirmed, ['on its way'])
          assert.equal((await closed)[0], 1006)
        })
    })

    describe('reconnect()', () => {
      test('keeps the session, over a fresh link', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.reconnecting(t, path.url, resume)
        await record.until('open')
        const id = socket.status.session?.id
        socket.reconnect()
        await record.until('resumed')
        assert.deepEqual(record.lines, ['open 1', 'lost 1', 'resumed 1'])
        assert.equal(record.all('lost')[0]?.detail.cause, 'client')
        assert.deepEqual([socket.status.session?.id, path.sockets.length], [id, 1])
      })

      test('in the handler of lost, and again and again, ends with one link', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.reconnecting(t, path.url, resume)
        await record.until('open')
        socket.addEventListener('lost', () => socket.reconnect(), { once: true })
        path.proxy.reset()
        await record.until('resumed')
        for (let count = 0; count < 5; count++) socket.reconnect()
        const peer = await path.socket()
        echo(peer)
        socket.send('there')
        await record.until('message')
        await eventually(() => path.proxy.connections === 1, 'the end of the other links')
        assert.equal(socket.status.state, 'open')
      })
    })

    describe('close()', () => {
      for (const kind of kinds) {
        test(`${kind}: CLOSING, then close with what the peer answers, when all that was sent has arrived`, async (t) => {
          await using path = await openPath()
          const { socket, record } = transport[kind](t, path.url, resume)
          await record.until('open')
          const peer = await path.socket()
          const texts = textsOf(peer)
          const closed = next(peer, 'close')
          for (let count = 0; count < 100; count++) socket.send(`${count}`)
          socket.close(4_321, 'enough')
          assert.equal(socket.readyState, 2)
          const close = await record.until('close')
          const [code, reason] = await closed
          assert.deepEqual([code, `${reason}`, texts.length], [4_321, 'enough', 100])
          assert.deepEqual(record.lines, ['open 1', 'close 3 4321 clean client last'])
          assert.deepEqual([close.reason, close.unconfirmed], ['enough', []])
          assert.equal(socket.readyState, 3)
        })

        test(`${kind}: over a cut link it waits for the next one, and is clean`, async (t) => {
          await using path = await openPath()
          const { socket, record } = transport[kind](t, path.url, { ...resume, retry: { ...hasty, maxRetries: Infinity } })
          await record.until('open')
          const texts = textsOf(await path.socket())
          const closed = next(await path.socket(), 'close')
          await partition(path)
          await record.until('lost')
          socket.send('before')
          socket.close(1000, 'done')
          assert.equal(socket.readyState, 2)
          socket.send('after')
          await path.proxy.accept()
          await record.until('close')
          assert.equal((await closed)[0], 1000)
          assert.deepEqual(texts, ['before'])
          assert.equal(record.lines.at(-1), 'close 3 1000 clean client last')
          assert.ok(record.all('error').length === 0)
        })

        test(`${kind}: over a link that does not come back it ends within closeTimeout: error, close 1006, unconfirmed`, async (t) => {
          await using path = await openPath()
          const { socket, record } = transport[kind](t, path.url, { ...resume, retry: patient, closeTimeout: 100 })
          await record.until('open')
          await partition(path)
          await record.until('retry', 2)
          socket.send('never')
          socket.close()
          const close = await record.until('close')
          await strays()
          assert.deepEqual(record.lines.slice(-2), ['error 3 client', 'close 3 1006 unclean client last'])
          assert.deepEqual(close.unconfirmed, ['never'])
        })

        test(`${kind}: while the session is being opened`, async (t) => {
          await using path = await openPath()
          const { socket, record } = transport[kind](t, path.url, resume)
          path.server.once('connection', () => socket.close())
          const close = await record.until('close')
          await strays()
          assert.ok(!close.willReconnect)
          assert.equal(record.all('close').length, 1)
          assert.equal(socket.readyState, 3)
          await eventually(() => path.proxy.connections === 0, 'the end of the link')
        })

        test(`${kind}: in the handlers of open, lost and resumed`, async (t) => {
          for (const type of ['open', 'lost', 'resumed'] as const) {
            await using path = await openPath()
            const { socket, record } = transport[kind](t, path.url, { ...resume, retry: hasty })
            socket.addEventListener(type, () => socket.close(1000))
            await record.until('open')
            path.proxy.reset()
            await record.until('close')
            await strays()
            assert.equal(record.lines.at(-1), 'close 3 1000 clean client last', type)
            assert.equal(record.all('error').length, 0)
          }
        })
      }

      test('reconnecting: after giveup dials once more to say goodbye', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.reconnecting(t, path.url, { ...resume, retry: { ...hasty, maxRetries: 0 } })
        await record.until('open')
        const closed = next(await path.socket(), 'close')
        await partition(path)
        await record.until('giveup')
        await path.proxy.accept()
        socket.close(1000)
        await record.until('close')
        assert.equal(record.lines.at(-1), 'close 3 1000 clean client last')
        assert.equal((await closed)[0], 1000)
      })

      test('from both ends at once is clean, and each is told the code of the other', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, resume)
        await record.until('open')
        const peer = await path.socket()
        const closed = next(peer, 'close')
        socket.close(4_001)
        peer.close(4_002)
        await record.until('close')
        assert.deepEqual([record.lines.at(-1), (await closed)[0]], ['close 3 4002 clean client last', 4_001])
      })
    })

    describe('onSession', () => {
      test('runs for new sessions only, and its send goes before the queue', async (t) => {
        await using path = await openPath()
        const seen: boolean[] = []
        const { socket, record } = transport.reconnecting(t, path.url, {
          ...resume,
          retry: hasty,
          onSession: async ({ isFirst, send }) => {
            seen.push(isFirst)
            await strays()
            send('set up')
          },
        })
        path.server.on('connection', (peer) => Object.assign(peer, { texts: textsOf(peer) }))
        const texts = async (index: number) => ((await path.socket(index)) as unknown as { texts: string[] }).texts
        socket.send('queued')
        await record.until('open')
        socket.send('sent')
        await eventually(() => socket.status.allConfirmed, 'the acknowledgement')
        assert.deepEqual(await texts(0), ['set up', 'queued', 'sent'])
        path.proxy.reset()
        await record.until('resumed')
        assert.deepEqual(seen, [true])
        ;(await path.socket()).terminate()
        await record.until('open', 2)
        await eventually(() => seen.length === 2, 'the second session')
        assert.deepEqual(seen, [true, false])
      })

      test('goes on while links come and go, and its signal aborts with the session', async (t) => {
        await using path = await openPath()
        const gate = deferred<void>()
        let signal: AbortSignal | undefined
        const { socket, record } = transport.reconnecting(t, path.url, {
          ...resume,
          retry: hasty,
          onSession: async (start) => {
            signal ??= start.signal
            await gate.promise
            start.send('set up')
          },
        })
        await record.until('open')
        const peer = await path.socket()
        const texts = textsOf(peer)
        socket.send('held back')
        path.proxy.reset()
        await record.until('resumed')
        assert.equal(signal?.aborted, false)
        gate.resolve()
        await eventually(() => texts.length === 2, 'the messages')
        assert.deepEqual(texts, ['set up', 'held back'])
        peer.terminate()
        await record.until('close')
        assert.equal(signal?.aborted, true)
      })

      test('that rejects ends the session, cause setup, and counts as a failed try', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.reconnecting(t, path.url, {
          ...resume,
          retry: { ...hasty, maxRetries: 1 },
          onSession: () => Promise.reject(new Error('no token')),
        })
        socket.send('queued')
        await record.until('giveup')
        assert.deepEqual(record.lines, [
          'open 1',
          'error 3 setup',
          'close 3 1006 unclean setup reconnecting',
          'retry 0 #1',
          'open 1',
          'error 3 setup',
          'close 3 1006 unclean setup reconnecting',
          'giveup 0 retries-exhausted',
        ])
        assert.match(record.all('error')[0]?.message ?? '', /onSession failed: no token/)
        assert.deepEqual(record.all('close')[0]?.unconfirmed, [], 'the queue was never part of the session')
        await eventually(() => path.server.stats.sessions === 0, 'the end of both sessions')
      })
    })

    describe('bounds', () => {
      const outbox = { maxMessages: 3 }

      for (const kind of kinds)
        test(`${kind}: a message too many ends an open session: error, close 1013`, async (t) => {
          await using path = await openPath()
          const { socket, record } = transport[kind](t, path.url, { ...resume, outbox, retry: patient })
          await record.until('open')
          await partition(path)
          await record.until('lost')
          for (const text of ['1', '2', '3', '4']) socket.send(text)
          const close = await record.until('close')
          const end = kind === 'strict' ? 'last' : 'reconnecting'
          assert.deepEqual(record.lines.slice(-2), ['error 3 overflow', `close 3 1013 unclean overflow ${end}`])
          assert.deepEqual(close.unconfirmed, ['1', '2', '3'])
        })

      test("with overflow: 'throw' it is refused with QuotaExceededError, and the session goes on", async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, outbox: { ...outbox, overflow: 'throw' }, retry: hasty })
        await record.until('open')
        const texts = textsOf(await path.socket())
        await partition(path)
        await record.until('lost')
        for (const text of ['1', '2', '3']) socket.send(text)
        assert.throws(() => socket.send('4'), { name: 'QuotaExceededError' })
        await path.proxy.accept()
        await eventually(() => texts.length === 3, 'the messages')
        await eventually(() => socket.status.allConfirmed, 'the acknowledgement')
        socket.send('4')
        await eventually(() => texts.length === 4, 'the message')
        assert.deepEqual(texts, ['1', '2', '3', '4'])
      })

      test('a message above what the server takes is refused, and the session goes on', async (t) => {
        await using path = await openPath({ maxPayload: 1_000 })
        const { socket, record } = transport.strict(t, path.url, resume)
        await record.until('open')
        const peer = await path.socket()
        echo(peer)
        for (const large of ['x'.repeat(1_001), new Uint8Array(1_001), 'ü'.repeat(501)]) {
          assert.throws(() => socket.send(large), { name: 'QuotaExceededError', message: /above what the server takes \(1000\)/ })
          await assert.rejects(socket.sendAsync(large), { name: 'QuotaExceededError' })
        }
        for (const fitting of ['x'.repeat(1_000), dle.repeat(1_000)]) {
          socket.send(fitting)
          await record.until('message', record.all('message').length + 1)
          assert.equal(record.all('message').at(-1)?.data, fitting)
        }
        assert.deepEqual(record.all('close'), [])
      })

      test('one that was queued before the limit was known ends the session: 1009, the last, and comes back', async (t) => {
        await using path = await openPath({ maxPayload: 1_000 })
        const { socket, record } = transport.reconnecting(t, path.url, resume)
        socket.send('x'.repeat(1_001))
        socket.send('behind it')
        const close = await record.until('close')
        assert.deepEqual(record.lines, ['open 1', 'close 3 1009 unclean server last'])
        assert.deepEqual(close.unconfirmed, ['x'.repeat(1_001), 'behind it'])
      })

      test('bufferedAmount counts what no link has taken, and falls when the next one takes it', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, retry: hasty })
        await record.until('open')
        assert.equal(socket.bufferedAmount, 0)
        await partition(path)
        await record.until('lost')
        socket.send('grüße')
        socket.send(new Uint8Array(10))
        assert.equal(socket.bufferedAmount, 17)
        assert.deepEqual([socket.stats.unackedMessages, socket.stats.unackedBytes], [2, 17])
        await path.proxy.accept()
        await record.until('resumed')
        await eventually(() => socket.bufferedAmount === 0, 'an empty buffer')
        await eventually(() => socket.stats.unackedMessages === 0, 'the acknowledgement')
      })
    })

    describe('sendAsync', () => {
      test("resolves with 'acknowledged', for each of many, in order, through a small outbox", async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, outbox: { maxMessages: 4 } })
        await record.until('open')
        const texts = textsOf(await path.socket())
        const results = await soon(Promise.all(Array.from({ length: 40 }, (_, index) => socket.sendAsync(`${index}`))), 'all of them')
        assert.deepEqual(new Set(results), new Set(['acknowledged']))
        assert.deepEqual(
          texts,
          Array.from({ length: 40 }, (_, index) => `${index}`),
        )
      })

      test('waits over a cut link, and rejects when the session ends first', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, retry: hasty })
        await record.until('open')
        path.proxy.reset()
        assert.equal(await soon(socket.sendAsync('over the next link'), 'the acknowledgement'), 'acknowledged')
        await partition(path)
        const rejected = assert.rejects(socket.sendAsync('too late'), /retries-exhausted|session-lost|1006/)
        await record.until('close')
        await rejected
      })

      test('of a reconnecting socket that has no session yet waits for one', async (t) => {
        await using path = await openPath()
        const { socket } = transport.reconnecting(t, path.url, resume)
        assert.equal(await soon(socket.sendAsync('first'), 'the acknowledgement'), 'acknowledged')
      })
    })

    describe('what is told', () => {
      test('status and stats follow the session from link to link', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, retry: hasty })
        const states: string[] = []
        socket.subscribe(() => states.push(socket.status.state))
        await record.until('open')
        const { session } = socket.status
        await partition(path)
        await record.until('retry', 2)
        socket.send('waits')
        assert.equal(socket.status.allConfirmed, false)
        assert.deepEqual(socket.status.session, session)
        await path.proxy.accept()
        await record.until('resumed')
        assert.deepEqual(socket.status.session, session)
        await eventually(() => socket.status.allConfirmed, 'the acknowledgement')
        socket.close()
        await record.until('close')
        assert.deepEqual([socket.status.state, socket.status.session], ['closed', null])
        assert.deepEqual([states[0], states.includes('waiting'), states.at(-1)], ['connecting', true, 'closed'])
        const { sent, received, links, sessions, failures, unackedMessages } = JSON.parse(JSON.stringify(socket.stats))
        assert.deepEqual(
          { sent, received, links, sessions, unackedMessages },
          { sent: 1, received: 0, links: 2, sessions: 1, unackedMessages: 0 },
        )
        assert.ok(failures.network >= 1)
      })

      test('opened and closed are about the session, whatever its links do', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, retry: hasty })
        assert.equal(await soon(socket.opened, 'opened'), socket)
        await partition(path)
        await record.until('lost')
        assert.equal(await socket.opened, socket)
        await path.proxy.accept()
        await record.until('resumed')
        socket.close(1000)
        const close = await soon(socket.closed, 'closed')
        assert.deepEqual([close.code, close.wasClean], [1000, true])
      })
    })

    describe('for await', () => {
      test('that is behind withholds acknowledgements; over a cut link, too, nothing is lost or twice', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, resume)
        socket.binaryType = 'arraybuffer'
        const messages = socket[Symbol.asyncIterator]()
        await record.until('open')
        const peer = await path.socket()
        const total = 300
        for (let count = 0; count < total; count++) peer.send(`${count}`)
        await record.until('message', total)
        const resumed = next(peer, 'resumed')
        path.proxy.reset()
        await record.until('resumed')
        await resumed
        let isTold = false
        const told = peer.sendAsync('the last').then(() => {
          isTold = true
        })
        await record.until('message', total + 1)
        await strays()
        assert.equal(isTold, false, 'what was not read is not acknowledged')
        const read: unknown[] = []
        for await (const data of messages) {
          read.push(data)
          if (read.length === total + 1) break
        }
        await soon(told, 'the acknowledgement')
        assert.deepEqual(
          read,
          Array.from({ length: total + 1 }, (_, index) => (index === total ? 'the last' : `${index}`)),
        )
        assert.equal(socket.readyState, 1)
      })
    })

    describe('migration', () => {
      test('by maxLinkAge has no gap: no event, nothing lost or twice either way', async (t) => {
        await using path = await openPath({}, { delay: { ms: 5 } })
        const { socket, record } = transport.strict(t, path.url, { ...resume, maxLinkAge: 100 })
        await record.until('open')
        const peer = await path.socket()
        const texts = textsOf(peer)
        let sent = 0
        while (socket.stats.links < 6 && sent < 5_000) {
          socket.send(`c${sent}`)
          peer.send(`s${sent}`)
          sent++
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
        await record.until('message', sent)
        await eventually(() => texts.length === sent, 'all messages')
        const numbers = Array.from({ length: sent }, (_, index) => index)
        assert.deepEqual(
          texts,
          numbers.map((number) => `c${number}`),
        )
        assert.deepEqual(record.lines, ['open 1', ...numbers.map((number) => `message 1 s${number}`)])
        assert.deepEqual([path.sockets.length, socket.stats.links >= 6], [1, true])
      })

      test('that is refused leaves the session where it is', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, maxLinkAge: 50, retry: hasty })
        await record.until('open')
        echo(await path.socket())
        await path.proxy.refuse()
        await eventually(() => socket.stats.dials > 4, 'attempts to move')
        socket.send('still here')
        await record.until('message')
        assert.deepEqual(record.lines, ['open 1', 'message 1 still here'])
      })
    })

    describe('messages', () => {
      const texts = [
        '',
        dle,
        `${dle}${dle}`,
        `${dle}A0`,
        `${dle}W{"sid":"x"}`,
        `a${dle}`,
        'grüße 🙂 \u{1f468}\u200d\u{1f469}',
        '\0\r\n\u007f\u0085\u2028',
        'x\ufeff',
        '\uffff',
      ]

      test('text comes back with every awkward character in it, now and over the next link', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, resume)
        await record.until('open')
        echo(await path.socket())
        for (const text of texts) socket.send(text)
        await record.until('message', texts.length)
        path.proxy.reset()
        for (const text of texts) socket.send(text)
        await record.until('message', 2 * texts.length)
        assert.deepEqual(
          record.all('message').map(({ data }) => data),
          [...texts, ...texts],
        )
      })

      test('a lone surrogate becomes U+FFFD, as the standard says', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, resume)
        await record.until('open')
        echo(await path.socket())
        for (const text of ['a\ud800b', '\udc00', `${dle}\ud83d`]) socket.send(text)
        await record.until('message', 3)
        assert.deepEqual(
          record.all('message').map(({ data }) => data),
          ['a\ufffdb', '\ufffd', `${dle}\ufffd`],
        )
      })

      test('bytes, views, Blobs and shared memory arrive whole and in order, as they were at send', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, retry: hasty })
        socket.binaryType = 'arraybuffer'
        await record.until('open')
        echo(await path.socket())
        const round = () => {
          const reused = Uint8Array.of(1, 2, 3, 4)
          const shared = new Uint8Array(new SharedArrayBuffer(2))
          shared.set([5, 6])
          socket.send(reused)
          socket.send(reused.buffer)
          socket.send(reused.subarray(1, 3))
          socket.send(new DataView(reused.buffer, 2))
          socket.send(new Blob([reused]))
          socket.send(shared)
          socket.send(new Uint8Array())
          socket.send('text')
          reused.fill(9)
          shared.fill(9)
        }
        const expected = [[1, 2, 3, 4], [1, 2, 3, 4], [2, 3], [3, 4], [1, 2, 3, 4], [5, 6], [], 'text']
        round()
        await record.until('message', expected.length)
        await partition(path)
        await record.until('lost')
        round()
        await path.proxy.accept()
        await record.until('message', 2 * expected.length)
        const got = record.all('message').map(({ data }) => (typeof data === 'string' ? data : [...new Uint8Array(data)]))
        assert.deepEqual(got, [...expected, ...expected])
      })

      test('binary messages come as binaryType says, from link to link', async (t) => {
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, { ...resume, retry: hasty })
        await record.until('open')
        const peer = await path.socket()
        for (const type of ['blob', 'arraybuffer', 'nodebuffer'] as const) {
          socket.binaryType = type as 'blob'
          const seen = record.all('message').length
          peer.send(Buffer.of(7))
          path.proxy.reset()
          peer.send(Buffer.of(8))
          await record.until('message', seen + 2)
          for (const { data } of record.all('message').slice(seen)) {
            if (type === 'blob') assert.ok(data instanceof Blob)
            else if (type === 'arraybuffer') assert.ok(data instanceof ArrayBuffer)
            else assert.ok(Buffer.isBuffer(data))
          }
        }
      })

      test('a handler that throws loses nothing, and what it sends is sent', async (t) => {
        reports(t)
        await using path = await openPath()
        const { socket, record } = transport.strict(t, path.url, resume)
        await record.until('open')
        const peer = await path.socket()
        const texts = textsOf(peer)
        socket.addEventListener('message', ({ data }) => {
          socket.send(`re ${data}`)
          throw new Error('handler')
        })
        for (const text of ['1', '2', '3']) peer.send(text)
        await eventually(() => texts.length === 3, 'the answers')
        assert.deepEqual(texts, ['re 1', 're 2', 're 3'])
        assert.equal(record.all('message').length, 3)
      })
    })

    describe('negotiation', () => {
      test('the subprotocol of the application is chosen beneath that of sessions, and stays from link to link', async (t) => {
        await using path = await openPath({ handleProtocols: (protocols) => (protocols.has('b') ? 'b' : false) })
        const { socket, record } = transport.strict(t, path.url, resume, ['a', 'b'])
        assert.equal(socket.protocol, '')
        await record.until('open')
        assert.deepEqual([socket.protocol, (await path.socket()).protocol], ['b', 'b'])
        path.proxy.reset()
        await record.until('resumed')
        assert.equal(socket.protocol, 'b')
      })

      for (const kind of kinds)
        for (const [protocols, said] of [
          [[], 'holdfast.off'],
          [['chat'], 'chat'],
        ] as const)
          test(`${kind}: a server that does not speak and answers ${said} is unsupported, once and for all`, async (t) => {
            const plain = new PlainServer({ port: 0, host: '127.0.0.1' })
            t.after(() => plain.close())
            await once(plain, 'listening')
            const { port } = plain.address() as { port: number }
            const { socket, record } = transport[kind](t, `ws://127.0.0.1:${port}`, resume, [...protocols])
            await record.until('close')
            await strays()
            assert.deepEqual(record.lines, ['error 3 unsupported', 'close 3 1006 unclean unsupported last'])
            assert.ok(record.all('error')[0]?.message.includes(`chose the subprotocol ${said}`), record.all('error')[0]?.message)
            assert.deepEqual([socket.stats.dials, plain.clients.size <= 1], [1, true])
          })
    })
  })
}

describe('options of sessions', () => {
  for (const protocol of ['holdfast.v1', 'holdfast.off', 'Holdfast.x'])
    test(`the subprotocol ${protocol} is not for applications`, async (t) => {
      await using server = await startServer()
      for (const make of [() => web.strict(t, server.url, resume, protocol), () => web.reconnecting(t, server.url, {}, ['chat', protocol])])
        assert.throws(
          make,
          (error: unknown) => error instanceof DOMException && error.name === 'SyntaxError' && /reserved/.test(error.message),
        )
    })

  test('maxLinkAge without resume is a TypeError that says what is missing', (t) => {
    const options: WebSocketOptions & ReconnectingWebSocketOptions = { maxLinkAge: 1_000 }
    for (const kind of kinds)
      assert.throws(() => web[kind](t, 'ws://localhost', options), { name: 'TypeError', message: /maxLinkAge is 1000.*resume: true/ })
  })

  test('without resume nothing of the protocol is offered', async (t) => {
    await using server = await startServer()
    for (const transport of transports satisfies readonly Transport[]) {
      const { record } = transport.strict(t, server.url, {}, 'chat')
      await record.until('open')
      const peer = server.sockets.at(-1)!
      assert.deepEqual([peer.sessionId, peer.request.headers['sec-websocket-protocol']], [null, 'chat'])
    }
  })
})
