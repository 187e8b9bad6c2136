/** Messages for an application, in the form that it asked for, and those that wait while it does not read. */

export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob'

export interface Incoming {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** What the listeners of `message` get: as with `ws`, a text is always a Buffer. */
export function received({ data, isBinary }: Incoming, binaryType: BinaryType): Buffer | ArrayBuffer | Buffer[] | Blob {
  if (!isBinary) return data
  switch (binaryType) {
    case 'nodebuffer':
      return data
    case 'arraybuffer':
      return exactBuffer(data)
    case 'fragments':
      return [data]
    case 'blob':
      return new Blob([data as Uint8Array<ArrayBuffer>])
  }
}

/** Beyond this the link itself is not read any more. */
const fullBytes = 256 * 1024

/** What arrived while the application did not read. */
export class Backlog {
  /** Whether it does not read now. */
  isHeld = false
  #messages: Incoming[] = []
  #bytes = 0

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }
  get isFull(): boolean {
    return this.#bytes > fullBytes
  }

  push(message: Incoming): void {
    this.#messages.push(message)
    this.#bytes += message.data.length
  }

  /** Hands messages out until `handle` wants no more. */
  drain(handle: (message: Incoming) => boolean): void {
    let count = 0
    try {
      while (count < this.#messages.length && handle(this.#messages[count++]!));
    } finally {
      for (const { data } of this.#messages.splice(0, count)) this.#bytes -= data.length
    }
  }
}

function exactBuffer(view: Buffer): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = view
  if (byteLength === buffer.byteLength) return buffer as ArrayBuffer
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}
