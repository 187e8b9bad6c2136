/** What is on its way into a session, but not in it. */

import type { Assembly } from './outgoing.ts'
import { Room } from './room.ts'

export class Sending {
  /** Those who wait until more can be sent. */
  readonly room: Room = new Room()
  /** A message of which parts are to follow. */
  assembly: Assembly | undefined
  /** Whether a question for an acknowledgement is about to be asked. */
  isAskDue = false
  /** What was sent when nothing could be sent any more. */
  discardedBytes = 0
}
