// The suite keeps its word: a recorded difference that is gone is a failure, and one that is still there is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stillDiffers } from './websocket.ts'

test('a recorded difference that is still there is told with its reason', async () => {
  const told: string[] = []
  const different = (): never => assert.fail('different')
  await stillDiffers(globalThis.WebSocket, different, 'because', (reason) => told.push(reason))
  assert.deepEqual(told, ['because'])
})

test('a recorded difference that is gone is a failure which says so', async () => {
  const told: string[] = []
  const gone = stillDiffers(
    globalThis.WebSocket,
    () => {},
    'because',
    (reason) => told.push(reason),
  )
  await assert.rejects(gone, /remove it from the differences, where it says "because"/)
  assert.deepEqual(told, [])
})
