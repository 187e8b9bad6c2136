/**
 * A short message as it travels, in one piece: unmasked, as a server sends it (RFC 6455 section 5.2). `ws` hands header and content to the
 * system as two, which costs more than a copy of some bytes. A brief text of ASCII, as control frames are, is written and read character by
 * character: that costs less than a call that leaves the language.
 */

/** Characters of a text, or bytes. Longer ones are not worth a copy. */
const longest = 1_024
const brief = 32
const firstBeyondAscii = 0x80
/** FIN, and that the length stands behind in two bytes. */
const final = 0x80
const inTwoBytes = 126
const opcodes = { text: 1, binary: 2 } as const

export function isShort(data: unknown): data is string | Buffer {
  return (typeof data === 'string' || Buffer.isBuffer(data)) && data.length <= longest
}

/** The text that a message has brought. */
export function textOf(bytes: Buffer): string {
  if (bytes.length > brief) return bytes.toString()
  let text = ''
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]!
    if (byte >= firstBeyondAscii) return bytes.toString()
    text += String.fromCharCode(byte)
  }
  return text
}

export function frameOf(data: string | Buffer, isBinary: boolean): Buffer {
  const whole = typeof data === 'string' && !isBinary && data.length <= brief ? briefFrameOf(data) : undefined
  if (whole) return whole
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

function briefFrameOf(text: string): Buffer | undefined {
  const frame = Buffer.allocUnsafe(2 + text.length)
  frame[0] = final | opcodes.text
  frame[1] = text.length
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code >= firstBeyondAscii) return undefined
    frame[2 + index] = code
  }
  return frame
}
