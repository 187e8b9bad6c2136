/** A network of our own that breaks: a server without sessions, the gateway in front of it, and the fault proxy before that. */

import { createGateway, type Gateway } from 'holdfast/gateway'
import { FaultProxy, playSchedule, type Schedule, seededRandom } from '../fault/index.ts'
import { UsageError } from '../usage-error.ts'
import { Backend } from './backend.ts'
import type { DemoEvent } from './event.ts'
import { localTuning } from './tuning.ts'

export interface NetworkOptions {
  /** Where the proxy listens; 0 takes a free port. */
  readonly port: number
  readonly seed: number
  readonly tell: (event: DemoEvent) => void
}

/** Each way. */
const delay = { ms: 12, jitter: 8 }

export class Network {
  readonly backend: Backend
  readonly #gateway: Gateway
  readonly #proxy: FaultProxy

  /** @throws UsageError when the port is taken, or may not be had */
  static async listen({ port, seed, tell }: NetworkOptions): Promise<Network> {
    const backend = await Backend.listen()
    const gateway = createGateway({ upstream: backend.url, heartbeat: localTuning.heartbeat })
    try {
      const { url: upstream } = await gateway.listen(0, '127.0.0.1')
      const proxy = await FaultProxy.listen({
        upstream,
        port,
        delay,
        random: seededRandom(seed),
        log: (record) => {
          const connections = 'connections' in record ? record.connections : null
          if (isFault(record.event)) tell({ event: 'fault', fault: record.event, connections })
        },
      })
      return new Network(backend, gateway, proxy)
    } catch (error) {
      await gateway.close()
      await backend.close()
      throw port === 0 ? error : new UsageError(refusal(port, error as Error), { cause: error })
    }
  }

  private constructor(backend: Backend, gateway: Gateway, proxy: FaultProxy) {
    this.backend = backend
    this.#gateway = gateway
    this.#proxy = proxy
  }

  get url(): string {
    return this.#proxy.url
  }

  /** Does these faults; resolves when all are over. Rejects when the port cannot be listened on again. */
  suffer(schedule: Schedule, signal: AbortSignal): Promise<void> {
    return playSchedule(this.#proxy, schedule, { signal })
  }

  async close(): Promise<void> {
    await this.#proxy.close()
    await this.#gateway.close()
    await this.backend.close()
  }
}

function refusal(port: number, { cause, message }: Error): string {
  const reason = cause instanceof Error ? cause.message : message
  return `--port ${port} cannot be listened on: ${reason}; choose another, or leave it out for a free one`
}

const faults = ['reset', 'freeze', 'heal', 'refuse', 'accept'] as const

function isFault(event: string): event is (typeof faults)[number] {
  return faults.some((fault) => fault === event)
}
