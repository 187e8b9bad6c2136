import assert from 'node:assert/strict'
import { test } from 'node:test'
import { abnormalClose } from './close-info.ts'
import { ServerLink, ServerSession, type ServerSessionState } from './server-session.ts'
import { Session } from './session.ts'

const gauge = { isOpen: true, bytesRead: 0, bytesWritten: 0, backlog: 0 }

function sessionIn(state: ServerSessionState): ServerSession {
  const session = new Session({ self: 'server', outbox: { maxBytes: 1_000, maxMessages: 10 }, closeTimeout: 10_000 })
  return new ServerSession('sid', 'digest', 'principal', session, state)
}

test('a link that opened waits until its time is over, and carries nothing', () => {
  const link = new ServerLink(gauge, true, 10_000)
  assert.equal(link.gauge, gauge)
  assert.deepEqual(link.state, { name: 'pending', isResuming: true, until: 10_000, verdict: undefined, resume: undefined })
  assert.equal(link.deadline, 10_000)
  assert.equal(link.session, undefined)
})

test('a link is bounded in time but while it carries a session, and when it is gone', () => {
  const link = new ServerLink(gauge, false, 10_000)
  const session = sessionIn({ name: 'new', link, until: 30_000, leaveAt: 40_000 })
  link.state = session
  assert.equal(link.deadline, Infinity)
  assert.equal(link.session, session)
  link.state = { name: 'parting', until: 11_000 }
  assert.equal(link.deadline, 11_000)
  assert.equal(link.session, undefined)
  link.state = { name: 'gone' }
  assert.equal(link.deadline, Infinity)
  assert.equal(link.session, undefined)
})

test('a session has a link while it is new or attached, and a deadline in each state but the last', () => {
  const link = new ServerLink(gauge, false, 10_000)
  const states: [state: ServerSessionState, link: ServerLink | undefined, deadline: number][] = [
    [{ name: 'new', link, until: 30_000 }, link, 30_000],
    [{ name: 'new', link, until: 30_000, leaveAt: 40_000 }, link, 30_000],
    [{ name: 'new', link, until: 30_000, leaveAt: 7_000 }, link, 7_000],
    [{ name: 'attached', link }, link, Infinity],
    [{ name: 'attached', link, leaveAt: 60_000 }, link, 60_000],
    [{ name: 'detached', since: 5, expiresAt: 300_005 }, undefined, 300_005],
    [{ name: 'over' }, undefined, Infinity],
  ]
  for (const [state, carrier, deadline] of states) {
    const held = sessionIn(state)
    assert.equal(held.link, carrier, state.name)
    assert.equal(held.deadline, deadline, state.name)
  }
})

test('a session that is to end wakes for that as well', () => {
  const held = sessionIn({ name: 'detached', since: 0, expiresAt: 300_000 })
  held.session.finish(500, 1000, '')
  assert.equal(held.deadline, 10_500)
})

test('a session that ended with a write wants to be looked at, and not again once it is over', () => {
  const held = sessionIn({ name: 'detached', since: 0, expiresAt: 300_000 })
  held.session.end(abnormalClose('server'))
  assert.equal(held.deadline, -Infinity)
  held.state = { name: 'over' }
  assert.equal(held.deadline, Infinity)
})
