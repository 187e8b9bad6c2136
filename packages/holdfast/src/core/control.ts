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
  /** A new session is wanted where the resumption of another was refused. */
  | { readonly kind: 'renew' }
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
const comma = 0x2c
const zero = 0x30
const nine = 0x39
/** Where no digit has come. */
const none = -1

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

/**
 * What travels of a frame whose payload is an object: its letter, and its fields in the order in which they do; those that may be missing
 * come last.
 */
interface Layout {
  readonly letter: string
  readonly fields: readonly string[]
  /** How many of them are never missing. */
  readonly required: number
}

type Counting = Control & { readonly kind: 'ack' | 'ping' | 'pong' }
type Telling = Exclude<Control, Counting>

const layouts: { readonly [kind in Telling['kind']]: Layout } = {
  welcome: { letter: 'W', fields: ['sid', 'key', 'proto', 'ttl', 'ping', 'dead', 'max', 'spread'], required: 8 },
  resume: { letter: 'R', fields: ['sid', 'key', 'cid', 'attempt', 'recv'], required: 5 },
  spliced: { letter: 'S', fields: ['recv', 'base', 'sent', 'ttl', 'ping', 'dead', 'spread'], required: 7 },
  refused: { letter: 'X', fields: ['why', 'recv', 'after', 'url'], required: 1 },
  renew: { letter: 'N', fields: [], required: 0 },
  finish: { letter: 'F', fields: ['code', 'reason'], required: 2 },
  drain: { letter: 'D', fields: ['in', 'by', 'url'], required: 2 },
}
const kinds = new Map(Object.entries(layouts).map(([kind, { letter }]) => [letter, kind as Telling['kind']]))
const refusals: readonly unknown[] = ['busy', 'moved', 'stale', 'unknown', 'expired', 'auth', 'origin', 'state'] satisfies Refusal[]

/** What a field may be, where it is not a count. */
const rules: { readonly [field: string]: (value: any) => boolean } = {
  sid: isToken(22),
  key: isToken(43),
  cid: isToken(22),
  proto: isText,
  url: isText,
  why: (value) => refusals.includes(value),
  code: (value) => isCount(value) && isFinishCode(value),
  reason: (value) => isText(value) && utf8Length(value) <= maxReasonBytes,
}

export function encode(control: Control): string {
  switch (control.kind) {
    case 'ack':
      return `${mark}A${control.count}`
    case 'ping':
      return `${mark}P${control.id},${control.count}${control.spread === undefined ? '' : `,${control.spread}`}`
    case 'pong':
      return `${mark}O${control.id},${control.count}`
    default: {
      const { letter, fields } = layouts[control.kind]
      return mark + letter + JSON.stringify(control, fields as string[])
    }
  }
}

/** Reads a frame for which `isControl` holds. Never throws. */
export function decode(text: string): Decoded {
  const letter = text.charAt(1)
  const counting = readCounts(letter, text)
  if (counting) return counting
  if (!/[A-Za-z]/.test(letter)) return violation('a control frame without a letter')
  const payload = text.slice(2)
  if (3 * payload.length > maxControlBytes && utf8Length(payload) > maxControlBytes)
    return violation(`a control frame of more than ${maxControlBytes} bytes`)
  const control = readObject(kinds.get(letter), payload) ?? (letter >= 'a' ? unknown : undefined)
  return control ?? violation(`not a frame of this protocol: ${letter}`) // the payload may hold a key, and is not to be told
}

const unknown = { kind: 'unknown' } as const

/**
 * A frame whose payload is counts, separated by commas: each written as the protocol writes it, and none too many. These come again and
 * again, and to processors that have turned to other things meanwhile: nothing is made that is not returned.
 */
function readCounts(letter: string, text: string): Counting | undefined {
  let first = none
  let second = none
  let commas = 0
  let count = none
  for (let i = 2; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === comma && count !== none && commas < 2) {
      if (commas === 0) first = count
      else second = count
      commas++
      count = none
    } else if (code >= zero && code <= nine && count !== 0) {
      count = 10 * Math.max(count, 0) + (code - zero)
      if (count > Number.MAX_SAFE_INTEGER) return undefined
    } else return undefined
  }
  if (count === none) return undefined
  if (letter === 'A' && commas === 0) return { kind: 'ack', count }
  if (letter === 'O' && commas === 1) return { kind: 'pong', id: first, count }
  if (letter === 'P' && commas === 1) return { kind: 'ping', id: first, count }
  if (letter === 'P' && commas === 2) return { kind: 'ping', id: first, count: second, spread: count }
  return undefined
}

function readObject(kind: Telling['kind'] | undefined, payload: string): Control | undefined {
  const values = kind && parseObject(payload)
  if (!values) return undefined
  const { fields, required } = layouts[kind]
  const control: Record<string, unknown> = { kind }
  for (const [index, field] of fields.entries()) {
    const value = values[field]
    if (value === undefined && index >= required) continue
    if (!(rules[field] ?? isCount)(value)) return undefined
    control[field] = value
  }
  return control as unknown as Control
}

function parseObject(payload: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

/** Base64url of so many characters. */
function isToken(length: number): (value: any) => boolean {
  return (value) => isText(value) && value.length === length && /^[\w-]*$/.test(value)
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
    if (code < 0x80) continue
    bytes += code < 0x800 ? 1 : 2
    if (isHigh(code) && isLow(text.charCodeAt(i + 1))) i++ // the halves of a character have four together, which the first has counted
  }
  return bytes
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000
}

function violation(reason: string): Decoded {
  return { kind: 'violation', reason }
}
