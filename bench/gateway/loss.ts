/** What is lost while the client's connection is reset again and again. */

import { verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Measure } from '../suite/measure.ts'
import { startBackend } from './backend.ts'
import type { EchoCount } from './child/task.ts'
import { ask } from './child.ts'
import { brokenWays, withMiddle } from './middle.ts'
import { session } from './subject.ts'

const full = 3_000
const quick = 500
const path = '/echo'
const counts = { missing: 'lost', duplicated: 'duplicated', reordered: 'out of order' } as const

export const loss: Measure = {
  name: 'loss',
  title: `${full} messages up and as many down (${quick} in a quick run), 20 ms one-way delay, the client's connection reset every 250 ms`,
  run: async ({ build, isQuick, tell }) => {
    await using backend = await startBackend(tell)
    // They mostly wait, and so do it together.
    const found = await withMiddle(build, backend.port, async (way, client, port) => {
      const count = await ask<EchoCount>({ kind: 'storm', build, client, port, path, messages: isQuick ? quick : full })
      tell(`${way}: ${count.resets} resets, whole again after ${count.seconds.toFixed(1)} s`)
      return count
    })
    return {
      rows: (Object.keys(counts) as (keyof typeof counts)[]).map((count) => ({
        id: `loss/${count}`,
        what: counts[count],
        unit: 'messages',
        n: 1,
        cells: Object.fromEntries(brokenWays.map((way) => [way, figure([found.get(way)![count]])])),
      })),
      verdicts: [
        verdict('lost while links break', found.get(session)!.missing, 0, 'messages'),
        verdict('duplicated while links break', found.get(session)!.duplicated, 0, 'messages'),
      ],
    }
  },
}
