import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Inbox } from './inbox.ts'

const ackMessages = 1_024
const ackBytes = 256 * 1024
const ackDelayMs = 1_000

/** One that was handed so many messages and has told the peer of them. */
function inboxAt(delivered: number): Inbox {
  const inbox = new Inbox()
  for (let count = 0; count < delivered; count++) inbox.receive(0, 1)
  inbox.tell()
  return inbox
}

describe('a message', () => {
  test('is counted by the link and delivered in the same moment, before any handler runs', () => {
    const inbox = new Inbox()
    assert.equal(inbox.delivered, 0)
    assert.equal(inbox.receive(0, 1), 'next')
    assert.equal(inbox.delivered, 1)
    assert.equal(inbox.receive(0, 1), 'next')
    assert.equal(inbox.delivered, 2)
  })

  test('that an earlier link brought is a duplicate, as often as it comes', () => {
    const inbox = inboxAt(3)
    for (const base of [1, 0]) {
      inbox.restart(base, 3)
      for (let number = base + 1; number <= 3; number++) assert.equal(inbox.receive(0, 1), 'duplicate')
    }
    assert.equal(inbox.delivered, 3)
    assert.equal(inbox.receive(0, 1), 'next')
    assert.equal(inbox.delivered, 4)
  })

  test('makes an acknowledgement due a second later, unless that is withheld', () => {
    const inbox = new Inbox()
    assert.ok(!inbox.isDueBefore(Infinity))
    inbox.receive(0, 1)
    assert.ok(!inbox.isDueBefore(ackDelayMs))
    assert.ok(inbox.isDueBefore(ackDelayMs + 1))
    inbox.tick(ackDelayMs)
    assert.ok(inbox.isDueBefore(0))
    inbox.hold()
    assert.ok(!inbox.isDueBefore(Infinity))
  })

  test('behind a missing one is a gap, and is not delivered', () => {
    const inbox = inboxAt(3)
    inbox.restart(4, 3)
    assert.equal(inbox.receive(0, 1), 'gap')
    assert.equal(inbox.delivered, 3)
  })

  test('behind the last one is one too many, a duplicate of an earlier one is not', () => {
    const inbox = inboxAt(2)
    inbox.complete()
    assert.equal(inbox.receive(0, 1), 'excess')
    assert.equal(inbox.delivered, 2)
    inbox.restart(1, 2)
    assert.equal(inbox.receive(0, 1), 'duplicate')
  })
})

describe('an acknowledgement', () => {
  test('is not due while nothing came', () => {
    const inbox = new Inbox()
    inbox.tick(1_000_000)
    assert.equal(inbox.deadline, Infinity)
    assert.equal(inbox.takeAck(), undefined)
  })

  test('is due a second after the first message that it acknowledges, whatever comes in between', () => {
    const inbox = new Inbox()
    inbox.receive(100, 1)
    inbox.receive(900, 1)
    assert.equal(inbox.deadline, 100 + ackDelayMs)
    inbox.tick(100 + ackDelayMs - 1)
    assert.equal(inbox.takeAck(), undefined)
    inbox.tick(100 + ackDelayMs)
    assert.equal(inbox.deadline, Infinity)
    assert.equal(inbox.takeAck(), 2)
  })

  test('does not start the second of the next one: a receipt does', () => {
    const inbox = new Inbox()
    inbox.receive(0, 1)
    inbox.tick(ackDelayMs)
    assert.equal(inbox.takeAck(), 1)
    assert.equal(inbox.deadline, Infinity)
    inbox.tick(1_000_000)
    assert.equal(inbox.takeAck(), undefined)
    inbox.receive(1_000_000, 1)
    assert.equal(inbox.deadline, 1_000_000 + ackDelayMs)
  })

  test(`is due at once with ${ackMessages} messages, and not with one fewer`, () => {
    const inbox = inboxAt(7)
    for (let count = 1; count < ackMessages; count++) inbox.receive(0, 1)
    assert.equal(inbox.takeAck(), undefined)
    inbox.receive(0, 1)
    assert.equal(inbox.deadline, Infinity)
    assert.equal(inbox.takeAck(), 7 + ackMessages)
    assert.equal(inbox.takeAck(), undefined)
  })

  test(`is due at once with ${ackBytes} bytes, and not with one fewer`, () => {
    const inbox = inboxAt(7)
    inbox.receive(0, ackBytes - 1)
    assert.equal(inbox.takeAck(), undefined)
    inbox.receive(0, 1)
    assert.equal(inbox.takeAck(), 9)
    inbox.receive(0, ackBytes - 1)
    assert.equal(inbox.takeAck(), undefined)
  })

  test('is not due any more when another frame has told the number', () => {
    const inbox = new Inbox()
    for (let count = 1; count < ackMessages; count++) inbox.receive(0, 1)
    inbox.receive(0, ackBytes)
    assert.equal(inbox.tell(), ackMessages)
    assert.equal(inbox.deadline, Infinity)
    inbox.tick(1_000_000)
    assert.equal(inbox.takeAck(), undefined)
    inbox.receive(5_000, 1)
    assert.equal(inbox.takeAck(), undefined)
    assert.equal(inbox.deadline, 5_000 + ackDelayMs)
  })

  test('is not owed for a duplicate', () => {
    const inbox = inboxAt(1)
    inbox.restart(0, 1)
    inbox.receive(0, ackBytes)
    assert.equal(inbox.deadline, Infinity)
    assert.equal(inbox.takeAck(), undefined)
  })

  test('is due at once when the last message was read', () => {
    const inbox = new Inbox()
    inbox.receive(0, 0)
    assert.equal(inbox.takeAck(), undefined)
    inbox.complete()
    assert.equal(inbox.deadline, Infinity)
    assert.equal(inbox.takeAck(), 1)
    assert.equal(inbox.takeAck(), undefined)
  })

  test('is not due when the last message was read that was told already', () => {
    const inbox = inboxAt(2)
    inbox.complete()
    assert.equal(inbox.takeAck(), undefined)
  })

  test('is due at the start of a link whose splice did not tell all, and only then', () => {
    const inbox = inboxAt(3)
    inbox.restart(3, 3)
    assert.equal(inbox.takeAck(), undefined)
    inbox.restart(2, 2)
    assert.equal(inbox.takeAck(), 3)
  })

  test('that the last link owed is not owed by the next, which told the number', () => {
    const inbox = new Inbox()
    inbox.receive(0, ackBytes - 1)
    inbox.restart(1, 1)
    assert.equal(inbox.deadline, Infinity)
    inbox.receive(50, 1)
    assert.equal(inbox.takeAck(), undefined)
    assert.equal(inbox.deadline, 50 + ackDelayMs)
  })
})

describe('an application that does not keep up', () => {
  test('gets its messages, and the peer goes on being told the last number', () => {
    const inbox = inboxAt(2)
    inbox.hold()
    assert.ok(inbox.isHolding)
    for (let count = 0; count < ackMessages; count++) assert.equal(inbox.receive(0, 1), 'next')
    inbox.tick(ackDelayMs)
    assert.equal(inbox.takeAck(), undefined)
    assert.equal(inbox.tell(), 2)
    assert.equal(inbox.acknowledged, 2)
    assert.equal(inbox.delivered, 2 + ackMessages)
    assert.equal(inbox.deadline, Infinity)
  })

  test('withholds the acknowledgement of the last message as well', () => {
    const inbox = new Inbox()
    inbox.hold()
    inbox.receive(0, 0)
    inbox.complete()
    assert.equal(inbox.takeAck(), undefined)
    inbox.release()
    assert.equal(inbox.takeAck(), 1)
  })

  test('has everything acknowledged at once when it reads again', () => {
    const inbox = inboxAt(2)
    inbox.hold()
    inbox.receive(0, 1)
    inbox.release()
    assert.ok(!inbox.isHolding)
    assert.equal(inbox.acknowledged, 3)
    assert.equal(inbox.takeAck(), 3)
  })

  test('has nothing to acknowledge when nothing came in the meantime, and the next acknowledgement takes its time', () => {
    const inbox = inboxAt(2)
    inbox.hold()
    inbox.release()
    assert.equal(inbox.takeAck(), undefined)
    inbox.receive(70, 1)
    assert.equal(inbox.takeAck(), undefined)
    assert.equal(inbox.deadline, 70 + ackDelayMs)
  })

  test('goes on withholding over the next link', () => {
    const inbox = inboxAt(2)
    inbox.hold()
    inbox.receive(0, 1)
    inbox.restart(2, 2)
    assert.equal(inbox.takeAck(), undefined)
    assert.equal(inbox.tell(), 2)
    inbox.release()
    assert.equal(inbox.takeAck(), 3)
  })
})
