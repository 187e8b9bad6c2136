/** A process of this bench, seen from the command. */

import type { ChildProcess } from 'node:child_process'
import { end, nextMessage, start } from '../peers/process.ts'
import type { Ports, ServerTask, ServerUsage, Task } from './child/task.ts'
import { type ServerKind, type SubjectName, serverOf } from './subject.ts'

const answerMs = 90_000

export async function ask<T>(task: Task, flags: readonly string[] = []): Promise<T> {
  await using client = await Client.start<T>(task, flags)
  return client.answer
}

/** One that stays when it has answered. */
export class Client<T> implements AsyncDisposable {
  readonly answer: T
  readonly #process: ChildProcess

  static async start<T>(task: Task, flags: readonly string[] = []): Promise<Client<T>> {
    const child = startChild(task, flags)
    try {
      return new Client(child, await nextMessage<T>(child, answerMs))
    } catch (error) {
      await end(child)
      throw error
    }
  }

  private constructor(child: ChildProcess, answer: T) {
    this.#process = child
    this.answer = answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#process)
  }
}

export class BenchServer implements AsyncDisposable {
  readonly #ports: Ports
  readonly #process: ChildProcess

  static async start(build: string, kinds: readonly ServerKind[], flags: readonly string[] = []): Promise<BenchServer> {
    const child = startChild({ kind: 'server', build, kinds } satisfies ServerTask, flags)
    return new BenchServer(child, await nextMessage<Ports>(child, answerMs))
  }

  private constructor(child: ChildProcess, ports: Ports) {
    this.#process = child
    this.#ports = ports
  }

  get pid(): number {
    return this.#process.pid!
  }

  portOf(subject: SubjectName): number {
    return this.#ports[serverOf(subject)]!
  }

  /** After a garbage collection, if it was started with `--expose-gc`. */
  async usage(): Promise<ServerUsage> {
    const usage = nextMessage<ServerUsage>(this.#process, answerMs)
    this.#process.send('usage')
    return await usage
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#process)
  }
}

function startChild(task: Task, flags: readonly string[]): ChildProcess {
  return start('../sessions/child/main.ts', task, flags)
}
