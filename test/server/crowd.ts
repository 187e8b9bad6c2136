// The near side of many clients in a process of their own.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { inTime } from '../fault/patience.ts'
import type { CrowdTask } from './crowd-process.ts'
import { turn } from './server.ts'

export class Crowd implements AsyncDisposable {
  readonly #child: ChildProcess

  static async open(task: CrowdTask): Promise<Crowd> {
    const crowd = new Crowd(fork(join(import.meta.dirname, 'crowd-process.ts')))
    await crowd.#ask(task, 'open')
    return crowd
  }

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Once all that was written to them is answered, and the answers are read. */
  async answers(): Promise<void> {
    await this.#ask('flush', 'flushed')
    for (const _ of ['reads', 'and what follows from them']) await turn()
  }

  /** They stand still; their systems go on acknowledging what they are sent. */
  stop(): void {
    this.#child.kill('SIGSTOP')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }

  async #ask(question: CrowdTask | 'flush', expected: string): Promise<void> {
    const answer = once(this.#child, 'message')
    this.#child.send(question)
    const [said] = await inTime(answer, expected)
    if (said !== expected) throw new Error(`the crowd said ${said} instead of ${expected}`)
  }
}
