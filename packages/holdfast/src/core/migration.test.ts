import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dial } from './dial.ts'
import { migrationDeadline, noMigration } from './migration.ts'

const plan = { by: 60_000, url: undefined, tries: 0 }
const gauge = { isOpen: true, bytesRead: 0, bytesWritten: 0, backlog: 0 }

test('a session that stays where it is waits for nothing', () => {
  assert.equal(migrationDeadline(noMigration), Infinity)
})

test('a move that is planned is due at its slot', () => {
  assert.equal(migrationDeadline({ name: 'planned', at: 1_500, ...plan }), 1_500)
})

test('a move under way is watched like any dial, and so is the first frame of its link', () => {
  const dial = new Dial(10_000, 500, 500)
  assert.equal(migrationDeadline({ name: 'dialling', link: 2, dial, ...plan }), dial.deadline)
  assert.equal(migrationDeadline({ name: 'greeting', link: 2, dial, openedAt: 0, gauge, ...plan }), dial.deadline)
  assert.equal(dial.deadline, 1_500)
})
