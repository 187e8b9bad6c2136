// One suite, many subjects: the WHATWG WebSockets standard as tests that run over any class which claims to follow it.
//
//   describeWebSocket('mine', { WebSocket: MyWebSocket, differences: { 'url leaves the default port out': 'why it does not' } })
//
// A class that differs from the standard says so in `differences`, by the name of the test and the reason. Such a test must fail: when it passes
// the entry is out of date, and the suite says so. Nothing is skipped.
import { describe, it } from 'node:test'
import { construction } from './construction.ts'
import { ending } from './ending.ts'
import { event } from './event.ts'
import { failure } from './failure.ts'
import { message } from './message.ts'
import { inRoom, type Test, type WebSocketClass } from './room.ts'

const chapters = { construction, event, message, ending, failure }

type Chapters = typeof chapters
export type TestName = { [Chapter in keyof Chapters]: keyof Chapters[Chapter] }[keyof Chapters]
export type Differences = Partial<Record<TestName, string>>

export interface Subject {
  readonly WebSocket: WebSocketClass
  readonly differences?: Differences
}

/** How long a test may wait for something to happen. No test waits for time to pass. */
const patienceMs = 10_000
/** A recorded difference may well be that nothing happens. */
const differingPatienceMs = 1_000

export function describeWebSocket(name: string, { WebSocket, differences = {} }: Subject): void {
  describe(name, () => {
    for (const [chapter, tests] of Object.entries(chapters)) {
      describe(chapter, () => {
        for (const [name, test] of Object.entries<Test>(tests)) {
          const reason = differences[name as TestName]
          if (reason === undefined) it(name, () => inRoom(WebSocket, test, patienceMs))
          else it(`differs: ${name}`, (context) => stillDiffers(WebSocket, test, reason, (text) => context.diagnostic(text)))
        }
      })
    }
  })
}

/** Passes, and tells the reason, if the test fails. */
export async function stillDiffers(WebSocket: WebSocketClass, test: Test, reason: string, tell: (reason: string) => void): Promise<void> {
  try {
    await inRoom(WebSocket, test, differingPatienceMs)
  } catch {
    tell(reason)
    return
  }
  throw new Error(`it follows the standard now: remove it from the differences, where it says "${reason}"`)
}
