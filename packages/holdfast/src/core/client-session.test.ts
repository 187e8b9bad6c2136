import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AwakeClock } from './awake-clock.ts'
import { ClientSession } from './client-session.ts'
import { abnormalClose, type CloseInfo } from './close-info.ts'
import { decode, type Spliced, type Welcome } from './control.ts'
import { Liveness } from './liveness.ts'
import { noMigration } from './migration.ts'

const cid = 'b25lIGNsaWVudCBvZiB1cw'
const sid = 'Zm9yIGV4YW1wbGUgb25seQ'
const key = 'dGhpcnR5LXR3byBieXRlcywgYXMgYWxsIG1heSBzZWU'
const terms = { ttl: 300_000, ping: 30_000, dead: 40_000, spread: 700 }
const welcome: Welcome = { kind: 'welcome', sid, key, proto: 'chat', max: 32_768, ...terms }
const config = { self: 'client', outbox: { maxBytes: 1_000, maxMessages: 10 }, closeTimeout: 10_000 } as const
const gauge = { isOpen: true, bytesRead: 1, bytesWritten: 0, backlog: 0 }

/** A session that has sent and received so many messages over its first link. */
function sessionAt({ sent = 0, acked = 0, delivered = 0 } = {}): ClientSession {
  const held = new ClientSession(welcome, 1, cid, config)
  const liveness = new Liveness(held.liveness(10_000, true), gauge, 0, new AwakeClock(1_000, 0, 0))
  held.session.attach(liveness, 0, 0, 0)
  for (let count = 0; count < sent; count++) held.session.send({ data: `c${count}`, bytes: 2, settle: undefined })
  while (held.session.nextFrame(0) !== undefined);
  for (let count = 0; count < delivered; count++) held.session.receive(0, `s${count}`)
  if (acked > 0) held.session.control(0, { kind: 'ack', count: acked })
  return held
}

function spliced(recv: number, base: number, sent: number): Spliced {
  return { kind: 'spliced', recv, base, sent, ...terms }
}

function superseded(reason: string): CloseInfo {
  return { code: 3801, reason, wasClean: true, cause: 'server' }
}

test('a session takes its terms from the welcome, and is neither set up nor on the move', () => {
  const held = sessionAt()
  assert.equal(held.link, 1)
  assert.equal(held.sid, sid)
  assert.equal(held.proto, 'chat')
  assert.equal(held.max, 32_768)
  assert.equal(held.ttl, 300_000)
  assert.equal(held.session.spread, 700)
  assert.equal(held.isSet, false)
  assert.equal(held.isClosed, false)
  assert.equal(held.lostAt, undefined)
  assert.equal(held.strangers, 0)
  assert.equal(held.tentativeLink, undefined)
  assert.equal(held.migration, noMigration)
})

test('each resumption has a number above all before, and tells what was delivered by then', () => {
  const held = sessionAt({ delivered: 2 })
  assert.deepEqual(decode(held.resume()), { kind: 'resume', sid, key, cid, attempt: 1, recv: 2 })
  held.session.receive(0, 'another')
  assert.deepEqual(decode(held.resume()), { kind: 'resume', sid, key, cid, attempt: 2, recv: 3 })
})

test('the terms of a splice take the place of those before', () => {
  const held = sessionAt()
  held.agree({ ttl: 1_000, ping: 10_000, dead: 30_000, spread: 5 })
  assert.equal(held.ttl, 1_000)
  assert.equal(held.session.spread, 5)
  assert.deepEqual(held.liveness(7, true), { interval: 20_000, timeout: 10_000, writeTimeout: 7 })
})

test('the spread counts for a third of the ttl at most, whoever tells it', () => {
  const held = sessionAt()
  assert.equal(held.spread, 700)
  held.session.control(0, { kind: 'ping', id: 1, count: 0, spread: 100_001 })
  assert.equal(held.spread, 100_000)
  held.agree({ ...terms, ttl: 30, spread: 10 })
  assert.equal(held.spread, 10)
  held.agree({ ...terms, ttl: 30, spread: 11 })
  assert.equal(held.spread, 10)
})

describe('a splice', () => {
  const held = () => sessionAt({ sent: 4, acked: 2, delivered: 3 })

  test('is accepted within what both ends know', () => {
    for (const recv of [2, 3, 4]) for (const base of [0, 3]) for (const sent of [3, 9]) assert.ok(held().accepts(spliced(recv, base, sent)))
  })

  test('is not accepted from a server that forgot what it acknowledged', () => {
    assert.ok(!held().accepts(spliced(1, 3, 3)))
  })

  test('is not accepted from a server that has more than was sent', () => {
    assert.ok(!held().accepts(spliced(5, 3, 3)))
  })

  test('is not accepted if it goes on behind what was delivered', () => {
    assert.ok(!held().accepts(spliced(4, 4, 4)))
  })

  test('is not accepted if it goes on behind what the server itself numbered', () => {
    assert.ok(!held().accepts(spliced(4, 3, 2)))
  })

  test('is measured by the largest acknowledgement, though this link has not counted as much', () => {
    const held = sessionAt({ sent: 4, acked: 4 })
    held.session.attach(new Liveness(held.liveness(10_000, true), gauge, 0, new AwakeClock(1_000, 0, 0)), 4, 0, 0)
    assert.ok(!held.accepts(spliced(3, 0, 0)))
    assert.ok(held.accepts(spliced(4, 0, 0)))
  })
})

describe('the deadlines of a link', () => {
  test('are those of the server: a question half-way, an answer by the end', () => {
    assert.deepEqual(sessionAt().liveness(10_000, true), { interval: 35_000, timeout: 5_000, writeTimeout: 10_000 })
  })

  test('leave a second for an answer, whatever the server says', () => {
    for (const [ping, dead, lasts] of [
      [30_000, 31_000, 31_000],
      [30_000, 30_999, 31_000],
      [30_000, 30_000, 31_000],
      [30_000, 0, 31_000],
      [0, 0, 1_000],
    ] as const) {
      const held = sessionAt()
      held.agree({ ...terms, ping, dead })
      assert.deepEqual(held.liveness(7, true), { interval: (ping + lasts) / 2, timeout: (lasts - ping) / 2, writeTimeout: 7 })
    }
  })

  test('leave room for the largest message where the transport shows no bytes', () => {
    assert.equal(sessionAt().liveness(10_000, false).timeout, 5_000 + 1_000)
  })
})

describe('progress', () => {
  test('is something that got through since it was last asked, in either direction', () => {
    const held = sessionAt({ sent: 3 })
    assert.ok(!held.hasProgressed())
    held.session.control(0, { kind: 'ack', count: 1 })
    assert.ok(held.hasProgressed())
    assert.ok(!held.hasProgressed())
    held.session.receive(0, 'something')
    assert.ok(held.hasProgressed())
    assert.ok(!held.hasProgressed())
  })

  test('is not what was sent, nor an acknowledgement told again', () => {
    const held = sessionAt({ sent: 3, acked: 3 })
    held.hasProgressed()
    held.session.send({ data: 'more', bytes: 4, settle: undefined })
    held.session.nextFrame(0)
    held.session.control(0, { kind: 'ack', count: 3 })
    assert.ok(!held.hasProgressed())
  })
})

describe('the end of a link', () => {
  for (const code of [1000, 1001, 1005, 1006, 1008, 1011, 1012, 1013, 3000, 3802, 3803, 3804, 4000, 4401]) {
    test(`with ${code} is no more than its loss`, () => {
      assert.deepEqual(sessionAt().judge({ code, reason: 'x', wasClean: true, cause: 'server' }), { kind: 'lost' })
    })
  }

  for (const code of [1002, 1003, 1007, 1009]) {
    test(`with ${code} is fatal, under that code`, () => {
      const end = sessionAt().judge({ code, reason: 'no', wasClean: true, cause: 'server' })
      assert.deepEqual(end, { kind: 'fatal', close: { code, reason: 'no', wasClean: false, cause: 'server' } })
    })
  }

  test('with 3805 is the end of a session that the server has ended', () => {
    const { ...end } = sessionAt().judge({ code: 3805, reason: '', wasClean: true, cause: 'server' })
    assert.deepEqual(end, { kind: 'fatal', close: { ...abnormalClose('session-lost'), reason: 'session-lost:abandoned' } })
  })

  test('with 3806 is the end by a violation that the server found', () => {
    const end = sessionAt().judge({ code: 3806, reason: 'a gap', wasClean: true, cause: 'server' })
    assert.deepEqual(end, { kind: 'fatal', close: { ...abnormalClose('protocol'), reason: 'a gap' } })
  })

  test('by the attempt of another holder is a take-over', () => {
    for (const reason of ['YW5vdGhlciBjbGllbnQgb2Y.1', 'YW5vdGhlciBjbGllbnQgb2Y', '']) {
      assert.deepEqual(sessionAt().judge(superseded(reason)), { kind: 'fatal', close: abnormalClose('taken-over') })
    }
  })

  test('by an attempt of its own says that the one in flight is accepted, if it is that one and its answer is due', () => {
    const held = sessionAt()
    held.resume()
    held.resume()
    assert.deepEqual(held.judge(superseded(`${cid}.2`)), { kind: 'lost' })
    held.migration = { name: 'greeting', link: 2, by: 1, url: undefined, tries: 0, dial: undefined!, openedAt: 0, gauge }
    assert.deepEqual(held.judge(superseded(`${cid}.1`)), { kind: 'lost' })
    assert.deepEqual(held.judge(superseded(`${cid}.2`)), { kind: 'accepted' })
    assert.deepEqual(held.judge(superseded(cid)), { kind: 'lost' })
  })
})
