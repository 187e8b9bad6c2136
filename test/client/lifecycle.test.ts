// The rules of a socket's life that are easily got wrong, on real sockets, for both classes over both transports.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import type { DialContext, SessionStart } from 'holdfast'
import { deferred, eventually, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { hasty, patient, transports } from './transport.ts'

for (const transport of transports) {
  describe(`a life over ${transport.name}`, () => {
    let server: Server
    before(async () => {
      server = await startServer()
    })
    after(() => server.stop())

    describe('close() before a dial', () => {
      test('a strict socket that is closed in its first turn dials nothing', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.strict(t, peer.url)
        assert.equal(socket.readyState, 0)
        socket.close()
        assert.equal(socket.readyState, 2)
        assert.deepEqual(record.lines, [])
        await record.until('close')
        assert.deepEqual(record.lines, ['error 3 client', 'close 3 1006 unclean client last'])
        await strays()
        assert.equal(peer.dials, 0)
      })

      test('a reconnecting socket that is closed in its first turn asks no provider and dials nothing', async (t) => {
        let asked = 0
        const { socket, record } = transport.reconnecting(t, () => server.address(`echo?asked=${++asked}`).url)
        socket.close()
        assert.equal(socket.readyState, 2)
        await record.until('close')
        await strays()
        assert.deepEqual(record.lines, ['close 3 1005 clean client last'])
        assert.equal(asked, 0)
        assert.equal(socket.stats.dials, 0)
      })

      test('a socket that was never started closes', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.url, { autoStart: false })
        socket.close(3001, 'not needed')
        const event = await record.until('close')
        assert.equal(event.reason, 'not needed')
        socket.start()
        await strays()
        assert.deepEqual(record.lines, ['close 3 3001 clean client last'])
      })

      test('close() in the turn before start() does not disturb later sockets of the class', async (t) => {
        transport.reconnecting(t, server.url).socket.close()
        const { record } = transport.reconnecting(t, server.address('echo').url)
        await record.until('open')
      })
    })

    describe('close() during a dial', () => {
      test('while a provider is asked, its signal aborts and nothing is dialled', async (t) => {
        const peer = server.address('echo')
        const asked = deferred<DialContext>()
        const answer = deferred<string>()
        const { socket, record } = transport.reconnecting(t, (dial) => {
          dial.signal.aborted // looked at before, as fetch does
          asked.resolve(dial)
          return answer.promise
        })
        const { signal } = await asked.promise
        assert.equal(signal.aborted, false)
        socket.close()
        await record.until('close')
        assert.equal(signal.aborted, true)
        answer.resolve(peer.url)
        await strays()
        assert.deepEqual(record.lines, ['close 3 1005 clean client last'])
        assert.equal(peer.dials, 0)
      })

      test('a provider that looks at its signal only after the close finds it aborted', async (t) => {
        const asked = deferred<DialContext>()
        const { socket, record } = transport.reconnecting(t, (dial) => {
          asked.resolve(dial)
          return new Promise(() => {})
        })
        const dial = await asked.promise
        socket.close()
        await record.until('close')
        assert.equal(dial.signal.aborted, true)
      })

      test('during the handshake a strict socket fails, and lets go of the connection', async (t) => {
        const peer = server.address('slow?delay=60s')
        const { socket, record } = transport.strict(t, peer.url)
        await peer.dialled()
        socket.close()
        assert.equal(socket.readyState, 2)
        await record.until('close')
        assert.deepEqual(record.lines, ['error 3 client', 'close 3 1006 unclean client last'])
        await eventually(() => peer.abandoned === 1, 'the end of the connection')
      })

      test('during the handshake a reconnecting socket ends, and lets go of the connection', async (t) => {
        const peer = server.address('slow?delay=60s')
        const { socket, record } = transport.reconnecting(t, peer.url)
        await peer.dialled()
        socket.close(1000)
        await record.until('close')
        await eventually(() => peer.abandoned === 1, 'the end of the connection')
        await strays()
        assert.deepEqual(record.lines, ['close 3 1000 clean client last'])
        assert.equal(peer.dials, 1)
      })
    })

    describe('close() between dials', () => {
      test('ends the wait, and nothing is dialled again', async (t) => {
        const peer = server.address('refuse')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: patient })
        await record.until('retry')
        socket.close(3001, 'enough')
        assert.equal(socket.readyState, 2)
        const event = await record.until('close')
        assert.equal(event.reason, 'enough')
        assert.deepEqual(record.lines.slice(2), ['close 3 3001 clean client last'])
        assert.equal(peer.dials, 1)
      })

      test('with messages still queued it is unclean and lists them', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient })
        socket.send('a')
        await record.until('retry')
        socket.send(new Uint8Array([1, 2]))
        socket.close()
        const event = await record.until('close')
        assert.equal(record.lines.at(-1), 'close 3 1005 unclean client last')
        assert.deepEqual(
          event.unconfirmed.map((each) => (typeof each === 'string' ? each : [...new Uint8Array(each as ArrayBuffer)])),
          ['a', [1, 2]],
        )
        assert.equal(event.exact, true)
      })

      test('in the close handler of a session it takes the retry back', async (t) => {
        const peer = server.address('close?code=1012')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: hasty })
        socket.addEventListener('close', () => socket.close(4000), { once: true })
        await record.until('close', 2)
        await strays()
        assert.deepEqual(record.lines, ['open 1', 'close 3 1012 clean server reconnecting', 'close 3 4000 clean client last'])
        assert.equal(peer.dials, 1)
      })

      test('in a retry handler it is the end', async (t) => {
        const peer = server.address('refuse')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: hasty })
        socket.addEventListener('retry', () => socket.close())
        await record.until('close')
        await strays()
        assert.deepEqual(record.lines.slice(1), ['retry 0 #1', 'close 3 1005 clean client last'])
        assert.equal(peer.dials, 1)
      })

      test('after giveup it is the end', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: false })
        await record.until('giveup')
        socket.close()
        await record.until('close')
        assert.deepEqual(record.lines.slice(1), ['giveup 0 retries-exhausted', 'close 3 1005 clean client last'])
      })
    })

    test('close() in the open handler says goodbye, without setting the session up', async (t) => {
      let setups = 0
      const { socket, record } = transport.reconnecting(t, server.address('echo').url, { onSession: () => void setups++ })
      socket.addEventListener('open', () => socket.close(1000))
      await record.until('close')
      await strays()
      assert.deepEqual(record.lines, ['open 1', 'close 3 1000 clean client last'])
      assert.equal(setups, 0)
    })

    test('a second close() changes nothing', async (t) => {
      const { socket, record } = transport.strict(t, server.address('echo').url)
      await record.until('open')
      socket.close(4001, 'first')
      socket.close(4002, 'second')
      assert.equal((await record.until('close')).reason, 'first')
      socket.close(4003)
      await strays()
      assert.deepEqual(record.lines, ['open 1', 'close 3 4001 clean client last'])
      assert.equal(socket.readyState, 3)
    })

    describe('a provider that fails', () => {
      const failure = new Error('no token today')
      const failures = {
        throws: () => {
          throw failure
        },
        rejects: async () => {
          throw failure
        },
      }
      for (const [how, fail] of Object.entries(failures)) {
        const options = {
          url: { url: fail },
          protocols: { protocols: fail },
          headers: { options: { headers: fail } },
          rewriteUrl: { options: { rewriteUrl: fail } },
        } as const
        for (const [name, given] of Object.entries(options) as [string, { url?: () => never; protocols?: () => never; options?: object }][])
          test(`a provider of ${name} that ${how} is a failed try`, async (t) => {
            const { record } = transport.reconnecting(
              t,
              given.url ?? server.address('echo').url,
              { ...given.options, retry: patient },
              given.protocols,
            )
            const { detail } = await record.until('retry')
            assert.deepEqual(record.lines, ['error 0 setup', 'retry 0 #1'])
            assert.equal(record.all('error')[0]?.error.cause, failure)
            assert.deepEqual(detail.close, { code: 1006, reason: '', wasClean: false, cause: 'setup' })
          })

        for (const name of ['headers', 'rewriteUrl'])
          test(`${name} that ${how} ends a strict socket`, async (t) => {
            const { record } = transport.strict(t, server.address('echo').url, { [name]: fail })
            await record.until('close')
            assert.deepEqual(record.lines, ['error 3 setup', 'close 3 1006 unclean setup last'])
            assert.equal(record.all('error')[0]?.error.cause, failure)
          })
      }

      test('the next dial asks again, and is told of the failure', async (t) => {
        const fresh = server.address('echo?token=fresh')
        const dials: Pick<DialContext, 'attempt' | 'lastClose' | 'resuming'>[] = []
        const { socket, record } = transport.reconnecting(
          t,
          ({ attempt, lastClose, resuming }) => {
            dials.push({ attempt, lastClose, resuming })
            if (attempt === 0) throw failure
            return fresh.url
          },
          { retry: hasty },
        )
        await record.until('open')
        assert.deepEqual(record.lines, ['error 0 setup', 'retry 0 #1', 'open 1'])
        assert.deepEqual(dials, [
          { attempt: 0, lastClose: null, resuming: false },
          { attempt: 1, lastClose: { code: 1006, reason: '', wasClean: false, cause: 'setup' }, resuming: false },
        ])
        assert.equal(socket.url, fresh.url)
      })

      test('a provider of something that cannot be dialled is a failed try', async (t) => {
        const bad = transport.reconnecting(t, () => 'ftp://example.com/', { retry: patient })
        const { error } = await bad.record.until('error')
        assert.equal((error.cause as Error).name, 'SyntaxError')
        const reserved = transport.reconnecting(t, server.address('echo').url, { retry: patient }, () => 'holdfast.v1')
        assert.equal(((await reserved.record.until('error')).error.cause as Error).name, 'SyntaxError')
        assert.deepEqual(reserved.record.lines[0], 'error 0 setup')
      })

      test('one that never settles is bounded by connectTimeout, and its signal aborts', async (t) => {
        const signals: AbortSignal[] = []
        const { record } = transport.reconnecting(
          t,
          ({ signal }) => {
            signals.push(signal)
            return new Promise(() => {})
          },
          { connectTimeout: 40, retry: { ...hasty, maxRetries: 1 } },
        )
        await record.until('giveup')
        assert.deepEqual(record.lines, ['error 0 connect-timeout', 'retry 0 #1', 'error 0 connect-timeout', 'giveup 0 retries-exhausted'])
        assert.deepEqual(
          signals.map((signal) => signal.aborted),
          [true, true],
        )
      })
    })

    describe('reconnect() after giveup', () => {
      test('dials at once, with the count at zero', async (t) => {
        let { url } = server.address('refuse')
        const attempts: number[] = []
        const { socket, record } = transport.reconnecting(
          t,
          ({ attempt }) => {
            attempts.push(attempt)
            return url
          },
          { retry: { ...hasty, maxRetries: 1 } },
        )
        await record.until('giveup')
        socket.reconnect()
        assert.equal(socket.status.state, 'connecting')
        assert.equal(socket.status.attempt, 0)
        await record.until('giveup', 2)
        url = server.address('echo').url
        socket.reconnect()
        await record.until('open')
        assert.deepEqual(attempts, [0, 1, 0, 1, 0])
        assert.equal(socket.stats.giveups, 2)
        assert.deepEqual(record.lines.slice(-2), ['giveup 0 retries-exhausted', 'open 1'])
      })

      test('what was queued goes into the session that it brings', async (t) => {
        const echo = server.address('echo')
        let { url } = server.address('refuse')
        const { socket, record } = transport.reconnecting(t, () => url, { retry: false })
        socket.send('before')
        await record.until('giveup')
        socket.send('after')
        url = echo.url
        socket.reconnect()
        assert.deepEqual(await echo.heard(0, 2), ['before', 'after'])
      })

      test('after the last close it throws', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: false })
        await record.until('giveup')
        socket.close()
        assert.throws(() => socket.reconnect(), { name: 'InvalidStateError' })
        await record.until('close')
        assert.throws(() => socket.reconnect(), { name: 'InvalidStateError' })
      })
    })

    describe('a connect timeout', () => {
      test('ends a strict socket, and nothing is thrown out of the library', async (t) => {
        const peer = server.address('slow?delay=60s')
        const { record } = transport.strict(t, peer.url, { connectTimeout: 60 })
        await record.until('close')
        await eventually(() => peer.abandoned === 1, 'the end of the connection')
        await strays()
        assert.deepEqual(record.lines, ['error 3 connect-timeout', 'close 3 1006 unclean connect-timeout last'])
        assert.match(record.all('error')[0]!.message, /connectTimeout/)
      })

      test('is a failed try of a reconnecting socket, and the connection is let go', async (t) => {
        const peer = server.address('slow?delay=60s')
        const { socket, record } = transport.reconnecting(t, peer.url, { connectTimeout: 60, retry: { ...hasty, maxRetries: 2 } })
        await record.until('giveup')
        await eventually(() => peer.abandoned === 3, 'the end of all three connections')
        await strays()
        assert.deepEqual(record.lines, [
          'error 0 connect-timeout',
          'retry 0 #1',
          'error 0 connect-timeout',
          'retry 0 #2',
          'error 0 connect-timeout',
          'giveup 0 retries-exhausted',
        ])
        assert.deepEqual(socket.stats.failures, { 'connect-timeout': 3 })
      })
    })

    describe('a server that does not want', () => {
      const greetings = { 'accepts, then closes': 'close', 'greets, then closes': 'greet-close' }
      for (const [how, endpoint] of Object.entries(greetings))
        for (const code of [1011, 0])
          test(`one that ${how} with ${code || 'nothing'} is dialled no oftener than maxRetries allows`, async (t) => {
            const peer = server.address(`${endpoint}?code=${code}`)
            const { socket, record } = transport.reconnecting(t, peer.url, { retry: { ...hasty, maxRetries: 3 } })
            await record.until('giveup')
            await strays()
            assert.equal(peer.dials, 4)
            assert.equal(record.all('open').length, 4)
            assert.deepEqual(
              record.all('retry').map(({ detail }) => detail.attempt),
              [1, 2, 3],
            )
            assert.equal(socket.status.state, 'suspended')
          })

      for (const endpoint of ['close', 'greet-close'])
        test(`${endpoint} with 4401 is dialled once`, async (t) => {
          const peer = server.address(`${endpoint}?code=4401`)
          const { record } = transport.reconnecting(t, peer.url, { retry: hasty })
          await record.until('close')
          await strays()
          assert.deepEqual(
            record.lines.filter((line) => !line.startsWith('message')),
            ['open 1', 'close 3 4401 clean auth last'],
          )
          assert.equal(peer.dials, 1)
        })
    })

    describe('the queue before authentication', () => {
      test('nothing of it leaves until onSession has settled', async (t) => {
        const peer = server.address('echo')
        const welcomed = deferred<void>()
        const { socket, record } = transport.reconnecting(t, peer.url, {
          onSession: async ({ send }: SessionStart) => {
            send('token')
            await welcomed.promise
            send('subscribe')
          },
        })
        socket.send('queued')
        socket.addEventListener('open', () => socket.send('from the open handler'))
        await record.until('message')
        socket.send('while it is set up')
        await strays()
        assert.deepEqual(peer.texts(0), ['token'])
        assert.equal(socket.bufferedAmount, 'queuedfrom the open handlerwhile it is set up'.length)
        welcomed.resolve()
        assert.deepEqual(await peer.heard(0, 5), ['token', 'subscribe', 'queued', 'from the open handler', 'while it is set up'])
        assert.deepEqual(record.lines.slice(0, 2), ['open 1', 'message 1 token'])
      })

      test('a rejection ends the session as a failed try, and the queue waits for the next one', async (t) => {
        const peer = server.address('echo')
        const starts: boolean[] = []
        const refusal = new Error('the token was not taken')
        const { socket, record } = transport.reconnecting(t, peer.url, {
          retry: hasty,
          onSession: async ({ isFirst, send }) => {
            starts.push(isFirst)
            send('token')
            if (isFirst) throw refusal
          },
        })
        socket.send('queued')
        await record.until('open', 2)
        assert.deepEqual(await peer.heard(1, 2), ['token', 'queued'])
        assert.ok(!peer.texts(0)?.includes('queued'))
        assert.deepEqual(record.lines.slice(0, 5), [
          'open 1',
          'error 3 setup',
          'close 3 1006 unclean setup reconnecting',
          'retry 0 #1',
          'open 1',
        ])
        assert.equal(record.all('error')[0]?.error.cause, refusal)
        assert.deepEqual(starts, [true, false])
        assert.equal(socket.status.attempt, 1)
      })

      test('onSession that always rejects is a server that does not want: giveup after the tries', async (t) => {
        const { record } = transport.reconnecting(t, server.address('echo').url, {
          retry: { ...hasty, maxRetries: 2 },
          onSession: () => {
            throw new Error('never')
          },
        })
        await record.until('giveup')
        assert.equal(record.all('open').length, 3)
      })

      for (const end of ['close()', 'a loss'])
        test(`its signal aborts and its send throws after ${end}`, async (t) => {
          const peer = server.address('echo')
          const started = deferred<SessionStart>()
          const { socket, record } = transport.reconnecting(t, peer.url, {
            retry: patient,
            onSession: (start) => {
              started.resolve(start)
              return new Promise(() => {})
            },
          })
          const { signal, send, socket: same } = await started.promise
          assert.equal(same, socket)
          assert.equal(signal.aborted, false)
          if (end === 'close()') socket.close()
          else peer.newest.terminate()
          await record.until('close')
          assert.equal(signal.aborted, true)
          assert.throws(() => send('late'), { name: 'InvalidStateError' })
        })
    })

    test('bufferedAmount counts bytes in UTF-8', async (t) => {
      const text = 'grüße € 😀'
      const bytes = Buffer.byteLength(text)
      assert.notEqual(bytes, text.length)
      const queueing = transport.reconnecting(t, server.address('echo').url)
      queueing.socket.send(text)
      queueing.socket.send(text)
      assert.equal(queueing.socket.bufferedAmount, 2 * bytes)
      const { socket, record } = transport.strict(t, server.address('echo').url)
      await record.until('open')
      socket.send(text)
      assert.equal(socket.bufferedAmount, bytes)
      socket.send(text)
      assert.equal(socket.bufferedAmount, 2 * bytes)
      await record.until('message', 2)
      await queueing.record.until('message', 2)
      assert.equal(socket.bufferedAmount, 0)
      assert.equal(queueing.socket.bufferedAmount, 0)
    })

    test('bufferedAmount does not sink after the end', async (t) => {
      const { socket, record } = transport.strict(t, server.address('echo').url)
      await record.until('open')
      socket.close()
      socket.send('€')
      assert.equal(socket.bufferedAmount, 3)
      await record.until('close')
      socket.send('€')
      assert.equal(socket.bufferedAmount, 6)
    })

    test('{ once } and { signal } of addEventListener are honoured', async (t) => {
      const { socket, record } = transport.reconnecting(t, server.address('feed?every=1ms').url)
      const seen = { once: 0, signal: 0, never: 0, always: 0 }
      const controller = new AbortController()
      socket.addEventListener('message', () => seen.once++, { once: true })
      socket.addEventListener(
        'message',
        () => {
          if (++seen.signal === 2) controller.abort()
        },
        { signal: controller.signal },
      )
      socket.addEventListener('message', () => seen.never++, { signal: AbortSignal.abort() })
      socket.addEventListener('message', () => seen.always++)
      await record.until('message', 5)
      assert.equal(seen.once, 1)
      assert.equal(seen.signal, 2)
      assert.ok(seen.always >= 5)
      assert.equal(seen.never, 0)
    })

    test('binaryType survives reconnects', async (t) => {
      const peer = server.address('plain')
      const { socket, record } = transport.reconnecting(t, peer.url, { retry: hasty })
      assert.equal(socket.binaryType, 'blob')
      socket.binaryType = 'arraybuffer'
      await record.until('open')
      const [connection] = [peer.newest]
      connection.send(Buffer.from([1]))
      await record.until('message')
      connection.close(1012)
      await record.until('open', 2)
      peer.newest.send(Buffer.from([2, 3]))
      await record.until('message', 2)
      assert.equal(socket.binaryType, 'arraybuffer')
      assert.deepEqual(
        record.all('message').map(({ data }) => data),
        [new Uint8Array([1]).buffer, new Uint8Array([2, 3]).buffer],
      )
    })

    describe('a code that close() does not take', () => {
      for (const code of [1001, 1005, 1006, 2999, 5000, 0])
        test(`close(${code}) throws InvalidAccessError and changes nothing`, async (t) => {
          for (const kind of ['strict', 'reconnecting'] as const) {
            const { socket, record } = transport[kind](t, server.address('echo').url)
            assert.throws(() => socket.close(code), { name: 'InvalidAccessError' })
            await record.until('open')
            assert.throws(() => socket.close(code), { name: 'InvalidAccessError' })
            assert.equal(socket.readyState, 1)
            socket.send('still here')
            await record.until('message')
            assert.deepEqual(record.lines, ['open 1', 'message 1 still here'])
          }
        })

      test('a reason of more than 123 bytes throws SyntaxError and changes nothing', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.strict(t, peer.url)
        await record.until('open')
        assert.throws(() => socket.close(1000, '€'.repeat(42)), { name: 'SyntaxError' })
        socket.send('still here')
        await record.until('message')
        const closed = once(peer.newest, 'close')
        socket.close(1000, '€'.repeat(41))
        const [code, reason] = await closed
        assert.deepEqual([code, String(reason)], [1000, '€'.repeat(41)])
      })
    })

    for (const jitter of ['equal', 'full'] as const)
      test(`sockets of one process draw different jitter (${jitter})`, async (t) => {
        const crowd = Array.from({ length: 20 }, () =>
          transport.reconnecting(t, server.address('refuse').url, { retry: { jitter, minDelay: 1e9, maxDelay: 1e9 } }),
        )
        const events = await Promise.all(crowd.map(({ record }) => record.until('retry')))
        assert.equal(new Set(events.map(({ detail }) => detail.delay)).size, crowd.length)
      })
  })
}
