// Starts a socket of holdfast in a process of its own, and shows it as if it were here.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { HeartbeatOptions, ReconnectingWebSocketOptions, Stats } from 'holdfast'
import { type SocketEvent, SocketLog } from './socket-log.ts'

export interface ClientOrders {
  readonly url: string
  /** @default 'ws' */
  readonly transport?: 'ws' | 'native'
  readonly heartbeat?: Omit<HeartbeatOptions, 'message' | 'isReply'>
  /** Without functions: they do not travel. */
  readonly options?: Omit<ReconnectingWebSocketOptions, 'heartbeat'>
}

export type ClientReport = { readonly event: SocketEvent } | { readonly stats: Stats }

export type Command =
  | { readonly name: 'dial'; readonly orders: ClientOrders }
  | { readonly name: 'send'; readonly data: string }
  | { readonly name: 'block'; readonly ms: number }
  | { readonly name: 'stats' }

export interface ClientProcess extends AsyncDisposable {
  readonly log: SocketLog
  send(data: string): void
  /** Keeps its event loop from turning for so long. */
  block(ms: number): void
  stats(): Promise<Stats>
  /** SIGSTOP, as a laptop that sleeps. */
  stop(): void
  /** SIGCONT. */
  go(): void
}

const script = fileURLToPath(new URL('./client-process.ts', import.meta.url))
const nodeOptions = ['--conditions=holdfast-source', '--disable-warning=ExperimentalWarning']

/** @param within a command to run it under, such as a namespace's, which must become the process and not its parent */
export function startClient(orders: ClientOrders, within: readonly string[] = []): ClientProcess {
  const [file = '', ...before] = [...within, process.execPath, ...nodeOptions]
  const child = fork(script, {
    execPath: file,
    execArgv: before,
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const log = new SocketLog()
  const asked: ((stats: Stats) => void)[] = []
  child.on('message', (report: ClientReport) => {
    // Its clock has another origin than ours.
    if ('event' in report) log.add({ ...report.event, at: performance.now() })
    else asked.shift()?.(report.stats)
  })
  child.once('exit', (code, signal) => log.end(`the process of the client ended with ${signal ?? `exit code ${code}`}`))
  const command = (given: Command): void => void child.send(given)
  command({ name: 'dial', orders })
  return {
    log,
    send: (data) => command({ name: 'send', data }),
    block: (ms) => command({ name: 'block', ms }),
    stats: () =>
      new Promise((resolve) => {
        asked.push(resolve)
        command({ name: 'stats' })
      }),
    stop: () => void child.kill('SIGSTOP'),
    go: () => void child.kill('SIGCONT'),
    [Symbol.asyncDispose]: () => end(child),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
