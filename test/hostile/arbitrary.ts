/** Frames that nobody who means well would write, and some that he would. */

import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import type { Conversation } from '../vectors/conversation.ts'
import type { Given, Message } from '../vectors/given.ts'

interface Vector {
  readonly frame: string
}

async function readVectors(name: string): Promise<any> {
  return JSON.parse(await readFile(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
}

export const recorded: { readonly given: Given; readonly conversations: readonly Conversation[] } = await readVectors('conversations')
const known: readonly Vector[] = [...(await readVectors('control')), ...(await readVectors('violations'))]
const mark = '\u0010'
const largest = 2 ** 53 - 1

/** A token that is nobody's, of so many characters. */
export function token(prefix: string, number: number, length: number): string {
  return `${prefix}${number}`.padEnd(length, '-')
}

/** Enough sessions for any attack. */
export const given: Given = {
  ...recorded.given,
  ttl: 20_000,
  credentials: Array.from({ length: 2_000 }, (_, i) => ({ sid: token('sid', i, 22), key: token('key', i, 43) })),
}

/** One value time and again, to be drawn more often than others. */
export function many<const Value>(count: number, value: Value): Value[] {
  return new Array<Value>(count).fill(value)
}

/** Mostly the first. */
export function often<const Value>(first: Value, ...others: Value[]): fc.Arbitrary<Value> {
  return fc.constantFrom(...many(4 * others.length, first), ...others)
}

const unit = fc.integer({ min: 0, max: 0xffff })
/** Texts of any UTF-16 units, halves of pairs among them. */
const text = fc.array(unit, { maxLength: 12 }).map((units) => String.fromCharCode(...units))
const number = fc.oneof(fc.nat(6), fc.constantFrom(0, 1, 99, 4096, largest, largest + 1, -1, 0.5, 1e300))
const letter = fc.constantFrom(...'WRSXNAPOFDABZazp1_{ '.split(''), '', mark)
const fieldName = fc.constantFrom(
  ...'sid key cid attempt recv proto ttl ping dead max spread base sent why after url code reason in by __proto__ toString'.split(' '),
)
const fieldValue = fc.oneof(number, text, fc.constantFrom<unknown>(null, true, [], {}, 'busy', 'stale', 'A'.repeat(22), 'A'.repeat(43)))
const fields = fc
  .array(fc.tuple(fieldName, fieldValue), { maxLength: 10 })
  .map((entries) => `{${entries.map(([name, value]) => `"${name}":${JSON.stringify(value)}`)}}`)

const numbers = fc.array(number, { minLength: 1, maxLength: 4 }).map(String)
const payload = fc.oneof(
  text,
  numbers,
  fields,
  fc.nat(5_000).map((length) => 'x'.repeat(length)),
)
const controlLike = fc.tuple(letter, payload).map(([first, rest]) => `${mark}${first}${rest}`)
const counting = fc.tuple(fc.constantFrom('A', 'P', 'O'), numbers).map(([first, rest]) => `${mark}${first}${rest}`)
const ending = fc.constantFrom(1000, 1005, 1006, 1008, 4000, 999).map((code) => `${mark}F{"code":${code},"reason":""}`)
const binary = fc.uint8Array({ maxLength: 20 }).map((bytes) => ({ binary: Buffer.from(bytes).toString('hex') }))

/** Any frame at all. */
export const frame: fc.Arbitrary<Message> = fc.oneof<fc.Arbitrary<Message>[]>(
  text,
  binary,
  controlLike,
  counting,
  ending,
  fc.constantFrom(...known.map((each) => each.frame)),
)

/** A change of one character, or of a few, of a text. */
export interface Mutation {
  readonly kind: 'flip' | 'cut' | 'double' | 'insert' | 'digit' | 'swap' | 'enlarge'
  readonly at: number
  readonly unit: number
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('flip', 'cut', 'double', 'insert', 'digit', 'swap', 'enlarge'),
  at: fc.nat(400),
  unit,
})

export function mutate(message: Message, { kind, at, unit }: Mutation): Message {
  const isText = typeof message === 'string'
  const old = isText ? message : Buffer.from(message.binary, 'hex').toString('latin1')
  const i = old.length === 0 ? 0 : at % old.length
  const changed = change(old, kind, i, isText ? unit : unit & 0xff)
  return isText ? changed : { binary: Buffer.from(changed, 'latin1').toString('hex') }
}

function change(old: string, kind: Mutation['kind'], i: number, unit: number): string {
  const before = old.slice(0, i)
  const after = old.slice(i + 1)
  switch (kind) {
    case 'flip':
      return before + String.fromCharCode(old.charCodeAt(i) ^ (1 << (unit % 7))) + after
    case 'cut':
      return before
    case 'double':
      return old + old.slice(i)
    case 'insert':
      return before + String.fromCharCode(unit) + old.slice(i)
    case 'digit':
      return `${before}${unit % 10}${old.slice(i)}`
    case 'swap':
      return before + after.slice(0, 1) + old.slice(i, i + 1) + after.slice(1)
    case 'enlarge':
      return old.replace(/\d+/g, (digits, offset) => (offset < i ? digits : `${digits}${unit}`))
  }
}
