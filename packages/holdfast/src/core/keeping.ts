/** What a client's machine keeps from link to link, if it keeps sessions; a socket of plain links does without. */

import type { ClientSession } from './client-session.ts'
import { Farewell } from './farewell.ts'
import { FirstRetry } from './first-retry.ts'

const maxHops = 3

export class Keeping {
  readonly farewell: Farewell = new Farewell()
  readonly firstRetry: FirstRetry = new FirstRetry()
  /** The session that goes on with the next link, if there is one. */
  held: ClientSession | undefined
  #redirect: string | undefined
  #hops = 0

  /** Where the server sent us; undefined: where the application says. */
  get url(): string | undefined {
    return this.#redirect
  }

  /** Follows the server to another address, but not for ever. Returns whether it does. */
  follow(url: string): boolean {
    this.#hops++
    if (this.#hops > maxHops) return false
    this.#redirect = url
    return true
  }

  /** A link carries the session. @param url where it was dialled, if the server had asked for it to be left for there */
  arrived(url?: string): void {
    this.#redirect = url ?? this.#redirect
    this.#hops = 0
  }

  /** Nobody useful was there: back to where the application says. */
  strayed(): void {
    this.#redirect = undefined
    this.#hops = 0
  }
}
