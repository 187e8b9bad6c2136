/** The client process: one task. */

import { subjectOf } from '../subject/catalogue.ts'
import type { Open, Settings } from '../subject/subject.ts'
import { measureCpu } from './cpu.ts'
import { measureIdle } from './idle.ts'
import { measureRoundTrips } from './round-trip.ts'
import type { ClientTask, Task } from './task.ts'
import { watch } from './watch.ts'

const task: Task = JSON.parse(process.argv[2]!)
process.on('disconnect', () => process.exit())

switch (task.kind) {
  case 'cpu':
    process.send?.(await measureCpu(await load(task), task))
    break
  case 'round-trip': {
    const candidates = task.subjects.map(async (each) => ({ open: await load(each), port: each.port }))
    process.send?.(await measureRoundTrips(await Promise.all(candidates), task))
    break
  }
  case 'idle':
    process.send?.(await measureIdle(await load(task), task))
    break
  case 'watch':
    watch(await load(task, task), task)
    break
}

function load({ subject }: ClientTask, settings: Settings = {}): Promise<Open> {
  return subjectOf(subject)(settings)
}
