// A new session on the link on which the resumption of another was refused needs a backend of its own, which is dialled then.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ReconnectingWebSocket } from 'holdfast'
import { Refusal } from '../../packages/holdfast/src/server.ts'
import { EventRecord } from '../client/record.ts'
import { inTime, until } from '../fault/patience.ts'
import { unusedPort } from '../peers/port.ts'
import { lose, refusalOn, renew } from '../server/renewal.ts'
import type { ScriptLink } from '../server/script-client.ts'
import { openRoute, type Route, startGateway } from './gateway.ts'

describe('a new session on the link of one that is lost', { timeout: 60_000 }, () => {
  test('has a backend of its own, dialled with what that link asked for, and not before', async () => {
    await using route = await openRoute({ forwardHeaders: ['x-own'] })
    const link = await lose(`${route.url}/echo?protocol=b`, { protocols: ['a', 'b'], headers: { 'x-own': 'yes' } })
    assert.equal(route.peer.attempts.length, 0)
    link.control('N', {})
    assert.equal((await link.welcome()).proto, 'b')
    link.control('A', 0)
    link.send('hello')
    assert.equal(await link.nextData(), 'hello')
    const [{ path, headers } = assert.fail('no dial')] = route.peer.attempts
    assert.deepEqual([path, headers['x-own'], headers['sec-websocket-protocol']], ['/echo?protocol=b', 'yes', 'a, b'])
    assert.deepEqual([route.gateway.stats.sessions, route.gateway.stats.upstreams, route.gateway.totals.upstreamDials.open], [1, 1, 1])
    route.peer.connections[0]!.socket.close(4_000, 'enough')
    assert.deepEqual(JSON.parse(await link.nextControl('F')), { code: 4_000, reason: 'enough' })
  })

  test('is given to who was authenticated when the link came, and nobody is asked again', async () => {
    const asked: boolean[] = []
    await using route = await openRoute({
      authenticate: ({ headers }, { resuming }) => {
        asked.push(resuming)
        return headers.authorization
      },
      session: { maxPerPrincipal: 1 },
    })
    const as = (authorization: string) => ({ headers: { authorization } })
    await (await renew(`${route.url}/idle`, as('ann'))).welcome()
    const second = (await refusalOn(await renew(`${route.url}/idle`, as('ann')))) as { why: string }
    assert.equal(second.why, 'busy')
    assert.deepEqual(asked, [true, true])
    await until(() => route.gateway.stats.upstreams === 1, 'end of the backend that nobody got')
  })

  for (const [what, path, told] of [
    ['is busy', '/refuse?status=503&retryAfter=5', { why: 'busy', after: 5_000 }],
    ['refuses for the moment', '/refuse?status=500', { why: 'busy', after: 1_000 }],
    ['refuses for good', '/refuse?status=403', { why: 'auth' }],
    ['says what nobody understands', '/wrong-accept', { why: 'busy', after: 1_000 }],
  ] as const)
    test(`does not begin where the backend ${what}`, async () => {
      await using route = await openRoute()
      assert.deepEqual(await refusalOn(await renew(route.url + path)), told)
      assert.deepEqual([route.gateway.stats.sessions, route.gateway.totals.sessionsOpened], [0, 0])
    })

  test('does not begin where no backend is there, nor for a request that none is for', async () => {
    const upstream = `ws://127.0.0.1:${await unusedPort()}`
    await using gateway = await startGateway({ upstream })
    assert.deepEqual(await refusalOn(await renew(gateway.url)), { why: 'busy', after: 1_000 })
    const refusing = () => {
      throw new Refusal(404)
    }
    await using choosy = await startGateway({ upstream: refusing })
    assert.deepEqual(await refusalOn(await renew(choosy.url)), { why: 'auth' })
  })

  test('does not begin at a gateway that goes, and nobody is dialled for it', async () => {
    await using route = await openRoute()
    const link = await lose(`${route.url}/idle`)
    await route.gateway.drain({ timeout: 100 })
    link.control('N', {})
    assert.equal(((await refusalOn(link)) as { why: string }).why, 'busy')
    assert.equal(route.peer.attempts.length, 0)
  })

  test('counts among the handshakes while its backend is dialled', async () => {
    await using route = await openRoute({ limits: { maxHandshakes: 1 }, upstreamConnectTimeout: 60_000 })
    const [first, second] = [await lose(`${route.url}/hang`), await lose(`${route.url}/idle`)]
    first.control('N', {})
    await until(() => route.peer.attempts.length === 1, 'dial')
    second.control('N', {})
    assert.deepEqual(await refusalOn(second), { why: 'busy', after: 1_000 })
    first.ws.terminate()
    await until(() => route.gateway.stats.upstreams === 0, 'end of the dial')
    await (await renew(`${route.url}/idle`)).welcome()
  })

  for (const [what, leave] of [
    ['goes', (link: ScriptLink) => link.reset()],
    ['says something else', (link: ScriptLink) => link.send('data')],
  ] as const)
    test(`lets its backend go when the client ${what} meanwhile`, async () => {
      await using route: Route = await openRoute({ upstreamConnectTimeout: 60_000 })
      const link = await renew(`${route.url}/slow?delay=300ms`)
      await until(() => route.gateway.stats.upstreams === 1, 'dial')
      leave(link)
      await inTime(link.closed, 'end of the link')
      await until(() => route.gateway.stats.upstreams === 0, 'end of the dial')
      assert.equal(route.gateway.totals.sessionsOpened, 0)
    })

  test('is what clients of ours get from a gateway that is replaced', async () => {
    await using first = await openRoute()
    let at = first.url
    const socket = new ReconnectingWebSocket(() => `${at}/echo`, null, { resume: true, retry: { minDelay: 5, maxDelay: 50 } })
    const record = new EventRecord(socket)
    await record.until('open')
    await using second = await startGateway({ upstream: first.peer.url })
    at = second.url
    socket.addEventListener('close', () => socket.send('hello'))
    socket.reconnect()
    await record.until('open', 2)
    const message = await record.until('message')
    assert.deepEqual([message.data, socket.stats.dials, socket.stats.sessions], ['hello', 2, 2])
    assert.deepEqual(second.gateway.totals.linksOpened, { session: 0, resumption: 1, plain: 0 })
    socket.close()
    await socket.closed
  })
})
