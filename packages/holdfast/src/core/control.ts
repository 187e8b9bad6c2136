/**
 * Control frames: what the two ends of a session tell each other (PROTOCOL.md section 2).
 *
 * A text message whose first character is U+0010 and whose second is not is control: a letter and a payload. A user's text that
 * starts with U+0010 carries one more in front. All else is user data, as it is.
 */

export type Refusal = 'busy' | 'moved' | 'stale' | 'unknown' | 'expired' | 'auth' | 'origin' | 'state'

/** What a server says of itself with each link. Milliseconds. */
export interface Terms {
  /** How long it keeps a session whose link is away. */
  readonly ttl: number
  /** It pings after this much silence. */
  readonly ping: number
  /** After this much silence either end gives the link up. */
  readonly dead: number
  /** How thinly it wants its clients to come back. */
  readonly spread: number
}

export interface Welcome extends Terms {
  readonly kind: 'welcome'
  readonly sid: string
  readonly key: string
  /** The subprotocol of the application; empty for none. */
  readonly proto: string
  /** The largest message either end takes, in bytes. */
  readonly max: number
}
export interface Resume {
  readonly kind: 'resume'
  readonly sid: string
  readonly key: string
  /** Who holds the credential. */
  readonly cid: string
  readonly attempt: number
  readonly recv: number
}
export interface Spliced extends Terms {
  readonly kind: 'spliced'
  readonly recv: number
  readonly base: number
  /** How many messages the server has numbered. */
  readonly sent: number
}
export interface Refused {
  readonly kind: 'refused'
  readonly why: Refusal
  readonly recv?: number
  /** Milliseconds. */
  readonly after?: number
  readonly url?: string
}
export interface Finish {
  readonly kind: 'finish'
  readonly code: number
  readonly reason: string
}
export interface Drain {
  readonly kind: 'drain'
  /** Milliseconds until a new link is wanted. */
  readonly in: number
  /** Milliseconds until this link ends. */
  readonly by: number
  readonly url?: string
}
export type Control =
  | Welcome
  | Resume
  | Spliced
  | Refused
  | { readonly kind: 'ack'; readonly count: number }
  | { readonly kind: 'ping'; readonly id: number; readonly count: number; readonly spread?: number }
  | { readonly kind: 'pong'; readonly id: number; readonly count: number }
  | Finish
  | Drain

/** What arrived: a frame, one that is to be ignored, or a breach of the protocol, which the link does not survive. */
export type Decoded = Control | { readonly kind: 'unknown' } | { readonly kind: 'violation'; readonly reason: string }

/** Bytes that the payload of a control frame may have. */
export const maxControlBytes = 4_096
/** The close frame of WebSocket has no room for more (RFC 6455 section 5.5), and a finish must fit into one. */
const maxReasonBytes = 123

const mark = '\u0010'
const markCode = 0x10

export function isControl(text: string): boolean {
  return text.charCodeAt(0) === markCode && text.charCodeAt(1) !== markCode
}

/** A user's text as it travels. */
export function escapeText(text: string): string {
  return text.charCodeAt(0) === markCode ? mark + text : text
}

/** A user's text that has travelled. */
export function unescapeText(text: string): string {
  return text.charCodeAt(0) === markCode ? text.slice(1) : text
}

export function encode(control: Control): string {
  switch (control.kind) {
    case 'welcome':
      return json('W', control, ['sid', 'key', 'proto', 'ttl', 'ping', 'dead', 'max', 'spread'])
    case 'resume':
      return json('R', control, ['sid', 'key', 'cid', 'attempt', 'recv'])
    case 'spliced':
      return json('S', control, ['recv', 'base', 'sent', 'ttl', 'ping', 'dead', 'spread'])
    case 'refused':
      return json('X', control, ['why', 'recv', 'after', 'url'])
    case 'ack':
      return `${mark}A${control.count}`
    case 'ping':
      return `${mark}P${control.id},${control.count}${control.spread === undefined ? '' : `,${control.spread}`}`
    case 'pong':
      return `${mark}O${control.id},${control.count}`
    case 'finish':
      return json('F', control, ['code', 'reason'])
    case 'drain':
      return json('D', control, ['in', 'by', 'url'])
  }
}

/** Reads a frame for which `isControl` holds. Never throws. */
export function decode(text: string): Decoded {
  const letter = text.charAt(1)
  if (!/[A-Za-z]/.test(letter)) return violation('a control frame without a letter')
  const payload = text.slice(2)
  if (utf8Length(payload) > maxControlBytes) return violation(`a control frame of more than ${maxControlBytes} bytes`)
  const control = letter in readers ? readers[letter]!(payload) : letter >= 'a' ? unknown : undefined
  return control ?? violation(`not a frame of this protocol: ${letter}`) // the payload may hold a key, and is not to be told
}

type Fields = Readonly<Record<string, unknown>>
const unknown = { kind: 'unknown' } as const
const refusals: readonly string[] = ['busy', 'moved', 'stale', 'unknown', 'expired', 'auth', 'origin', 'state']

/** Each gives undefined for a payload that is not its own. */
const readers: { readonly [letter: string]: (payload: string) => Control | undefined } = {
  // biome-ignore-start lint/style/useNamingConvention: the letters of the wire
  W: (payload) => readFields(payload, readWelcome),
  R: (payload) => readFields(payload, readResume),
  S: (payload) => readFields(payload, readSpliced),
  X: (payload) => readFields(payload, readRefused),
  F: (payload) => readFields(payload, readFinish),
  D: (payload) => readFields(payload, readDrain),
  A: (payload) => {
    const [count, ...rest] = readNumbers(payload)
    return isCount(count) && rest.length === 0 ? { kind: 'ack', count } : undefined
  },
  P: (payload) => {
    const [id, count, spread, ...rest] = readNumbers(payload)
    if (!isCount(id) || !isCount(count) || rest.length > 0) return undefined
    if (spread === undefined) return { kind: 'ping', id, count }
    return isCount(spread) ? { kind: 'ping', id, count, spread } : undefined
  },
  O: (payload) => {
    const [id, count, ...rest] = readNumbers(payload)
    return isCount(id) && isCount(count) && rest.length === 0 ? { kind: 'pong', id, count } : undefined
  },
  // biome-ignore-end lint/style/useNamingConvention: the letters of the wire
}

function readWelcome(fields: Fields): Welcome | undefined {
  const { sid, key, proto, max } = fields
  const terms = readTerms(fields)
  if (!terms || !isToken(sid, 22) || !isToken(key, 43) || typeof proto !== 'string' || !isCount(max)) return undefined
  return { kind: 'welcome', sid, key, proto, max, ...terms }
}

function readResume({ sid, key, cid, attempt, recv }: Fields): Resume | undefined {
  if (!isToken(sid, 22) || !isToken(key, 43) || !isToken(cid, 22) || !isCount(attempt) || !isCount(recv)) return undefined
  return { kind: 'resume', sid, key, cid, attempt, recv }
}

function readSpliced(fields: Fields): Spliced | undefined {
  const { recv, base, sent } = fields
  const terms = readTerms(fields)
  return terms && isCount(recv) && isCount(base) && isCount(sent) ? { kind: 'spliced', recv, base, sent, ...terms } : undefined
}

function readTerms({ ttl, ping, dead, spread }: Fields): Terms | undefined {
  return isCount(ttl) && isCount(ping) && isCount(dead) && isCount(spread) ? { ttl, ping, dead, spread } : undefined
}

function readRefused({ why, recv, after, url }: Fields): Refused | undefined {
  if (typeof why !== 'string' || !refusals.includes(why) || !isOptional(recv) || !isOptional(after)) return undefined
  if (url !== undefined && typeof url !== 'string') return undefined
  return {
    kind: 'refused',
    why: why as Refusal,
    ...(recv === undefined ? {} : { recv }),
    ...(after === undefined ? {} : { after }),
    ...(url === undefined ? {} : { url }),
  }
}

function readFinish({ code, reason }: Fields): Finish | undefined {
  if (!isCount(code) || !isFinishCode(code) || typeof reason !== 'string' || utf8Length(reason) > maxReasonBytes) return undefined
  return { kind: 'finish', code, reason }
}

function readDrain({ in: start, by, url }: Fields): Drain | undefined {
  if (!isCount(start) || !isCount(by) || (url !== undefined && typeof url !== 'string')) return undefined
  return { kind: 'drain', in: start, by, ...(url === undefined ? {} : { url }) }
}

function readFields<Frame>(payload: string, read: (fields: Fields) => Frame | undefined): Frame | undefined {
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'object' && value !== null ? read(value as Fields) : undefined
  } catch {
    return undefined
  }
}

/** NaN where there is no number written as the protocol writes it. */
function readNumbers(payload: string): number[] {
  return payload.split(',').map((each) => (/^(?:0|[1-9]\d*)$/.test(each) ? Number(each) : Number.NaN))
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isOptional(value: unknown): value is number | undefined {
  return value === undefined || isCount(value)
}

/** Base64url of so many characters. */
function isToken(value: unknown, length: number): value is string {
  return typeof value === 'string' && value.length === length && /^[\w-]*$/.test(value)
}

/** Codes that an application may close with, and 1005 for none (RFC 6455 section 7.4). */
function isFinishCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1006) || (code >= 3000 && code <= 4999)
}

/** Bytes of a text in UTF-8; a lone surrogate becomes U+FFFD, which has three. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) bytes++
    if (code > 0x7ff && !isSurrogatePair(text, i)) bytes++
  }
  return bytes
}

/** Each half of a pair adds two bytes of the four. */
function isSurrogatePair(text: string, i: number): boolean {
  const isHigh = (at: number) => (text.charCodeAt(at) & 0xfc00) === 0xd800
  const isLow = (at: number) => (text.charCodeAt(at) & 0xfc00) === 0xdc00
  return (isHigh(i) && isLow(i + 1)) || (isLow(i) && isHigh(i - 1))
}

/** @param order the keys that travel, in the order in which they do */
function json(letter: string, control: Control, order: string[]): string {
  return `${mark}${letter}${JSON.stringify(control, order)}`
}

function violation(reason: string): Decoded {
  return { kind: 'violation', reason }
}
