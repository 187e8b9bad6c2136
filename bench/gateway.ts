/**
 * What the gateway costs beside plain proxies, and what its clients see when a connection behind or before it breaks.
 *
 * Backend, proxies, gateway and clients run in processes of their own; all subjects take turns within a round, and figures are medians of the
 * rounds. Needs HAProxy and nginx; with go and gorilla/websocket the backend behind the broken connections is a real one.
 */

import { away } from './gateway/away.ts'
import { cut } from './gateway/cut.ts'
import { heap } from './gateway/heap.ts'
import { loss } from './gateway/loss.ts'
import { requireProxies } from './gateway/plain-proxy.ts'
import { roundTrip } from './gateway/round-trip.ts'
import { throughput } from './gateway/throughput.ts'
import { runSuite } from './suite/suite.ts'

requireProxies()
await runSuite({
  command: 'bench:gateway',
  file: 'gateway.json',
  /** For the sessions of one gateway: two connections each. */
  openFiles: 5_000,
  measures: [roundTrip, throughput, heap, cut, loss, away],
})
