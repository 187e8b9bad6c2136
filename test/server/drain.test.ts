// A server that its clients leave: in order, at slots of their own, and not by being dropped.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ReconnectingWebSocket } from 'holdfast'
import { Drain, type Leaver } from '../../packages/holdfast/src/server/drain.ts'
import { TimerWheel } from '../../packages/holdfast/src/server/timer-wheel.ts'
import { EventRecord } from '../client/record.ts'
import { until } from '../fault/patience.ts'
import { HandClock } from './hand-clock.ts'
import { ask, begin, dial, refusedUpgrade, resume, type ScriptLink, type Session } from './script-client.ts'
import { next, startServer, type TestServer, textsOf, turn } from './server.ts'

const finish = { code: 1012, reason: 'restart' }

/** So many sessions whose clients are known to have their welcome. */
async function settled({ url, server }: TestServer, count: number): Promise<Session[]> {
  const sessions: Session[] = []
  for (let session = 0; session < count; session++) {
    const connected = next(server, 'connection')
    const began = await begin(url)
    const [socket] = await connected
    const heard = next(socket, 'message')
    began.link.send('here')
    await heard
    sessions.push(began)
  }
  return sessions
}

/** Answers the end of a session as a client does. */
async function leave(link: ScriptLink, received: number): Promise<void> {
  assert.deepEqual(JSON.parse(await link.nextControl('F')), finish)
  link.control('A', received + 1)
  link.control('F', finish)
  await link.nextControl('A')
  link.control('A', received + 1)
  assert.equal((await link.closed).code, 1000)
}

describe('a drain', { timeout: 60_000 }, () => {
  test('of nobody is over at once', async () => {
    await using path = await startServer()
    assert.deepEqual(await path.server.drain(), { migrated: 0, closed: 0, forced: 0 })
    assert.equal(path.server.stats.draining, true)
  })

  test('ends each session with what it has to send and then 1012, and plain clients with 1012', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const plain = await dial(path.url, [])
    path.sockets[0]!.send('last words')
    const drained = path.server.drain()
    assert.equal(path.server.stats.draining, true)
    assert.equal(await link.nextData(), 'last words')
    await leave(link, 1)
    assert.deepEqual(await plain.closed, finish)
    assert.deepEqual(await drained, { migrated: 0, closed: 2, forced: 0 })
    const { code, cause, wasClean, unconfirmed } = path.sockets[0]!.closeInfo!
    assert.deepEqual({ code, cause, wasClean, unconfirmed }, { code: 1012, cause: 'drain', wasClean: true, unconfirmed: [] })
    assert.deepEqual(path.server.stats, { sessions: 0, attached: 0, plain: 0, bufferedBytes: 0, spread: 0, draining: true })
  })

  test('takes what a client sends until it has answered', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const texts = textsOf(path.sockets[0]!)
    const drained = path.server.drain()
    await link.nextControl('F')
    link.send('under way')
    link.control('F', finish)
    await link.nextControl('A')
    link.control('A', 1)
    assert.deepEqual([texts, await drained], [['under way'], { migrated: 0, closed: 1, forced: 0 }])
  })

  test('asks one after the other, at its rate', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock })
    const links: ScriptLink[] = []
    for (let session = 0; session < 4; session++) links.push((await begin(path.url)).link)
    for (let plain = 0; plain < 4; plain++) links.push(await dial(path.url, []))
    void path.server.drain({ rate: 2 })
    const left = () => 8 - path.sockets.filter((socket) => socket.readyState === 1).length
    const counts = [left()]
    await clock.forward(10) // the wheel's slots are some milliseconds wide
    for (let step = 0; step < 8; step++) {
      await clock.forward(500)
      counts.push(left())
    }
    assert.deepEqual(counts, [1, 2, 3, 4, 5, 6, 7, 8, 8])
    assert.equal(links.length, 8)
  })

  test('goes at the rate of the admission by default, and faster where half of its timeout would not do', async () => {
    for (const [options, drain, forwardMs] of [
      [{ admission: { ratePerSecond: 2 } }, {}, 500],
      [{}, { rate: 0.001, timeout: 2_000 }, 500],
    ] as const) {
      const clock = new HandClock()
      await using path = await startServer({ clock, ...options })
      await begin(path.url)
      await begin(path.url)
      void path.server.drain(drain)
      const left = () => path.sockets.filter((socket) => socket.readyState !== 1).length
      await clock.forward(forwardMs - 10)
      assert.equal(left(), 1)
      await clock.forward(20)
      assert.equal(left(), 2)
    }
  })

  test('begins no session and takes no plain client, and says when to ask again; those that it has are resumed', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock })
    await begin(path.url)
    const { link, welcome } = await begin(path.url)
    void path.server.drain({ rate: 1 })
    const refused = await dial(path.url, ['holdfast.v1'])
    assert.deepEqual(JSON.parse(await refused.nextControl('X')), { why: 'busy', after: 1_000 })
    const response = await refusedUpgrade(path.url, [])
    assert.deepEqual([response.statusCode, response.headers['retry-after']], [503, '1'])
    link.reset()
    await until(() => path.server.stats.attached === 1, 'loss')
    await resume(path.url, welcome)
    assert.equal(path.server.stats.attached, 2)
  })

  test('takes no plain client whose authentication was under way', async () => {
    let go = () => {}
    const authenticate = () =>
      new Promise<void>((resolve) => {
        go = resolve
      })
    await using path = await startServer({ authenticate })
    const refused = refusedUpgrade(path.url, [])
    await turn()
    await until(() => go.name !== '', 'authentication')
    await path.server.drain()
    go()
    assert.equal((await refused).statusCode, 503)
  })

  test('waits for a client that is away: it gets what was kept for it, and then the end', async () => {
    await using path = await startServer()
    const { link, welcome } = await begin(path.url)
    link.reset()
    await until(() => path.server.stats.attached === 0, 'loss')
    path.sockets[0]!.send('kept')
    const drained = path.server.drain()
    const again = await ask(path.url, welcome)
    assert.equal(await again.nextData(), 'kept')
    await leave(again, 1)
    assert.deepEqual(await drained, { migrated: 0, closed: 1, forced: 0 })
  })

  test('forces at its timeout who did not answer, and says what was not confirmed', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, closeTimeout: 60_000 })
    const { link } = await begin(path.url)
    const plain = await dial(path.url, [])
    plain.ws.pause()
    path.sockets[0]!.send('never acknowledged')
    const drained = path.server.drain({ timeout: 5_000 })
    await clock.forward(5_040)
    assert.deepEqual(await drained, { migrated: 0, closed: 0, forced: 2 })
    assert.equal((await link.closed).code, 3805)
    await until(() => path.server.stats.plain === 0, 'end of the plain one')
    const { code, cause, unconfirmed } = path.sockets[0]!.closeInfo!
    assert.deepEqual({ code, cause, unconfirmed }, { code: 1006, cause: 'drain', unconfirmed: ['never acknowledged'] })
  })

  test('forces everybody when its signal is aborted, before or during it', async () => {
    for (const isBefore of [true, false]) {
      await using path = await startServer()
      await begin(path.url)
      await dial(path.url, [])
      const abort = new AbortController()
      if (isBefore) abort.abort()
      const drained = path.server.drain({ signal: abort.signal })
      abort.abort()
      assert.deepEqual(await drained, { migrated: 0, closed: 0, forced: 2 })
    }
  })

  test('that is asked for twice is one', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const both = [path.server.drain(), path.server.drain({ rate: 5 })]
    await leave(link, 0)
    const result = { migrated: 0, closed: 1, forced: 0 }
    assert.deepEqual(await Promise.all(both), [result, result])
  })

  test('counts who leaves by itself, and who is lost', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock })
    for (let plain = 0; plain < 2; plain++) await begin(path.url)
    const [leaver, lost] = [await dial(path.url, []), await dial(path.url, [])]
    const drained = path.server.drain({ rate: 0.1 })
    leaver.ws.close(1000)
    lost.reset()
    path.sockets[0]!.terminate()
    path.sockets[1]!.terminate()
    const { migrated, closed, forced } = await drained
    assert.deepEqual([migrated, closed + forced], [0, 4])
    assert.ok(closed >= 1 && forced >= 3)
  })

  test('has options that are checked', async () => {
    await using path = await startServer()
    for (const [options, message] of [
      [5, /options of drain must be an object, not 5/],
      [{ rat: 5 }, /unknown option rat \(5\); known are rate, timeout, signal, migrate/],
      [{ rate: 0 }, /option rate is 0; it must be a number of clients a second above 0 and up to 1000000/],
      [{ timeout: Infinity }, /option timeout is Infinity; it must be a number of milliseconds/],
      [{ signal: {} }, /option signal is an object; it must be an AbortSignal/],
      [{ migrate: 'elsewhere' }, /option migrate is "elsewhere"; it must be true, false, or the ws: or wss: URL/],
    ] as const)
      assert.throws(() => path.server.drain(options as never), { name: 'TypeError', message })
    assert.equal(path.server.stats.draining, false)
  })
})

describe('a drain for a server that stays', { timeout: 60_000 }, () => {
  test('asks each client to move, with a slot of its own and a time by which this link ends', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock })
    const sessions = await settled(path, 2)
    const drained = path.server.drain({ rate: 2, timeout: 8_000, migrate: 'wss://other.test/socket' })
    const asked = []
    for (const { link } of sessions) asked.push(JSON.parse(await link.nextControl('D')))
    asked.sort((one, other) => one.in - other.in)
    const url = 'wss://other.test/socket'
    assert.deepEqual(asked, [
      { in: 0, by: 8_000, url },
      { in: 500, by: 8_000, url },
    ])
    for (const { link, welcome } of sessions) {
      await resume(path.url, welcome)
      assert.equal((await link.closed).code, 3801)
    }
    assert.deepEqual(await drained, { migrated: 2, closed: 0, forced: 0 })
    assert.deepEqual([path.server.stats.draining, path.server.stats.attached], [false, 2])
    await begin(path.url) // it goes on
  })

  test('tells a slot no sooner than a second before it', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock })
    const sessions = await settled(path, 3)
    const told: number[] = []
    for (const { link } of sessions) void link.nextControl('D').then((payload) => told.push(JSON.parse(payload).in))
    void path.server.drain({ rate: 0.5, timeout: 20_000, migrate: true })
    await until(() => told.length === 1, 'first D')
    await clock.forward(1_100)
    await until(() => told.length === 2, 'second D')
    await clock.forward(2_000)
    await until(() => told.length === 3, 'third D')
    assert.equal(told[0], 0)
    for (const ms of told.slice(1)) assert.ok(ms <= 1_000 && ms > 900, `${told}`)
  })

  test('takes the link away from who does not move, and leaves it the session', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock })
    const [{ link, welcome }] = (await settled(path, 1)) as [Session]
    const drained = path.server.drain({ timeout: 2_000, migrate: true })
    await link.nextControl('D')
    await clock.forward(2_040)
    assert.deepEqual(await drained, { migrated: 0, closed: 0, forced: 1 })
    assert.equal((await link.closed).code, 1012)
    await resume(path.url, welcome)
  })

  test('gives way to one that ends everything', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const moving = path.server.drain({ migrate: true })
    const ending = path.server.drain()
    assert.deepEqual(await moving, { migrated: 0, closed: 0, forced: 0 })
    await leave(link, 0)
    assert.deepEqual(await ending, { migrated: 0, closed: 1, forced: 0 })
  })

  test('moves clients of ours without a gap', async () => {
    await using path = await startServer()
    const socket = new ReconnectingWebSocket(path.url, [], { resume: true })
    const record = new EventRecord(socket)
    await record.until('open')
    const texts = textsOf(await path.socket())
    const drained = path.server.drain({ migrate: true })
    for (let number = 0; number < 100; number++) socket.send(`${number}`)
    assert.deepEqual(await drained, { migrated: 1, closed: 0, forced: 0 })
    await until(() => texts.length === 100, 'messages')
    assert.deepEqual([record.all('lost').length, record.all('close').length], [0, 0])
    socket.close()
    await record.until('close')
  })
})

describe('a client of ours whose server goes', { timeout: 60_000 }, () => {
  test('hears of the end as of a drain, has nothing unconfirmed, and is back with a new session at the next server', async () => {
    await using old = await startServer()
    await using young = await startServer()
    const servers = [old.url, young.url]
    const socket = new ReconnectingWebSocket(() => servers[0]!, [], { resume: true })
    const record = new EventRecord(socket)
    await record.until('open')
    const [before, after] = [textsOf(await old.socket()), [] as string[]]
    young.server.on('connection', (session) => session.on('message', (data) => after.push(String(data))))
    servers.shift()
    const drained = old.server.drain()
    for (let number = 0; number < 200; number++) {
      socket.send(`${number}`)
      if (number % 50 === 0) await turn()
    }
    const { code, cause, wasClean, willReconnect, unconfirmed } = await record.until('close')
    assert.deepEqual(
      { code, cause, wasClean, willReconnect, unconfirmed },
      {
        code: 1012,
        cause: 'drain',
        wasClean: true,
        willReconnect: true,
        unconfirmed: [],
      },
    )
    assert.deepEqual(await drained, { migrated: 0, closed: 1, forced: 0 })
    await record.until('open', 2)
    await until(() => before.length + after.length === 200, 'all messages')
    assert.deepEqual(
      [...before, ...after],
      Array.from({ length: 200 }, (_, number) => `${number}`),
    )
    socket.close()
    await record.until('close', 2)
  })
})

describe('a client of ours whose session its server ends for good', { timeout: 60_000 }, () => {
  test('gets back what it sent meanwhile', async () => {
    await using path = await startServer()
    const socket = new ReconnectingWebSocket(path.url, [], { resume: true })
    const record = new EventRecord(socket)
    await record.until('open')
    const session = await path.socket()
    session.close(1000, 'done')
    await until(() => socket.readyState !== 1, 'the end')
    const isOver = record.all('close').length > 0
    if (!isOver) socket.send('too late')
    const { code, willReconnect, unconfirmed } = await record.until('close')
    assert.deepEqual([code, willReconnect, unconfirmed], [1000, false, isOver ? [] : ['too late']])
  })
})

describe('the order of a drain', () => {
  const members = (count: number, asked: number[], forced: number[] = []) =>
    new Map<object, Leaver>(
      Array.from({ length: count }, (_, index) => [{}, { ask: () => void asked.push(index), force: () => void forced.push(index) }]),
    )

  test('is drawn by lot', () => {
    const clock = new HandClock()
    const orders = [0, 0.999].map((lot) => {
      clock.random = () => lot
      const asked: number[] = []
      new Drain({ clock, wheel: new TimerWheel(clock, 1_000), spread: 0, timeout: 1_000, lead: 0 }, members(4, asked)).begin()
      return asked
    })
    assert.deepEqual(orders, [
      [1, 2, 3, 0],
      [0, 1, 2, 3],
    ])
  })

  test('skips who has left', async () => {
    const clock = new HandClock()
    const [asked, forced]: number[][] = [[], []]
    const leavers = members(3, asked!, forced)
    const keys = [...leavers.keys()]
    clock.random = () => 0.999
    const drain = new Drain({ clock, wheel: new TimerWheel(clock, 1_000), spread: 300, timeout: 1_000, lead: 0 }, leavers)
    drain.begin()
    drain.left(keys[1]!, 'closed')
    drain.left(keys[1]!, 'closed')
    await clock.forward(300)
    assert.deepEqual(asked, [0, 2])
    await clock.forward(800)
    assert.deepEqual([forced, await drain.result], [[0, 2], { migrated: 0, closed: 1, forced: 2 }])
  })
})
