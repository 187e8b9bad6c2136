/** What Prometheus is told: of the process, and of the gateway. */

import type { Gateway } from 'holdfast/gateway'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export interface Metrics {
  readonly type: string
  readonly text: string
}

export function createMetrics(gateway: Gateway): () => Promise<Metrics> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'holdfast_upstreams',
    help: 'Links to backends, also those that are being dialled or closed.',
    registers: [registry],
    collect() {
      this.set(gateway.stats.upstreams)
    },
  })
  return async () => ({ type: registry.contentType, text: await registry.metrics() })
}
