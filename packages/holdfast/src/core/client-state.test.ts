import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientStateName, checkMove, isLive } from './client-state.ts'

const names: readonly ClientStateName[] = ['idle', 'connecting', 'settling', 'open', 'waiting', 'suspended', 'closing', 'closed']

function mayFollow(from: ClientStateName): ClientStateName[] {
  return names.filter((to) => {
    try {
      checkMove(from, to)
      return true
    } catch {
      return false
    }
  })
}

test('nothing follows the end, only the end follows a close, and nothing leads back to the beginning', () => {
  assert.deepEqual(mayFollow('closed'), [])
  assert.deepEqual(mayFollow('closing'), ['closing', 'closed'])
  assert.deepEqual(
    names.filter((from) => mayFollow(from).includes('idle')),
    [],
  )
})

test('a link opens only from a dial, and a set-up session does not go back to be set up', () => {
  assert.deepEqual(
    names.filter((from) => mayFollow(from).includes('settling')),
    ['connecting', 'settling'],
  )
  assert.deepEqual(
    names.filter((from) => mayFollow(from).includes('open')),
    ['connecting', 'settling', 'open'],
  )
})

test('every state before the close can be closed', () => {
  assert.deepEqual(
    names.filter((from) => mayFollow(from).includes('closing')),
    names.filter((name) => name !== 'closed'),
  )
})

test('a move that is not in the table names itself as our defect', () => {
  assert.throws(() => checkMove('closed', 'open'), { message: 'a connection cannot go from closed to open; this is a defect of holdfast' })
})

test('a state without a link is not live', () => {
  assert.ok(!isLive({ name: 'idle' }))
  assert.ok(!isLive({ name: 'suspended', notBefore: 0 }))
})
