/** CPU of this process for a message that is sent or received. */

import type { Open, Payload } from '../subject/subject.ts'
import { nextTurn, openSession } from './session.ts'
import type { CpuTask, PayloadKind, Step } from './task.ts'

/** Sends in one turn of the event loop. */
const burst = 128
/** What may be on its way without an answer of the server: two windows. Every subject holds that without a complaint. */
const windowBytes = 1024 * 1024
const maxWindow = 16 * burst

export async function measureCpu(open: Open, { port, payload, steps }: CpuTask): Promise<number[]> {
  const figures: number[] = []
  for (const step of steps) figures.push(await (step.direction === 'send' ? measureSends : measureReceives)(open, port, payload, step))
  return figures
}

async function measureSends(open: Open, port: number, kind: PayloadKind, { bytes, count }: Step): Promise<number> {
  const window = Math.min(maxWindow, burst * Math.max(1, Math.floor(windowBytes / bytes / burst)))
  const payload: Payload = kind === 'text' ? 'x'.repeat(bytes) : new Uint8Array(bytes)
  const session = await openSession(open, { port, query: { mode: 'sink', window: String(window) } })
  const { client } = session
  let sent = 0
  let confirmed = 0
  let resume = () => {}
  session.message = () => {
    confirmed += window
    resume()
  }
  const answer = () =>
    new Promise<void>((resolve) => {
      resume = resolve
    })
  const run = async (messages: number) => {
    const end = sent + Math.ceil(messages / window) * window
    while (sent < end) {
      for (let i = 0; i < burst; i++) client.send(payload)
      sent += burst
      if (sent - confirmed >= 2 * window) await answer()
      else await nextTurn()
    }
    while (confirmed < sent) await answer()
  }
  await run(count / 2)
  const first = sent
  const before = process.cpuUsage()
  await run(count)
  const cpuUs = cpuSince(before)
  client.close()
  return cpuUs / (sent - first)
}

async function measureReceives(open: Open, port: number, kind: PayloadKind, { bytes, count }: Step): Promise<number> {
  const query = { mode: 'flood', payload: kind, bytes: String(bytes), count: String(count) }
  const session = await openSession(open, { port, query })
  const run = () =>
    new Promise<void>((resolve) => {
      let left = count
      let seen = 0
      session.message = (data) => {
        seen += typeof data === 'string' ? data.length : (data as Uint8Array).byteLength
        if (--left > 0) return
        if (seen !== bytes * count) throw new Error(`${seen} bytes arrived of ${bytes * count}`)
        resolve()
      }
      session.client.send('go')
    })
  await run()
  const before = process.cpuUsage()
  await run()
  const cpuUs = cpuSince(before)
  session.client.close()
  return cpuUs / count
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}
