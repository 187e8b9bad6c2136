/** Whether a failure is final or another dial may help: the application is asked first, then the row of refusals, then the table. */

import type { BackoffPolicy } from './backoff.ts'
import { codeOutcome, statusOutcome } from './close-code.ts'
import { type CloseInfo, isStaleCredential } from './close-info.ts'

export interface RetryConfig {
  readonly isReconnecting: boolean
  readonly retry: BackoffPolicy & { readonly maxRetries: number; readonly stableAfter: number }
  /** Whether the next dial may bring a fresh credential. */
  readonly canRefresh: boolean
  /** The application's say in whether to go on; undefined leaves it to the table of close codes. */
  readonly shouldRetry?: ((close: CloseInfo, attempt: number) => boolean | undefined) | undefined
}

export class RetryRule {
  readonly #config: RetryConfig
  #refusals = 0

  constructor(config: RetryConfig) {
    this.#config = config
  }

  /** The next refusal is the first in a row again. */
  forgive(): void {
    this.#refusals = 0
  }

  /**
   * @param attempt how many retries in a row were made
   * @param keepsSession whether a session goes on with the next link; then only the application, or a refused upgrade, ends it
   */
  isFinal(close: CloseInfo, attempt: number, keepsSession = false): boolean {
    const { isReconnecting, canRefresh, shouldRetry } = this.#config
    if (!keepsSession && (!isReconnecting || close.cause === 'unsupported')) return true
    const isRefusal = isStaleCredential(close.httpStatus ?? close.code) || isRefusedSession(close)
    this.#refusals = isRefusal ? this.#refusals + 1 : 0
    const asked = shouldRetry?.(close, attempt)
    if (asked !== undefined) return !asked
    if (isRefusal && canRefresh && this.#refusals === 1) return false
    if (isRefusedSession(close)) return true
    if (keepsSession && close.httpStatus === undefined) return false
    return (close.httpStatus === undefined ? codeOutcome(close.code) : statusOutcome(close.httpStatus)) === 'final'
  }
}

/** A resumption that origin or authentication spoke against is told so over an open link, without a status. */
function isRefusedSession({ cause, code, httpStatus }: CloseInfo): boolean {
  return cause === 'auth' && code === 1006 && httpStatus === undefined
}
