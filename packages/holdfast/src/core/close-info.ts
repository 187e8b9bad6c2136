/** How a link, a dial or a session ended, in one closed vocabulary: the same words in events, logs, metrics and guides. */

export type CloseCause =
  | 'client'
  | 'server'
  | 'heartbeat-timeout'
  | 'connect-timeout'
  | 'write-timeout'
  | 'network'
  | 'offline'
  | 'drain'
  | 'auth'
  | 'protocol'
  | 'overflow'
  | 'session-lost'
  | 'setup'
  | 'taken-over'
  | 'aborted'
  | 'retries-exhausted'
  | 'unsupported'

export interface CloseInfo {
  /** The close code (RFC 6455 section 7.4); 1006 where no application of the peer sent one, 1013 for an overflow. */
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
  readonly cause: CloseCause
  /** The HTTP status of a refused upgrade, where the platform shows it (Node). */
  readonly httpStatus?: number
  /** Milliseconds, from a `Retry-After` header (Node). */
  readonly retryAfter?: number
}

/** An end that is not clean; without a close frame its code is 1006. */
export function abnormalClose(cause: CloseCause, reason = '', code = 1006): CloseInfo {
  return Object.freeze({ code, reason, wasClean: false, cause })
}

/** The end of a session that its server does not know any more, or will not go on with. */
export function sessionLost(why: string, cause: CloseCause = 'session-lost'): CloseInfo {
  return abnormalClose(cause, `session-lost:${why}`)
}

const staleStatuses: readonly number[] = [401, 403, 4401, 4403]
const authStatuses: readonly number[] = [...staleStatuses, 3000, 3003]

/** Whether the peer refused who we are, rather than what we said. */
export function isAuthRefusal(statusOrCode: number): boolean {
  return authStatuses.includes(statusOrCode)
}

/** Whether a fresh credential may help. The registered codes 3000 and 3003 are as final as they say. */
export function isStaleCredential(statusOrCode: number): boolean {
  return staleStatuses.includes(statusOrCode)
}
