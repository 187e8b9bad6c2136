/** What `for await` reads: the messages of a socket across its sessions, one reader at a time, with a say in how fast they come. */

import type { Received } from './data.ts'

type End = { readonly error: Error | undefined }

type Reader = { resolve(result: IteratorResult<Received>): void; reject(error: Error): void }

export interface QueueOwner {
  /** The reader is behind: stop the link, if it can be stopped. */
  pauseReading(): void
  resumeReading(): void
  /** The reader returned. */
  doneReading(queue: MessageQueue): void
}

/** The link is stopped while this many messages, or bytes, wait. */
const fullMessages = 64
const fullBytes = 256 * 1024

export class MessageQueue implements AsyncIterableIterator<Received, undefined> {
  readonly #owner: QueueOwner
  #messages: { readonly data: Received; readonly bytes: number }[] = []
  #bytes = 0
  #reader: Reader | undefined
  #end: End | undefined
  #isFull = false

  constructor(owner: QueueOwner) {
    this.#owner = owner
  }

  /** Bytes that wait to be read. */
  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#isFull
  }

  push(data: Received, bytes: number): void {
    const reader = this.#reader
    if (reader) {
      this.#reader = undefined
      reader.resolve({ done: false, value: data })
      return
    }
    this.#messages.push({ data, bytes })
    this.#bytes += bytes
    if (!this.#isFull && (this.#messages.length >= fullMessages || this.#bytes >= fullBytes)) {
      this.#isFull = true
      this.#owner.pauseReading()
    }
  }

  /** Nothing follows. What waits is still read, then the loop ends, or throws `error`. */
  end(error: Error | undefined): void {
    this.#end = { error }
    const reader = this.#reader
    this.#reader = undefined
    if (reader) this.#finish(reader, this.#end)
  }

  next(): Promise<IteratorResult<Received, undefined>> {
    const message = this.#messages.shift()
    if (message) {
      this.#bytes -= message.bytes
      if (this.#isFull && this.#messages.length === 0) this.#resume()
      return Promise.resolve({ done: false, value: message.data })
    }
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject } as Reader
      if (this.#end) this.#finish(reader, this.#end)
      else if (this.#reader) reject(new TypeError('next() was called before the last one was answered'))
      else this.#reader = reader
    })
  }

  /** `break`: the socket stays open. */
  return(): Promise<IteratorResult<Received, undefined>> {
    this.#messages = []
    this.#bytes = 0
    this.end(undefined)
    this.#owner.doneReading(this)
    if (this.#isFull) this.#resume()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #resume(): void {
    this.#isFull = false
    this.#owner.resumeReading()
  }

  #finish(reader: Reader, end: End): void {
    this.#owner.doneReading(this)
    if (end.error) {
      this.#end = { error: undefined }
      reader.reject(end.error)
    } else reader.resolve({ done: true, value: undefined })
  }
}
