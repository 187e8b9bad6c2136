/**
 * What a session costs and what it is good for, beside a bare socket, our own without a session, and its peers.
 *
 * Ratios and differences are made within rounds in which all take turns; figures are medians, but for CPU and round trips, which are the
 * least. Servers run in processes of their own.
 */

import { cpu, roundTrip } from './sessions/cpu.ts'
import { heap } from './sessions/heap.ts'
import { loss } from './sessions/loss.ts'
import { migration } from './sessions/migration.ts'
import { replay } from './sessions/replay.ts'
import { reset } from './sessions/reset.ts'
import { runSuite } from './suite/suite.ts'

await runSuite({
  command: 'bench:sessions',
  file: 'sessions.json',
  /** For the idle connections of one process. */
  openFiles: 3_500,
  measures: [loss, cpu, roundTrip, reset, heap, replay, migration],
})
