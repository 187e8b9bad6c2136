/** A server whose connections say nothing, and what that costs. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { loadPackage } from '../../peers/subject/package.ts'
import { isOurs, ourSession } from '../subject.ts'
import { beat } from './heartbeat.ts'
import type { Heap, Lap, ServerOrder, ServeTask } from './task.ts'

const maxPending = 8_192
const resolutionMs = 2
const nsPerMs = 1e6
const collections = 4
const settleMs = 250

/** Resolves with the port. */
export async function serve({ build, subject, heartbeat }: ServeTask): Promise<number> {
  const http = createServer()
  const { WebSocketServer } = await loadPackage(isOurs(subject) ? join(build, 'server.mjs') : 'ws')
  const { intervalMs, timeoutMs } = heartbeat
  const own = {
    heartbeat: { interval: intervalMs, timeout: timeoutMs },
    // Thousands of clients from one place at once are the bench's business.
    session: subject === ourSession && { maxPerPrincipal: Infinity },
    admission: false,
  }
  const server = new WebSocketServer({ server: http, perMessageDeflate: false, ...(isOurs(subject) && own) })
  if (isOurs(subject)) server.on('connection', (socket: any) => socket.on('error', () => {}))
  else beat(subject, server, intervalMs)
  takeOrders()
  return new Promise((resolve) => {
    http.listen({ port: 0, host: '127.0.0.1', backlog: maxPending }, () => resolve((http.address() as AddressInfo).port))
  })
}

function takeOrders(): void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  let cpu = process.cpuUsage()
  const lap = (): Lap => {
    const { user, system } = process.cpuUsage(cpu)
    const found = { stallMs: delay.max / nsPerMs, cpuUs: user + system }
    delay.reset()
    cpu = process.cpuUsage()
    return found
  }
  process.on('message', async (order: ServerOrder) => {
    switch (order.kind) {
      case 'lap':
        process.send?.(lap())
        return
      case 'heap':
        process.send?.({ bytes: await heapBytes() } satisfies Heap)
        return
      case 'block':
        block(order.ms)
        process.send?.(null)
        return
    }
  })
}

/** What lives. Finalizers of one collection leave garbage for the next. */
async function heapBytes(): Promise<number> {
  for (let i = 0; i < collections; i++) {
    await new Promise((resolve) => setTimeout(resolve, settleMs))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}
