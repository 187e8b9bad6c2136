/** One fleet, in a process of its own: its machines need gigabytes. */

import { Fleet, type FleetConfig, type FleetResult } from './fleet.ts'

const config: FleetConfig = JSON.parse(process.argv[2]!)
process.on('disconnect', () => process.exit())
Error.stackTraceLimit = 0 // a machine makes an error of each failure, and nobody reads where
process.send?.(new Fleet(config).run() satisfies FleetResult)
