/**
 * A fleet comes back after an outage, in virtual time: the real client machine and the real admission, beside what people do without.
 *
 * Each fleet is simulated in a process of its own; the same seed gives the same figures.
 */

import { fleetOf } from './fleet/measure.ts'
import { strategyNames } from './fleet/strategy.ts'
import { runSuite } from './suite/suite.ts'

await runSuite({
  command: 'bench:fleet',
  file: 'fleet.json',
  openFiles: 256,
  measures: [
    fleetOf('1e4', 10_000, strategyNames),
    fleetOf('1e5', 100_000, strategyNames),
    // A million machines take minutes and gigabytes.
    fleetOf('1e6', 1_000_000, ['holdfast, session kept', 'holdfast, plain in Node']),
  ],
})
