import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Control, decode, encode, escapeText, isControl, maxControlBytes, type Refusal, unescapeText, utf8Length } from './control.ts'

/** A frame as the vectors spell it: the letter and the fields of PROTOCOL.md section 2. */
interface Meaning {
  readonly letter: string
  readonly n?: number
}
interface ControlVector {
  readonly name: string
  readonly from: 'client' | 'server' | 'both'
  readonly frame: string
  readonly means: Meaning
}
interface EscapeVector {
  readonly name: string
  readonly message: string
  readonly frame: string
}
interface ViolationVector {
  readonly name: string
  readonly frame: string
  readonly expect: 'violation' | 'ignore' | 'read'
  readonly means?: Meaning
}

const root = new URL('../../../../', import.meta.url)
const controlVectors: ControlVector[] = await readVectors('control')
const escapeVectors: EscapeVector[] = await readVectors('escape')
const violationVectors: ViolationVector[] = await readVectors('violations')

const kinds: Readonly<Record<string, Control['kind']>> = {
  // biome-ignore-start lint/style/useNamingConvention: the letters of the wire
  W: 'welcome',
  R: 'resume',
  S: 'spliced',
  X: 'refused',
  N: 'renew',
  A: 'ack',
  P: 'ping',
  O: 'pong',
  F: 'finish',
  D: 'drain',
  // biome-ignore-end lint/style/useNamingConvention: the letters of the wire
}
const mark = '\u0010'
const sid = 'Zm9yIGV4YW1wbGUgb25seQ'
const key = 'dGhpcnR5LXR3byBieXRlcywgYXMgYWxsIG1heSBzZWU'
const cid = 'b25lIGNsaWVudCBvZiB1cw'
const terms = { ttl: 300_000, ping: 30_000, dead: 40_000, spread: 0 }
const maxReasonBytes = 123

test('every frame has these bytes', () => {
  const frames: [Control, string][] = [
    [
      { kind: 'welcome', sid, key, proto: 'chat', max: 1_048_576, ...terms },
      `\u0010W{"sid":"${sid}","key":"${key}","proto":"chat","ttl":300000,"ping":30000,"dead":40000,"max":1048576,"spread":0}`,
    ],
    [{ kind: 'resume', recv: 3, attempt: 1, cid, key, sid }, `\u0010R{"sid":"${sid}","key":"${key}","cid":"${cid}","attempt":1,"recv":3}`],
    [
      { kind: 'spliced', ...terms, sent: 5, base: 4, recv: 3 },
      '\u0010S{"recv":3,"base":4,"sent":5,"ttl":300000,"ping":30000,"dead":40000,"spread":0}',
    ],
    [{ kind: 'refused', why: 'unknown' }, '\u0010X{"why":"unknown"}'],
    [{ kind: 'refused', url: 'wss://b', after: 2, recv: 1, why: 'moved' }, '\u0010X{"why":"moved","recv":1,"after":2,"url":"wss://b"}'],
    [{ kind: 'renew' }, '\u0010N{}'],
    [{ kind: 'ack', count: 0 }, '\u0010A0'],
    [{ kind: 'ack', count: Number.MAX_SAFE_INTEGER }, '\u0010A9007199254740991'],
    [{ kind: 'ping', id: 1, count: 2 }, '\u0010P1,2'],
    [{ kind: 'ping', id: 1, count: 2, spread: 0 }, '\u0010P1,2,0'],
    [{ kind: 'pong', id: 1, count: 2 }, '\u0010O1,2'],
    [{ kind: 'finish', reason: 'done', code: 1000 }, '\u0010F{"code":1000,"reason":"done"}'],
    [{ kind: 'drain', by: 2, in: 1 }, '\u0010D{"in":1,"by":2}'],
    [{ kind: 'drain', url: 'wss://b', by: 2, in: 1 }, '\u0010D{"in":1,"by":2,"url":"wss://b"}'],
  ]
  for (const [control, frame] of frames) assert.equal(encode(control), frame)
  assert.deepEqual(new Set(frames.map(([{ kind }]) => kind)), new Set(Object.values(kinds)))
})

test('every vector of a control frame is written and read as it says', () => {
  for (const { name, frame, means } of controlVectors) {
    assert.ok(isControl(frame), name)
    assert.deepEqual(decode(frame), controlOf(means), name)
    assert.equal(encode(controlOf(means)), frame, name)
  }
  assert.deepEqual(new Set(controlVectors.map(({ means }) => means.letter)), new Set(Object.keys(kinds)))
})

test('every vector of a text of the application travels as it says', () => {
  for (const { name, message, frame } of escapeVectors) {
    assert.equal(escapeText(message), frame, name)
    assert.ok(!isControl(frame), name)
    assert.equal(unescapeText(frame), message, name)
  }
})

test('every vector of a violation is refused, and what is to be ignored is', () => {
  for (const { name, frame, expect, means } of violationVectors) {
    assert.ok(isControl(frame), name)
    const decoded = decode(frame)
    if (expect === 'read') assert.deepEqual(decoded, controlOf(means!), name)
    else assert.equal(decoded.kind, expect === 'ignore' ? 'unknown' : 'violation', name)
  }
})

test('no two vectors of a file have the same name', () => {
  for (const vectors of [controlVectors, escapeVectors, violationVectors]) {
    assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length)
  }
})

test('every frame that PROTOCOL.md shows is one', async () => {
  const text = await readFile(new URL('PROTOCOL.md', root), 'utf8')
  const shown = [...text.matchAll(/\\u0010[A-Z][^`\n]*?(?=`|\n| {2})/g)].map(([frame]) => frame.replace('\\u0010', mark))
  for (const frame of shown) assert.equal(decode(frame).kind, kinds[frame.charAt(1)], frame)
  assert.deepEqual(new Set(shown.map((frame) => frame.charAt(1))), new Set(Object.keys(kinds)))
})

test('what is said of a violation fits into a close frame and holds nothing of the payload, which may be a key', () => {
  const frames = [`${mark}R{"key":"${key}"}`, `${mark}R{"sid":"${sid}","cid":1,"key":"${key}"}`, `${mark}A${'\u0000'.repeat(100)}`]
  for (const frame of frames) {
    const decoded = decode(frame)
    assert.ok(decoded.kind === 'violation')
    assert.ok(utf8Length(decoded.reason) <= maxReasonBytes, decoded.reason)
    assert.ok(!decoded.reason.includes(key.slice(0, 8)), decoded.reason)
  }
})

test('what was written is read again', () => {
  fc.assert(
    fc.property(anyControl(), (control) => {
      const frame = encode(control)
      assert.ok(isControl(frame))
      assert.deepEqual(decode(frame), control)
    }),
  )
})

test('a frame in which one character was changed, added or left out is read or refused, and what is read can be written', () => {
  const damage = fc.record({ at: fc.nat(300), take: fc.nat(1), put: fc.constantFrom('', '0', '-', '"', ',', '}', 'e', mark, '\ud83c') })
  fc.assert(
    fc.property(anyControl(), damage, (control, { at, take, put }) => {
      const whole = encode(control)
      const place = 1 + (at % (whole.length - 1))
      const frame = whole.slice(0, place) + put + whole.slice(place + take)
      const decoded = decode(frame)
      if (decoded.kind === 'unknown' || decoded.kind === 'violation') return
      const again = encode(decoded)
      assert.deepEqual(decode(again).kind, decoded.kind)
    }),
    { numRuns: 1_000 },
  )
})

test('nothing that a peer can write throws', () => {
  const letters = fc.constantFrom(...'WRSXFDAPOzB1 ')
  const body = fc.oneof(anyText(), fc.json(), fc.constantFrom('[', '{"__proto__":null}', '['.repeat(maxControlBytes)))
  fc.assert(
    fc.property(anyText(), letters, body, (text, letter, payload) => {
      for (const frame of [text, mark + text, mark + letter + payload]) assert.equal(typeof decode(frame).kind, 'string')
    }),
    { numRuns: 1_000 },
  )
})

test('a text of the application is never taken for control, and arrives as it was', () => {
  fc.assert(
    fc.property(anyText(), fc.nat(3), (text, marks) => {
      const message = mark.repeat(marks) + text
      assert.ok(!isControl(escapeText(message)))
      assert.equal(unescapeText(escapeText(message)), message)
    }),
  )
})

test('a text has as many bytes as it has in UTF-8', () => {
  const texts = [
    '',
    'a',
    '\u007f',
    '\u0080',
    '\u07ff',
    '\u0800',
    '\uffff',
    '\u{10000}',
    '\ud83c',
    '\udf31',
    '\udf31\ud83c',
    '\ud83c\ud83c\udf31\udf31',
  ]
  for (const text of texts) assert.equal(utf8Length(text), Buffer.byteLength(text), JSON.stringify(text))
  fc.assert(
    fc.property(anyText(), (text) => {
      assert.equal(utf8Length(text), new TextEncoder().encode(text).length)
      assert.equal(utf8Length(text), Buffer.byteLength(text))
    }),
    { numRuns: 1_000 },
  )
})

async function readVectors<Vector>(name: string): Promise<Vector[]> {
  return JSON.parse(await readFile(new URL(`test/vectors/${name}.json`, root), 'utf8'))
}

/** What a vector means, in our words: the wire's `n` is a count. */
function controlOf({ letter, n, ...fields }: Meaning): Control {
  return { kind: kinds[letter], ...fields, ...(n === undefined ? {} : { count: n }) } as Control
}

/** Any sequence of UTF-16, with lone surrogates and pairs, and often U+0010. */
function anyText(maxLength = 100): fc.Arbitrary<string> {
  const unit = fc.oneof(
    fc.constantFrom(mark, 'A', '0', '\ud83c', '\udf31'),
    fc.integer({ min: 0, max: 0x7f }).map((code) => String.fromCharCode(code)),
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  )
  return fc.array(unit, { maxLength }).map((units) => units.join(''))
}

function anyControl(): fc.Arbitrary<Control> {
  const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
  const token = (length: number) => fc.string({ unit: fc.constantFrom(...alphabet), minLength: length, maxLength: length })
  const number = fc.maxSafeNat()
  const why = fc.constantFrom<Refusal>('busy', 'moved', 'stale', 'unknown', 'expired', 'auth', 'origin', 'state')
  const code = fc.oneof(
    fc.integer({ min: 1000, max: 1014 }).filter((each) => each !== 1004 && each !== 1006),
    fc.integer({ min: 3000, max: 4999 }),
  )
  /** Exactly these keys: those that are optional are there or not. */
  const frame = <Kind extends Control['kind']>(kind: Kind, must: Record<string, unknown>, may: Record<string, unknown> = {}) =>
    fc.record({ kind: fc.constant(kind), ...must, ...may } as never, {
      requiredKeys: ['kind', ...Object.keys(must)] as never[],
      noNullPrototype: true,
    }) as fc.Arbitrary<Control>
  const anyTerms = { ttl: number, ping: number, dead: number, spread: number }
  return fc.oneof(
    frame('welcome', { sid: token(22), key: token(43), proto: anyText(), max: number, ...anyTerms }),
    frame('resume', { sid: token(22), key: token(43), cid: token(22), attempt: number, recv: number }),
    frame('spliced', { recv: number, base: number, sent: number, ...anyTerms }),
    frame('renew', {}),
    frame('refused', { why }, { recv: number, after: number, url: anyText() }),
    frame('ack', { count: number }),
    frame('ping', { id: number, count: number }, { spread: number }),
    frame('pong', { id: number, count: number }),
    frame('finish', { code, reason: anyText(maxReasonBytes / 3) }),
    frame('drain', { in: number, by: number }, { url: anyText() }),
  )
}
