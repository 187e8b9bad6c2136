import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { SendWindow, type WindowLimits } from './send-window.ts'

/** Sends messages of these sizes one after the other; returns how to settle them, and how many were started. */
function sending(limits: WindowLimits, sizes: readonly number[]) {
  const window = new SendWindow(limits)
  const settle: (() => void)[] = []
  const run = async (): Promise<void> => {
    for (const bytes of sizes) await window.start(bytes, () => new Promise((resolve) => settle.push(resolve)))
    await window.drained()
  }
  return { settle, done: run() }
}

test('one after the other is a window of one message', async () => {
  const { settle, done } = sending({ maxMessages: 1, maxBytes: Infinity }, [1, 1])
  await turn()
  assert.equal(settle.length, 1)
  settle[0]!()
  await turn()
  assert.equal(settle.length, 2)
  settle[1]!()
  await done
})

test('so many messages, or so many bytes, fill it', async () => {
  for (const [limits, sizes, started] of [
    [{ maxMessages: 3, maxBytes: 100 }, [1, 1, 1, 1], 3],
    [{ maxMessages: 9, maxBytes: 10 }, [4, 4, 4, 4], 3],
    [{ maxMessages: 9, maxBytes: 10 }, [50, 1], 1],
  ] as const) {
    const { settle } = sending(limits, sizes)
    await turn()
    assert.equal(settle.length, started)
  }
})

test('it is drained when all are settled, in whatever order', async () => {
  const { settle, done } = sending({ maxMessages: 9, maxBytes: 100 }, [1, 1, 1])
  let isDone = false
  void done.then(() => (isDone = true))
  await turn()
  settle[2]!()
  settle[0]!()
  await turn()
  assert.equal(isDone, false)
  settle[1]!()
  await done
})
