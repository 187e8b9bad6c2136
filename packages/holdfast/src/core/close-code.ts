/**
 * Close codes: what each one is called, and whether a connection that ended with it is dialled again.
 *
 * One table answers both questions, and the table in the guide is made from it. Codes from 4400 to 4499 follow the HTTP status
 * they borrow (4401 is 401), so the same rule decides about a refused upgrade.
 */

export type Outcome = 'final' | 'retried'

export interface CloseCode {
  readonly code: number
  readonly name: string
  readonly outcome: Outcome
}

function row(code: number, name: string, outcome: Outcome): CloseCode {
  return { code, name, outcome }
}

/** The codes with a name of their own (RFC 6455 section 7.4.1 and the IANA registry); every other code below 4400 is retried. */
export const closeCodes: readonly CloseCode[] = [
  row(1000, 'normal closure', 'final'),
  row(1001, 'going away', 'retried'),
  row(1002, 'protocol error', 'final'),
  row(1003, 'unsupported data', 'final'),
  row(1005, 'no status received', 'retried'),
  row(1006, 'abnormal closure', 'retried'),
  row(1007, 'invalid payload data', 'final'),
  row(1008, 'policy violation', 'final'),
  row(1009, 'message too big', 'final'),
  row(1010, 'mandatory extension', 'final'),
  row(1011, 'internal error', 'retried'),
  row(1012, 'service restart', 'retried'),
  row(1013, 'try again later', 'retried'),
  row(1014, 'bad gateway', 'retried'),
  row(1015, 'TLS handshake', 'retried'),
  row(3000, 'unauthorized', 'final'),
  row(3003, 'forbidden', 'final'),
  row(3008, 'timeout', 'retried'),
]

/** HTTP statuses of the 4xx class that ask for another try: request timeout, too early, too many requests. */
const retriedStatuses: readonly number[] = [408, 425, 429]

const statusCodesFrom = 4400
const statusCodesTo = 4499
const statusOffset = 4000

/** The row of a code, made up for those without a name of their own. */
export function closeCode(code: number): CloseCode {
  const known = closeCodes.find((each) => each.code === code)
  if (known) return known
  if (code >= statusCodesFrom && code <= statusCodesTo) return row(code, `HTTP ${code - statusOffset}`, statusOutcome(code - statusOffset))
  return row(code, 'application', 'retried')
}

/** Whether an upgrade that was refused with this HTTP status is tried again. */
export function statusOutcome(status: number): Outcome {
  return status >= 400 && status <= 499 && !retriedStatuses.includes(status) ? 'final' : 'retried'
}
