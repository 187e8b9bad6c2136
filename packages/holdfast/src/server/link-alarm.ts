/** Rings for a link whose time is bounded: it has yet to say what it wants, or is to be gone. One that carries a session needs none. */

import type { SessionLink } from './session-link.ts'
import { nowhere, type Timed } from './timer-wheel.ts'

export class LinkAlarm implements Timed {
  slot: number = nowhere
  before: Timed | undefined
  behind: Timed | undefined
  readonly #link: SessionLink

  constructor(link: SessionLink) {
    this.#link = link
  }

  get deadline(): number {
    return this.#link.server.deadline
  }

  ring(): void {
    this.#link.ring()
  }
}
