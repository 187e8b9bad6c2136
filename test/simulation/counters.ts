/** What a run visited. A count of zero over many seeds is a gap in the world. */

export class Counters {
  readonly #counts = new Map<string, number>()

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by)
  }

  add(other: Iterable<readonly [string, number]>): void {
    for (const [what, count] of other) this.count(what, count)
  }

  get(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  [Symbol.iterator](): IterableIterator<[string, number]> {
    return this.#counts[Symbol.iterator]()
  }
}

const names = new Map<string, Map<string, string>>()

/** The name of a counter that is counted at every step: made once, because to make it costs more than to count. */
export function counterName(group: string, detail: string): string {
  let details = names.get(group)
  if (!details) names.set(group, (details = new Map()))
  let name = details.get(detail)
  if (name === undefined) details.set(detail, (name = `${group}${detail}`))
  return name
}
