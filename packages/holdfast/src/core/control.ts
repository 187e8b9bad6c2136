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
 * What travels of each frame: its letter, and its fields in the order in which they do; those that may be missing come last. A payload is
 * the fields as numbers, or as one object.
 */
interface Layout {
  readonly letter: string
  readonly fields: readonly string[]
  /** How many of them are never missing. */
  readonly required: number
  readonly isObject: boolean
}

const layouts: { readonly [kind in Control['kind']]: Layout } = {
  welcome: { letter: 'W', fields: ['sid', 'key', 'proto', 'ttl', 'ping', 'dead', 'max', 'spread'], required: 8, isObject: true },
  resume: { letter: 'R', fields: ['sid', 'key', 'cid', 'attempt', 'recv'], required: 5, isObject: true },
  spliced: { letter: 'S', fields: ['recv', 'base', 'sent', 'ttl', 'ping', 'dead', 'spread'], required: 7, isObject: true },
  refused: { letter: 'X', fields: ['why', 'recv', 'after', 'url'], required: 1, isObject: true },
  renew: { letter: 'N', fields: [], required: 0, isObject: true },
  finish: { letter: 'F', fields: ['code', 'reason'], required: 2, isObject: true },
  drain: { letter: 'D', fields: ['in', 'by', 'url'], required: 2, isObject: true },
  ack: { letter: 'A', fields: ['count'], required: 1, isObject: false },
  ping: { letter: 'P', fields: ['id', 'count', 'spread'], required: 2, isObject: false },
  pong: { letter: 'O', fields: ['id', 'count'], required: 2, isObject: false },
}
const kinds = new Map(Object.entries(layouts).map(([kind, { letter }]) => [letter, kind as Control['kind']]))
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
  const { letter, fields, isObject } = layouts[control.kind]
  if (isObject) return mark + letter + JSON.stringify(control, fields as string[])
  const values = control as unknown as Fields
  let numbers = ''
  for (const field of fields) if (values[field] !== undefined) numbers += numbers === '' ? values[field] : `,${values[field]}`
  return mark + letter + numbers
}

/** Reads a frame for which `isControl` holds. Never throws. */
export function decode(text: string): Decoded {
  const letter = text.charAt(1)
  if (!/[A-Za-z]/.test(letter)) return violation('a control frame without a letter')
  const payload = text.slice(2)
  if (3 * payload.length > maxControlBytes && utf8Length(payload) > maxControlBytes)
    return violation(`a control frame of more than ${maxControlBytes} bytes`)
  const kind = kinds.get(letter)
  const control = kind ? read(kind, payload) : letter >= 'a' ? unknown : undefined
  return control ?? violation(`not a frame of this protocol: ${letter}`) // the payload may hold a key, and is not to be told
}

type Fields = Readonly<Record<string, unknown>>
const unknown = { kind: 'unknown' } as const

function read(kind: Control['kind'], payload: string): Control | undefined {
  const { fields, required, isObject } = layouts[kind]
  const values = isObject ? readObject(payload) : readNumbers(payload, fields)
  if (!values) return undefined
  const control: Record<string, unknown> = { kind }
  for (const [index, field] of fields.entries()) {
    const value = values[field]
    if (value === undefined && index >= required) continue
    if (!(rules[field] ?? isCount)(value)) return undefined
    control[field] = value
  }
  return control as unknown as Control
}

function readObject(payload: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}

/** NaN where there is no number written as the protocol writes it. */
function readNumbers(payload: string, fields: readonly string[]): Fields | undefined {
  const texts = payload.split(',')
  if (texts.length > fields.length) return undefined
  const numbers: Record<string, number> = {}
  for (const [index, text] of texts.entries()) numbers[fields[index]!] = /^(?:0|[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN
  return numbers
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
