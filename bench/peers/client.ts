/** A client process, seen from the bench. */

import type { Task } from './client/task.ts'
import { end, nextMessage, start } from './process.ts'

const answerMs = 120_000

/** Runs a task that has one answer, in a process of its own. */
export async function ask<T>(task: Task, flags: readonly string[] = []): Promise<T> {
  const child = start('client/main.ts', task, flags)
  try {
    return await nextMessage<T>(child, answerMs)
  } finally {
    await end(child)
  }
}
