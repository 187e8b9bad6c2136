/** The client process: one subject, one task. */

import { subjectOf } from '../subject/catalogue.ts'
import { measureCpu } from './cpu.ts'
import { measureIdle } from './idle.ts'
import { measureRoundTrip } from './round-trip.ts'
import type { Task } from './task.ts'
import { watch } from './watch.ts'

const task: Task = JSON.parse(process.argv[2]!)
const open = await subjectOf(task.subject)(task.kind === 'watch' ? task : {})
process.on('disconnect', () => process.exit())

switch (task.kind) {
  case 'cpu':
    process.send?.(await measureCpu(open, task))
    break
  case 'round-trip':
    process.send?.(await measureRoundTrip(open, task))
    break
  case 'idle':
    process.send?.(await measureIdle(open, task))
    break
  case 'watch':
    watch(open, task)
    break
}
