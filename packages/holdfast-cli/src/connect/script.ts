/** A conversation without a terminal: everything is sent, answers are waited for, then it is closed in order. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type ExitCode, exitCode } from '../exit-code.ts'
import type { Conversation } from './conversation.ts'
import { SendWindow, type WindowLimits } from './send-window.ts'

export interface Script {
  readonly messages: Iterable<string> | AsyncIterable<string>
  /** For answers, once all is sent; Infinity: until the server, a signal or a time limit ends it. */
  readonly waitMs: number
  /** What may be under way at once. */
  readonly window: WindowLimits
}

const normalClosure = 1000

/** Resolves when all is said and the close is under way, or when the conversation is over. */
export async function recite({ messages, waitMs, window: limits }: Script, conversation: Conversation): Promise<void> {
  const { socket, signal } = conversation
  const window = new SendWindow(limits)
  for await (const message of messages) {
    await window.start(Buffer.byteLength(message), () => conversation.send(message))
    if (signal.aborted || socket.readyState === socket.CLOSED) return
  }
  await conversation.opened
  if (waitMs === Infinity) return
  await window.drained()
  await sleep(waitMs, undefined, { signal }).catch(() => {})
  socket.close(normalClosure)
}

/** Without a person who could look, what may be missing is a failure. */
export function scriptVerdict(ended: ExitCode, { uncertain, unsent, isUnanswered }: Conversation): ExitCode {
  if (ended !== exitCode.ok) return ended
  if (unsent > 0) return exitCode.lost
  return uncertain > 0 || isUnanswered ? exitCode.uncertain : exitCode.ok
}
