/**
 * Close codes: what each one is called, and whether a connection that ended with it is dialled again.
 *
 * The table in the guide is made from this one. Codes from 4400 to 4499 follow the HTTP status they borrow (4401 is 401), so the same
 * rule decides about a refused upgrade. Names are apart from the rule: who only dials need not load them.
 */

export type Outcome = 'final' | 'retried'

export interface CloseCode {
  readonly code: number
  readonly name: string
  readonly outcome: Outcome
}

/** Another dial would end the same way. Every other code below 4400 is retried. */
const finalCodes: readonly number[] = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003]
/** HTTP statuses of the 4xx class that ask for another try: request timeout, too early, too many requests. */
const retriedStatuses: readonly number[] = [408, 425, 429]

const statusCodesFrom = 4400
const statusCodesTo = 4499
const statusOffset = 4000

/** Whether a connection that ended with this code is dialled again. */
export function codeOutcome(code: number): Outcome {
  if (isStatusCode(code)) return statusOutcome(code - statusOffset)
  return finalCodes.includes(code) ? 'final' : 'retried'
}

/** Whether an upgrade that was refused with this HTTP status is tried again. */
export function statusOutcome(status: number): Outcome {
  return status >= 400 && status <= 499 && !retriedStatuses.includes(status) ? 'final' : 'retried'
}

/** The codes with a name of their own (RFC 6455 section 7.4.1 and the IANA registry). */
export const closeCodes: readonly CloseCode[] = /* @__PURE__ */ Object.entries({
  1000: 'normal closure',
  1001: 'going away',
  1002: 'protocol error',
  1003: 'unsupported data',
  1005: 'no status received',
  1006: 'abnormal closure',
  1007: 'invalid payload data',
  1008: 'policy violation',
  1009: 'message too big',
  1010: 'mandatory extension',
  1011: 'internal error',
  1012: 'service restart',
  1013: 'try again later',
  1014: 'bad gateway',
  1015: 'TLS handshake',
  3000: 'unauthorized',
  3003: 'forbidden',
  3008: 'timeout',
}).map(([code, name]) => row(Number(code), name))

/** The row of a code, made up for those without a name of their own. */
export function closeCode(code: number): CloseCode {
  const known = closeCodes.find((each) => each.code === code)
  return known ?? row(code, isStatusCode(code) ? `HTTP ${code - statusOffset}` : 'application')
}

function row(code: number, name: string): CloseCode {
  return { code, name, outcome: codeOutcome(code) }
}

function isStatusCode(code: number): boolean {
  return code >= statusCodesFrom && code <= statusCodesTo
}
