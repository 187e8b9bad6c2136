/**
 * What a server with thousands of connections costs that say nothing, beside the package `ws` and what its users do.
 *
 * Servers and clients run in processes of their own; what is compared runs at the same time.
 */

import { detached } from './server/detached.ts'
import { heartbeat } from './server/heartbeat.ts'
import { runSuite } from './suite/suite.ts'

await runSuite({
  command: 'bench:server',
  file: 'server.json',
  openFiles: 16_000,
  measures: [heartbeat, detached],
})
