import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderRecord } from './record.ts'

test('a record is one line of JSON', () => {
  const line = renderRecord({ at: 1_700_000_000_000, elapsedMs: 12, event: 'freeze', direction: 'up', connections: 2 })
  assert.equal(line, '{"at":1700000000000,"elapsedMs":12,"event":"freeze","direction":"up","connections":2}\n')
})
