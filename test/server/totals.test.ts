// What a server counts: every happening once, under the word it has everywhere.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { emptyHistogram, observe } from '../../packages/holdfast/src/server/histogram.ts'
import { WebSocketServer } from '../../packages/holdfast/src/server.ts'
import { inTime, until } from '../fault/patience.ts'
import { liveThrough, options } from './life.ts'
import { begin, dial, refusedUpgrade } from './script-client.ts'
import { startServer } from './server.ts'

/** Leaves out what is zero. */
function nonZero(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).map(([key, each]) => [key, nonZero(each)] as const)
  return Object.fromEntries(entries.filter(([, each]) => each !== 0))
}

describe('the totals of a server', { timeout: 60_000 }, () => {
  test('say what it has lived through', async () => {
    await using path = await startServer(options)
    await liveThrough(path)
    const { downtimes, roundTrips, ...counts } = path.server.totals
    assert.deepEqual(nonZero(counts), {
      linksOpened: { session: 7, resumption: 6, plain: 6 },
      upgradesRefused: { 401: 1, invalid: 1 },
      sessionsRefused: { stale: 1, unknown: 2 },
      sessionsOpened: 7,
      sessionsEnded: { client: 1, server: 2, protocol: 1, overflow: 1 },
      disconnects: { session: { network: 2 }, plain: { client: 1, server: 2, network: 1, protocol: 1 } },
      linksClosed: { done: 2, superseded: 1, refused: 1, abandoned: 2, violation: 2 },
      resumptions: 2,
      messagesReplayed: 3,
      pings: { session: 1 },
      received: { messages: 1, bytes: 4 },
      sent: { messages: 5, bytes: 1_008 },
    })
    const all = (histogram: { counts: readonly number[] }) => histogram.counts.reduce((sum, count) => sum + count)
    assert.deepEqual([all(downtimes), all(roundTrips.session), all(roundTrips.plain)], [2, 0, 0])
    assert.ok(downtimes.sum > 0)
    const { stats } = path.server
    assert.deepEqual([stats.sessions, stats.attached, stats.plain], [2, 1, 1])
  })

  test('are a copy that JSON keeps as it is', () => {
    const server = new WebSocketServer({ noServer: true })
    const { totals } = server
    assert.deepEqual(JSON.parse(JSON.stringify(totals)), totals)
    ;(totals.linksOpened as { plain: number }).plain = 7
    assert.equal(server.totals.linksOpened.plain, 0)
  })

  test('have the pings, their answers and who gave none', async () => {
    await using path = await startServer({ heartbeat: { interval: 50, timeout: 100 }, clock: options.clock })
    await dial(path.url, [])
    await dial(path.url, [], { autoPong: false })
    const { link } = await begin(path.url)
    link.ws.on('message', (data: Buffer) => {
      const frame = String(data)
      if (frame.startsWith('\u0010P')) link.control('O', `${frame.slice(2).split(',')[0]},0`)
    })
    await begin(path.url)
    const totals = () => path.server.totals
    const answers = (kind: 'session' | 'plain') => totals().roundTrips[kind].counts.reduce((sum, count) => sum + count)
    await until(() => totals().disconnects.session['heartbeat-timeout'] === 1, 'silent session')
    await until(() => totals().disconnects.plain['heartbeat-timeout'] === 1, 'silent socket')
    await until(() => answers('session') > 0 && answers('plain') > 0, 'answers')
    const { pings, roundTrips, linksClosed } = totals()
    assert.ok(pings.session > answers('session') && pings.plain > answers('plain'))
    assert.ok(roundTrips.session.sum > 0 && roundTrips.plain.sum > 0)
    assert.equal(linksClosed.dead, 1)
  })

  test('have those who were asked to leave, and those who came after them', async () => {
    await using path = await startServer({ authenticate: options.authenticate, admission: { ratePerSecond: 10 } })
    const plain = await dial(path.url, [])
    const { link } = await begin(path.url)
    const drained = path.server.drain({ rate: 1_000 })
    const leave = JSON.parse(await link.nextControl('F'))
    link.control('F', leave)
    link.control('A', 1)
    await inTime(Promise.all([drained, plain.closed]), 'end of the drain')
    assert.equal((await refusedUpgrade(path.url, [])).statusCode, 503)
    const late = await dial(path.url, ['holdfast.v1'])
    await late.nextControl('X')
    const { sessionsEnded, disconnects, upgradesRefused, sessionsRefused } = path.server.totals
    assert.deepEqual(nonZero({ sessionsEnded, disconnects: disconnects.plain, upgradesRefused, sessionsRefused }), {
      sessionsEnded: { drain: 1 },
      disconnects: { drain: 1 },
      upgradesRefused: { 503: 1 },
      sessionsRefused: { busy: 1 },
    })
  })

  test('have who pings and does not wait for the answers', async () => {
    await using path = await startServer()
    const links = [await dial(path.url, []), (await begin(path.url)).link]
    for (const { ws } of links) for (let count = 0; count < 20_000; count++) ws.ping()
    await until(() => path.server.totals.disconnects.plain.overflow === 1, 'end of the plain socket')
    await until(() => path.server.totals.disconnects.session.overflow === 1, 'loss of the link')
  })

  test('have who never reads', async () => {
    await using path = await startServer({ writeTimeout: 100, session: { maxBytes: Infinity }, maxPayload: 2 ** 26 })
    const links = [await dial(path.url, []), (await begin(path.url)).link]
    for (const [index, link] of links.entries()) {
      link.ws.pause()
      ;(await path.socket(index)).send(Buffer.alloc(2 ** 25))
    }
    await until(() => path.server.totals.disconnects.plain['write-timeout'] === 1, 'plain socket')
    await until(() => path.server.totals.disconnects.session['write-timeout'] === 1, 'session')
    for (const { ws } of links) ws.terminate()
  })

  test('have the statuses of verifyClient, those that nobody knows as other', async () => {
    const statuses = [undefined, 404, 418]
    await using path = await startServer({ verifyClient: (_, answer) => answer(false, statuses.shift()) })
    for (let count = 0; count < 3; count++) {
      const ws = new WebSocket(path.url)
      await inTime(new Promise((resolve) => ws.once('error', resolve)), 'refusal')
    }
    assert.deepEqual(nonZero(path.server.totals.upgradesRefused), { 401: 1, 404: 1, other: 1 })
  })
})

test('a histogram counts what is up to a bound with it, and the rest at the end', () => {
  const histogram = emptyHistogram([1, 10])
  for (const ms of [0, 1, 1.5, 10, 10.5, 1e9]) observe(histogram, ms)
  assert.deepEqual(histogram, { bounds: [1, 10], counts: [2, 2, 2], sum: 1e9 + 23 })
})
