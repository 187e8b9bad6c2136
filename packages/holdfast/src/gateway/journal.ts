/** What a gateway logs: one closed vocabulary. Sessions are named by the beginning of their id, and targets without their query. */

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

const shownCharacters = 6
const normalCodes: readonly number[] = [1000, 1001, 1005]

export class GatewayJournal {
  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  refused(request: IncomingMessage, address: string | undefined, status: number, reason: string): void {
    this.#write('warn', 'request refused', { client: address, path: pathOf(request), status, reason })
  }

  open(client: SessionSocket, upstream: Upstream, address: string | undefined): void {
    this.#write('info', 'upstream open', { ...nameOf(client), upstream: upstream.place, client: address, path: pathOf(client.request) })
  }

  failed(request: IncomingMessage, place: string, status: number, failure: DialFailure): void {
    const { cause } = failure
    const error = 'error' in failure ? { error: failure.error.message } : {}
    this.#write('warn', 'upstream failed', { upstream: place, path: pathOf(request), cause, status, ...error })
  }

  upstreamEnded(client: SessionSocket, upstream: Upstream, { code, reason, cause }: UpstreamEnd): void {
    const isExpected = cause === 'upstream' && normalCodes.includes(code)
    this.#write(isExpected ? 'info' : 'warn', 'upstream ended', { ...nameOf(client), upstream: upstream.place, code, reason, cause })
  }

  clientEnded(client: SessionSocket, upstream: Upstream, code: number, reason: string): void {
    const { cause } = client.closeInfo ?? {}
    this.#write('info', 'client ended', { ...nameOf(client), upstream: upstream.place, code, reason, cause })
  }

  /** The client does not take what its backend says. */
  held(client: SessionSocket): void {
    this.#write('debug', 'upstream held back', { ...nameOf(client), isAttached: client.attached })
  }

  /** The client says more than it may. */
  throttled(client: SessionSocket): void {
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
  return { session: sessionId?.slice(0, shownCharacters) ?? null }
}

function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  return url.split('?', 1)[0]!
}
