// A new session on the link on which the resumption of another was refused: what is asked again then, and what is not.

import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { Refusal } from '../../packages/holdfast/src/server.ts'
import { inTime, until } from '../fault/patience.ts'
import { HandClock } from './hand-clock.ts'
import { lose, nobody, refusalOn, renew } from './renewal.ts'
import { ask, begin, dial, dle, resume } from './script-client.ts'
import { next, startServer, type TestServer } from './server.ts'

describe('a new session on the link of one that is lost', { timeout: 60_000 }, () => {
  test('is a session like any other, announced with the request of that link', async () => {
    await using path = await startServer({ authenticate: ({ headers }) => headers.authorization })
    const announced: (string | undefined)[] = []
    path.server.on('connection', (_, request: IncomingMessage) => announced.push(request.url))
    const link = await renew(`${path.url}/feed?a=1`, { headers: { authorization: 'ann' } })
    const welcome = await link.welcome()
    link.control('A', 0)
    link.send('hello')
    const socket = await path.socket()
    assert.equal(String((await next(socket, 'message'))[0]), 'hello')
    assert.deepEqual(announced, ['/feed?a=1'])
    assert.deepEqual([socket.sessionId, socket.principal, socket.request.url, socket.attached], [welcome.sid, 'ann', '/feed?a=1', true])
    assert.equal(path.server.clients.size, 1)
    link.reset()
    await next(socket, 'lost')
    await resume(path.url, welcome, { recv: 0 }, { headers: { authorization: 'ann' } })
    assert.equal(path.sockets.length, 1)
  })

  test('is counted as what it is: an upgrade to resume, a refusal, a session', async () => {
    await using path = await startServer()
    const link = await renew(path.url)
    await link.welcome()
    const { linksOpened, sessionsRefused, sessionsOpened, linksClosed, resumptions } = path.server.totals
    assert.deepEqual(linksOpened, { session: 0, resumption: 1, plain: 0 })
    assert.deepEqual([sessionsRefused.unknown, sessionsOpened, linksClosed.refused, resumptions], [1, 1, 0, 0])
  })

  test('begins where the old one is over, too', async () => {
    await using path = await startServer()
    const { welcome } = await begin(path.url)
    const ended = next(await path.socket(), 'close')
    path.sockets[0]!.terminate()
    await ended
    const link = await ask(path.url, welcome)
    assert.deepEqual(JSON.parse(await link.nextControl('X')), { why: 'expired', recv: 0 })
    link.control('N', {})
    assert.notEqual((await link.welcome()).sid, welcome.sid)
  })

  test('is asked for by nobody who authenticates anew: who it is was found when the link came', async () => {
    const asked: boolean[] = []
    await using path = await startServer({
      session: { maxPerPrincipal: 1 },
      authenticate: ({ headers }, { resuming }) => {
        asked.push(resuming)
        return headers.authorization
      },
    })
    const as = (authorization: string) => ({ headers: { authorization } })
    await (await renew(path.url, as('ann'))).welcome()
    assert.deepEqual(asked, [true])
    assert.deepEqual(await refusalOn(await renew(path.url, as('ann'))).then((refused) => (refused as { why: string }).why), 'busy')
    await (await renew(path.url, as('bob'))).welcome()
    assert.deepEqual(asked, [true, true, true])
  })

  test('is offered to nobody whom authenticate or an origin speaks against', async () => {
    await using path = await startServer({
      origins: ['https://good.test'],
      authenticate: ({ headers }) => {
        if (headers.authorization === undefined) throw new Refusal(401)
        return headers.authorization
      },
    })
    for (const [why, options] of [
      ['origin', { origin: 'https://evil.test' }],
      ['auth', {}],
    ] as const) {
      const link = await ask(path.url, nobody, {}, options)
      link.control('N', {})
      assert.deepEqual(await refusalOn(link), { why })
    }
    assert.equal(path.sockets.length, 0)
  })

  test('has a subprotocol of those that its link offered, chosen then', async () => {
    const offers: string[][] = []
    await using path = await startServer({
      handleProtocols: (offered, request) => {
        offers.push([...offered, request.url!])
        return offered.has('b') && 'b'
      },
    })
    const link = await lose(`${path.url}/x`, { protocols: ['a', 'b'] })
    assert.deepEqual(offers, [])
    link.control('N', {})
    assert.equal((await link.welcome()).proto, 'b')
    assert.deepEqual(offers, [['a', 'b', '/x']])
    assert.equal((await path.socket()).protocol, 'b')
    assert.equal((await (await renew(path.url)).welcome()).proto, '')
    assert.equal(offers.length, 1, 'nothing was offered')
  })

  test('is refused as busy, and said to be so, where the choice of the subprotocol fails', async () => {
    const faults: string[] = []
    await using path = await startServer({
      handleProtocols: () => {
        throw new Error('broken')
      },
      logger: { debug() {}, info() {}, warn() {}, error: (_, text = '') => faults.push(text) },
    })
    assert.deepEqual(await refusalOn(await renew(path.url, { protocols: ['a'] })), { why: 'busy', after: 1_000 })
    assert.match(faults.join(), /handleProtocols failed/)
  })

  test('takes a place of its address, which a resumption does not, and frees it with its end', async () => {
    await using path = await startServer({ limits: { maxPerAddress: 1 } })
    const first = await lose(path.url)
    const second = await lose(path.url)
    first.control('N', {})
    await first.welcome()
    second.control('N', {})
    assert.deepEqual(await refusalOn(second), { why: 'busy', after: 30_000 })
    first.reset()
    await until(() => path.server.stats.attached === 0, 'loss')
    assert.deepEqual(await refusalOn(await renew(path.url)), { why: 'busy', after: 30_000 }, 'a session keeps its place')
    const ended = next(await path.socket(), 'close')
    path.sockets[0]!.terminate()
    await ended
    await (await renew(path.url)).welcome()
  })

  test('is told when to come again by admission, like one that comes by itself', async () => {
    await using path = await startServer({ admission: { ratePerSecond: 2 } })
    const links = [await renew(path.url), await renew(path.url), await renew(path.url)]
    await links[0]!.welcome()
    await links[1]!.welcome()
    const { why, after } = (await refusalOn(links[2]!)) as { why: string; after: number }
    assert.equal(why, 'busy')
    assert.ok(after > 0 && after <= 1_000, `${after} ms`)
    assert.equal(path.server.totals.sessionsRefused.busy, 1)
  })

  test('does not begin at a server that drains, nor at one that was closed', async () => {
    const path = await startServer()
    const [draining, closing] = [await lose(path.url), await lose(path.url)]
    await path.server.drain({ timeout: 100 })
    draining.control('N', {})
    assert.equal(((await refusalOn(draining)) as { why: string }).why, 'busy')
    const other = await startServer()
    const late = await lose(other.url)
    other.server.close()
    late.control('N', {})
    assert.equal(((await refusalOn(late)) as { why: string }).why, 'busy')
    assert.deepEqual([path.sockets.length, other.sockets.length], [0, 0])
    closing.ws.terminate()
    await Promise.all([path, other].map((each: TestServer) => each[Symbol.asyncDispose]()))
  })

  test('is waited for ten seconds, and then the link is closed', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock })
    const link = await lose(path.url)
    await clock.forward(9_900)
    assert.equal(link.ws.readyState, 1)
    await clock.forward(200)
    assert.deepEqual(await inTime(link.closed, 'end of the link'), { code: 3803, reason: 'nothing more in time' })
  })

  test('is not what anything else asks for', async () => {
    await using path = await startServer()
    for (const frame of ['data', `${dle}A0`, Buffer.from('x'), `${dle}N`, `${dle}R{}`]) {
      const link = await lose(path.url)
      link.send(`${dle}n`)
      link.send(frame)
      assert.equal((await inTime(link.closed, 'end of the link')).code, 3806)
    }
    for (const token of ['holdfast.v1', 'holdfast.v1.resume']) {
      const link = await dial(path.url, [token])
      link.control('N', {})
      assert.equal((await inTime(link.closed, 'end of the link')).code, 3806)
    }
    await until(() => path.server.stats.sessions === 0, 'end of the session')
  })
})
