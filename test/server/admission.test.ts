// More clients than a server takes at once: what they are told, and that they come in at their slots.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ReconnectingWebSocket } from 'holdfast'
import { EventRecord } from '../client/record.ts'
import { until } from '../fault/patience.ts'
import { HandClock } from './hand-clock.ts'
import { begin, dial, refusal, refusedUpgrade, resume } from './script-client.ts'
import { startServer } from './server.ts'

/** One at once, and then one in ten seconds. */
const admission = { ratePerSecond: 0.1, maxPending: 3 }
const slotMs = 10_000

async function busy(url: string): Promise<number> {
  const link = await dial(url, ['holdfast.v1'])
  const { why, after } = JSON.parse(await link.nextControl('X'))
  assert.equal(why, 'busy')
  assert.equal((await link.closed).code, 3803)
  return after
}

describe('admission', { timeout: 60_000 }, () => {
  test('refuses a session too many as busy, each with a slot of its own, and takes it there', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, admission })
    await begin(path.url)
    const first = await busy(path.url)
    await clock.forward(first)
    await begin(path.url)
    const slots = [first, await busy(path.url), await busy(path.url), await busy(path.url)]
    for (const [index, slot] of slots.entries()) assert.ok(Math.abs(slot - Math.max(1, index) * slotMs) < slotMs / 10, `${slots}`)
    assert.equal(path.server.stats.sessions, 2)
  })

  test('is asked before authenticate, which costs most where there is a crowd', async () => {
    const clock = new HandClock()
    let asked = 0
    const authenticate = () => void asked++
    await using path = await startServer({ clock, admission, authenticate })
    await begin(path.url)
    await busy(path.url)
    assert.equal(asked, 1)
  })

  test('tells who comes behind all slots to wait longer', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, admission })
    await begin(path.url)
    const waits = [1, 2, 3, 4, 5].map(() => busy(path.url))
    const longest = Math.max(...(await Promise.all(waits)))
    assert.ok(longest > 4 * slotMs && longest < 6.2 * slotMs, `${longest}`)
  })

  test('makes a resumption wait without having counted it, and knows it again at its slot', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, admission })
    const { link, welcome } = await begin(path.url)
    link.reset()
    await until(() => path.server.stats.attached === 0, 'loss')
    const { why, after } = await refusal(path.url, welcome)
    assert.equal(why, 'busy')
    await clock.forward(after!)
    await begin(path.url) // a newcomer took what it had waited for
    const { spliced } = await resume(path.url, welcome)
    assert.deepEqual([spliced.recv, path.server.stats.attached], [0, 2])
    await busy(path.url)
  })

  test('answers a plain client with 503 and the time, before its upgrade and before it is asked who it is', async () => {
    const clock = new HandClock()
    let asked = 0
    const authenticate = () => {
      asked++
    }
    await using path = await startServer({ clock, admission, authenticate })
    await dial(path.url, [])
    const response = await refusedUpgrade(path.url, [])
    assert.deepEqual([response.statusCode, response.headers['retry-after'], asked], [503, '11', 1])
    await clock.forward(11_000)
    await dial(path.url, [])
  })

  test('counts plain clients and sessions together', async () => {
    await using path = await startServer({ clock: new HandClock(), admission })
    await dial(path.url, [])
    await busy(path.url)
  })

  test('does not make a client of sessions give up, however often it is refused', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, admission: { ratePerSecond: 20 } })
    const retry = { minDelay: 1, maxDelay: 10, maxRetries: 1 }
    const sockets = Array.from({ length: 60 }, () => new ReconnectingWebSocket(path.url, [], { resume: true, retry }))
    const records = sockets.map((socket) => new EventRecord(socket))
    // Its clock stands still, so those who return are refused again.
    await until(() => records.filter((record) => record.all('retry').length >= 2).length >= 5, 'a second refusal')
    await until(() => records.every((record) => record.events.length > 0), 'an answer for everybody')
    assert.equal(path.server.stats.sessions, 20)
    while (path.server.stats.sessions < sockets.length) {
      await clock.forward(1_000)
      const { sessions } = path.server.stats
      await until(() => path.server.stats.sessions > sessions || path.server.stats.sessions === sockets.length, 'another session')
    }
    await until(() => sockets.every((socket) => socket.readyState === 1), 'open for everybody')
    for (const record of records) assert.deepEqual(record.all('giveup'), [])
    for (const socket of sockets) socket.close()
    await until(() => path.server.stats.sessions === 0, 'end of all sessions')
  })

  test('makes a plain client of ours wait for as long as the header says', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, admission })
    await dial(path.url, [])
    const socket = new ReconnectingWebSocket(path.url, [], { retry: { minDelay: 1, maxDelay: 1 } })
    const record = new EventRecord(socket)
    const { detail } = await record.until('retry')
    assert.deepEqual([detail.close.httpStatus, detail.close.retryAfter], [503, 11_000])
    assert.ok(detail.delay > 10_000 && detail.delay <= 11_000)
    socket.close()
    await record.until('close')
  })
})

describe('spread', { timeout: 60_000 }, () => {
  test('is how long all sessions take to be admitted, is told with each welcome, and has a third of the ttl for its bound', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, admission: { ratePerSecond: 10 }, session: { ttl: 1_000 } })
    assert.equal(path.server.stats.spread, 0)
    const told = []
    for (let session = 0; session < 5; session++) told.push((await begin(path.url)).welcome.spread)
    assert.deepEqual(told, [100, 200, 300, 333, 333])
    assert.equal(path.server.stats.spread, 333)
  })

  test('that has doubled or halved is told to those who are here, in a ping', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, admission: { ratePerSecond: 10 } })
    const { link } = await begin(path.url)
    const others = [await begin(path.url), await begin(path.url)]
    link.send('traffic')
    await path.socket(0)
    await clock.forward(1_100) // its acknowledgement is due, and with it a look at the session
    assert.equal((await link.nextControl('P')).split(',')[2], '300')
    for (const other of others) other.link.control('F', { code: 1000, reason: '' })
    for (const other of others) other.link.control('A', 1)
    await until(() => path.server.stats.sessions === 1, 'end of the others')
    link.send('traffic')
    await until(() => path.server.stats.attached === 1, 'traffic')
    await clock.forward(1_100)
    assert.equal((await link.nextControl('P')).split(',')[2], '100')
  })

  test('is 0 where nothing says what can be admitted', async () => {
    await using path = await startServer()
    assert.equal((await begin(path.url)).welcome.spread, 0)
    assert.equal(path.server.stats.spread, 0)
  })
})
