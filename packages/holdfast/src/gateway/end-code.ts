/** What each side is told of the other's end: codes that can be sent go through as they are, and for the others one stands that can. */

import type { UpstreamEnd } from './upstream.ts'

export interface EndCode {
  /** Undefined: a close frame without a code. */
  readonly code: number | undefined
  readonly reason: string
}

const noCode = 1005
const goingAway = 1001
const tooBig = 1009
const serviceRestart = 1012
const badGateway = 1014

/** What a client hears of how its backend ended. */
export function codeForClient({ code, reason, cause }: UpstreamEnd): EndCode {
  switch (cause) {
    case 'upstream':
      return code === noCode ? { code: undefined, reason: '' } : { code, reason }
    case 'overflow':
      return { code: tooBig, reason: 'a message of the upstream is too big' }
    case 'network':
      return { code: badGateway, reason: 'upstream lost' }
    case 'protocol':
      return { code: badGateway, reason: 'upstream broke the protocol' }
    case 'heartbeat-timeout':
    case 'write-timeout':
      return { code: badGateway, reason: `upstream ${cause}` }
  }
}

/** What a backend hears of how its client ended. A drain is the gateway's affair: the backend goes on. */
export function codeForUpstream(code: number, reason: string): EndCode {
  if (code === noCode) return { code: undefined, reason: '' }
  return isSendable(code) && code !== serviceRestart ? { code, reason } : { code: goingAway, reason: 'client gone' }
}

/** RFC 6455 section 7.4 and the registry. */
function isSendable(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1006) || (code >= 3000 && code <= 4999)
}
