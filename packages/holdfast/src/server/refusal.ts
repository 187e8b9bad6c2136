/** How an application refuses an upgrade. */

import { STATUS_CODES } from 'node:http'
import { statusOutcome } from '../core/close-code.ts'

const firstStatus = 400
const lastStatus = 599

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
  readonly status: number
  /** Milliseconds. */
  readonly retryAfter: number | undefined

  /** @throws TypeError for a status that is no error */
  constructor(status: number, options: RefusalOptions = {}) {
    if (!Number.isInteger(status) || status < firstStatus || status > lastStatus)
      throw new TypeError(`a refusal has a status from ${firstStatus} to ${lastStatus} (401, 403, 404, 429, 503 …), not ${String(status)}`)
    super(options.message ?? STATUS_CODES[status])
    this.name = 'Refusal'
    this.status = status
    this.retryAfter = options.retryAfter
  }

  /** Whether it is about the moment rather than about who asks: then another try, of a resumption too, may go through. */
  get isPassing(): boolean {
    return statusOutcome(this.status) === 'retried'
  }
}
