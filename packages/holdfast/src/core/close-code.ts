/**
 * Close codes: what each one is called, and whether a connection that ended with it is dialled again.
 *
 * The table in the guide is made from this one. Codes from 4400 to 4499 follow the HTTP status they borrow (4401 is 401), so the same
 * rule decides about a refused upgrade. The table is apart from the rule: who only dials need not load names.
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
export const closeCodes: readonly CloseCode[] = [
  { code: 1000, name: 'normal closure', outcome: 'final' },
  { code: 1001, name: 'going away', outcome: 'retried' },
  { code: 1002, name: 'protocol error', outcome: 'final' },
  { code: 1003, name: 'unsupported data', outcome: 'final' },
  { code: 1005, name: 'no status received', outcome: 'retried' },
  { code: 1006, name: 'abnormal closure', outcome: 'retried' },
  { code: 1007, name: 'invalid payload data', outcome: 'final' },
  { code: 1008, name: 'policy violation', outcome: 'final' },
  { code: 1009, name: 'message too big', outcome: 'final' },
  { code: 1010, name: 'mandatory extension', outcome: 'final' },
  { code: 1011, name: 'internal error', outcome: 'retried' },
  { code: 1012, name: 'service restart', outcome: 'retried' },
  { code: 1013, name: 'try again later', outcome: 'retried' },
  { code: 1014, name: 'bad gateway', outcome: 'retried' },
  { code: 1015, name: 'TLS handshake', outcome: 'retried' },
  { code: 3000, name: 'unauthorized', outcome: 'final' },
  { code: 3003, name: 'forbidden', outcome: 'final' },
  { code: 3008, name: 'timeout', outcome: 'retried' },
]

/** The row of a code, made up for those without a name of their own. */
export function closeCode(code: number): CloseCode {
  const known = closeCodes.find((each) => each.code === code)
  if (known) return known
  return { code, name: isStatusCode(code) ? `HTTP ${code - statusOffset}` : 'application', outcome: codeOutcome(code) }
}

function isStatusCode(code: number): boolean {
  return code >= statusCodesFrom && code <= statusCodesTo
}
