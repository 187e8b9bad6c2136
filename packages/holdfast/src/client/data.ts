/** Messages as applications and links hold them, and their sizes. */

/** What can be sent. */
export type Data = string | ArrayBufferLike | ArrayBufferView<ArrayBufferLike> | Blob

/** What is received; in Node also a Buffer, with `binaryType = 'nodebuffer'`. */
export type Received = string | ArrayBuffer | Blob

export type BinaryType = 'blob' | 'arraybuffer' | 'nodebuffer'

/** A message as a link brings it: text is a string, binary a view or a buffer that belongs to us. */
export type Wire = string | Uint8Array<ArrayBuffer> | ArrayBuffer

/** @returns the message as `binaryType` asks for it */
export function received(wire: Wire, binaryType: BinaryType): Received {
  if (typeof wire === 'string') return wire
  switch (binaryType) {
    case 'blob':
      return new Blob([wire])
    case 'arraybuffer':
      return ArrayBuffer.isView(wire) ? exactBuffer(wire) : wire
    case 'nodebuffer':
      return (ArrayBuffer.isView(wire) ? wire : Buffer.from(wire)) as unknown as Received
  }
}

/** What the standard does with an argument of `send`: buffers and Blobs as they are, all else as a string. */
export function sendable(data: unknown): Data {
  if (typeof data === 'string' || ArrayBuffer.isView(data) || isBuffer(data) || isBlob(data)) return data as Data
  return `${data as string}` // not String(): a symbol is a TypeError here
}

export function byteLength(data: Data): number {
  if (typeof data === 'string') return utf8Length(data)
  return isBlob(data) ? data.size : data.byteLength
}

/** A copy that later writes to the application's buffer do not reach. */
export function snapshot(data: Data): Data {
  if (typeof data === 'string' || isBlob(data)) return data
  const view = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
  return new Uint8Array(view)
}

export function isShared(data: Data): boolean {
  if (typeof data === 'string' || isBlob(data) || typeof SharedArrayBuffer === 'undefined') return false
  return (ArrayBuffer.isView(data) ? data.buffer : data) instanceof SharedArrayBuffer
}

export function isBlob(data: unknown): data is Blob {
  return typeof Blob !== 'undefined' && data instanceof Blob
}

function isBuffer(data: unknown): data is ArrayBufferLike {
  return data instanceof ArrayBuffer || (typeof SharedArrayBuffer !== 'undefined' && data instanceof SharedArrayBuffer)
}

/** A copy where the view is a part of a larger buffer: ArrayBuffer.slice would do the same, and costs twice as much in V8. */
function exactBuffer(view: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return view.byteLength === view.buffer.byteLength ? view.buffer : new Uint8Array(view).buffer
}

/** Bytes of a string in UTF-8; a lone surrogate counts as the U+FFFD that it is sent as. */
function utf8Length(text: string): number {
  return typeof Buffer === 'undefined' ? new TextEncoder().encode(text).length : Buffer.byteLength(text)
}
