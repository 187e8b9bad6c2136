// What a socket tells of itself: status, subscribe, stats, the promises of its ends, log lines and the diagnostics channel.

import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { after, before, describe, test } from 'node:test'
import type { Logger, StateMessage, Status } from 'holdfast'
import { reports, soon, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { hasty, patient, transports } from './transport.ts'

for (const transport of transports) {
  describe(`a socket over ${transport.name} tells of itself`, () => {
    let server: Server
    before(async () => {
      server = await startServer()
    })
    after(() => server.stop())

    describe('status', () => {
      test('is frozen, and the same reference until one of its fields changes', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('echo').url, { autoStart: false })
        const idle = socket.status
        assert.ok(Object.isFrozen(idle))
        assert.deepEqual(idle, {
          state: 'idle',
          attempt: 0,
          retryAt: null,
          rtt: null,
          session: null,
          allConfirmed: true,
          lastClose: null,
        })
        assert.equal(socket.status, idle)
        socket.start()
        assert.notEqual(socket.status, idle)
        assert.equal(socket.status.state, 'connecting')
        await record.until('open')
        const open: Status = socket.status
        assert.equal(open.state, 'open')
        assert.ok(Object.isFrozen(open.session))
        assert.ok(Math.abs(open.session!.since - Date.now()) < 60_000, 'since is epoch ms')
        assert.equal(open.session?.id, null)
        socket.send('a message')
        await record.until('message')
        assert.equal(socket.status, open)
      })

      test('keeps retryAt while it waits', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient })
        const { detail } = await record.until('retry')
        const waiting = socket.status
        assert.equal(waiting.state, 'waiting')
        assert.equal(waiting.attempt, 1)
        assert.equal(waiting.retryAt, detail.at)
        const end = performance.now() + 20
        while (performance.now() < end) assert.equal(socket.status, waiting)
      })

      test('says whether something still waits here', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('echo').url)
        socket.send('queued')
        assert.equal(socket.status.allConfirmed, false)
        await record.until('message')
        assert.equal(socket.status.allConfirmed, true)
      })

      test('keeps how the last session ended', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('close?code=4429&reason=slow').url, { retry: patient })
        await record.until('retry')
        assert.deepEqual(socket.status.lastClose, { code: 4429, reason: 'slow', wasClean: true, cause: 'server' })
        assert.ok(Object.isFrozen(socket.status.lastClose))
      })
    })

    describe('subscribe', () => {
      test('is bound, tells after each change, and stops when asked', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('echo').url, { autoStart: false })
        const { subscribe, start } = { subscribe: socket.subscribe, start: () => socket.start() }
        assert.equal(socket.subscribe, subscribe)
        const states: string[] = []
        const unsubscribe = subscribe(() => states.push(socket.status.state))
        assert.deepEqual(states, [])
        start()
        await record.until('open')
        await strays()
        assert.deepEqual(states, ['connecting', 'open'])
        unsubscribe()
        unsubscribe()
        socket.close()
        await record.until('close')
        await strays()
        assert.deepEqual(states, ['connecting', 'open'])
      })

      test('tells even if somebody read the status before', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: patient })
        await record.until('open')
        socket.addEventListener('close', () => socket.status)
        socket.addEventListener('retry', () => socket.status)
        let told = 0
        socket.subscribe(() => told++)
        peer.newest.terminate()
        await record.until('retry')
        await strays()
        assert.ok(told > 0)
        assert.equal(socket.status.state, 'waiting')
      })

      test('tells once for what happened in one turn', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('refuse').url, { retry: patient })
        await record.until('retry')
        let told = 0
        socket.subscribe(() => told++)
        socket.send('a')
        socket.send('b')
        assert.equal(told, 0)
        await strays()
        assert.equal(told, 1)
      })

      test('a listener that is given twice is told twice, and each is stopped for itself', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('echo').url, { autoStart: false })
        let told = 0
        const listener = () => told++
        const first = socket.subscribe(listener)
        socket.subscribe(listener)
        first()
        socket.start()
        await record.until('open')
        await strays()
        assert.equal(told, 2)
      })
    })

    test('stats are the report: counts, safe for JSON', async (t) => {
      const peer = server.address('echo')
      const { socket, record } = transport.reconnecting(t, peer.url, { retry: { ...hasty, maxRetries: 2 } })
      assert.deepEqual(socket.stats, {
        lastHeardAt: null,
        bufferedBytes: 0,
        unackedMessages: 0,
        unackedBytes: 0,
        sent: 0,
        received: 0,
        links: 0,
        sessions: 0,
        dials: 0,
        giveups: 0,
        pings: 0,
        failures: {},
      })
      socket.send('one')
      assert.equal(socket.stats.bufferedBytes, 3)
      await record.until('message')
      const heardAt = socket.stats.lastHeardAt!
      assert.ok(Math.abs(heardAt - Date.now()) < 60_000, 'lastHeardAt is epoch ms')
      peer.newest.terminate()
      await record.until('open', 2)
      socket.send('two')
      await record.until('message', 2)
      peer.newest.close(1012)
      await record.until('open', 3)
      const { stats } = socket
      const { lastHeardAt, ...counts } = stats
      assert.ok(lastHeardAt! >= heardAt)
      assert.deepEqual(counts, {
        bufferedBytes: 0,
        unackedMessages: 0,
        unackedBytes: 0,
        sent: 2,
        received: 2,
        links: 3,
        sessions: 3,
        dials: 3,
        giveups: 0,
        pings: 0,
        failures: { network: 1, server: 1 },
      })
      assert.deepEqual(JSON.parse(JSON.stringify(stats)), stats)
    })

    describe('opened', () => {
      test('resolves with the socket, whenever it is asked for', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('echo').url)
        const early = socket.opened
        assert.equal(socket.opened, early)
        assert.equal(await soon(early, 'the session'), socket)
        await record.until('open')
        assert.equal(await soon(socket.opened, 'the session'), socket)
      })

      test('rejects when a strict socket closes before it opens, and is never an unhandled rejection', async (t) => {
        const { socket, record } = transport.strict(t, server.address('refuse').url)
        socket.opened
        await record.until('close')
        await strays()
        await assert.rejects(socket.opened, /closed with 1006/)
      })

      test('waits through failed dials', async (t) => {
        let { url } = server.address('refuse')
        const { socket, record } = transport.reconnecting(t, () => url, { retry: hasty })
        const { opened } = socket
        await record.until('retry')
        assert.equal(socket.opened, opened)
        url = server.address('echo').url
        assert.equal(await soon(opened, 'the session'), socket)
      })

      test('rejects on giveup, and is a new promise then', async (t) => {
        let { url } = server.address('refuse')
        const { socket, record } = transport.reconnecting(t, () => url, { retry: false })
        const { opened } = socket
        let inHandler: Promise<unknown> | undefined
        socket.addEventListener('giveup', () => {
          inHandler = socket.opened
        })
        await record.until('giveup')
        await assert.rejects(opened, /gave up/)
        assert.notEqual(socket.opened, opened)
        assert.equal(socket.opened, inHandler)
        url = server.address('echo').url
        socket.reconnect()
        assert.equal(await soon(socket.opened, 'the session'), socket)
      })

      test('is a new promise after a close, in its handler already', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: patient })
        const { opened } = socket
        await record.until('open')
        let inHandler: Promise<unknown> | undefined
        socket.addEventListener('close', () => {
          inHandler = socket.opened
        })
        peer.newest.terminate()
        await record.until('retry')
        assert.equal(await opened, socket)
        assert.notEqual(inHandler, opened)
        assert.equal(socket.opened, inHandler)
        socket.reconnect()
        assert.equal(await soon(inHandler!, 'the next session'), socket)
      })

      test('rejects on abort, and after the last close', async (t) => {
        const controller = new AbortController()
        const { socket, record } = transport.reconnecting(t, server.address('hang').url, { signal: controller.signal })
        const { opened } = socket
        controller.abort()
        await assert.rejects(soon(opened, 'the rejection'), /aborted/)
        await record.until('close')
        await assert.rejects(socket.opened, /aborted/)
      })

      test('inside the last close handler it rejects', async (t) => {
        const { socket, record } = transport.strict(t, server.address('close?code=1000').url)
        let inHandler: Promise<unknown> | undefined
        await record.until('open')
        socket.addEventListener('close', () => {
          inHandler = socket.opened
        })
        await record.until('close')
        await assert.rejects(inHandler!, /closed with 1000/)
      })
    })

    describe('closed', () => {
      test('resolves with the last close event', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { retry: hasty })
        const { closed } = socket
        await record.until('open')
        peer.newest.close(1012)
        await record.until('open', 2)
        peer.newest.close(4404, 'gone')
        const event = await soon(closed, 'the end')
        assert.equal(event, record.all('close')[1])
        assert.equal(event.code, 4404)
        assert.equal(event.willReconnect, false)
        assert.equal(socket.closed, closed)
      })

      test('resolves for who asks afterwards, and for an unclean end', async (t) => {
        const { socket, record } = transport.strict(t, server.address('refuse').url)
        await record.until('close')
        assert.equal((await soon(socket.closed, 'the end')).code, 1006)
      })
    })

    test('await using closes with 1000 and waits for the end', async (t) => {
      const { socket, record } = transport.strict(t, server.address('echo').url)
      await record.until('open')
      await soon(socket[Symbol.asyncDispose](), 'the end')
      assert.deepEqual(record.lines, ['open 1', 'close 3 1000 clean client last'])
      assert.equal(socket.readyState, 3)
    })

    describe('log lines', () => {
      type Line = { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string | undefined }

      function collect(lines: Line[]): Logger {
        const at =
          (level: string) =>
          (fields: object, message?: string): void => {
            lines.push({ level, fields: fields as Record<string, unknown>, message })
          }
        return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
      }

      test('giveup is an error, a loss and a retry are warnings, an open and an end are information', async (t) => {
        const lines: Line[] = []
        const peer = server.address('close?code=1012&token=secret')
        const { socket, record } = transport.reconnecting(t, peer.url, {
          logger: collect(lines),
          name: 'prices',
          retry: { ...hasty, maxRetries: 1 },
        })
        await record.until('giveup')
        socket.close()
        await record.until('close', 3)
        const told = lines
          .filter(({ level }) => level !== 'debug')
          .map(({ level, message }) => `${level} ${message?.split(':')[1]?.trim()}`)
        assert.deepEqual(told, ['info open', 'warn lost', 'warn retry', 'info open', 'warn lost', 'error gave up', 'info closed'])
        const giveup = lines.find(({ level }) => level === 'error')
        assert.equal(giveup?.fields.name, 'prices')
        assert.equal(giveup?.fields.cause, 'retries-exhausted')
        assert.equal(giveup?.fields.dials, 2)
        assert.ok(lines.some(({ message }) => message === 'holdfast: waiting → connecting'))
      })

      test('the url is there without its query and its password', async (t) => {
        const lines: Line[] = []
        const { record } = transport.reconnecting(t, `${server.url.replace('//', '//me:secret@')}/refuse?token=secret`, {
          logger: collect(lines),
          retry: false,
        })
        await record.until('giveup')
        assert.ok(lines.length > 0)
        for (const { fields } of lines) assert.equal(fields.url, `${server.url}/refuse`)
        assert.ok(!JSON.stringify(lines).includes('secret'))
      })

      test('a logger that throws does no harm', async (t) => {
        const failure = new Error('the disk is full')
        const fail = () => {
          throw failure
        }
        const { record } = transport.reconnecting(t, server.address('close?code=1012').url, {
          logger: { debug: fail, info: fail, warn: fail, error: fail },
          retry: { ...hasty, maxRetries: 1 },
        })
        const reported = reports(t)
        await record.until('giveup')
        assert.deepEqual(
          record.lines.filter((line) => line.startsWith('open')),
          ['open 1', 'open 1'],
        )
        assert.ok(reported.length > 0)
        assert.ok(reported.every((error) => error === failure))
      })
    })

    test("the channel 'holdfast:state' tells of each change of state, without the query", async (t) => {
      const messages: StateMessage[] = []
      const listen = (message: unknown) => {
        if ((message as StateMessage).name === t.name) messages.push(message as StateMessage)
      }
      diagnostics.subscribe('holdfast:state', listen)
      t.after(() => diagnostics.unsubscribe('holdfast:state', listen))
      const peer = server.address('close?code=1012&token=secret')
      const { socket, record } = transport.reconnecting(t, peer.url, { name: t.name, retry: { ...hasty, maxRetries: 1 } })
      await record.until('giveup')
      socket.close()
      await record.until('close', 3)
      assert.deepEqual(
        messages.map(({ from, to }) => `${from} → ${to}`),
        [
          'idle → connecting',
          'connecting → open',
          'open → waiting',
          'waiting → connecting',
          'connecting → open',
          'open → suspended',
          'suspended → closing',
          'closing → closed',
        ],
      )
      assert.equal(messages[2]?.lastClose?.code, 1012)
      assert.equal(messages[3]?.attempt, 1)
      for (const { url, at } of messages) {
        assert.equal(url, `${server.url}/close`)
        assert.ok(Math.abs(at - Date.now()) < 60_000, 'at is epoch ms')
      }
    })

    test('listeners of status that throw are reported and do no harm', async (t) => {
      const { socket, record } = transport.reconnecting(t, server.address('echo').url)
      const reported = reports(t)
      const failure = new Error('a component')
      socket.subscribe(() => {
        throw failure
      })
      await record.until('open')
      await strays()
      assert.ok(reported.includes(failure))
    })
  })
}
