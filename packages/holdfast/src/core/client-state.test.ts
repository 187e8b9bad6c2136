import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientStateName, checkMove, isLive } from './client-state.ts'

const names: readonly ClientStateName[] = [
  'idle',
  'connecting',
  'greeting',
  'settling',
  'open',
  'waiting',
  'suspended',
  'closing',
  'closed',
]

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

test('a link opens only from a dial or its first frame, and a set-up session does not go back to be set up', () => {
  assert.deepEqual(
    names.filter((from) => mayFollow(from).includes('settling')),
    ['connecting', 'greeting', 'settling'],
  )
  assert.deepEqual(
    names.filter((from) => mayFollow(from).includes('open')),
    ['connecting', 'greeting', 'settling', 'open'],
  )
})

test('a first frame is waited for on a link that was dialled, whether another link is live or not', () => {
  assert.deepEqual(
    names.filter((from) => mayFollow(from).includes('greeting')),
    ['connecting', 'greeting', 'settling', 'open'],
  )
})

test('whoever waits or is suspended may dial, wait on, or end, and nothing else', () => {
  for (const from of ['waiting', 'suspended'] as const) assert.deepEqual(mayFollow(from), ['connecting', 'waiting', 'closing', 'closed'])
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
  const link = { link: 1, attempt: 0, openedAt: 0, gauge: undefined!, dial: undefined! }
  assert.ok(!isLive({ name: 'connecting', ...link }))
  assert.ok(!isLive({ name: 'greeting', ...link }))
})
