/** A stream to a session that moves from link to link, beside one to a session that stays: both see the same machine. */

import { setTimeout as sleep } from 'node:timers/promises'
import { urlOf } from '../../peers/subject/subject.ts'
import { loadClient } from '../subject.ts'
import type { MigrationGaps, MigrationTask } from './task.ts'

/** Around the dial for the new link. */
const beforeMs = 20
const afterMs = 180
const pollMs = 20

export async function measureMigration({ build, port, maxLinkAge, migrations }: MigrationTask): Promise<MigrationGaps> {
  const { WebSocket } = await loadClient(build)
  const movedAt: number[] = []
  const url = urlOf({ port, query: { mode: 'stream' } })
  const open = (options: object) => {
    const socket = new WebSocket(url, [], { resume: true, ...options })
    const stream = { socket, arrivals: [] as number[], lost: 0 }
    let expected = 0
    socket.onmessage = (event: { readonly data: string }) => {
      stream.arrivals.push(performance.now())
      if (Number(event.data) !== expected++) stream.lost++
    }
    return stream
  }
  // A move has no event: an application need not know. It asks for the address.
  const rewriteUrl = ({ resuming }: { readonly resuming: boolean }) => {
    if (resuming) movedAt.push(performance.now())
    return url
  }
  const moving = open({ maxLinkAge, rewriteUrl })
  const staying = open({})
  while (movedAt.length < migrations) await sleep(pollMs)
  await sleep(afterMs)
  const gaps = ({ arrivals }: typeof moving) => movedAt.map((at) => longestGap(arrivals, at - beforeMs, at + afterMs))
  const found = { moved: gaps(moving), unmoved: gaps(staying), lost: moving.lost + staying.lost }
  moving.socket.close()
  staying.socket.close()
  return found
}

function longestGap(arrivals: readonly number[], from: number, until: number): number {
  let longest = 0
  let last = from
  for (const at of arrivals) {
    if (at < from) continue
    if (at > until) break
    longest = Math.max(longest, at - last)
    last = at
  }
  return longest
}
