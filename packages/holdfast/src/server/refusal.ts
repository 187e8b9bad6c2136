/** How an application refuses an upgrade. */

import { STATUS_CODES } from 'node:http'

/** Statuses that a refusal can have. */
export type RefusalStatus = 401 | 403 | 404 | 429 | 503

const statuses: readonly number[] = [401, 403, 404, 429, 503]

export interface RefusalOptions {
  /** Milliseconds, told in the header `Retry-After`. */
  retryAfter?: number | undefined
  /** The body of the answer. @default the text of the status */
  message?: string | undefined
}

/**
 * Thrown by `authenticate` to refuse an upgrade with a status.
 *
 * ```ts
 * throw new Refusal(429, { retryAfter: 5_000 })
 * ```
 */
export class Refusal extends Error {
  readonly status: RefusalStatus
  /** Milliseconds. */
  readonly retryAfter: number | undefined

  /** @throws TypeError for another status */
  constructor(status: RefusalStatus, options: RefusalOptions = {}) {
    if (!statuses.includes(status)) throw new TypeError(`a refusal has the status ${statuses.join(', ')}, not ${String(status)}`)
    super(options.message ?? STATUS_CODES[status])
    this.name = 'Refusal'
    this.status = status
    this.retryAfter = options.retryAfter
  }

  /** Whether it is about the moment rather than about who asks: then another try, of a resumption too, may go through. */
  get isPassing(): boolean {
    return this.status === 429 || this.status === 503
  }
}
