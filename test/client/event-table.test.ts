// Each row of the table of events that is about plain links: the events in order, readyState in their handlers and afterwards.

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { eventually, reports, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { hasty, patient, transports } from './transport.ts'

const finalCodes = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003, 4400, 4401, 4403, 4404, 4499]
const retriedCodes = [1001, 1011, 1012, 1013, 1014, 3001, 3008, 4000, 4399, 4408, 4425, 4429, 4500, 4999]
const authCodes = [3000, 3003, 4401, 4403]

for (const transport of transports) {
  describe(`events over ${transport.name}`, () => {
    let server: Server
    before(async () => {
      server = await startServer()
    })
    after(() => server.stop())

    /** Only `ws` shows that there was an answer. */
    const refused = transport.isWs ? 'server' : 'network'

    describe('a dial fails, no session', () => {
      test('strict: error, close 1006; CLOSED in the handlers and after', async (t) => {
        const { socket, record } = transport.strict(t, server.address('refuse').url)
        assert.equal(socket.readyState, 0)
        await record.until('close')
        await strays()
        assert.deepEqual(record.lines, [`error 3 ${refused}`, `close 3 1006 unclean ${refused} last`])
        assert.equal(socket.readyState, 3)
        assert.equal(socket.status.state, 'closed')
      })

      test('reconnecting: error, retry; CONNECTING all along', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient })
        const { detail } = await record.until('retry')
        await strays()
        assert.deepEqual(record.lines, [`error 0 ${refused}`, 'retry 0 #1'])
        assert.equal(socket.readyState, 0)
        assert.equal(socket.status.state, 'waiting')
        assert.equal(detail.attempt, 1)
        assert.equal(detail.delay, patient.minDelay)
        assert.equal(detail.at, socket.status.retryAt)
        assert.equal(detail.close, socket.status.lastClose)
      })

      test('nobody listens: error, and cause network', async (t) => {
        const closedPort = await portOfNobody()
        const strict = transport.strict(t, `ws://127.0.0.1:${closedPort}`)
        const reconnecting = transport.reconnecting(t, `ws://127.0.0.1:${closedPort}`, { retry: patient })
        await strict.record.until('close')
        await reconnecting.record.until('retry')
        assert.deepEqual(strict.record.lines, ['error 3 network', 'close 3 1006 unclean network last'])
        assert.deepEqual(reconnecting.record.lines, ['error 0 network', 'retry 0 #1'])
      })

      test('a handshake that is answered wrongly', async (t) => {
        const cause = transport.isWs ? 'protocol' : 'network'
        const strict = transport.strict(t, server.address('wrong-accept').url)
        const reconnecting = transport.reconnecting(t, server.address('wrong-accept').url, { retry: patient })
        await strict.record.until('close')
        await reconnecting.record.until('retry')
        assert.deepEqual(strict.record.lines, [`error 3 ${cause}`, `close 3 1006 unclean ${cause} last`])
        assert.deepEqual(reconnecting.record.lines, [`error 0 ${cause}`, 'retry 0 #1'])
      })
    })

    describe('a session opens', () => {
      test('strict: open, in OPEN', async (t) => {
        const { socket, record } = transport.strict(t, server.address('echo').url)
        await record.until('open')
        assert.deepEqual(record.lines, ['open 1'])
        assert.equal(socket.readyState, 1)
      })

      test('reconnecting: open, then onSession, then the queue', async (t) => {
        const peer = server.address('echo')
        const order: string[] = []
        const { socket, record } = transport.reconnecting(t, peer.url, {
          onSession: ({ send }) => {
            order.push(`onSession ${socket.readyState}`)
            send('set up')
          },
        })
        socket.send('queued')
        socket.addEventListener('open', () => order.push(`open ${socket.readyState}`))
        await record.until('message', 2)
        assert.deepEqual(order, ['open 1', 'onSession 1'])
        assert.deepEqual(peer.texts(0), ['set up', 'queued'])
        assert.equal(socket.readyState, 1)
      })
    })

    describe('a session is lost', () => {
      test('strict: error, close 1006; CLOSED in the handlers and after', async (t) => {
        const { socket, record } = transport.strict(t, server.address('close?code=0').url)
        await record.until('close')
        await strays()
        assert.deepEqual(record.lines, ['open 1', 'error 3 network', 'close 3 1006 unclean network last'])
        assert.equal(socket.readyState, 3)
      })

      test('reconnecting: error, close (willReconnect) in CLOSED, then CONNECTING and retry', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('close?code=0').url, { retry: patient })
        await record.until('retry')
        await strays()
        assert.deepEqual(record.lines, ['open 1', 'error 3 network', 'close 3 1006 unclean network reconnecting', 'retry 0 #1'])
        assert.equal(socket.readyState, 0)
      })
    })

    describe('the peer closes with a code that is retried', () => {
      test('strict: close, without error', async (t) => {
        const { socket, record } = transport.strict(t, server.address('close?code=1012&reason=deploy').url)
        const event = await record.until('close')
        await strays()
        assert.deepEqual(record.lines, ['open 1', 'close 3 1012 clean server last'])
        assert.equal(event.reason, 'deploy')
        assert.equal(socket.readyState, 3)
      })

      test('reconnecting: close (willReconnect) in CLOSED, then CONNECTING and retry', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('close?code=1012&reason=deploy').url, { retry: patient })
        const event = await record.until('close')
        await record.until('retry')
        await strays()
        assert.deepEqual(record.lines, ['open 1', 'close 3 1012 clean server reconnecting', 'retry 0 #1'])
        assert.equal(event.reason, 'deploy')
        assert.equal(socket.readyState, 0)
      })

      test('a close frame without a code is 1005, and retried', async (t) => {
        const peer = server.address('anything')
        const { record } = transport.reconnecting(t, peer.url, { retry: patient })
        await record.until('open')
        peer.newest.close()
        await record.until('retry')
        assert.deepEqual(record.lines, ['open 1', 'close 3 1005 clean server reconnecting', 'retry 0 #1'])
      })

      for (const code of retriedCodes)
        test(`${code} is retried`, async (t) => {
          const { record } = transport.reconnecting(t, server.address(`close?code=${code}`).url, { retry: patient })
          await record.until('retry')
          assert.deepEqual(record.lines, ['open 1', `close 3 ${code} clean server reconnecting`, 'retry 0 #1'])
        })
    })

    describe('the peer closes with a final code', () => {
      for (const code of finalCodes)
        test(`${code}: close, the last, for both classes`, async (t) => {
          const cause = authCodes.includes(code) ? 'auth' : 'server'
          for (const kind of ['strict', 'reconnecting'] as const) {
            const { socket, record } = transport[kind](t, server.address(`close?code=${code}&reason=why`).url)
            const event = await record.until('close')
            await strays()
            assert.deepEqual(record.lines, ['open 1', `close 3 ${code} clean ${cause} last`])
            assert.equal(event.reason, 'why')
            assert.equal(socket.readyState, 3)
            assert.equal(socket.status.state, 'closed')
          }
        })
    })

    describe('retries are used up, and there is no session', () => {
      test('reconnecting: giveup, suspended, CONNECTING', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: { ...hasty, maxRetries: 2 } })
        const { detail } = await record.until('giveup')
        await strays()
        assert.deepEqual(record.lines, [
          `error 0 ${refused}`,
          'retry 0 #1',
          `error 0 ${refused}`,
          'retry 0 #2',
          `error 0 ${refused}`,
          'giveup 0 retries-exhausted',
        ])
        assert.equal(detail.code, 1006)
        assert.equal(socket.readyState, 0)
        assert.equal(socket.status.state, 'suspended')
        assert.equal(socket.status.retryAt, null)
        assert.equal(socket.status.lastClose?.cause, refused)
      })

      test('reconnecting: a session whose loss uses them up is closed with willReconnect before giveup', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('close?code=0').url, { retry: false })
        await record.until('giveup')
        await strays()
        assert.deepEqual(record.lines, [
          'open 1',
          'error 3 network',
          'close 3 1006 unclean network reconnecting',
          'giveup 0 retries-exhausted',
        ])
        assert.equal(socket.readyState, 0)
      })
    })

    describe('close(), a session is open', () => {
      for (const kind of ['strict', 'reconnecting'] as const) {
        test(`${kind}: CLOSING, then close in CLOSED`, async (t) => {
          const { socket, record } = transport[kind](t, server.address('echo').url)
          await record.until('open')
          socket.close(4001, 'bye')
          assert.equal(socket.readyState, 2)
          assert.equal(socket.status.state, 'closing')
          assert.deepEqual(record.lines, ['open 1'])
          const event = await record.until('close')
          await strays()
          assert.deepEqual(record.lines, ['open 1', 'close 3 4001 clean client last'])
          assert.equal(event.reason, 'bye')
          assert.equal(socket.readyState, 3)
        })

        test(`${kind}: without a code it is 1005`, async (t) => {
          const { socket, record } = transport[kind](t, server.address('echo').url)
          await record.until('open')
          socket.close()
          await record.until('close')
          assert.deepEqual(record.lines, ['open 1', 'close 3 1005 clean client last'])
        })

        test(`${kind}: messages that come until the peer answers are not dispatched, as the standard has it`, async (t) => {
          const { socket, record } = transport[kind](t, server.address('echo').url)
          await record.until('open')
          socket.send('last words')
          socket.close(1000)
          await record.until('close')
          assert.deepEqual(record.lines, ['open 1', 'close 3 1000 clean client last'])
        })

        test(`${kind}: a peer that does not answer within closeTimeout is left: error, close 1006`, async (t) => {
          const { socket, record } = transport[kind](t, server.address('silent').url, { closeTimeout: 40 })
          await record.until('open')
          socket.close(1000)
          await record.until('close')
          await strays()
          assert.deepEqual(record.lines, ['open 1', 'error 3 client', 'close 3 1006 unclean client last'])
          assert.match(record.all('error')[0]!.message, /closeTimeout/)
        })
      }

      test('reconnecting: what onSession held back is listed in unconfirmed', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('echo').url, { onSession: () => new Promise(() => {}) })
        socket.send('held back')
        await record.until('open')
        socket.close(1000)
        const event = await record.until('close')
        assert.deepEqual(event.unconfirmed, ['held back'])
        assert.equal(event.exact, true)
      })
    })

    describe('close(), none is open', () => {
      test('strict: CLOSING, then error, close 1006', async (t) => {
        const { socket, record } = transport.strict(t, server.address('hang').url)
        socket.close(1000, 'never mind')
        assert.equal(socket.readyState, 2)
        assert.deepEqual(record.lines, [])
        const event = await record.until('close')
        await strays()
        assert.deepEqual(record.lines, ['error 3 client', 'close 3 1006 unclean client last'])
        assert.equal(event.reason, '')
        assert.equal(socket.readyState, 3)
      })

      test('reconnecting: CLOSING, then close, once, the last', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient })
        await record.until('retry')
        socket.close(3000, 'never mind')
        assert.equal(socket.readyState, 2)
        assert.equal(record.lines.length, 2)
        const event = await record.until('close')
        await strays()
        assert.deepEqual(record.lines.slice(2), ['close 3 3000 clean client last'])
        assert.equal(event.reason, 'never mind')
        assert.deepEqual(event.unconfirmed, [])
        assert.equal(event.exact, false)
        assert.equal(socket.readyState, 3)
      })
    })

    describe('signal aborts', () => {
      const end = ['error 3 aborted', 'close 3 1006 unclean aborted last']
      for (const kind of ['strict', 'reconnecting'] as const) {
        test(`${kind}: before the constructor`, async (t) => {
          const peer = server.address('echo')
          const { socket, record } = transport[kind](t, peer.url, { signal: AbortSignal.abort() })
          assert.deepEqual(record.lines, [])
          assert.equal(socket.readyState, 3)
          await record.until('close')
          await strays()
          assert.deepEqual(record.lines, end)
          assert.equal(socket.readyState, 3)
          assert.equal(peer.dials, 0)
        })

        test(`${kind}: while connecting`, async (t) => {
          const controller = new AbortController()
          const peer = server.address('slow?delay=60s')
          const { socket, record } = transport[kind](t, peer.url, { signal: controller.signal })
          await peer.dialled()
          controller.abort()
          assert.equal(socket.readyState, 3)
          assert.deepEqual(record.lines, [])
          await record.until('close')
          await eventually(() => peer.abandoned === 1, 'the end of the connection')
          assert.deepEqual(record.lines, end)
        })

        test(`${kind}: while open`, async (t) => {
          const controller = new AbortController()
          const peer = server.address('echo')
          const { socket, record } = transport[kind](t, peer.url, { signal: controller.signal })
          await record.until('open')
          const { newest } = peer
          controller.abort()
          assert.equal(socket.readyState, 3)
          assert.deepEqual(record.lines, ['open 1'])
          await record.until('close')
          await strays()
          assert.deepEqual(record.lines, ['open 1', ...end])
          await eventually(() => newest.readyState === 3, "the end of the server's socket")
        })

        test(`${kind}: while closing`, async (t) => {
          const controller = new AbortController()
          const { socket, record } = transport[kind](t, server.address('silent').url, { signal: controller.signal })
          await record.until('open')
          socket.close()
          await strays()
          controller.abort()
          await record.until('close')
          await strays()
          assert.deepEqual(record.lines, ['open 1', ...end])
        })
      }

      test('reconnecting: before start()', async (t) => {
        const controller = new AbortController()
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { autoStart: false, signal: controller.signal })
        controller.abort()
        socket.start()
        await record.until('close')
        await strays()
        assert.deepEqual(record.lines, end)
        assert.equal(peer.dials, 0)
      })

      test('reconnecting: while waiting', async (t) => {
        const controller = new AbortController()
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient, signal: controller.signal })
        socket.send('queued')
        await record.until('retry')
        controller.abort()
        assert.equal(socket.readyState, 3)
        const event = await record.until('close')
        assert.deepEqual(record.lines.slice(2), end)
        assert.deepEqual(event.unconfirmed, ['queued'])
      })

      test('reconnecting: after giveup', async (t) => {
        const controller = new AbortController()
        const { record } = transport.reconnecting(t, server.address('refuse').url, { retry: false, signal: controller.signal })
        await record.until('giveup')
        controller.abort()
        await record.until('close')
        assert.deepEqual(record.lines.slice(2), end)
      })

      test('after the end it changes nothing', async (t) => {
        const controller = new AbortController()
        const { record } = transport.strict(t, server.address('close?code=1000').url, { signal: controller.signal })
        await record.until('close')
        controller.abort()
        await strays()
        assert.deepEqual(record.lines, ['open 1', 'close 3 1000 clean server last'])
      })
    })

    describe('reconnect() on an open link', () => {
      test('ends the session with error and close (willReconnect), and dials at once', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: patient })
        await record.until('open')
        const { newest } = peer
        socket.reconnect()
        assert.deepEqual(record.lines, ['open 1'])
        await record.until('open', 2)
        assert.deepEqual(record.lines, ['open 1', 'error 3 client', 'close 3 1006 unclean client reconnecting', 'open 1'])
        assert.equal(peer.dials, 2)
        assert.equal(socket.status.attempt, 0)
        await eventually(() => newest.readyState === 3, 'the end of the first link')
      })

      test('while connecting it begins anew, without an event', async (t) => {
        const peer = server.address('slow?delay=60s')
        const { socket, record } = transport.reconnecting(t, peer.url)
        await peer.dialled()
        socket.reconnect()
        await eventually(() => peer.abandoned === 1, 'the end of the connection')
        await eventually(() => peer.dials === 2, 'a second dial')
        assert.deepEqual(record.lines, [])
      })

      test('while waiting it dials now', async (t) => {
        let { url } = server.address('refuse')
        const { socket, record } = transport.reconnecting(t, () => url, { retry: patient })
        await record.until('retry')
        url = server.address('echo').url
        socket.reconnect()
        await record.until('open')
        assert.equal(socket.status.attempt, 0)
      })

      test('in a close handler it dials instead of waiting', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: patient })
        await record.until('open')
        socket.addEventListener('close', () => socket.reconnect(), { once: true })
        peer.newest.terminate()
        await record.until('open', 2)
        assert.deepEqual(record.lines, ['open 1', 'error 3 network', 'close 3 1006 unclean network reconnecting', 'open 1'])
      })
    })

    describe('around the table', () => {
      test('close is never dispatched inside a call of the application', async (t) => {
        const calls: string[] = []
        const note = (call: string, run: () => void) => {
          calls.push(call)
          run()
          calls.pop()
        }
        const inside: string[] = []
        const controller = new AbortController()
        const open = [
          transport.strict(t, server.address('echo').url),
          transport.reconnecting(t, server.address('echo').url, { retry: patient }),
          transport.reconnecting(t, server.address('echo').url, { signal: controller.signal }),
          transport.strict(t, server.address('silent').url, { outbox: { maxBytes: 1 } }),
        ] as const
        for (const { socket } of open) socket.addEventListener('close', () => inside.push(...calls))
        await Promise.all(open.map(({ record }) => record.until('open')))
        note('close', () => open[0].socket.close())
        note('reconnect', () => open[1].socket.reconnect())
        note('abort', () => controller.abort())
        note('send', () => {
          open[3].socket.send('one')
          open[3].socket.send('two')
        })
        await Promise.all(open.map(({ record }) => record.until('close')))
        assert.deepEqual(inside, [])
      })

      test('send inside a close handler queues for the next session if willReconnect', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: hasty })
        await record.until('open')
        socket.addEventListener('close', () => socket.send('to the next'), { once: true })
        peer.newest.terminate()
        assert.deepEqual(await peer.heard(1, 1), ['to the next'])
      })

      test('send inside the last close handler is counted and discarded', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('close?code=1000').url)
        socket.addEventListener('close', () => socket.send('to nobody'))
        await record.until('close')
        await strays()
        assert.equal(socket.bufferedAmount, 'to nobody'.length)
        assert.equal(record.lines.at(-1), 'close 3 1000 clean server last')
      })

      test('send before the first open: strict throws InvalidStateError', async (t) => {
        const { socket, record } = transport.strict(t, server.address('echo').url)
        assert.throws(() => socket.send('early'), { name: 'InvalidStateError' })
        await record.until('open')
        assert.deepEqual(record.lines, ['open 1'])
      })

      test('send before the first open: reconnecting queues, and keeps the order with what the open handler sends', async (t) => {
        const peer = server.address('echo')
        const { socket } = transport.reconnecting(t, peer.url)
        socket.send('first')
        socket.send('second')
        socket.addEventListener('open', () => socket.send('third'))
        assert.deepEqual(await peer.heard(0, 3), ['first', 'second', 'third'])
      })

      test('after a loss, what no link ever took goes to the next session, in order', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, {
          retry: hasty,
          onSession: ({ isFirst }) => (isFirst ? new Promise(() => {}) : undefined),
        })
        socket.send('before the first session')
        await record.until('open')
        socket.send('never handed over')
        socket.addEventListener('close', () => socket.send('after the loss'), { once: true })
        peer.newest.terminate()
        const loss = await record.until('close')
        assert.deepEqual(loss.unconfirmed, [])
        assert.deepEqual(await peer.heard(1, 3), ['before the first session', 'never handed over', 'after the loss'])
        assert.deepEqual(peer.texts(0), [])
      })

      test('the dial starts in a microtask: handlers that are set after construction miss nothing', async (t) => {
        const { socket, record } = transport.strict(t, server.address('echo').url)
        assert.equal(socket.stats.dials, 0)
        await Promise.resolve()
        assert.equal(socket.stats.dials, 1)
        await record.until('open')
      })

      test('an exception of a handler is reported, and the events go on', async (t) => {
        const failure = new Error('a handler of the application')
        const { socket, record } = transport.reconnecting(t, server.address('close?code=1012').url, { retry: hasty })
        const reported = reports(t)
        socket.onopen = () => {
          throw failure
        }
        await record.until('open', 2)
        assert.equal(reported[0], failure)
      })
    })
  })
}

/** A port that was free a moment ago. */
async function portOfNobody(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
