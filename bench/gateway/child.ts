/** A process of this bench, seen from the command: it answers once when it has begun, and then each order. */

import type { ChildProcess } from 'node:child_process'
import { end, nextMessage, start } from '../peers/process.ts'
import type { Order, Task } from './child/task.ts'

const answerMs = 120_000
/** The program brings bufferutil along. */
const asInTheProgram: NodeJS.ProcessEnv = { WS_NO_BUFFER_UTIL: '' }

export class Child<Begun> implements AsyncDisposable {
  readonly begun: Begun
  readonly #process: ChildProcess

  static async start<Begun>(task: Task, flags: readonly string[] = []): Promise<Child<Begun>> {
    const child = start('../gateway/child/main.ts', task, flags, task.kind === 'gateway' ? asInTheProgram : undefined)
    try {
      return new Child(child, await nextMessage<Begun>(child, answerMs))
    } catch (error) {
      await end(child)
      throw error
    }
  }

  private constructor(child: ChildProcess, begun: Begun) {
    this.#process = child
    this.begun = begun
  }

  get pid(): number {
    return this.#process.pid!
  }

  order<Answer>(order: Order): Promise<Answer> {
    const answer = nextMessage<Answer>(this.#process, answerMs)
    this.#process.send(order)
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#process)
  }
}

/** Runs a task that has one answer. */
export async function ask<Answer>(task: Task): Promise<Answer> {
  await using child = await Child.start<Answer>(task)
  return child.begun
}
