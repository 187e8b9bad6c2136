/** What a conversation takes for granted of the two ends: what would be drawn at random, and what would be configured. Milliseconds and bytes. */

export interface Given {
  /** What the server issues, in this order. */
  readonly credentials: readonly { readonly sid: string; readonly key: string }[]
  readonly cid: string
  readonly proto: string
  readonly ttl: number
  readonly ping: number
  readonly dead: number
  readonly max: number
  readonly spread: number
  readonly closeTimeout: number
  /** Whether the client goes on with a new session when it has none. */
  readonly reconnects: boolean
  /** Where the client may be sent. */
  readonly follows: readonly string[]
  /** How long the client waits before its first retry with a delay, doubled for each that follows, without jitter. */
  readonly backoff: number
  /** Every number that is drawn from [0, 1). */
  readonly random: number
}

/** A text, or the bytes of a binary message in hexadecimal. */
export type Message = string | { readonly binary: string }
export interface Close {
  readonly code: number
  readonly reason: string
}

export function toPayload(message: Message): string | Uint8Array {
  return typeof message === 'string' ? message : Uint8Array.from(Buffer.from(message.binary, 'hex'))
}

export function toMessage(payload: unknown): Message {
  return typeof payload === 'string' ? payload : { binary: Buffer.from(payload as Uint8Array).toString('hex') }
}

export function toEntry(message: Message): { readonly data: string | Uint8Array; readonly bytes: number; readonly settle: undefined } {
  const data = toPayload(message)
  return { data, bytes: Buffer.byteLength(data), settle: undefined }
}

/** A link that takes what it is given at once, and shows bytes. */
export class Gauge {
  isOpen = true
  bytesRead = 0
  bytesWritten = 0
  backlog = 0
}
