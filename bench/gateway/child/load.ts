/** Clients of an echo, in this process: so many messages in flight on each connection, for a while. */

import { openSession, type Session } from '../../peers/client/session.ts'
import { loadSubject } from '../../sessions/subject.ts'
import type { Lap, LapOrder, LoadOrder, LoadTask } from './task.ts'

const usPerMs = 1_000

export async function runLoad({ build, client, port }: LoadTask): Promise<null> {
  const open = await loadSubject(client, build)
  let sessions: readonly Session[] = []
  const perform = async (order: LoadOrder): Promise<Lap | null> => {
    switch (order.kind) {
      case 'open':
        sessions = await Promise.all(Array.from({ length: order.connections }, () => openSession(open, { port, query: {} })))
        return null
      case 'lap':
        return await runLap(sessions, order)
      case 'close':
        for (const { client } of sessions) client.close()
        sessions = []
        return null
    }
  }
  process.on('message', async (order: LoadOrder) => process.send?.(await perform(order)))
  return null
}

async function runLap(sessions: readonly Session[], { bytes, inFlight, ms }: LapOrder): Promise<Lap> {
  const payload = 'x'.repeat(bytes)
  const times: number[] = []
  const startedAt = performance.now()
  const counts = await Promise.all(sessions.map((session) => exchange(session, payload, inFlight, startedAt + ms, times)))
  return { messages: counts.reduce((total, count) => total + count, 0), ms: performance.now() - startedAt, times }
}

/** Resolves with the number of messages that came back, when all have. */
function exchange(session: Session, payload: string, inFlight: number, until: number, times: number[]): Promise<number> {
  return new Promise((resolve) => {
    let underway = 0
    let count = 0
    let sentAt = 0
    const send = () => {
      underway++
      if (inFlight === 1) sentAt = performance.now()
      session.client.send(payload)
    }
    session.message = () => {
      const now = performance.now()
      if (inFlight === 1) times.push((now - sentAt) * usPerMs)
      underway--
      count++
      if (now < until) send()
      else if (underway === 0) resolve(count)
    }
    while (underway < inFlight) send()
  })
}
