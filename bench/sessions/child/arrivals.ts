/** Numbered messages as they arrive: what is missing, what came twice, and what came behind a later one. */

export class Arrivals {
  readonly #seen: Uint8Array
  readonly #marker: string
  #distinct = 0
  #highest = -1
  duplicated = 0
  /** Those that came behind one with a higher number. */
  reordered = 0
  isEnded = false

  /** @param marker what is said behind the last of them */
  constructor(messages: number, marker: string) {
    this.#seen = new Uint8Array(messages)
    this.#marker = marker
  }

  get missing(): number {
    return this.#seen.length - this.#distinct
  }

  take(data: unknown): void {
    if (data === this.#marker) {
      this.isEnded = true
      return
    }
    const number = Number(data)
    if (this.#seen[number]) {
      this.duplicated++
      return
    }
    this.#seen[number] = 1
    this.#distinct++
    if (number < this.#highest) this.reordered++
    this.#highest = Math.max(this.#highest, number)
  }
}
