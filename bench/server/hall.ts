/** A server in a process of its own, and the clients that fill it in processes of theirs. */

import type { ChildProcess } from 'node:child_process'
import { end, nextMessage, start } from '../peers/process.ts'
import type { CrowdOrder, CrowdTask, Heap, Heartbeat, Lap, ServerOrder, ServeTask, Tally } from './child/task.ts'
import { ourSession, type ServerSubject } from './subject.ts'

const answerMs = 90_000
/** As many as one process opens without being what everybody waits for. */
const crowds = 2
/** They make a server load and compile what is loaded and compiled once. */
const pioneers = 100
const bytesPerKb = 1_000

export interface Filling {
  /** Connections a second. */
  readonly rate: number
  /** Of the server, for a connection. */
  readonly cpuUs: number
  /** Of the server, for a connection. */
  readonly heapKb: number
}

export class Hall implements AsyncDisposable {
  readonly subject: ServerSubject
  readonly #server: ChildProcess
  readonly #port: number
  readonly #crowds: ChildProcess[] = []

  static async open(subject: ServerSubject, build: string, heartbeat: Heartbeat): Promise<Hall> {
    const server = startChild({ kind: 'serve', build, subject, heartbeat }, ['--expose-gc'])
    try {
      const hall = new Hall(subject, server, await nextMessage<number>(server, answerMs))
      await hall.#admit(pioneers)
      return hall
    } catch (error) {
      await end(server)
      throw error
    }
  }

  private constructor(subject: ServerSubject, server: ChildProcess, port: number) {
    this.subject = subject
    this.#server = server
    this.#port = port
  }

  /** Fills it with clients, who stay. */
  async fill(clients: number): Promise<Filling> {
    const before = await this.#heapBytes()
    await this.lap()
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: crowds }, () => this.#admit(clients / crowds)))
    const seconds = (performance.now() - startedAt) / 1_000
    const { cpuUs } = await this.lap()
    const heapKb = ((await this.#heapBytes()) - before) / clients / bytesPerKb
    return { rate: clients / seconds, cpuUs: cpuUs / clients, heapKb }
  }

  lap(): Promise<Lap> {
    return this.#order<Lap>({ kind: 'lap' })
  }

  block(ms: number): Promise<null> {
    return this.#order<null>({ kind: 'block', ms })
  }

  /** Of all clients together. */
  async tally(): Promise<Tally> {
    const tallies = await Promise.all(this.#crowds.map((crowd) => order<Tally>(crowd, { kind: 'tally' })))
    const sum = (number: (tally: Tally) => number) => tallies.reduce((total, tally) => total + number(tally), 0)
    return { pings: sum(({ pings }) => pings), cut: sum(({ cut }) => cut) }
  }

  /** From now on each client says something so often. Resolves when each has. */
  async talk(everyMs: number): Promise<void> {
    await Promise.all(this.#crowds.map((crowd) => order<null>(crowd, { kind: 'talk', everyMs })))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#crowds, this.#server].map(end))
  }

  async #heapBytes(): Promise<number> {
    return (await this.#order<Heap>({ kind: 'heap' })).bytes
  }

  #order<Answer>(of: ServerOrder): Promise<Answer> {
    return order(this.#server, of)
  }

  async #admit(clients: number): Promise<void> {
    const crowd = startChild({ kind: 'crowd', port: this.#port, clients, speaks: this.subject === ourSession })
    this.#crowds.push(crowd)
    await nextMessage<null>(crowd, answerMs)
  }
}

function startChild(task: ServeTask | CrowdTask, flags: readonly string[] = []): ChildProcess {
  return start('../server/child/main.ts', task, flags)
}

function order<Answer>(child: ChildProcess, of: ServerOrder | CrowdOrder): Promise<Answer> {
  const answer = nextMessage<Answer>(child, answerMs)
  child.send(of)
  return answer
}
