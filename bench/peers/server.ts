/** The server process, seen from the bench. */

import type { ChildProcess } from 'node:child_process'
import { end, nextMessage, start } from './process.ts'
import type { Dials, Ports } from './server/main.ts'
import type { SubjectName } from './subject/catalogue.ts'

const answerMs = 10_000

export class BenchServer implements AsyncDisposable {
  readonly ports: Ports
  readonly #process: ChildProcess

  static async start(heartbeatMs: number): Promise<BenchServer> {
    const child = start('server/main.ts', { heartbeatMs })
    return new BenchServer(child, await nextMessage<Ports>(child, answerMs))
  }

  private constructor(child: ChildProcess, ports: Ports) {
    this.#process = child
    this.ports = ports
  }

  get pid(): number {
    return this.#process.pid!
  }

  portOf(subject: SubjectName): number {
    return subject === 'socket.io' ? this.ports.socketIo : this.ports.plain
  }

  /** Label to the times of its dials so far, epoch ms. */
  async dials(): Promise<Dials> {
    this.#process.send('dials')
    return await nextMessage<Dials>(this.#process, answerMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#process)
  }
}
