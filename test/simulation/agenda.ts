/** What happens when, in virtual time: a binary heap; what is due at the same time happens in the order in which it was planned. */

interface Entry {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class Agenda {
  readonly #heap: Entry[] = []
  #order = 0

  get isEmpty(): boolean {
    return this.#heap.length === 0
  }

  /** When the next thing happens; Infinity when nothing does. */
  get next(): number {
    return this.#heap[0]?.at ?? Infinity
  }

  plan(at: number, run: () => void): void {
    const heap = this.#heap
    const entry = { at, order: this.#order++, run }
    let i = heap.length
    heap.push(entry)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(entry, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = entry
  }

  /** The next thing that happens; there must be one. */
  take(): Entry {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return first
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
