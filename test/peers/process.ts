// A peer in a process of its own: started with a pipe as its life-line, frozen and thawed by signals, ended by its id.

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { EventLog, type Peer, type PeerEvent } from './peer.ts'

/** A peer in a process of its own, which a test may stop in the middle of whatever it is doing. */
export interface ProcessPeer extends Peer {
  readonly pid: number
  /** SIGSTOP: TCP connections stay up, nobody is there. Settles when the process really stands still. */
  freeze(): Promise<void>
  /** SIGCONT. */
  thaw(): void
  /** What the process wrote to standard error so far (the last 64 KiB of it). */
  readonly stderr: string
}

export interface ProcessOptions {
  /** For messages. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Host part of the URL. */
  readonly host?: string
  /** A command to run it under, such as `ip netns exec name`, which must become the process and not its parent. */
  readonly within?: readonly string[]
}

const startTimeoutMs = 30_000
const freezeTimeoutMs = 5_000
const maxStderrChars = 64 * 1024

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/**
 * Starts a server which prints `{"port":…}` and then one event a line, and which ends when its standard input does: should
 * the test process be killed outright, the pipe breaks and no server is left behind.
 */
export async function startProcess({ name, command, args, host = '127.0.0.1', within = [] }: ProcessOptions): Promise<ProcessPeer> {
  const [file = command, ...rest] = [...within, command, ...args]
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
  living.add(child)
  const log = new EventLog(name)
  let stderr = ''
  const gone = new Promise<void>((resolve) => {
    const end = (why: string): void => {
      living.delete(child)
      log.end(why)
      resolve()
    }
    child.on('error', (error) => end(`could not be started: ${error.message}`))
    child.once('close', (code, signal) => end(`ended with ${signal ?? `exit code ${code}`}${stderr && `; it said:\n${stderr}`}`))
  })

  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-maxStderrChars)
  })
  child.stdin.on('error', () => {})
  let port = 0
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (port !== 0) return log.add(JSON.parse(line) as PeerEvent)
    port = (JSON.parse(line) as { port: number }).port
    log.add({ event: 'listening' })
  })

  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null || child.pid === undefined
  const stop = async (): Promise<void> => {
    if (!isOver()) {
      // Whoever awaits the end keeps the test process alive until it has come.
      child.ref()
      for (const stream of child.stdio) (stream as Socket).ref()
      child.kill('SIGCONT')
      child.kill('SIGKILL')
    }
    await gone
  }
  try {
    await log.waitFor('listening', startTimeoutMs)
  } catch (error) {
    await stop()
    throw error
  }

  const pid = child.pid as number
  // A peer that a test forgot must not keep the test process alive.
  child.unref()
  for (const stream of child.stdio) (stream as Socket).unref()
  return {
    url: `ws://${host}:${port}`,
    port,
    pid,
    events: log.events,
    get stderr() {
      return stderr
    },
    waitFor: (predicate, timeoutMs) => log.waitFor(predicate, timeoutMs),
    count: (predicate) => log.count(predicate),
    freeze: async () => {
      child.kill('SIGSTOP')
      const giveUpAt = performance.now() + freezeTimeoutMs
      while (!isStopped(pid)) {
        if (performance.now() > giveUpAt) throw new Error(`${name} (process ${pid}) still runs ${freezeTimeoutMs} ms after SIGSTOP`)
        await sleep(1)
      }
    },
    thaw: () => void child.kill('SIGCONT'),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Whether each thread has stopped; where there is no /proc the signal has to be believed. */
function isStopped(pid: number): boolean {
  let threads: string[]
  try {
    threads = readdirSync(`/proc/${pid}/task`)
  } catch {
    return true
  }
  return threads.every((thread) => {
    try {
      return /\) [TtZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))
    } catch {
      return true
    }
  })
}
