import assert from 'node:assert/strict'
import { test } from 'node:test'
import { abnormalClose, type CloseInfo, sessionLost } from './close-info.ts'
import { fatalClose, linkCode, mayBlameMessage, partingCode, partingReason } from './link-code.ts'

const closed = (code: number, reason = ''): CloseInfo => ({ code, reason, wasClean: true, cause: 'network' })

test('links end with these codes', () => {
  assert.deepEqual(linkCode, {
    done: 1000,
    leaving: 1012,
    superseded: 3801,
    migrated: 3802,
    refused: 3803,
    dead: 3804,
    abandoned: 3805,
    violation: 3806,
  })
})

test('a session goes on after every link but one that the peer cannot take, one that it abandoned and one with a violation', () => {
  const codes = Array.from({ length: 4_000 }, (_, index) => 1_000 + index)
  assert.deepEqual(
    codes.filter((code) => fatalClose(closed(code), 'server') !== undefined),
    [1002, 1003, 1007, 1009, 3805, 3806],
  )
})

test('who left, moved on or heard nothing blames no message', () => {
  const codes = Array.from({ length: 4_000 }, (_, index) => 1_000 + index)
  assert.deepEqual(
    codes.filter((code) => !mayBlameMessage(closed(code))),
    [1001, 1006, 1012, 3801, 3802, 3804],
  )
})

test('what the peer cannot take is told as it said it, and whose word it is', () => {
  assert.deepEqual(fatalClose(closed(1009, 'too big'), 'server'), { code: 1009, reason: 'too big', wasClean: false, cause: 'server' })
  assert.equal(fatalClose(closed(1003), 'client')?.cause, 'client')
})

test('a session that the peer abandoned is lost, one that met a violation is over, and neither code is shown', () => {
  assert.deepEqual(fatalClose(closed(linkCode.abandoned, 'x'), 'server'), {
    code: 1006,
    reason: 'session-lost:abandoned',
    wasClean: false,
    cause: 'session-lost',
  })
  assert.deepEqual(fatalClose(closed(linkCode.violation, 'x'), 'server'), { code: 1006, reason: 'x', wasClean: false, cause: 'protocol' })
})

test('an end that was told cannot be changed by whoever is told', () => {
  for (const code of [1009, linkCode.abandoned, linkCode.violation]) assert.ok(Object.isFrozen(fatalClose(closed(code), 'server')))
})

test('the link of a session that ended in order is done, whatever the code of the session', () => {
  assert.equal(partingCode({ code: 1000, reason: '', wasClean: true, cause: 'client' }), linkCode.done)
  assert.equal(partingCode({ code: 4000, reason: 'bye', wasClean: true, cause: 'server' }), linkCode.done)
})

test('the link of a session that met a violation says so, that of any other end is abandoned', () => {
  assert.equal(partingCode(abnormalClose('protocol')), linkCode.violation)
  const poison: CloseInfo = { code: 1009, reason: '', wasClean: false, cause: 'protocol' }
  const overflow: CloseInfo = { code: 1013, reason: '', wasClean: false, cause: 'overflow' }
  for (const close of [poison, overflow, abnormalClose('client'), abnormalClose('taken-over'), sessionLost('state')]) {
    assert.equal(partingCode(close), linkCode.abandoned)
  }
})

test('only who broke a rule is told in words, and which it was', () => {
  assert.equal(partingReason({ ...abnormalClose('protocol'), reason: 'a gap' }), 'a gap')
  const done: CloseInfo = { code: 1000, reason: 'bye', wasClean: true, cause: 'client' }
  const poison: CloseInfo = { code: 1009, reason: 'message 1 did not get through', wasClean: false, cause: 'protocol' }
  for (const close of [done, poison, sessionLost('state'), abnormalClose('aborted')]) assert.equal(partingReason(close), '')
})
