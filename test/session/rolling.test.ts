// A deploy: both servers behind a balancer are restarted under load, and what that does to the sessions of their clients.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { needs } from '../peers/requirement.ts'
import { rollingRestart } from './rolling.ts'

describe('a rolling restart of two servers behind HAProxy', { timeout: 180_000, ...needs('haproxy') }, () => {
  test('ends every session in order, with nothing unconfirmed at either end, and no message is lost, repeated or out of order', async () => {
    const clients = 40
    const { closes, gaps, ends, sent, drains } = await rollingRestart({ clients, everyMs: 5, rate: 100 })

    const drained = closes.filter(({ willReconnect }) => willReconnect)
    assert.ok(drained.length >= clients, 'each of them was at least once at a server that was restarted')
    for (const { code, cause, wasClean, unconfirmed } of drained)
      assert.deepEqual({ code, cause, wasClean, unconfirmed }, { code: 1012, cause: 'drain', wasClean: true, unconfirmed: [] })
    assert.equal(gaps.length, drained.length)
    for (const { code, unconfirmed } of closes.slice(drained.length)) assert.ok(code === 1000 || unconfirmed.length === 0)

    for (const { isInOrder, unconfirmed } of ends) assert.deepEqual([isInOrder, unconfirmed], [true, 0])
    for (let client = 0; client < clients; client++) {
      let next = 0
      for (const { first, last } of ends.filter((each) => each.client === client).sort((one, other) => one.first - other.first)) {
        assert.equal(first, next)
        next = last + 1
      }
      assert.equal(next, sent[client])
    }
    assert.deepEqual(
      drains.map(({ migrated, forced }) => [migrated, forced]),
      [
        [0, 0],
        [0, 0],
      ],
    )
    assert.equal(
      drains.reduce((sum, { closed }) => sum + closed, 0),
      drained.length,
    )
  })
})
