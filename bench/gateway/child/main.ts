/** A process of the bench: one task. */

import { measureAbsence } from './away.ts'
import { serveBackend } from './backend.ts'
import { serveGateway } from './gateway.ts'
import { runLoad } from './load.ts'
import { measureStorm } from './storm.ts'
import type { Task } from './task.ts'
import { witness } from './witness.ts'

const task: Task = JSON.parse(process.argv[2]!)
process.on('disconnect', () => process.exit())
process.send?.(await perform(task))

function perform(task: Task): Promise<unknown> {
  switch (task.kind) {
    case 'backend':
      return serveBackend()
    case 'gateway':
      return serveGateway(task)
    case 'load':
      return runLoad(task)
    case 'storm':
      return measureStorm(task)
    case 'away':
      return measureAbsence(task)
    case 'witness':
      return witness(task)
  }
}
