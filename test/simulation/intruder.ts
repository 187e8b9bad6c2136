/** Somebody who has, or guesses, or replays a credential: opens a link, asks for the session, and says nothing more. */

import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { encode, type Resume } from '../../packages/holdfast/src/core/control.ts'
import type { LinkListener } from './link.ts'
import type { Server } from './server.ts'
import type { World } from './world.ts'

export class Intruder implements LinkListener {
  readonly name = 'intruder'
  readonly isReading = true
  readonly isPunctual = false
  /** Whether it came by a credential that is right, and wants to keep it. */
  readonly isThief: boolean
  readonly #world: World

  constructor(world: World, isThief: boolean) {
    this.#world = world
    this.isThief = isThief
  }

  resume(server: Server, resume: Resume, principal: string): void {
    const world = this.#world
    const link = world.connect(this, server, principal)
    world.plan(world.now + world.shape.latencyMs, () => {
      server.accept(link.server, true, principal)
      const frame = encode(resume)
      world.observe(link.client, frame)
      link.client.send(frame)
    })
  }

  message(): void {
    return
  }

  closed(_end: unknown, { code }: CloseInfo): void {
    this.#world.counters.count(`intruder parted ${code}`)
  }

  drained(): void {
    return
  }
}
