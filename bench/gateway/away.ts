/** A client that is away for a minute, and what it gets of what its backend said meanwhile. */

import { type Cell, verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Measure, Row } from '../suite/measure.ts'
import { startBackend } from './backend.ts'
import type { Absence } from './child/task.ts'
import { ask } from './child.ts'
import { brokenWays, withMiddle } from './middle.ts'
import { session, type Way } from './subject.ts'

const fullMs = 60_000
const quickMs = 5_000
const everyMs = 20
const msPerS = 1_000

interface Found extends Absence {
  readonly connections: number
}

export const away: Measure = {
  name: 'away',
  title: `A client away for ${fullMs / msPerS} s (${quickMs / msPerS} in a quick run), whose backend has a message every ${everyMs} ms`,
  run: async ({ build, isQuick, tell }) => {
    await using backend = await startBackend(tell)
    const awayMs = isQuick ? quickMs : fullMs
    tell(`${awayMs / msPerS} s without a network`)
    const found = await withMiddle<Found>(build, backend.port, async (way, client, port) => {
      const path = `/feed?every=${everyMs}ms&way=${brokenWays.indexOf(way)}`
      const absence = await ask<Absence>({ kind: 'away', build, client, port, path, everyMs, awayMs })
      return { ...absence, connections: await backend.connections(path) }
    })
    const rowOf = (id: string, what: string, unit: string, number: (found: Found) => number): Row => ({
      id: `away/${id}`,
      what,
      unit,
      n: 1,
      cells: Object.fromEntries(brokenWays.map((way): [Way, Cell] => [way, figure([number(found.get(way)!)])])),
    })
    const ours = found.get(session)!
    return {
      rows: [
        rowOf('received', 'received', 'messages', ({ received }) => received),
        rowOf('missing', 'lost', 'messages', ({ missing }) => missing),
        rowOf('reordered', 'out of order', 'messages', ({ reordered }) => reordered),
        rowOf('connections', 'connections that the backend saw', 'connections', ({ connections }) => connections),
      ],
      verdicts: [
        verdict('lost while the client was away', ours.missing + ours.reordered, 0, 'messages'),
        verdict('connections that its backend saw', ours.connections, 1, 'connections'),
      ],
    }
  },
}
