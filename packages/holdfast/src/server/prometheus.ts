/**
 * Shows servers in a registry of `prom-client`, which the application brings along.
 *
 * The registry is given objects of ours with the `get` of its own metrics, made from the totals when it asks: nothing is counted twice, and
 * histograms keep the buckets that the server filled. `prom-client` registers such objects itself for what it aggregates of a cluster.
 */

import { type Metric, type MetricsSource, metrics, type Reading, type Sample, samplesOf } from './metrics.ts'
import { type Rules, resolveGroup, show } from './options.ts'

/** What is needed of a registry: `register` or a `Registry` of prom-client, from version 14 on. */
export interface MetricsRegistry {
  getSingleMetric(name: string): unknown
  registerMetric(metric: any): void
  removeSingleMetric(name: string): void
}

export interface MetricsOptions {
  registry: MetricsRegistry
  /** Stands before the name of each metric. @default 'holdfast_' */
  prefix?: string | undefined
  /** Labels that all metrics of this server have. @default { server: its name, or 'default' } */
  labels?: Labels | undefined
}

interface ResolvedOptions {
  readonly registry?: MetricsRegistry
  readonly prefix: string
  readonly labels: Labels
}
type Labels = { readonly [label: string]: string }

const ownLabels: readonly string[] = ['le', ...new Set(metrics.flatMap(({ labels }) => labels))]
const unnamed = 'default'

const isLabel = (name: string) => /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && !ownLabels.includes(name)
const registryMethods = ['getSingleMetric', 'registerMetric', 'removeSingleMetric'] as const

const registryText = 'a registry of prom-client: its `register`, or a `new Registry()`'

const rules: Rules = {
  registry: {
    isValid: (value) => registryMethods.every((method) => typeof value?.[method] === 'function'),
    text: registryText,
  },
  prefix: {
    isValid: (value) => typeof value === 'string' && /^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/.test(value),
    text: 'the beginning of a metric name: letters, digits, _ and :, with no digit first',
    preset: 'holdfast_',
  },
  labels: {
    isValid: (value) =>
      typeof value === 'object' &&
      value !== null &&
      Object.entries(value).every(([name, word]) => isLabel(name) && typeof word === 'string'),
    text: `an object of strings, whose names are names of labels and none of ${ownLabels.join(', ')}`,
    preset: {},
  },
}

/**
 * Shows a server in a registry. Several can share one: each has a `server` label with its `name`.
 *
 * @returns takes the server out of the registry again
 * @throws TypeError for a wrong option, for a second server with the same labels, and where the registry has one of the names already
 *
 * ```ts
 * registerMetrics(server, { registry: register })
 * ```
 */
export function registerMetrics(source: MetricsSource, options: MetricsOptions): () => void {
  if (typeof source?.totals !== 'object') throw new TypeError(`metrics are of a WebSocketServer of holdfast/server, not of ${show(source)}`)
  if (typeof options !== 'object' || options === null) throw new TypeError(`options must be an object, not ${show(options)}`)
  const { registry, prefix, labels } = resolveGroup(options, rules, '') as unknown as ResolvedOptions
  if (!registry) throw new TypeError(`option registry is missing; it must be ${registryText}`)
  const server = new ShownServer(source, { server: source.name || unnamed, ...labels })
  const exposition = Exposition.of(registry, prefix)
  exposition.add(server)
  return () => exposition.remove(server)
}

class ShownServer {
  readonly labels: Labels
  readonly #source: MetricsSource
  #reading: Reading | undefined

  constructor(source: MetricsSource, labels: Labels) {
    this.#source = source
    this.labels = labels
  }

  /** A registry asks all its metrics in one turn: that is one reading, so that they fit together. */
  get reading(): Reading {
    if (!this.#reading) {
      const { stats, totals } = this.#source
      this.#reading = { stats, totals }
      queueMicrotask(() => {
        this.#reading = undefined
      })
    }
    return this.#reading
  }

  /** By what a scrape tells its samples from those of others. */
  get labelsText(): string {
    return JSON.stringify(Object.fromEntries(Object.entries(this.labels).sort()))
  }
}

/** All servers that a registry shows under one prefix. */
class Exposition {
  readonly #registry: MetricsRegistry
  readonly #families: readonly Family[]
  readonly #servers: ShownServer[] = []

  /** The one that is there already, or a new one. @throws TypeError where somebody else has one of its names */
  static of(registry: MetricsRegistry, prefix: string): Exposition {
    const first = registry.getSingleMetric(prefix + metrics[0]!.name)
    return first instanceof Family ? first.exposition : new Exposition(registry, prefix)
  }

  constructor(registry: MetricsRegistry, prefix: string) {
    this.#registry = registry
    this.#families = metrics.map((metric) => new Family(metric, prefix + metric.name, this))
    const taken = this.#families.find(({ name }) => registry.getSingleMetric(name) !== undefined)
    if (taken)
      throw new TypeError(`the registry has a metric ${taken.name} already; option prefix has to be something else than ${show(prefix)}`)
    for (const family of this.#families) registry.registerMetric(family)
  }

  get servers(): readonly ShownServer[] {
    return this.#servers
  }

  add(server: ShownServer): void {
    const { labelsText } = server
    if (this.#servers.some((each) => each.labelsText === labelsText))
      throw new TypeError(`the registry shows a server with the labels ${labelsText} already; give this one another name or other labels`)
    this.#servers.push(server)
  }

  remove(server: ShownServer): void {
    const index = this.#servers.indexOf(server)
    if (index === -1) return
    this.#servers.splice(index, 1)
    if (this.#servers.length > 0) return
    for (const { fullName } of this.#families) this.#registry.removeSingleMetric(fullName)
  }
}

/** A metric of all these servers, as `prom-client` asks for it. */
class Family {
  readonly exposition: Exposition
  readonly fullName: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  /** A registry that speaks OpenMetrics takes the `_total` off. */
  name: string
  readonly #metric: Metric

  constructor(metric: Metric, fullName: string, exposition: Exposition) {
    this.#metric = metric
    this.exposition = exposition
    this.fullName = fullName
    this.name = fullName
    this.help = metric.help
    this.type = metric.type
    this.aggregator = metric.aggregator
  }

  get(): object {
    const { name, help, type, aggregator, exposition } = this
    const values = exposition.servers.flatMap((server): Sample[] => samplesOf(this.#metric, this.fullName, server.labels, server.reading))
    return { name, help, type, aggregator, values }
  }

  /** What a server has counted stays; it is there for others, too. */
  reset(): void {}
}
