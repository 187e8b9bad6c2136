/** What Prometheus is told: of the process, of the clients, and of the backends. */

import type { Gateway, GatewayTotals } from 'holdfast/gateway'
import { registerMetrics } from 'holdfast/server'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export interface Metrics {
  readonly type: string
  readonly text: string
}

/** Of backends, one of each: its name, what it is, its label, and the numbers by the words of that. */
const counters: readonly (readonly [
  name: string,
  help: string,
  label: string,
  read: (totals: GatewayTotals) => Readonly<Record<string, number>>,
])[] = [
  ['holdfast_upstream_dials_total', 'Dials to backends, by what became of them.', 'result', (totals) => totals.upstreamDials],
  [
    'holdfast_upstreams_ended_total',
    'Links to backends that ended before their clients did, by cause.',
    'cause',
    (totals) => totals.upstreamsEnded,
  ],
  [
    'holdfast_held_back_total',
    'How often one side was not read, because the other was slow or it was too fast.',
    'side',
    (totals) => totals.heldBack,
  ],
]

export function createMetrics(gateway: Gateway): () => Promise<Metrics> {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  registerMetrics(gateway, { registry, labels: { server: 'gateway' } })
  new Gauge({
    name: 'holdfast_upstreams',
    help: 'Links to backends, also those that are being dialled or closed.',
    registers,
    collect() {
      this.set(gateway.stats.upstreams)
    },
  })
  for (const [name, help, label, read] of counters)
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        for (const [word, count] of Object.entries(read(gateway.totals))) this.inc({ [label]: word }, count)
      },
    })
  return async () => ({ type: registry.contentType, text: await registry.metrics() })
}
