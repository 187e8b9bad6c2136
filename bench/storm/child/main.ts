/** A process of the bench: one task. */

import { openCrowd } from './crowd.ts'
import { serve } from './serve.ts'
import type { Task } from './task.ts'

const task: Task = JSON.parse(process.argv[2]!)
process.on('disconnect', () => process.exit())
process.send?.(await (task.kind === 'serve' ? serve(task) : openCrowd(task)))
