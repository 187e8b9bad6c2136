/** SIGTERM in one line. */

import { setTimeout as wait } from 'node:timers/promises'
import type { DrainOptions, DrainResult } from './drain.ts'
import { resolveShutdown } from './options.ts'

/** What can be shut down. */
export interface Drainable extends Partial<AsyncDisposable> {
  drain(options?: DrainOptions): Promise<DrainResult>
}

export interface ShutdownOptions {
  /** @default ['SIGTERM', 'SIGINT'] */
  signals?: readonly NodeJS.Signals[] | undefined
  /** Milliseconds from `onDraining` to the drain, in which balancers notice. @default 0 */
  delay?: number | undefined
  /** As for `drain`. */
  rate?: number | undefined
  /** As for `drain`. */
  timeout?: number | undefined
  /** Makes the readiness probe fail, so that no more clients are sent here. */
  onDraining?: (() => void) | undefined
}

/**
 * Waits for a signal, then lets readiness fail, drains the server and closes it. A second signal ends at once what is still there. The
 * process ends by itself when nothing else keeps it.
 *
 * ```ts
 * gracefulShutdown(server, { onDraining: () => (isReady = false), delay: 5_000 })
 * ```
 *
 * @returns what became of the clients, when the server is closed
 * @throws TypeError for an option that is unknown or wrong, naming option, value and rule
 */
export function gracefulShutdown(server: Drainable, options: ShutdownOptions = {}): Promise<DrainResult> {
  const { signals, delay, onDraining, ...rest } = resolveShutdown(options)
  const force = new AbortController()
  let signalled = () => {}
  const asked = new Promise<void>((resolve) => {
    let isAsked = false
    signalled = () => {
      if (isAsked) force.abort()
      isAsked = true
      resolve()
    }
  })
  for (const signal of signals) process.on(signal, signalled)
  const leave = async (): Promise<DrainResult> => {
    await wait(delay, undefined, { signal: force.signal }).catch(() => {})
    const result = await server.drain({ ...rest, signal: force.signal })
    await server[Symbol.asyncDispose]?.()
    return result
  }
  const shutDown = async (): Promise<DrainResult> => {
    await asked
    let result: DrainResult
    try {
      onDraining?.()
    } finally {
      result = await leave() // whatever the application's own part of it came to
    }
    return result
  }
  return shutDown().finally(() => {
    for (const signal of signals) process.off(signal, signalled)
  })
}
