/** Which numbers of a count have arrived: each once, some twice, some not at all. */

export class Arrivals {
  readonly #seen = new Set<number>()
  #duplicates = 0
  #last = 0

  /** How many different numbers there were. */
  get count(): number {
    return this.#seen.size
  }
  get duplicates(): number {
    return this.#duplicates
  }
  /** The numbers up to the highest one that were passed over. */
  get missing(): number {
    return this.#last - this.#seen.size
  }

  /** Returns the first of the numbers that this one passes over; undefined where there is none. */
  receive(number: number): number | undefined {
    if (this.#seen.has(number)) this.#duplicates++
    this.#seen.add(number)
    const expected = this.#last + 1
    if (number < expected) return undefined
    this.#last = number
    return number > expected ? expected : undefined
  }
}
