/** Links that were told goodbye, in order; who has not answered in time is dropped. */

const answerMs = 1_000

interface Leaver {
  readonly link: number
  readonly until: number
}

export class Farewell {
  #leavers: readonly Leaver[] = []

  /** When `next` has something to say. */
  get deadline(): number {
    return this.#leavers[0]?.until ?? Infinity
  }

  add(now: number, link: number): void {
    this.#leavers = [...this.#leavers, { link, until: now + answerMs }]
  }

  /** It closed. */
  remove(link: number): void {
    this.#leavers = this.#leavers.filter((each) => each.link !== link)
  }

  /** A link that had its time; undefined where none is left. */
  next(now: number): number | undefined {
    const first = this.#leavers[0]
    if (!first || now < first.until) return undefined
    this.#leavers = this.#leavers.slice(1)
    return first.link
  }
}
