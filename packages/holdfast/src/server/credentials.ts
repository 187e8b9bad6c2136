/** The credentials of sessions: random, and kept as a digest only, so that a dump of the memory gives none away. */

import { createHash, randomFillSync, timingSafeEqual } from 'node:crypto'
import type { Credentials } from '../core/server-machine.ts'

const sidBytes = 16
const keyBytes = 32
/** The system is asked for many at once: each question costs more than the answer. What was given away is overwritten. */
const pool = Buffer.alloc(4_096)
let left = 0
/** A character a byte: what is kept of each session need not be readable. */
const digestEncoding = 'binary'
/** What a key is compared with that belongs to no session, so that the work is the same; no key has this digest. */
const nobodysDigest = digestOf(draw(keyBytes))

export const credentials: Credentials = {
  issue: () => {
    const key = draw(keyBytes)
    return { sid: draw(sidBytes), key, digest: digestOf(key) }
  },
  matches: (key, digest) => {
    const isEqual = timingSafeEqual(bytesOf(digestOf(key)), bytesOf(digest ?? nobodysDigest))
    return isEqual && digest !== undefined
  },
}

/** Random bytes, in base64url. */
function draw(bytes: number): string {
  if (left < bytes) left = randomFillSync(pool).length
  left -= bytes
  const drawn = pool.subarray(left, left + bytes)
  const text = drawn.toString('base64url')
  drawn.fill(0)
  return text
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest(digestEncoding)
}

function bytesOf(digest: string): Buffer {
  return Buffer.from(digest, digestEncoding)
}
