/** A process of the bench: one task. */

import { measureCpu } from '../../peers/client/cpu.ts'
import { measureIdle } from '../../peers/client/idle.ts'
import { measureRoundTrips } from '../../peers/client/round-trip.ts'
import { loadSubject } from '../subject.ts'
import { measureLoss } from './loss.ts'
import { measureMigration } from './migration.ts'
import { measureReplay } from './replay.ts'
import { measureReset } from './reset.ts'
import { serve } from './serve.ts'
import type { RoundTripTask, Task } from './task.ts'

const task: Task = JSON.parse(process.argv[2]!)
process.on('disconnect', () => process.exit())
process.send?.(await perform(task))

function perform(task: Task): Promise<unknown> {
  switch (task.kind) {
    case 'server':
      return serve(task)
    case 'loss':
      return measureLoss(task)
    case 'reset':
      return measureReset(task)
    case 'replay':
      return measureReplay(task)
    case 'migration':
      return measureMigration(task)
    case 'round-trip':
      return roundTrips(task)
    default:
      return measureAsPeer(task)
  }
}

async function roundTrips({ subjects, build, ...steps }: RoundTripTask): Promise<number[][]> {
  const candidates = subjects.map(async ({ subject, port }) => ({ open: await loadSubject(subject, build), port }))
  return measureRoundTrips(await Promise.all(candidates), steps)
}

async function measureAsPeer(task: Extract<Task, { readonly kind: 'cpu' | 'idle' }>): Promise<unknown> {
  const open = await loadSubject(task.subject, task.build)
  // None of them looks at the subject of its task.
  switch (task.kind) {
    case 'cpu':
      return measureCpu(open, { ...task, subject: 'ws' })
    case 'idle':
      return measureIdle(open, { ...task, subject: 'ws' })
  }
}
