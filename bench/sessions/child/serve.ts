/** The server process: a port for each kind of server. */

import { createRequire } from 'node:module'
import { host } from './host.ts'
import { modes } from './mode.ts'
import type { Ports, ServerTask, ServerUsage } from './task.ts'

const settleMs = 500
const collections = 3

export async function serve({ kinds, build }: ServerTask): Promise<Ports> {
  const countTimers = watchTimers()
  const ports: { [kind in ServerTask['kinds'][number]]?: number } = {}
  for (const kind of kinds) ports[kind] = await host(kind, build, (peer, query) => modes[query.get('mode') ?? 'idle']?.(peer, query))
  process.on('message', async () => process.send?.({ heapBytes: await heapBytes(), timers: countTimers() } satisfies ServerUsage))
  return ports
}

async function heapBytes(): Promise<number> {
  // Finalizers of the first collection leave garbage for the next.
  for (let i = 0; i < collections; i++) {
    await new Promise((resolve) => setTimeout(resolve, settleMs / collections))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

/** Node tells of timers only as long as they keep the process alive. */
function watchTimers(): () => number {
  const waiting = new Set<unknown>()
  const { setTimeout, clearTimeout } = globalThis
  const watched = ((run: (...args: any[]) => void, ms?: number, ...args: any[]) => {
    const timer = setTimeout(() => {
      waiting.delete(timer)
      run(...args)
    }, ms)
    waiting.add(timer)
    return timer
  }) as typeof setTimeout
  const unwatched = ((timer) => {
    waiting.delete(timer)
    clearTimeout(timer)
  }) as typeof clearTimeout
  // Some take them from the module.
  for (const holder of [globalThis, createRequire(import.meta.url)('node:timers')])
    Object.assign(holder, { setTimeout: watched, clearTimeout: unwatched })
  return () => waiting.size
}
