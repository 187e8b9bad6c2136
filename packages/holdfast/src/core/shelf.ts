/** Things by size, to the nearest power of two: what is large is found without looking at all of them. */

const maxShelves = 64

export class Shelf<Thing> {
  readonly #shelves: Set<Thing>[] = Array.from({ length: maxShelves }, () => new Set())
  readonly #places = new Map<Thing, number>()

  /** Puts a thing where its size belongs; one without any is not kept. */
  put(thing: Thing, bytes: number): void {
    const place = Math.min(maxShelves - 1, Math.floor(Math.log2(bytes)))
    if (this.#places.get(thing) === place) return
    this.remove(thing)
    if (bytes < 1) return
    this.#shelves[place]!.add(thing)
    this.#places.set(thing, place)
  }

  remove(thing: Thing): void {
    const place = this.#places.get(thing)
    if (place === undefined) return
    this.#shelves[place]!.delete(thing)
    this.#places.delete(thing)
  }

  /** Of the largest, to a factor of two, the one that has been there for longest. */
  get largest(): Thing | undefined {
    if (this.#places.size === 0) return undefined
    let place = maxShelves - 1
    while (this.#shelves[place]!.size === 0) place--
    return this.#shelves[place]!.values().next().value
  }
}
