/** Bytes on their way, and when they may leave. */
export type Chunk = { readonly bytes: Uint8Array; readonly dueAt: number }

type Link = { chunk: Chunk; next: Link | undefined }

/** What a chunk costs beside its bytes, roughly; counted so that a flood of one-byte chunks is bounded too. */
const overheadBytes = 256

/** First in, first out; a list, because an array that shifts is slow when it is long. */
export class ChunkQueue {
  #head: Link | undefined
  #tail: Link | undefined
  #byteLength = 0
  #weight = 0

  get first(): Chunk | undefined {
    return this.#head?.chunk
  }

  get byteLength(): number {
    return this.#byteLength
  }

  /** Bytes of memory, about. */
  get weight(): number {
    return this.#weight
  }

  push(chunk: Chunk): void {
    const link: Link = { chunk, next: undefined }
    if (this.#tail) this.#tail.next = link
    else this.#head = link
    this.#tail = link
    this.#byteLength += chunk.bytes.length
    this.#weight += chunk.bytes.length + overheadBytes
  }

  /** Takes the next bytes of the first chunk, at most so many. The queue must not be empty. */
  take(maxBytes: number): Uint8Array {
    const link = this.#head
    if (!link) throw new RangeError('nothing is queued')
    const { bytes, dueAt } = link.chunk
    const taken = bytes.subarray(0, maxBytes)
    this.#byteLength -= taken.length
    this.#weight -= taken.length
    if (taken.length < bytes.length) link.chunk = { bytes: bytes.subarray(maxBytes), dueAt }
    else this.#dropFirst(link)
    return taken
  }

  clear(): void {
    this.#head = undefined
    this.#tail = undefined
    this.#byteLength = 0
    this.#weight = 0
  }

  #dropFirst(link: Link): void {
    this.#head = link.next
    if (!link.next) this.#tail = undefined
    this.#weight -= overheadBytes
  }
}
