/** What applications send: each message of its own, of every awkward kind. */

import type { Message } from './ledger.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

const largeBytes = [100_000, 1_000_000]

export function drawMessage(world: World, sender: string, random: Random, isLarge: boolean): Message {
  const id = `${sender}:${world.serial()}`
  if (isLarge) return { byteLength: random.pick(largeBytes), id }
  switch (random.below(6)) {
    case 0:
      return { byteLength: random.below(20), id }
    case 1:
      return `\u0010${id}`
    case 2:
      return `\u0010\u0010${id}`
    case 3:
      return random.chance(0.3) ? '' : `\u0010A${id}`
    default:
      return id
  }
}
