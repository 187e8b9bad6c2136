/**
 * A server goes away under thousands of clients and comes back: how these do, with each library and in the same run.
 *
 * Servers and clients run in processes of their own.
 */

import { capped, defaults } from './storm/measure.ts'
import { runSuite } from './suite/suite.ts'

await runSuite({ command: 'bench:storm', file: 'storm.json', openFiles: 6_000, measures: [defaults, capped] })
