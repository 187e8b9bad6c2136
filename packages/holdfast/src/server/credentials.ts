/** The credentials of sessions: random, and kept as a digest only, so that a dump of the memory gives none away. */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Credentials } from '../core/server-machine.ts'

const sidBytes = 16
const keyBytes = 32
/** What a key is compared with that belongs to no session, so that the work is the same; no key has this digest. */
const nobodysDigest = digestOf(randomBytes(keyBytes))

export const credentials: Credentials = {
  issue: () => {
    const key = randomBytes(keyBytes).toString('base64url')
    return { sid: randomBytes(sidBytes).toString('base64url'), key, digest: digestOf(key) }
  },
  matches: (key, digest) => {
    const isEqual = timingSafeEqual(Buffer.from(digestOf(key)), Buffer.from(digest ?? nobodysDigest))
    return isEqual && digest !== undefined
  },
}

function digestOf(key: string | Buffer): string {
  return createHash('sha256').update(key).digest('base64url')
}
