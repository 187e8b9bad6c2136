/**
 * What happens when, to whom: a binary heap in arrays of numbers, because a million clients have millions of events. What is due at the same
 * time happens in the order in which it was planned.
 */

const firstCapacity = 1_024

export class EventQueue {
  #at = new Float64Array(firstCapacity)
  #order = new Float64Array(firstCapacity)
  #kind = new Int32Array(firstCapacity)
  #client = new Int32Array(firstCapacity)
  #link = new Int32Array(firstCapacity)
  #size = 0
  #planned = 0
  // The event that was taken last.
  at = 0
  kind = 0
  client = 0
  /** Which dial of the client it is about. */
  link = 0

  plan(at: number, kind: number, client: number, link: number): void {
    if (this.#size === this.#at.length) this.#grow()
    let place = this.#size++
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (this.#at[parent]! <= at) break
      this.#move(parent, place)
      place = parent
    }
    this.#at[place] = at
    this.#order[place] = this.#planned++
    this.#kind[place] = kind
    this.#client[place] = client
    this.#link[place] = link
  }

  /** Takes the next event, which is then in the fields. Returns false when there is none. */
  take(): boolean {
    if (this.#size === 0) return false
    this.at = this.#at[0]!
    this.kind = this.#kind[0]!
    this.client = this.#client[0]!
    this.link = this.#link[0]!
    const last = --this.#size
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= last) break
      if (child + 1 < last && this.#isBefore(child + 1, child)) child++
      if (!this.#isBefore(child, last)) break
      this.#move(child, place)
      place = child
    }
    this.#move(last, place)
    return true
  }

  #isBefore(one: number, other: number): boolean {
    const atOne = this.#at[one]!
    const atOther = this.#at[other]!
    return atOne < atOther || (atOne === atOther && this.#order[one]! < this.#order[other]!)
  }

  #move(from: number, to: number): void {
    this.#at[to] = this.#at[from]!
    this.#order[to] = this.#order[from]!
    this.#kind[to] = this.#kind[from]!
    this.#client[to] = this.#client[from]!
    this.#link[to] = this.#link[from]!
  }

  #grow(): void {
    const capacity = 2 * this.#at.length
    this.#at = grown(this.#at, new Float64Array(capacity))
    this.#order = grown(this.#order, new Float64Array(capacity))
    this.#kind = grown(this.#kind, new Int32Array(capacity))
    this.#client = grown(this.#client, new Int32Array(capacity))
    this.#link = grown(this.#link, new Int32Array(capacity))
  }
}

function grown<Numbers extends Float64Array | Int32Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from)
  return to
}
