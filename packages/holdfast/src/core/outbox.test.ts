import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Outbox, type OutboxEntry } from './outbox.ts'

const entry = (data: unknown, bytes = 1): OutboxEntry => ({ data, bytes, settle: undefined })

test('what goes in first comes out first', () => {
  const outbox = new Outbox({ maxBytes: 100, maxMessages: 100 })
  for (let index = 0; index < 40; index++) outbox.push(entry(index))
  assert.equal(outbox.length, 40)
  assert.equal(outbox.bytes, 40)
  for (let index = 0; index < 40; index++) assert.equal(outbox.shift()?.data, index)
  assert.equal(outbox.shift(), undefined)
  assert.equal(outbox.bytes, 0)
})

test('an empty one takes a message of any size, a used one keeps to its bytes and messages', () => {
  const outbox = new Outbox({ maxBytes: 10, maxMessages: 2 })
  assert.ok(outbox.hasRoom(1_000))
  outbox.push(entry('a', 4))
  assert.ok(outbox.hasRoom(6))
  assert.ok(!outbox.hasRoom(7))
  outbox.push(entry('b', 0))
  assert.ok(!outbox.hasRoom(0))
})

test('a message can be taken back while it is there', () => {
  const outbox = new Outbox({ maxBytes: 100, maxMessages: 100 })
  const [first, second, third] = [entry('a'), entry('b', 2), entry('c')]
  for (const each of [first, second, third]) outbox.push(each)
  assert.equal(outbox.remove(second), true)
  assert.equal(outbox.remove(second), false)
  assert.equal(outbox.bytes, 2)
  assert.deepEqual(outbox.drain(), [first, third])
  assert.equal(outbox.length, 0)
})

test('one that is half full, by messages or by bytes, says so', () => {
  const outbox = new Outbox({ maxBytes: 10, maxMessages: 6 })
  assert.ok(!outbox.isHalfFull)
  outbox.push(entry('a', 1))
  outbox.push(entry('b', 3))
  assert.ok(!outbox.isHalfFull)
  outbox.push(entry('c', 0))
  assert.ok(outbox.isHalfFull)
  outbox.shift()
  assert.ok(!outbox.isHalfFull)
  outbox.push(entry('d', 2))
  assert.ok(outbox.isHalfFull)
  outbox.drain()
  outbox.push(entry('e', 5))
  assert.ok(outbox.isHalfFull)
})

test('a message is found by how many are before it, wherever the ring begins', () => {
  const outbox = new Outbox({ maxBytes: 100, maxMessages: 100 })
  for (let number = 0; number < 60; number++) {
    outbox.push(entry(number))
    if (number < 10) continue
    for (let index = 0; index < 10; index++) assert.equal(outbox.at(index).data, number - 10 + index)
    outbox.shift()
  }
})

test('it is a queue, whatever goes in and out', () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('push' as const), bytes: fc.nat(50) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('shift' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), index: fc.nat(60) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('rest' as const) }) },
    ),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(steps, (list) => {
      const outbox = new Outbox({ maxBytes: Infinity, maxMessages: Infinity })
      let model: OutboxEntry[] = []
      for (const [number, step] of list.entries()) {
        switch (step.kind) {
          case 'push': {
            const pushed = entry(number, step.bytes)
            outbox.push(pushed)
            model.push(pushed)
            break
          }
          case 'shift':
            assert.equal(outbox.shift(), model.shift())
            break
          case 'remove': {
            const chosen = model[step.index] ?? entry('never pushed')
            assert.equal(outbox.remove(chosen), model.includes(chosen))
            model = model.filter((each) => each !== chosen)
            break
          }
          case 'drain':
            assert.deepEqual(outbox.drain(), model)
            model = []
            break
          case 'rest':
            outbox.rest()
            break
        }
        assert.equal(outbox.length, model.length)
        assert.equal(
          outbox.bytes,
          model.reduce((sum, each) => sum + each.bytes, 0),
        )
      }
    }),
  )
})
