/** Close codes with which the links of sessions end (PROTOCOL.md section 2), and what they say of the session. No application sees one. */

import type { CloseCause, CloseInfo } from './close-info.ts'
import { abnormalClose, sessionLost } from './close-info.ts'

export const linkCode = {
  /** The session is over and both ends know it. */
  done: 1000,
  /** The server ends a link whose successor it asked for in vain. */
  leaving: 1012,
  /** Another link carries the session; the reason names the attempt that won it. */
  superseded: 3801,
  /** The client has moved to another link. */
  migrated: 3802,
  refused: 3803,
  /** Nothing was heard from the other end. */
  dead: 3804,
  /** The sender has ended the session, and the peer ends it now. */
  abandoned: 3805,
  violation: 3806,
} as const

/** What the peer's WebSocket layer will not take from one link it will not take from another. */
const fatalCodes: readonly number[] = [1002, 1003, 1007, 1009]

/** The peer left (1001, 1012), moved on or heard nothing, or sent no close frame (1006): that says nothing of what the link carried. */
const blamelessCodes: readonly number[] = [1001, 1006, linkCode.leaving, linkCode.superseded, linkCode.migrated, linkCode.dead]

/** Whether a peer that closed a link with this code may have done so for a message that it carried (PROTOCOL.md section 6, poison). */
export function mayBlameMessage({ code }: CloseInfo): boolean {
  return !blamelessCodes.includes(code)
}

/** How the session ends whose link was closed with such a code; undefined where it goes on. @param peer whose code it is */
export function fatalClose({ code, reason }: CloseInfo, peer: CloseCause): CloseInfo | undefined {
  switch (code) {
    case linkCode.abandoned:
      return sessionLost('abandoned')
    case linkCode.violation:
      return abnormalClose('protocol', reason)
    default:
      return fatalCodes.includes(code) ? abnormalClose(peer, reason, code) : undefined
  }
}

/** The code of the link that carried a session which ended like this. */
export function partingCode({ code, wasClean, cause }: CloseInfo): number {
  if (wasClean) return linkCode.done
  return cause === 'protocol' && code === 1006 ? linkCode.violation : linkCode.abandoned
}

/** What the peer is told in words: which rule it broke. */
export function partingReason(close: CloseInfo): string {
  return partingCode(close) === linkCode.violation ? close.reason : ''
}
