/** The dials and links that a socket has in hand: one, or with sessions also one to move to, and those that are saying goodbye. */

import type { Link } from './link.ts'

export interface Holder {
  /** As the machine calls it. */
  readonly number: number
  /** Undefined until the dial has begun. */
  link: Link | undefined
  /** Ends what the application does on its behalf: a provider, a set-up. */
  abort: AbortController | undefined
}

const none: Holder[] = []

export class Links {
  #current: Holder | undefined
  #others = none

  /** The latest. */
  get current(): Holder | undefined {
    return this.#current
  }

  add(number: number): Holder {
    if (this.#current) this.#others = [...this.#others, this.#current]
    this.#current = { number, link: undefined, abort: undefined }
    return this.#current
  }

  holding(link: Link): Holder | undefined {
    return this.#current?.link === link ? this.#current : this.#others.find((each) => each.link === link)
  }

  numbered(number: number): Holder | undefined {
    return this.#current?.number === number ? this.#current : this.#others.find((each) => each.number === number)
  }

  forget(holder: Holder): void {
    if (this.#current === holder) this.#current = undefined
    else if (this.#others.length > 0) this.#others = this.#others.filter((each) => each !== holder)
  }
}
