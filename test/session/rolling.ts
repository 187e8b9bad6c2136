// Two servers behind a balancer, restarted one after the other, while clients with sessions send numbered messages through them.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ReconnectingWebSocket, type SessionCloseEvent } from 'holdfast'
import { until } from '../fault/patience.ts'
import { startBalancer } from '../peers/haproxy.ts'
import { unusedPort } from '../peers/port.ts'

export interface RollingOptions {
  readonly clients: number
  /** Milliseconds between two messages of a client. */
  readonly everyMs: number
  /** Clients a second that a server lets go. */
  readonly rate: number
}

/** A session as its server saw it. */
export interface SessionEnd {
  readonly client: number
  /** The numbers that it received, in the order of their coming. */
  readonly first: number
  readonly last: number
  readonly isInOrder: boolean
  readonly code: number
  readonly unconfirmed: number
}

export interface RollingResult {
  /** How each session of each client ended, as the client saw it. */
  readonly closes: readonly SessionCloseEvent[]
  /** Milliseconds from each of those ends to the next `open`. */
  readonly gaps: readonly number[]
  readonly ends: readonly SessionEnd[]
  /** What each client sent. */
  readonly sent: readonly number[]
  /** What each server made of its clients. */
  readonly drains: readonly { readonly migrated: number; readonly closed: number; readonly forced: number }[]
}

const program = fileURLToPath(new URL('../server/shutdown-process.ts', import.meta.url))
/** In this time the balancer asks several times whether a server is ready. */
const noticeMs = 500
const steadyMs = 300
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export async function rollingRestart({ clients, everyMs, rate }: RollingOptions): Promise<RollingResult> {
  const ports = [await unusedPort(), await unusedPort()]
  await using servers = new AsyncDisposableStack()
  const lines: any[] = []
  const start = async (port: number) => {
    const server = await startServerProcess(port, rate, lines)
    servers.defer(server.stop)
    return server
  }
  const running = [await start(ports[0]!), await start(ports[1]!)]
  await using balancer = await startBalancer(ports)
  await balancer.allUp()

  const crowd = Array.from({ length: clients }, (_, client) => new Sender(balancer.url, client, everyMs))
  await until(() => crowd.every((each) => each.isOpen), 'open for everybody')
  for (const [index, port] of ports.entries()) {
    await sleep(steadyMs)
    await running[index]!.shutDown()
    running[index] = await start(port)
    await balancer.allUp()
    await until(() => crowd.every((each) => each.isOpen), 'return of everybody')
  }
  await sleep(steadyMs)
  await Promise.all(crowd.map((each) => each.finish()))
  const ends = (): SessionEnd[] => lines.filter(({ event }) => event === 'end')
  await until(() => ends().length === lines.filter(({ event }) => event === 'open').length, 'end of all sessions')
  return {
    closes: crowd.flatMap((each) => each.closes),
    gaps: crowd.flatMap((each) => each.gaps),
    ends: ends(),
    sent: crowd.map((each) => each.sent),
    drains: lines.filter(({ event }) => event === 'over'),
  }
}

class Sender {
  readonly closes: SessionCloseEvent[] = []
  readonly gaps: number[] = []
  sent = 0
  readonly #socket: ReconnectingWebSocket
  readonly #timer: NodeJS.Timeout
  #closedAt: number | undefined

  constructor(url: string, client: number, everyMs: number) {
    this.#socket = new ReconnectingWebSocket(url, [], { resume: true })
    this.#timer = setInterval(() => this.#socket.send(`${client} ${this.sent++}`), everyMs)
    this.#socket.addEventListener('close', (event) => {
      this.closes.push(event)
      this.#closedAt = performance.now()
    })
    this.#socket.addEventListener('open', () => {
      if (this.#closedAt !== undefined) this.gaps.push(performance.now() - this.#closedAt)
      this.#closedAt = undefined
    })
  }

  get isOpen(): boolean {
    return this.#socket.readyState === 1
  }

  async finish(): Promise<void> {
    clearInterval(this.#timer)
    this.#socket.close(1000)
    await this.#socket.closed
  }
}

async function startServerProcess(port: number, rate: number, lines: object[]) {
  const child = spawn(process.execPath, [...process.execArgv, program, `${port}`, `${noticeMs}`, `${rate}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  living.add(child)
  const exit = once(child, 'exit').then(() => living.delete(child))
  let isListening = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line)
    if (said.port) isListening = true
    else lines.push(said)
  })
  await until(() => isListening, 'server')
  return {
    shutDown: async () => {
      child.kill('SIGTERM')
      await exit
    },
    stop: async () => {
      child.kill('SIGKILL')
      await exit
    },
  }
}
