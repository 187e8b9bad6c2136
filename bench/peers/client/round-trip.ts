/** The time that a message and its echo take, one message a turn. */

import { median } from '../statistics.ts'
import type { Open } from '../subject/subject.ts'
import { nextTurn, openSession, type Session } from './session.ts'
import { SharedCore } from './shared-core.ts'
import type { RoundTripSteps } from './task.ts'

const usPerMs = 1_000

/** A subject, and where its server is. */
export interface Candidate {
  readonly open: Open
  readonly port: number
}

/**
 * For each candidate the median of each round. All are open in this process, which shares a core with the server, and take turns.
 */
export async function measureRoundTrips(
  candidates: readonly Candidate[],
  { serverPid, bytes, warmUp, rounds, count }: RoundTripSteps,
): Promise<number[][]> {
  using _core = SharedCore.of([process.pid, serverPid])
  const sessions: Session[] = []
  for (const { open, port } of candidates) sessions.push(await openSession(open, { port, query: { mode: 'echo' } }))
  const payload = 'x'.repeat(bytes)
  const medians: number[][] = sessions.map(() => [])
  for (const session of sessions) await echo(session, payload, warmUp)
  for (let round = 0; round < rounds; round++) {
    for (const index of shuffled(sessions.length)) medians[index]!.push(median(await echo(sessions[index]!, payload, count)))
  }
  for (const { client } of sessions) client.close()
  return medians
}

async function echo(session: Session, payload: string, count: number): Promise<number[]> {
  const times: number[] = []
  while (times.length < count) {
    times.push(
      await new Promise<number>((resolve) => {
        const sentAt = performance.now()
        session.message = () => resolve((performance.now() - sentAt) * usPerMs)
        session.client.send(payload)
      }),
    )
    await nextTurn()
  }
  return times
}

/** So that nobody always follows the same one. */
function shuffled(length: number): number[] {
  const places = Array.from({ length }, (_, index) => ({ index, lot: Math.random() }))
  return places.sort((a, b) => a.lot - b.lot).map(({ index }) => index)
}
