/** What gets lost, doubled or out of order while links break. */

import { type Verdict, verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import type { Measure, MeasureContext, Row } from '../suite/measure.ts'
import type { LossCount, LossTask, Weather } from './child/task.ts'
import { ask } from './child.ts'
import type { SubjectName } from './subject.ts'

const full = 3_000
const quick = 500
const subjects: readonly SubjectName[] = [
  'holdfast, session',
  'holdfast, reconnecting',
  'reconnecting-websocket',
  'partysocket',
  'socket.io',
  'socket.io, recovery',
]
const weathers: Readonly<Record<Weather, string>> = { resets: 'resets', mixed: 'mixed faults' }
const counts = {
  lostUp: 'lost client→server',
  lostDown: 'lost server→client',
  duplicated: 'duplicated',
  reordered: 'reordered',
} as const
type Count = keyof typeof counts

export const loss: Measure = {
  name: 'loss',
  title: `${full} numbered messages each way (${quick} in a quick run), 20 ms one-way delay, a reset every 250 ms; mixed with freezes and refusals`,
  run: async (context) => {
    const rows: Row[] = []
    const verdicts: Verdict[] = []
    for (const weather of Object.keys(weathers) as Weather[]) {
      const found = await measure(context, weather)
      for (const count of Object.keys(counts) as Count[]) {
        rows.push(rowOf(weather, count, found))
        verdicts.push(verdict(`${counts[count]}, ${weathers[weather]}`, found.get('holdfast, session')![count], 0, 'messages'))
      }
    }
    return { rows, verdicts }
  },
}

async function measure({ build, isQuick, tell }: MeasureContext, weather: Weather): Promise<Map<SubjectName, LossCount>> {
  const messages = isQuick ? quick : full
  // They mostly wait, and so do it together.
  const found = await Promise.all(
    subjects.map(async (subject) => {
      const count = await ask<LossCount>({ kind: 'loss', build, subject, weather, messages } satisfies LossTask)
      tell(`${weathers[weather]}: ${subject}, ${count.faults} faults, whole again after ${count.seconds.toFixed(1)} s`)
      return [subject, count] as const
    }),
  )
  return new Map(found)
}

function rowOf(weather: Weather, count: Count, found: ReadonlyMap<SubjectName, LossCount>): Row {
  return {
    id: `loss/${weather}/${count}`,
    what: counts[count],
    unit: weathers[weather],
    n: 1,
    cells: Object.fromEntries([...found].map(([subject, each]) => [subject, figure([each[count]])])),
  }
}
