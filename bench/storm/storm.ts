/** A server that thousands of clients lose at the same moment, and that is there again a little later: how they come back. */

import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { end, nextMessage, start } from '../peers/process.ts'
import type { Retry } from '../peers/subject/subject.ts'
import { type SubjectName, serverOf } from '../sessions/subject.ts'
import type { MeasureContext } from '../suite/measure.ts'
import type { Accepts, CrowdTask, Listening, Returns, ServeTask } from './child/task.ts'
import { type Return, returnOf } from './return.ts'

export interface StormSize {
  readonly clients: number
  readonly outageMs: number
  /** How long they are waited for. */
  readonly patienceMs: number
}

const answerMs = 60_000
const openingAtOnce = 200
const settleMs = 1_000
const crowdProcesses = 2
const pollMs = 250

export async function storm({ build }: MeasureContext, subject: SubjectName, retry: Retry | undefined, size: StormSize): Promise<Return> {
  const { clients, outageMs, patienceMs } = size
  await using first = await Server.prepare(build, subject, 0)
  const { port } = await first.listen()
  await using crowd = await Crowd.open({ kind: 'crowd', build, subject, port, clients, atOnce: openingAtOnce, retry })
  await using second = await Server.prepare(build, subject, port)
  await sleep(settleMs)
  await crowd.begin()
  const killedAt = Date.now()
  await first[Symbol.asyncDispose]()
  await sleep(killedAt + outageMs - Date.now())
  const { at } = await second.listen()
  let returns = await crowd.returns()
  while (returns.openedAt.length < clients && Date.now() < at + patienceMs) {
    await sleep(pollMs)
    returns = await crowd.returns()
  }
  return returnOf(clients, at, returns, await second.accepts())
}

/** What the machine can do: as many clients that dial all at once, a server that is there. */
export async function floor({ build }: MeasureContext, { clients }: StormSize): Promise<Return> {
  await using server = await Server.prepare(build, 'ws', 0)
  const { port } = await server.listen()
  await using crowd = await Crowd.open({ kind: 'crowd', build, subject: 'ws', port, clients, atOnce: clients, retry: undefined })
  await crowd.begin()
  const returns = await crowd.returns()
  return returnOf(clients, returns.startedAt, returns, await server.accepts())
}

class Server implements AsyncDisposable {
  readonly #process: ChildProcess

  static async prepare(build: string, subject: SubjectName, port: number): Promise<Server> {
    const child = startChild({ kind: 'serve', build, server: serverOf(subject), port })
    await nextMessage<null>(child, answerMs)
    return new Server(child)
  }

  private constructor(child: ChildProcess) {
    this.#process = child
  }

  listen(): Promise<Listening> {
    return ask<Listening>(this.#process)
  }

  accepts(): Promise<Accepts> {
    return ask<Accepts>(this.#process)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#process)
  }
}

/** In two processes: one alone has more to do than the server, and its clients come when it has time for them. */
class Crowd implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[]

  static async open({ clients, atOnce, ...rest }: CrowdTask): Promise<Crowd> {
    const share: CrowdTask = { ...rest, clients: clients / crowdProcesses, atOnce: atOnce / crowdProcesses }
    const crowd = new Crowd(Array.from({ length: crowdProcesses }, () => startChild(share)))
    await Promise.all(crowd.#processes.map((child) => nextMessage<null>(child, answerMs)))
    return crowd
  }

  private constructor(processes: readonly ChildProcess[]) {
    this.#processes = processes
  }

  /** From now on it counts. */
  async begin(): Promise<void> {
    await Promise.all(this.#processes.map((child) => ask<null>(child)))
  }

  async returns(): Promise<Returns> {
    const all = await Promise.all(this.#processes.map((child) => ask<Returns>(child)))
    return {
      openedAt: all.flatMap(({ openedAt }) => openedAt),
      startedAt: Math.min(...all.map(({ startedAt }) => startedAt)),
      dials: all.reduce((sum, { dials }) => sum + dials, 0),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map(end))
  }
}

function startChild(task: ServeTask | CrowdTask): ChildProcess {
  return start('../storm/child/main.ts', task)
}

function ask<Answer>(child: ChildProcess): Promise<Answer> {
  const answer = nextMessage<Answer>(child, answerMs)
  child.send('next')
  return answer
}
