// What a dial carries, what an answer to it means, and who decides whether there is another one.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import type { CloseInfo, DialContext } from 'holdfast'
import { createCertificate } from '../peers/certificate.ts'
import { needs } from '../peers/requirement.ts'
import { reports, soon, strays } from './record.ts'
import { type Server, startServer } from './server.ts'
import { hasty, patient, transports, ws } from './transport.ts'

for (const transport of transports) {
  describe(`a dial over ${transport.name}`, () => {
    let server: Server
    before(async () => {
      server = await startServer()
    })
    after(() => server.stop())

    test('carries headers, fixed or from a function that is asked each time', async (t) => {
      const fixed = server.address('echo')
      const one = transport.strict(t, fixed.url, { headers: { 'x-key': 'one' } })
      await one.record.until('open')
      assert.equal(header(server, fixed.path, 0, 'x-key'), 'one')
      const asked = server.address('close?code=1012')
      const two = transport.reconnecting(t, asked.url, {
        headers: ({ attempt }) => ({ 'x-key': `attempt ${attempt}` }),
        retry: { ...hasty, maxRetries: 1 },
      })
      await two.record.until('giveup')
      assert.equal(header(server, asked.path, 0, 'x-key'), 'attempt 0')
      assert.equal(header(server, asked.path, 1, 'x-key'), 'attempt 1')
    })

    test('takes protocols and headers from an object in second place', async (t) => {
      const peer = server.address('echo?protocol=b')
      const { socket, record } = transport.strict(t, peer.url, {}, { protocols: ['a', 'b'], headers: { 'x-key': 'second place' } })
      await record.until('open')
      assert.equal(socket.protocol, 'b')
      assert.equal(header(server, peer.path, 0, 'x-key'), 'second place')
    })

    test('offers subprotocols and tells which one was chosen', async (t) => {
      const fixed = transport.strict(t, server.address('echo?protocol=v2').url, {}, ['v1', 'v2'])
      assert.equal(fixed.socket.protocol, '')
      await fixed.record.until('open')
      assert.equal(fixed.socket.protocol, 'v2')
      const asked = transport.reconnecting(t, server.address('echo').url, {}, async () => 'v3')
      await asked.record.until('open')
      assert.equal(asked.socket.protocol, 'v3')
    })

    test('goes where rewriteUrl says, each time', async (t) => {
      const peer = server.address('close?code=1012')
      const urls: string[] = []
      const { record } = transport.reconnecting(t, 'ws://127.0.0.1:1/nowhere', {
        rewriteUrl: ({ url, attempt }) => {
          urls.push(url)
          return new URL(`${peer.url}&attempt=${attempt}`)
        },
        retry: { ...hasty, maxRetries: 1 },
      })
      await record.until('giveup')
      assert.deepEqual(urls, ['ws://127.0.0.1:1/nowhere', `${peer.url}&attempt=0`])
      assert.equal(record.all('open').length, 2)
    })

    test('the url may be given with http, and as an URL', async (t) => {
      const peer = server.address('echo')
      const { socket, record } = transport.strict(t, new URL(peer.url.replace('ws:', 'http:')))
      assert.equal(socket.url, peer.url)
      await record.until('open')
    })

    describe('4401 and a provider that may bring a fresh token', () => {
      test('one more try, and lastClose says why', async (t) => {
        const refusing = server.address('close?code=4401')
        const accepting = server.address('echo')
        const closes: (CloseInfo | null)[] = []
        const { record } = transport.reconnecting(
          t,
          ({ lastClose }: DialContext) => {
            closes.push(lastClose)
            return lastClose ? accepting.url : refusing.url
          },
          { retry: hasty },
        )
        await record.until('open', 2)
        assert.deepEqual(record.lines, ['open 1', 'close 3 4401 clean auth reconnecting', 'retry 0 #1', 'open 1'])
        assert.deepEqual(closes, [null, { code: 4401, reason: '', wasClean: true, cause: 'auth' }])
      })

      for (const code of [4401, 4403])
        for (const [name, provided] of [
          ['url', {}],
          ['headers', { headers: () => ({}) }],
          ['rewriteUrl', { rewriteUrl: ({ url }: DialContext) => url }],
        ] as const)
          test(`the second ${code} in a row is final, with a function for ${name}`, async (t) => {
            const peer = server.address(`close?code=${code}`)
            const url = name === 'url' ? () => peer.url : peer.url
            const { record } = transport.reconnecting(t, url, { retry: hasty, ...provided })
            await record.until('close', 2)
            await strays()
            assert.deepEqual(record.lines, [
              'open 1',
              `close 3 ${code} clean auth reconnecting`,
              'retry 0 #1',
              'open 1',
              `close 3 ${code} clean auth last`,
            ])
            assert.equal(peer.dials, 2)
          })

      test('another failure in between begins a new row', async (t) => {
        const unauthorized = server.address('close?code=4401')
        const restarting = server.address('close?code=1012')
        const order = [unauthorized, restarting, unauthorized, unauthorized]
        let dials = 0
        const { record } = transport.reconnecting(t, () => order[dials++]!.url, { retry: hasty })
        await record.until('close', 4)
        await strays()
        assert.deepEqual(
          record.all('close').map(({ code, willReconnect }) => `${code} ${willReconnect}`),
          ['4401 true', '1012 true', '4401 true', '4401 false'],
        )
      })

      test('3000 and 3003 are final at once: no second try is promised for them', async (t) => {
        const { record } = transport.reconnecting(t, server.address('close?code=3003').url, { headers: () => ({}), retry: hasty })
        await record.until('close')
        assert.deepEqual(record.lines, ['open 1', 'close 3 3003 clean auth last'])
      })
    })

    describe('shouldRetry', () => {
      test('decides against the table, in both directions, and undefined leaves it to the table', async (t) => {
        const told: [number, number][] = []
        const verdicts: Record<number, boolean> = { 1000: true, 1012: false }
        const shouldRetry = ({ code }: CloseInfo, attempt: number) => {
          told.push([code, attempt])
          return verdicts[code]
        }
        const codes = [4000, 1000, 1012]
        let dials = 0
        const { record } = transport.reconnecting(t, () => server.address(`close?code=${codes[dials++]}`).url, {
          retry: { ...hasty, shouldRetry },
        })
        await record.until('close', 3)
        await strays()
        assert.deepEqual(
          record.all('close').map(({ code, willReconnect }) => `${code} ${willReconnect}`),
          ['4000 true', '1000 true', '1012 false'],
        )
        assert.deepEqual(told, [
          [4000, 0],
          [1000, 1],
          [1012, 2],
        ])
      })

      test('that throws is reported, and the table decides', async (t) => {
        const failure = new Error('a rule of the application')
        const shouldRetry = () => {
          throw failure
        }
        const final = transport.reconnecting(t, server.address('close?code=4404').url, { retry: { ...hasty, shouldRetry } })
        const retried = transport.reconnecting(t, server.address('close?code=1012').url, { retry: { ...patient, shouldRetry } })
        const reported = reports(t)
        await final.record.until('close')
        await retried.record.until('retry')
        assert.deepEqual(final.record.lines, ['open 1', 'close 3 4404 clean server last'])
        assert.deepEqual(reported, [failure, failure])
      })

      test('is not asked beyond maxRetries', async (t) => {
        const { record } = transport.reconnecting(t, server.address('close?code=1012').url, {
          retry: { ...hasty, maxRetries: 1, shouldRetry: () => true },
        })
        await record.until('giveup')
        assert.equal(record.all('open').length, 2)
      })
    })

    describe('autoStart: false', () => {
      test('waits for start(), which is idempotent', async (t) => {
        const peer = server.address('echo')
        const { socket, record } = transport.reconnecting(t, peer.url, { autoStart: false })
        socket.send('queued')
        await strays()
        assert.equal(socket.status.state, 'idle')
        assert.equal(socket.readyState, 0)
        assert.equal(peer.dials, 0)
        socket.start()
        socket.start()
        await record.until('open')
        socket.start()
        assert.deepEqual(await peer.heard(0, 1), ['queued'])
        assert.equal(peer.dials, 1)
      })

      test('reconnect() starts it too', async (t) => {
        const { socket, record } = transport.reconnecting(t, server.address('echo').url, { autoStart: false })
        socket.reconnect()
        await record.until('open')
      })
    })
  })
}

describe('what only ws shows of a dial', () => {
  let server: Server
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  test('503 with Retry-After: 1 is dialled again after a second at least', async (t) => {
    const peer = server.address('refuse?status=503&retryAfter=1')
    const { record } = ws.reconnecting(t, peer.url, { retry: { ...hasty, maxRetries: 1 } })
    const { detail } = await record.until('retry')
    assert.deepEqual(detail.close, { code: 1006, reason: '', wasClean: false, cause: 'server', httpStatus: 503, retryAfter: 1_000 })
    assert.ok(detail.delay >= 1_000)
    await record.until('giveup')
    const [first, second] = server.attempts.filter(({ path }) => path === peer.path)
    assert.ok(second!.at - first!.at >= 999, `dialled again after ${second!.at - first!.at} ms`)
  })

  test('Retry-After may be a date, and a longer backoff wins', async (t) => {
    const date = new Date(Date.now() + 3_600_000).toUTCString()
    const dated = ws.reconnecting(t, server.address(`refuse?status=429&retryAfter=${encodeURIComponent(date)}`).url, { retry: hasty })
    const { close, delay } = (await dated.record.until('retry')).detail
    assert.ok(close.retryAfter! > 3_500_000 && close.retryAfter! <= 3_600_000)
    assert.ok(delay >= close.retryAfter!)
    const slow = ws.reconnecting(t, server.address('refuse?status=503&retryAfter=1').url, { retry: patient })
    assert.equal((await slow.record.until('retry')).detail.delay, patient.minDelay)
  })

  for (const status of [400, 404, 410])
    test(`${status} is final: error, close 1006`, async (t) => {
      const peer = server.address(`refuse?status=${status}`)
      const { socket, record } = ws.reconnecting(t, peer.url, { retry: hasty })
      const event = await record.until('close')
      await strays()
      assert.deepEqual(record.lines, ['error 3 server', 'close 3 1006 unclean server last'])
      assert.equal(event.httpStatus, status)
      assert.match(record.all('error')[0]!.message, new RegExp(`refused the upgrade with ${status}`))
      assert.equal(socket.readyState, 3)
      assert.equal(peer.dials, 1)
    })

  for (const status of [408, 425, 429, 500, 503, 302])
    test(`${status} is retried`, async (t) => {
      const { record } = ws.reconnecting(t, server.address(`refuse?status=${status}`).url, { retry: patient })
      assert.equal((await record.until('retry')).detail.close.httpStatus, status)
    })

  test('a strict socket shows the status in its close event', async (t) => {
    const { record } = ws.strict(t, server.address('refuse?status=403').url)
    assert.equal((await record.until('close')).httpStatus, 403)
    assert.deepEqual(record.lines, ['error 3 auth', 'close 3 1006 unclean auth last'])
  })

  for (const status of [401, 403]) {
    test(`${status} with a token provider gets one more try`, async (t) => {
      const accepting = server.address('echo')
      const refusing = server.address(`refuse?status=${status}`)
      const { record } = ws.reconnecting(t, ({ lastClose }) => (lastClose?.httpStatus === status ? accepting.url : refusing.url), {
        retry: hasty,
      })
      await record.until('open')
      assert.deepEqual(record.lines, ['error 0 auth', 'retry 0 #1', 'open 1'])
    })

    test(`a second ${status} in a row is final`, async (t) => {
      const peer = server.address(`refuse?status=${status}`)
      const { record } = ws.reconnecting(t, peer.url, { headers: async () => ({}), retry: hasty })
      await record.until('close')
      await strays()
      assert.deepEqual(record.lines, ['error 0 auth', 'retry 0 #1', 'error 3 auth', 'close 3 1006 unclean auth last'])
      assert.equal(peer.dials, 2)
    })

    test(`${status} without a provider is final at once`, async (t) => {
      const peer = server.address(`refuse?status=${status}`)
      const { record } = ws.reconnecting(t, peer.url, { headers: { authorization: 'fixed' }, retry: hasty })
      await record.until('close')
      assert.deepEqual(record.lines, ['error 3 auth', 'close 3 1006 unclean auth last'])
    })
  }

  test('a certificate of a private authority is trusted through wsOptions', needs('openssl'), async (t) => {
    const { ca, key, cert } = await createCertificate()
    const secure = await startServer({ tls: { key, cert } })
    t.after(() => secure.stop())
    const trusted = ws.strict(t, secure.address('echo').url, { wsOptions: { ca } })
    await trusted.record.until('open')
    trusted.socket.send('hello')
    await trusted.record.until('message')
    const untrusted = ws.reconnecting(t, secure.address('echo').url, { retry: patient })
    await untrusted.record.until('retry')
    assert.deepEqual(untrusted.record.lines, ['error 0 network', 'retry 0 #1'])
  })

  test('headers of wsOptions are kept beside those of headers', async (t) => {
    const peer = server.address('echo')
    const { record } = ws.strict(t, peer.url, { wsOptions: { headers: { 'x-a': '1' } }, headers: { 'x-b': '2' } })
    await record.until('open')
    assert.equal(header(server, peer.path, 0, 'x-a'), '1')
    assert.equal(header(server, peer.path, 0, 'x-b'), '2')
  })

  test('perMessageDeflate is negotiated by default, and extensions tells', async (t) => {
    const compressing = await startServer()
    t.after(() => compressing.stop())
    compressing.server.options.perMessageDeflate = true
    const { socket, record } = ws.strict(t, compressing.address('echo').url)
    await record.until('open')
    assert.match(socket.extensions, /permessage-deflate/)
    const bytes = new TextEncoder().encode('as it was')
    socket.binaryType = 'arraybuffer'
    socket.send(bytes)
    bytes.fill(0)
    const { data } = await record.until('message')
    assert.equal(new TextDecoder().decode(data), 'as it was')
    const closed = once(compressing.connections[0]!.socket, 'close')
    socket.close(1000)
    await soon(closed, "the end of the server's socket")
  })
})

function header(server: Server, path: string, dial: number, name: string): unknown {
  return server.attempts.filter((attempt) => attempt.path === path || attempt.path.startsWith(`${path}&`))[dial]?.headers[name]
}
