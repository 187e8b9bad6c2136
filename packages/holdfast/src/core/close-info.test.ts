import assert from 'node:assert/strict'
import { test } from 'node:test'
import { abnormalClose, isAuthRefusal, isStaleCredential, sessionLost } from './close-info.ts'

test('an end without a close frame is 1006, not clean, and cannot be changed by whoever is told', () => {
  const close = abnormalClose('network')
  assert.deepEqual(close, { code: 1006, reason: '', wasClean: false, cause: 'network' })
  assert.ok(Object.isFrozen(close))
})

test("the end of a session that is lost says why, and whose doing it was where it was somebody's", () => {
  const close = sessionLost('expired')
  assert.deepEqual(close, { code: 1006, reason: 'session-lost:expired', wasClean: false, cause: 'session-lost' })
  assert.ok(Object.isFrozen(close))
  assert.deepEqual(sessionLost('stranger', 'unsupported'), {
    code: 1006,
    reason: 'session-lost:stranger',
    wasClean: false,
    cause: 'unsupported',
  })
})

const numbers = Array.from({ length: 5_000 }, (_, number) => number)

test('401 and 403, as a status, as a code, and under their registered names, refuse who we are', () => {
  assert.deepEqual(
    numbers.filter((number) => isAuthRefusal(number)),
    [401, 403, 3000, 3003, 4401, 4403],
  )
})

test('a fresh credential may help against a refusal by status only', () => {
  assert.deepEqual(
    numbers.filter((number) => isStaleCredential(number)),
    [401, 403, 4401, 4403],
  )
})
