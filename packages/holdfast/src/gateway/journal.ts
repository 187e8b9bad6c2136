/** What a gateway logs and counts: one closed vocabulary. Sessions are named by the beginning of their id, and targets without their query. */

import type { IncomingMessage } from 'node:http'
import type { Journal, Level } from '../server/journal.ts'
import type { SessionSocket } from '../server/session-socket.ts'
import type { DialFailure, Upstream, UpstreamEnd } from './upstream.ts'

export type GatewayEvent =
  | 'request refused'
  | 'upstream open'
  | 'upstream failed'
  | 'upstream ended'
  | 'upstream held back'
  | 'client ended'
  | 'client held back'
  | 'listener failed'

/** Cumulative and safe for JSON. */
export interface UpstreamTotals {
  /** Dials to backends, by what became of them. */
  readonly upstreamDials: Readonly<Record<'open' | DialFailure['cause'], number>>
  /** Links to backends that ended before their clients did, by cause. */
  readonly upstreamsEnded: Readonly<Record<UpstreamEnd['cause'], number>>
  /** How often one side was read no further because the other was slow, or the client too fast. */
  readonly heldBack: Readonly<Record<'upstream' | 'client', number>>
}

const shownCharacters = 6
const normalCodes: readonly number[] = [1000, 1001, 1005]

export class GatewayJournal {
  readonly #journal: Journal
  readonly #totals = {
    upstreamDials: { open: 0, refused: 0, unreachable: 0, protocol: 0, timeout: 0, aborted: 0 },
    upstreamsEnded: { upstream: 0, network: 0, protocol: 0, overflow: 0, 'heartbeat-timeout': 0, 'write-timeout': 0 },
    heldBack: { upstream: 0, client: 0 },
  }

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** As they stand now. */
  get totals(): UpstreamTotals {
    return structuredClone(this.#totals)
  }

  refused(request: IncomingMessage, address: string | undefined, status: number, reason: string): void {
    this.#write('warn', 'request refused', { client: address, path: pathOf(request), status, reason })
  }

  open(client: SessionSocket, upstream: Upstream, address: string | undefined): void {
    this.#totals.upstreamDials.open++
    this.#write('info', 'upstream open', { ...nameOf(client), upstream: upstream.place, client: address, path: pathOf(client.request) })
  }

  failed(request: IncomingMessage, place: string, status: number, failure: DialFailure): void {
    const { cause } = failure
    this.#totals.upstreamDials[cause]++
    const error = 'error' in failure ? { error: failure.error.message } : {}
    this.#write('warn', 'upstream failed', { upstream: place, path: pathOf(request), cause, status, ...error })
  }

  upstreamEnded(client: SessionSocket, upstream: Upstream, { code, reason, cause }: UpstreamEnd): void {
    this.#totals.upstreamsEnded[cause]++
    const isExpected = cause === 'upstream' && normalCodes.includes(code)
    this.#write(isExpected ? 'info' : 'warn', 'upstream ended', { ...nameOf(client), upstream: upstream.place, code, reason, cause })
  }

  clientEnded(client: SessionSocket, upstream: Upstream, code: number, reason: string): void {
    const { cause } = client.closeInfo ?? {}
    this.#write('info', 'client ended', { ...nameOf(client), upstream: upstream.place, code, reason, cause })
  }

  /** The client does not take what its backend says. */
  held(client: SessionSocket): void {
    this.#totals.heldBack.upstream++
    this.#write('debug', 'upstream held back', { ...nameOf(client), isAttached: client.attached })
  }

  /** The client says more than it may. */
  throttled(client: SessionSocket): void {
    this.#totals.heldBack.client++
    this.#write('debug', 'client held back', nameOf(client))
  }

  listenerFailed(error: Error): void {
    this.#write('error', 'listener failed', { error: error.message })
  }

  /** What the application got wrong. */
  fault(option: string, error: unknown): void {
    this.#journal.fault(`${option} failed; the upgrade was answered with 502 (throw a Refusal to refuse)`, error)
  }

  #write(level: Level, event: GatewayEvent, fields: object): void {
    this.#journal.server(level, event, fields)
  }
}

function nameOf({ sessionId }: SessionSocket): { session: string | null } {
  return { session: sessionId && shortened(sessionId) }
}

/** The whole id is half of a credential. */
export function shortened(sessionId: string): string {
  return sessionId.slice(0, shownCharacters)
}

function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  return url.split('?', 1)[0]!
}
