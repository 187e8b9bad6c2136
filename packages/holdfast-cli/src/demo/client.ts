/** One of the clients that the demonstration shows: its socket, what becomes of its links, and what it sends. */

import type { ReconnectingWebSocket, State, Stats, Status } from 'holdfast'
import { LinkJournal } from '../life/link-journal.ts'
import type { Account } from './backend.ts'
import type { ClientEvent, ClientReport, Pulse } from './event.ts'
import { Histogram } from './histogram.ts'
import { Tally } from './tally.ts'
import { Traffic } from './traffic.ts'

export interface Client {
  readonly name: string
  readonly state: State
  /** Undefined for a client of another library. */
  readonly status: Status | undefined
  readonly stats: Stats | null
  /** Undefined where nothing is sent. */
  readonly traffic: Traffic | undefined
  readonly silentMs: number
  readonly record: ClientRecord
  /** Shows what happens until the signal aborts. */
  watch(signal: AbortSignal): void
  /** After it gave up, or to get a fresh link. */
  reconnect(): void
  /** Resolves when it is closed. */
  close(): Promise<unknown>
}

/** What is added up of a client's events. */
export class ClientRecord {
  readonly #tally = new Tally()
  readonly #pings = new Histogram()

  receive(event: ClientEvent, elapsedMs: number): void {
    this.#tally.receive(event, elapsedMs)
    if (event.event === 'pong') this.#pings.record(event.rttMs)
  }

  report({ name, traffic, stats }: Client, now: number): ClientReport {
    const latency = traffic
      ? { of: 'echo' as const, asked: traffic.sent, answered: traffic.echoes.count, ...quantiles(traffic.echoes) }
      : { of: 'ping' as const, asked: stats?.pings ?? 0, answered: this.#pings.count, ...quantiles(this.#pings) }
    return { client: name, ...this.#tally.sum(now), numbered: traffic?.score ?? null, latency, stats }
  }
}

const normalClosure = 1000

export class OwnClient implements Client {
  readonly name: string
  readonly traffic: Traffic | undefined
  readonly record: ClientRecord = new ClientRecord()
  readonly #socket: ReconnectingWebSocket
  readonly #journal: LinkJournal

  /** @param account what the server knows of it; undefined where it only listens */
  constructor(name: string, socket: ReconnectingWebSocket, account: Account | undefined, tell: (event: ClientEvent) => void) {
    this.name = name
    this.#socket = socket
    this.#journal = new LinkJournal(socket, (event) => {
      this.traffic?.stir()
      tell(event)
    })
    this.traffic = account && new Traffic((text) => this.#send(text), account, tell)
  }

  get state(): State {
    return this.#socket.status.state
  }
  get status(): Status {
    return this.#socket.status
  }
  get stats(): Stats {
    return this.#socket.stats
  }
  get silentMs(): number {
    return this.#journal.silentMs
  }

  watch(signal: AbortSignal): void {
    this.#journal.watch(signal)
    this.#socket.addEventListener('message', ({ data }) => this.traffic?.receive(String(data)), { signal })
    this.traffic?.start()
    signal.addEventListener('abort', () => this.traffic?.stop())
  }

  reconnect(): void {
    this.#socket.reconnect()
  }

  close(): Promise<unknown> {
    this.#socket.close(normalClosure)
    return this.#socket.closed
  }

  #send(text: string): void {
    if (this.#socket.readyState <= this.#socket.OPEN) this.#socket.send(text)
  }
}

export function pulseOf({ name: client, state, silentMs, status, stats, traffic }: Client): Pulse {
  const { count, missing } = traffic?.arrivals ?? { count: stats?.received ?? 0, missing: 0 }
  const sent = traffic?.sent ?? stats?.sent ?? 0
  return { client, state, silentMs, rttMs: status?.rtt ?? null, echoMs: traffic?.echoMs ?? null, sent, received: count, missing }
}

function quantiles(histogram: Histogram): { p50Ms: number | null; p99Ms: number | null } {
  return { p50Ms: histogram.quantile(0.5), p99Ms: histogram.quantile(0.99) }
}
