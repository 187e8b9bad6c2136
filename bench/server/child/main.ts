/** A process of the bench: one task. */

import { openCrowd } from './crowd.ts'
import { park } from './park.ts'
import { serve } from './serve.ts'
import type { Task } from './task.ts'

const task: Task = JSON.parse(process.argv[2]!)
process.on('disconnect', () => process.exit())
process.send?.(await perform(task))

function perform(task: Task): Promise<unknown> {
  switch (task.kind) {
    case 'serve':
      return serve(task)
    case 'crowd':
      return openCrowd(task)
    case 'park':
      return park(task)
  }
}
