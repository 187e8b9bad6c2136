// Options that are wrong are refused at once, by name, value and rule.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { WebSocketServer } from '../../packages/holdfast/src/server.ts'

const wrong: [options: object, message: RegExp][] = [
  [{ sesion: {} }, /unknown option sesion \(an object\); known are session, heartbeat, .*perMessageDeflate/],
  [{ session: true }, /option session is true; it must be an object of options, or false/],
  [{ session: { tll: 5 } }, /unknown option session\.tll \(5\); known are ttl, maxBytes/],
  [{ session: { ttl: 0 } }, /option session\.ttl is 0; it must be a number of milliseconds above 0/],
  [{ session: { ttl: Infinity } }, /option session\.ttl is Infinity/],
  [{ session: { maxBytes: '1' } }, /option session\.maxBytes is "1"; it must be a number above 0, or Infinity/],
  [{ session: { overflow: 'drop' } }, /option session\.overflow is "drop"; it must be 'close' or 'throw'/],
  [{ session: [] }, /option session is an array/],
  [{ heartbeat: { interval: -1 } }, /option heartbeat\.interval is -1/],
  [{ heartbeat: { message: 'x' } }, /unknown option heartbeat\.message/],
  [{ admission: true }, /option admission is true; it must be an object of options, or false/],
  [{ admission: { ratePerSecond: 0 } }, /option admission\.ratePerSecond is 0; it must be a number of clients a second above 0/],
  [{ admission: { rate: 5 } }, /unknown option admission\.rate \(5\); known are ratePerSecond, maxPending/],
  [{ limits: false }, /option limits is false; it must be an object of options/],
  [{ limits: { maxHandshakes: 0 } }, /option limits\.maxHandshakes is 0; it must be a number above 0, or Infinity/],
  [{ limits: { addressOf: 'x-real-ip' } }, /option limits\.addressOf is "x-real-ip"; it must be a function/],
  [{ writeTimeout: Number.NaN }, /option writeTimeout is NaN/],
  [{ closeTimeout: null }, /option closeTimeout is null/],
  [{ origins: 'https://x' }, /option origins is "https:\/\/x"; it must be an array of origins \(strings, RegExps\), or a function/],
  [{ origins: [5] }, /option origins is an array/],
  [{ authenticate: 'ann' }, /option authenticate is "ann"; it must be a function/],
  [{ logger: { info() {} } }, /option logger is an object; it must be an object with debug, info, warn and error/],
  [{ name: 5 }, /option name is 5; it must be a string/],
  [{ clock: {} }, /option clock/],
  [{ WebSocket }, /option WebSocket is the function WebSocket; it must be SessionSocket or a class that extends it/],
]

describe('options', () => {
  for (const [options, message] of wrong)
    test(`that are wrong are a TypeError: ${message.source.slice(0, 60)}`, () => {
      assert.throws(() => new WebSocketServer({ noServer: true, ...options } as never), { name: 'TypeError', message })
    })
  test('that are undefined are as if they were left out', () => {
    new WebSocketServer({
      noServer: true,
      session: undefined,
      heartbeat: { interval: undefined },
      name: undefined,
      path: undefined,
    }).close()
  })
  test('of ws are judged by ws', () => {
    assert.throws(() => new WebSocketServer({ noServer: true, port: 1 }), /One and only one of the "port", "server", or "noServer"/)
    assert.throws(() => new WebSocketServer(), /One and only one/)
    assert.throws(() => new WebSocketServer(5 as never), /options must be an object, not 5/)
  })
  test('turn everything on by default', () => {
    const server = new WebSocketServer({ noServer: true })
    assert.deepEqual(server.stats, { sessions: 0, attached: 0, plain: 0, bufferedBytes: 0, spread: 0, draining: false })
    server.close()
  })
})
