/**
 * A short message as it travels, in one piece: unmasked, as a server sends it (RFC 6455 section 5.2). `ws` hands header and content to the
 * system as two, which costs more than a copy of some bytes.
 */

/** Characters of a text, or bytes. Longer ones are not worth a copy. */
const longest = 1_024
/** FIN, and that the length stands behind in two bytes. */
const final = 0x80
const inTwoBytes = 126
const opcodes = { text: 1, binary: 2 } as const

export function isShort(data: unknown): data is string | Buffer {
  return (typeof data === 'string' || Buffer.isBuffer(data)) && data.length <= longest
}

export function frameOf(data: string | Buffer, isBinary: boolean): Buffer {
  const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length
  const headerBytes = bytes < inTwoBytes ? 2 : 4
  const frame = Buffer.allocUnsafe(headerBytes + bytes)
  frame[0] = final | (isBinary ? opcodes.binary : opcodes.text)
  if (headerBytes === 2) frame[1] = bytes
  else {
    frame[1] = inTwoBytes
    frame.writeUInt16BE(bytes, 2)
  }
  if (typeof data === 'string') frame.write(data, headerBytes)
  else frame.set(data, headerBytes)
  return frame
}
