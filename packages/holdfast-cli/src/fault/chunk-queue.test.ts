import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChunkQueue } from './chunk-queue.ts'

test('bytes leave in the order they came, in pieces of any size', () => {
  const queue = new ChunkQueue()
  queue.push({ bytes: Buffer.from('abc'), dueAt: 1 })
  queue.push({ bytes: Buffer.from('de'), dueAt: 2 })
  assert.equal(queue.byteLength, 5)
  assert.equal(Buffer.from(queue.take(2)).toString(), 'ab')
  assert.equal(queue.first?.dueAt, 1)
  assert.equal(Buffer.from(queue.take(9)).toString(), 'c')
  assert.equal(queue.first?.dueAt, 2)
  assert.equal(Buffer.from(queue.take(2)).toString(), 'de')
  assert.deepEqual([queue.first, queue.byteLength, queue.weight], [undefined, 0, 0])
  assert.throws(() => queue.take(1), RangeError)
})

test('many small chunks weigh more than their bytes', () => {
  const queue = new ChunkQueue()
  for (let count = 0; count < 100; count += 1) queue.push({ bytes: Buffer.from('x'), dueAt: 0 })
  assert.ok(queue.weight > 100 * 100)
  queue.clear()
  assert.deepEqual([queue.first, queue.byteLength, queue.weight], [undefined, 0, 0])
})
