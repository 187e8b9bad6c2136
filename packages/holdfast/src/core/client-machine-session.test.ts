// The client machine with sessions: a session that outlives its links, as PROTOCOL.md says. The server is played by the test.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ClientConfig, ClientMachine, type SessionRules } from './client-machine.ts'
import type { Output } from './client-output.ts'
import { abnormalClose, type CloseInfo } from './close-info.ts'
import { type Control, decode, encode, isControl, type Refused, type Spliced, type Welcome } from './control.ts'
import type { OutboxEntry } from './outbox.ts'
import type { Payload } from './session.ts'

const epoch = 1_700_000_000_000
const cid = 'b25lIGNsaWVudCBvZiB1cw'
const otherCid = 'YW5vdGhlciBjbGllbnQgb2Y'
const sid = 'Zm9yIGV4YW1wbGUgb25seQ'
const key = 'dGhpcnR5LXR3byBieXRlcywgYXMgYWxsIG1heSBzZWU'
const spread = 1_000
const terms = { ttl: 300_000, ping: 30_000, dead: 40_000, spread }
const rules: SessionRules = { cid, maxLinkAge: Infinity, mayMove: (url) => url !== 'ws://elsewhere/' }
const retry = { minDelay: 1_000, maxDelay: 30_000, factor: 2, jitter: 'none', maxRetries: 10, stableAfter: 30_000 } as const
const config: ClientConfig = {
  isReconnecting: true,
  retry,
  liveness: { interval: 30_000, timeout: 10_000, writeTimeout: 10_000 },
  connectTimeout: 10_000,
  closeTimeout: 10_000,
  outbox: { maxBytes: 1_000, maxMessages: 100 },
  hasSetup: false,
  canRefresh: false,
  random: () => 0.5,
  session: rules,
}
const strict = { isReconnecting: false } as const
/** How often the machine may want to be ticked at one moment. */
const ticksAtOnce = 3

class Gauge {
  readonly link: number
  isOpen = true
  bytesRead: number
  bytesWritten = 0
  backlog = 0

  constructor(link: number, bytesRead: number) {
    this.link = link
    this.bytesRead = bytesRead
  }
}

const network = abnormalClose('network')
const error = new Error('as the platform says')
const byServer = (code: number, reason = ''): CloseInfo => ({ code, reason, wasClean: true, cause: 'server' })
const refusedUpgrade = (httpStatus: number): CloseInfo => ({ ...abnormalClose('server'), httpStatus })

/**
 * A machine whose world is played by the test. What it puts out is told in short words, without the changes of state: `1 ▷ ^A0` is a frame
 * that it writes to link 1, with `^` for U+0010, and `got x` what it hands to the application.
 */
class Subject {
  readonly machine: ClientMachine
  readonly outputs: Output[] = []
  readonly gauges = new Map<number, Gauge>()
  now = 0

  constructor(overrides: Partial<ClientConfig> = {}) {
    this.machine = new ClientMachine({ ...config, ...overrides })
  }

  get state(): string {
    return this.machine.state.name
  }
  get attempt(): number | undefined {
    return 'attempt' in this.machine.state ? this.machine.state.attempt : undefined
  }
  get migration(): string | undefined {
    return this.machine.held?.migration.name
  }
  get wall(): number {
    return this.now + epoch
  }
  /** The number of the last dial. */
  get link(): number {
    return this.machine.counters.dials
  }
  /** The number of the link that is in hand. */
  get current(): number {
    return 'link' in this.machine.state ? this.machine.state.link : 0
  }

  /** What was put out since. */
  said(): string[] {
    const { machine, now } = this
    const said: string[] = []
    for (;;) {
      for (let frame = machine.nextFrame(now); frame !== undefined; frame = machine.nextFrame(now)) {
        said.push(`${(machine.held!.session.gauge as Gauge).link} ▷ ${spoken(frame)}`)
      }
      const output = machine.poll()
      if (!output) return said
      this.outputs.push(output)
      if (output.kind !== 'change') said.push(inWords(output))
    }
  }
  /** The last output of a kind. */
  last<K extends Output['kind']>(kind: K): Output & { kind: K } {
    const found = this.outputs.filter((output) => output.kind === kind).at(-1)
    assert.ok(found, `no ${kind}`)
    return found as Output & { kind: K }
  }

  start(): string[] {
    this.machine.start(this.now, this.wall)
    return this.said()
  }
  opens({ speaks = true, answer = '', link = this.link, bytesRead = 1 } = {}): string[] {
    const gauge = new Gauge(link, bytesRead)
    this.gauges.set(link, gauge)
    this.machine.opened(this.now, this.wall, link, gauge, true, speaks, answer)
    return this.said()
  }
  /** Messages arrive on the link in hand. */
  hears(...payloads: Payload[]): string[] {
    return this.hearsOn(this.current, ...payloads)
  }
  hearsOn(link: number, ...payloads: Payload[]): string[] {
    return payloads.flatMap((payload) => {
      const data = this.machine.receive(this.now, this.wall, link, payload)
      return data === undefined ? this.said() : [`got ${data}`, ...this.said()]
    })
  }
  welcomes(fields: Partial<Welcome> = {}): string[] {
    return this.hears(encode({ kind: 'welcome', sid, key, proto: 'chat', max: 1_048_576, ...terms, ...fields }))
  }
  splices(fields: Partial<Spliced> = {}, link: number = this.link): string[] {
    return this.hearsOn(link, splice(fields))
  }
  refuses(why: Refused['why'], fields: Partial<Refused> = {}, link: number = this.link): string[] {
    return this.hearsOn(link, encode({ kind: 'refused', why, ...fields }))
  }
  hearsControl(...controls: Control[]): string[] {
    return this.hears(...controls.map((control) => encode(control)))
  }
  drains(fields: { in?: number; by?: number; url?: string } = {}): string[] {
    return this.hearsControl({ kind: 'drain', in: 1_500, by: 60_000, ...fields })
  }
  acks(count: number): string[] {
    return this.hearsControl({ kind: 'ack', count })
  }
  finishes(code = 1000, reason = ''): string[] {
    return this.hearsControl({ kind: 'finish', code, reason })
  }
  fails(close: CloseInfo = network, link: number = this.current): string[] {
    this.machine.linkClosed(this.now, link, close, error)
    return this.said()
  }
  /** A link opens, and the server takes the session up where the two are. */
  resumes(fields: Partial<Spliced> = {}): string[] {
    this.opens()
    return this.splices(fields)
  }
  /** Ticks at the deadlines up to `until`. */
  run(until: number): string[] {
    const said: string[] = []
    for (let ticks = 0; this.machine.deadline <= until; ticks++) {
      assert.ok(this.machine.deadline >= this.now, 'a deadline in the past')
      if (this.machine.deadline > this.now) ticks = 0
      assert.ok(ticks < ticksAtOnce, `it spins in ${this.state}`)
      this.now = this.machine.deadline
      said.push(...this.tick())
    }
    this.now = until
    return said
  }
  wait(ms: number): string[] {
    return this.run(this.now + ms)
  }
  tick(): string[] {
    this.machine.tick(this.now, this.wall)
    return this.said()
  }
  hint(hint: 'online' | 'wake' | 'offline' | 'hide'): string[] {
    this.machine[hint](this.now, this.wall)
    return this.said()
  }
  reconnect(): string[] {
    this.machine.reconnect(this.now, this.wall)
    return this.said()
  }
  close(code?: number, reason = ''): string[] {
    this.machine.close(this.now, this.wall, code, reason)
    return this.said()
  }
  abort(): string[] {
    this.machine.abort(this.now)
    return this.said()
  }
  overflows(): string[] {
    this.machine.overflow(this.now, error)
    return this.said()
  }
  settles(link = 1): string[] {
    this.machine.settled(link)
    return this.said()
  }
  failsSetup(link = 1): string[] {
    this.machine.setupFailed(this.now, link, error)
    return this.said()
  }
  /** Gives messages to the session. */
  submits(...messages: string[]): string[] {
    for (const data of messages) this.machine.submit(this.now, entry(data))
    return this.said()
  }
  /** Leaves messages for a session to come. */
  queues(...messages: string[]): string[] {
    for (const data of messages) this.machine.send(entry(data))
    return this.said()
  }
  /** What the last end gave back. */
  get unsent(): unknown[] {
    return this.last('end').unsent.map(({ data }) => data)
  }
}

function entry(data: string): OutboxEntry {
  return { data, bytes: data.length, settle: undefined }
}

function splice(fields: Partial<Spliced> = {}): string {
  const { recv = 0, base = 0, sent = base } = fields
  return encode({ kind: 'spliced', ...terms, ...fields, recv, base, sent })
}

/** Three servers in a row that do not speak the protocol. */
function speechless(subject: Subject): string[] {
  for (let count = 1; count < 3; count++) {
    subject.opens({ speaks: false })
    subject.run(subject.machine.deadline)
  }
  return subject.opens({ speaks: false })
}

/** A frame as a person reads it. */
function spoken(frame: unknown): string {
  if (typeof frame !== 'string' || !isControl(frame)) return String(frame).replaceAll('\u0010', '^')
  const control = decode(frame)
  switch (control.kind) {
    case 'resume':
      assert.deepEqual([control.sid, control.key, control.cid], [sid, key, cid])
      return `^R ${control.attempt}, received ${control.recv}`
    case 'finish':
      return `^F ${control.code} ${control.reason}`.trim()
    default:
      return frame.replaceAll('\u0010', '^')
  }
}

function inWords(output: Output): string {
  switch (output.kind) {
    case 'dial':
      return `dial ${output.link}${output.isResuming ? ' to resume' : ''}${output.attempt > 0 ? `, retry ${output.attempt}` : ''}${output.url ? ` at ${output.url}` : ''}`
    case 'close':
      return `close ${output.link} with ${output.code} ${output.reason}`.trim()
    case 'drop':
      return `${output.isPolite ? 'drop politely' : 'drop'} ${output.link}`
    case 'write':
      return `${output.link} ▷ ${spoken(output.frame)}`
    case 'setup':
      return output.isFirst ? 'first setup' : 'setup'
    case 'failed':
      return `failed: ${output.close.cause}`
    case 'end': {
      const { code, cause, reason } = output.close
      return `${output.error ? 'error, end' : 'end'} ${code} ${reason || cause}${output.willReconnect ? ', goes on' : ''}`
    }
    case 'lost':
      return `lost ${output.close.cause}`
    case 'resumed':
      return `resumed after ${output.downtime}, replayed ${output.replayed}, resent ${output.resent}`
    case 'retry':
      return `retry ${output.attempt} in ${output.delay}`
    case 'open':
    case 'giveup':
    case 'transmit':
    case 'ping':
    case 'change':
      return output.kind
  }
}

/** Machines in each place in which something can happen to them. */
const situations = {
  idle: (overrides?: Partial<ClientConfig>) => new Subject(overrides),
  connecting: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.idle(overrides)
    subject.start()
    return subject
  },
  greeting: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.connecting(overrides)
    subject.opens()
    return subject
  },
  settling: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.greeting({ ...overrides, hasSetup: true })
    subject.welcomes()
    return subject
  },
  open: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.greeting(overrides)
    subject.welcomes()
    return subject
  },
  waiting: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.open(overrides)
    subject.fails()
    return subject
  },
  reconnecting: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.waiting(overrides)
    subject.wait(500)
    return subject
  },
  resuming: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.reconnecting(overrides)
    subject.opens()
    return subject
  },
  suspended: (overrides?: Partial<ClientConfig>) => situations.waiting({ ...overrides, retry: { ...retry, maxRetries: 0 } }),
  dialling: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.open(overrides)
    subject.drains()
    subject.wait(1_500)
    return subject
  },
  migrating: (overrides?: Partial<ClientConfig>) => {
    const subject = situations.dialling(overrides)
    subject.opens()
    return subject
  },
}

describe('a new session', () => {
  test('is there when the server welcomes it, answers at once, and opens', () => {
    const subject = new Subject()
    assert.deepEqual(subject.start(), ['dial 1'])
    assert.deepEqual(subject.opens(), [])
    assert.equal(subject.state, 'greeting')
    assert.deepEqual(subject.welcomes(), ['1 ▷ ^A0', 'open'])
    assert.equal(subject.state, 'open')
    const { held } = subject.machine
    assert.deepEqual([held?.sid, held?.proto, held?.link], [sid, 'chat', 1])
    assert.deepEqual(subject.machine.counters, { dials: 1, sessions: 1, links: 1, giveups: 0, pings: 0, failures: {} })
  })

  test('carries messages both ways, and acknowledges a second later', () => {
    const subject = situations.open()
    assert.deepEqual(subject.submits('a', '\u0010!'), ['1 ▷ a', '1 ▷ ^^!'])
    assert.deepEqual(subject.hears('x', '\u0010\u0010y'), ['got x', 'got \u0010y'])
    assert.deepEqual(subject.wait(999), [])
    assert.deepEqual(subject.wait(1), ['1 ▷ ^A2'])
    assert.deepEqual(subject.acks(2), [])
    assert.equal(subject.machine.held?.session.outbox.length, 0)
  })

  test('answers a ping where it is read', () => {
    const subject = situations.open()
    subject.hears('x')
    assert.deepEqual(subject.hearsControl({ kind: 'ping', id: 4, count: 0, spread: 7 }), ['1 ▷ ^O4,1'])
    assert.equal(subject.machine.held?.session.spread, 7)
  })

  test('takes a message at once when it is set up, open, and nothing is queued before it', () => {
    const subject = situations.settling()
    assert.ok(!subject.machine.canSubmit)
    subject.settles()
    assert.ok(subject.machine.canSubmit)
    assert.ok(!subject.machine.canTransmit)
    subject.queues('a')
    assert.ok(subject.machine.canSubmit)
    subject.machine.send(entry('b'))
    assert.ok(!subject.machine.canSubmit)
    subject.said()
    subject.close()
    assert.ok(!subject.machine.canSubmit)
    assert.ok(!situations.greeting().machine.canSubmit)
  })

  test('is not there without a first frame within 10 s', () => {
    const subject = situations.greeting()
    assert.deepEqual(subject.wait(9_999), [])
    assert.deepEqual(subject.wait(1), ['drop 1', 'failed: connect-timeout', 'retry 1 in 1000'])
    assert.match(subject.last('failed').error.message, /no first frame within 10000 ms/)
    const only = situations.greeting(strict)
    assert.deepEqual(only.wait(10_000), ['drop 1', 'error, end 1006 connect-timeout'])
  })

  test('that was slow to begin does not lengthen the next dial', () => {
    const subject = situations.greeting()
    subject.wait(11_000)
    assert.equal(subject.link, 2)
    assert.deepEqual(subject.wait(2_000), ['drop 2', 'failed: connect-timeout', 'retry 2 in 2000'])
  })

  for (const [name, first, reason] of [
    ['data', 'hello', 'data before the first frame'],
    ['a binary message', { byteLength: 1 }, 'data before the first frame'],
    ['an acknowledgement', encode({ kind: 'ack', count: 0 }), 'ack is out of place here'],
    ['a splice', splice(), 'spliced is out of place here'],
    ['nonsense', '\u0010?', 'a control frame without a letter'],
  ] as const) {
    test(`is not there if the first frame is ${name}: the attempt failed`, () => {
      const subject = situations.greeting()
      assert.deepEqual(subject.hears(first), [`close 1 with 3806 ${reason}`, 'failed: protocol', 'retry 1 in 1000'])
      assert.equal(subject.last('failed').error.message, `the server broke the protocol: ${reason}`)
      assert.equal(subject.state, 'waiting')
      assert.equal(subject.machine.held, undefined)
    })
  }

  test('waits on when it is sent what may be ignored: that is no first frame', () => {
    const subject = situations.greeting()
    assert.deepEqual(subject.hears('\u0010z{}'), [])
    assert.deepEqual(subject.welcomes(), ['1 ▷ ^A0', 'open'])
    for (const name of ['resuming', 'migrating'] as const) {
      const held = situations[name]()
      assert.deepEqual(held.hearsOn(2, '\u0010z{}'), [])
      held.splices()
      assert.equal(held.state, 'open')
      assert.equal(held.current, 2)
    }
  })

  test('is not there if the link fails before the first frame', () => {
    const subject = situations.greeting()
    assert.deepEqual(subject.fails(), ['failed: network', 'retry 1 in 1000'])
  })

  test('whose link closes before the first frame is not there, and the code is not told', () => {
    const subject = situations.greeting()
    assert.deepEqual(subject.fails(byServer(4404, 'go away')), ['failed: server', 'retry 1 in 1000'])
    assert.deepEqual(subject.last('failed').close, abnormalClose('server'))
    assert.deepEqual(subject.machine.lastClose, abnormalClose('server'))
    const only = situations.greeting(strict)
    assert.deepEqual(only.fails(byServer(1000)), ['error, end 1006 server'])
    assert.deepEqual(only.last('end').close, abnormalClose('server'))
  })

  test('cannot be had from a server that does not speak: that is final', () => {
    for (const overrides of [{}, strict]) {
      const subject = situations.connecting(overrides)
      assert.deepEqual(subject.opens({ speaks: false }), ['drop politely 1', 'error, end 1006 unsupported'])
      assert.match(subject.last('end').error!.message, /does not speak holdfast\.v1, it chose no subprotocol/)
      assert.equal(subject.state, 'closed')
    }
  })

  test('that cannot be had says what the server chose instead', () => {
    const subject = situations.connecting()
    subject.opens({ speaks: false, answer: 'chat' })
    assert.match(subject.last('end').error!.message, /does not speak holdfast\.v1, it chose the subprotocol chat/)
  })

  test('that is lost makes room for another, which has a number of its own', () => {
    const subject = situations.resuming()
    subject.refuses('unknown')
    assert.equal(subject.machine.held, undefined)
    assert.deepEqual(subject.welcomes(), ['2 ▷ ^A0', 'open'])
    assert.equal(subject.machine.held!.link, 2)
    assert.equal(subject.machine.counters.sessions, 2)
    assert.equal(subject.machine.counters.dials, 2)
  })

  test('is watched with the patience that its transport allows', () => {
    const subject = situations.connecting()
    subject.opens({ bytesRead: 0 })
    subject.welcomes()
    assert.deepEqual(subject.wait(35_000), ['1 ▷ ^P1,0'])
    assert.deepEqual(subject.wait(36_000), [])
    assert.deepEqual(subject.wait(2_000), ['drop 1', 'lost heartbeat-timeout', 'retry 1 in 0', 'dial 2 to resume, retry 1'])
  })
})

describe('a settle callback', () => {
  const subjectAt = (settle: (subject: Subject) => void) => {
    const subject = situations.open()
    for (const data of ['a', 'b', 'c']) subject.machine.submit(0, { data, bytes: 1, settle: () => settle(subject) })
    subject.said()
    return subject
  }

  test('may send', () => {
    let count = 0
    const subject = subjectAt(({ machine, now }) => machine.submit(now, entry(`after ${++count}`)))
    assert.deepEqual(subject.acks(2), ['1 ▷ after 1', '1 ▷ after 2'])
    assert.deepEqual(subject.acks(4), ['1 ▷ after 3'])
    assert.equal(subject.machine.held!.session.outbox.length, 2)
    assert.equal(subject.machine.held!.session.sent, 6)
  })

  test('may abort, and what was acknowledged is not given back', () => {
    let count = 0
    const subject = subjectAt(({ machine, now }) => {
      if (++count === 1) machine.abort(now)
    })
    assert.deepEqual(subject.acks(2), ['close 1 with 3805', 'error, end 1006 aborted'])
    assert.equal(count, 2)
    assert.deepEqual(subject.unsent, ['c'])
    assert.equal(subject.state, 'closed')
  })

  test('may close, or ask for a fresh link', () => {
    let count = 0
    const closed = subjectAt((subject) => {
      if (++count === 1) subject.machine.close(subject.now, subject.wall, 1000, '')
    })
    assert.deepEqual(closed.acks(3), ['1 ▷ ^F 1000'])
    closed.acks(4)
    assert.equal(closed.finishes().at(-1), 'end 1000 client')
    count = 0
    const reconnected = subjectAt((subject) => {
      if (++count === 1) subject.machine.reconnect(subject.now, subject.wall)
    })
    assert.deepEqual(reconnected.acks(2), ['drop politely 1', 'lost client', 'dial 2 to resume'])
    assert.deepEqual(reconnected.opens(), ['2 ▷ ^R 1, received 0'])
    assert.deepEqual(reconnected.splices({ recv: 2 }), ['2 ▷ c', 'resumed after 0, replayed 0, resent 1'])
  })

  test('may send while a splice tells what arrived', () => {
    let count = 0
    const subject = subjectAt(({ machine, now }) => machine.submit(now, entry(`after ${++count}`)))
    subject.fails()
    subject.wait(500)
    subject.opens()
    assert.deepEqual(subject.splices({ recv: 2 }), ['2 ▷ c', '2 ▷ after 1', '2 ▷ after 2', 'resumed after 500, replayed 0, resent 1'])
  })
})

describe('setting up a session', () => {
  test('comes after open and before the queue', () => {
    const subject = situations.greeting({ hasSetup: true })
    subject.queues('a')
    assert.deepEqual(subject.welcomes(), ['1 ▷ ^A0', 'open', 'first setup'])
    assert.equal(subject.state, 'settling')
    assert.deepEqual(subject.submits('in the set-up'), ['1 ▷ in the set-up'])
    assert.equal(subject.machine.queued, 1)
    assert.deepEqual(subject.settles(), ['1 ▷ a'])
    assert.equal(subject.state, 'open')
    assert.equal(subject.machine.queued, 0)
    assert.deepEqual(subject.settles(), [])
  })

  test('goes on over the loss of a link, and ends on the next', () => {
    const subject = situations.settling()
    subject.queues('a')
    subject.fails()
    subject.wait(500)
    assert.deepEqual(subject.resumes(), ['resumed after 500, replayed 0, resent 0'])
    assert.equal(subject.state, 'settling')
    assert.deepEqual(subject.settles(1), ['2 ▷ a'])
    assert.equal(subject.state, 'open')
  })

  test('may end while no link is there', () => {
    const subject = situations.settling()
    subject.queues('a')
    subject.fails()
    assert.deepEqual(subject.settles(1), [])
    assert.equal(subject.state, 'waiting')
    subject.wait(500)
    assert.deepEqual(subject.resumes(), ['2 ▷ a', 'resumed after 500, replayed 0, resent 1'])
    assert.equal(subject.state, 'open')
  })

  test('of a session that is over settles nothing of the next', () => {
    const subject = situations.settling()
    subject.queues('a')
    subject.fails()
    subject.wait(500)
    subject.opens()
    subject.refuses('expired')
    assert.deepEqual(subject.welcomes(), ['2 ▷ ^A0', 'open', 'setup'])
    assert.deepEqual(subject.settles(1), [])
    subject.machine.setupFailed(subject.now, 1, error)
    assert.deepEqual(subject.said(), [])
    assert.equal(subject.state, 'settling')
    assert.deepEqual(subject.settles(2), ['2 ▷ a'])
  })

  test('that fails ends the session and counts as a failed try', () => {
    const subject = situations.settling()
    subject.machine.setupFailed(subject.now, 1, error)
    assert.deepEqual(subject.said(), ['close 1 with 3805', 'error, end 1006 setup, goes on', 'retry 1 in 1000'])
    assert.equal(subject.last('end').error, error)
  })

  test('that fails while the link is away ends it as well, and the next link is for a new session', () => {
    const subject = situations.settling()
    subject.fails()
    subject.machine.setupFailed(subject.now, 1, error)
    assert.deepEqual(subject.said(), ['error, end 1006 setup, goes on'])
    assert.deepEqual(subject.wait(500), ['dial 2, retry 1'])
  })

  test('cannot fail once it is done', () => {
    const subject = situations.open()
    subject.machine.setupFailed(subject.now, 1, error)
    assert.deepEqual(subject.said(), [])
    assert.equal(subject.state, 'open')
  })
})

test('a link that closes before the splice with a code for strangers is no refusal of the session', () => {
  const subject = situations.resuming()
  subject.fails({ ...byServer(4401), cause: 'auth' }, 2)
  assert.equal(subject.state, 'waiting')
  assert.equal(subject.machine.lastClose?.cause, 'server')
})

describe('a queue', () => {
  test('moves into the session, in order, after open', () => {
    const subject = situations.greeting()
    assert.deepEqual(subject.queues('a', 'b'), [])
    assert.deepEqual(subject.welcomes(), ['1 ▷ ^A0', 'open', '1 ▷ a', '1 ▷ b'])
    assert.equal(subject.machine.queued, 0)
    assert.equal(subject.machine.held!.session.sent, 2)
  })

  test('with somebody who waits for the peer asks for its acknowledgement as it moves in', () => {
    const subject = situations.greeting()
    subject.machine.send({ data: 'a', bytes: 1, settle: () => {} })
    assert.deepEqual(subject.welcomes(), ['1 ▷ ^A0', 'open', '1 ▷ a', '1 ▷ ^P1,0'])
  })

  test('moves into a session whose link is away', () => {
    const subject = situations.waiting()
    assert.deepEqual(subject.queues('a'), [])
    assert.equal(subject.machine.queued, 0)
    assert.equal(subject.machine.held!.session.sent, 1)
    subject.wait(500)
    assert.deepEqual(subject.resumes(), ['2 ▷ a', 'resumed after 500, replayed 0, resent 1'])
  })

  test('goes before the close', () => {
    const subject = situations.open()
    subject.machine.send(entry('a'))
    assert.deepEqual(subject.close(1000), ['1 ▷ a', '1 ▷ ^F 1000'])
  })

  test('does not move into a session that was not set up, and comes back with its end', () => {
    const subject = situations.settling()
    subject.queues('a')
    assert.deepEqual(subject.close(1000), ['1 ▷ ^F 1000'])
    subject.acks(1)
    assert.deepEqual(subject.finishes(), ['1 ▷ ^A1', 'close 1 with 1000', 'end 1000 client'])
    assert.deepEqual(subject.unsent, ['a'])
  })

  test('does not move into a session that the server is ending, and goes to the next', () => {
    const subject = situations.open()
    assert.deepEqual(subject.finishes(1012), ['1 ▷ ^A1', '1 ▷ ^F 1012'])
    assert.deepEqual(subject.queues('a'), [])
    assert.deepEqual(subject.acks(1), ['close 1 with 1000', 'end 1012 drain, goes on', 'retry 1 in 500'])
    assert.deepEqual(subject.unsent, [])
    subject.wait(500)
    subject.opens()
    assert.deepEqual(subject.welcomes(), ['2 ▷ ^A0', 'open', '2 ▷ a'])
  })

  test('follows what the session gives back when everything ends', () => {
    const subject = situations.settling()
    subject.submits('sent')
    subject.queues('queued')
    subject.abort()
    assert.deepEqual(subject.unsent, ['sent', 'queued'])
  })
})

describe('a link that is lost', () => {
  test('is followed by a resumption, told with how long it was away and what comes again', () => {
    const subject = situations.open()
    subject.submits('a', 'b', 'c')
    subject.acks(1)
    subject.hears('x', 'y')
    assert.deepEqual(subject.fails(), ['drop 1', 'lost network', 'retry 1 in 500'])
    assert.equal(subject.state, 'waiting')
    subject.submits('d')
    assert.deepEqual(subject.wait(500), ['dial 2 to resume, retry 1'])
    subject.now += 250
    assert.deepEqual(subject.opens(), ['2 ▷ ^R 1, received 2'])
    assert.equal(subject.state, 'greeting')
    assert.deepEqual(subject.splices({ recv: 2, base: 2, sent: 5 }), ['2 ▷ c', '2 ▷ d', 'resumed after 750, replayed 3, resent 2'])
    assert.equal(subject.state, 'open')
    assert.deepEqual(subject.hears('z'), ['got z'])
    assert.ok(!subject.outputs.some(({ kind }) => kind === 'end' || kind === 'failed'))
    assert.equal(subject.machine.counters.sessions, 1)
    assert.equal(subject.machine.counters.links, 2)
    assert.deepEqual(subject.machine.counters.failures, { network: 1 })
  })

  test('is followed by a resumption on a strict socket as well', () => {
    const subject = situations.open(strict)
    assert.deepEqual(subject.fails(), ['drop 1', 'lost network', 'retry 1 in 500'])
    assert.deepEqual(subject.wait(500), ['dial 2 to resume, retry 1'])
    subject.opens()
    assert.deepEqual(subject.splices(), ['resumed after 500, replayed 0, resent 0'])
  })

  test('delivers nothing any more', () => {
    const subject = situations.waiting()
    assert.deepEqual(subject.hearsOn(1, 'late'), [])
    assert.equal(subject.machine.held!.session.inbox.delivered, 0)
  })

  test('leaves an acknowledgement to the next, at once if the server does not know what was delivered', () => {
    const subject = situations.open()
    subject.hears('x', 'y', 'z')
    subject.fails()
    subject.wait(500)
    subject.opens()
    assert.deepEqual(subject.splices({ base: 1, sent: 3 }), ['2 ▷ ^A3', 'resumed after 500, replayed 2, resent 0'])
    assert.deepEqual(subject.hears('y', 'z', 'new'), ['got new'])
  })

  for (const close of [1000, 1001, 1008, 1012, 3000, 3802, 3804, 4000, 4404].map((code) => byServer(code))) {
    test(`with ${close.code} is no more than lost`, () => {
      for (const overrides of [{}, strict]) {
        const subject = situations.open(overrides)
        assert.deepEqual(subject.fails(close), ['drop 1', 'lost server', 'retry 1 in 500'])
      }
    })
  }

  for (const code of [3000, 3003, 4401, 4403]) {
    test(`with ${code} is no more than lost, though it speaks of who we are`, () => {
      const subject = situations.open()
      assert.deepEqual(subject.fails({ ...byServer(code), cause: 'auth' }), ['drop 1', 'lost auth', 'retry 1 in 500'])
    })
  }

  for (const code of [1002, 1003, 1007, 1009]) {
    test(`with ${code} by the peer ends the session`, () => {
      for (const overrides of [{}, strict]) {
        const subject = situations.open(overrides)
        subject.submits('a')
        assert.equal(subject.fails(byServer(code, 'no')).at(-1), `end ${code} no`)
        assert.equal(subject.state, 'closed')
        assert.deepEqual(subject.unsent, ['a'])
        assert.equal(subject.last('end').exact, false)
        assert.equal(subject.last('end').close.wasClean, false)
      }
    })
  }

  test('with 3805 ends the session, which the server has ended', () => {
    const subject = situations.open()
    assert.ok(subject.fails(byServer(3805)).includes('error, end 1006 session-lost:abandoned, goes on'))
    assert.deepEqual(subject.wait(1_000).slice(-1), ['dial 2, retry 1'])
  })

  test('with 3806 ends the session, in which the server found a violation', () => {
    const subject = situations.open()
    assert.ok(subject.fails(byServer(3806, 'a gap')).includes('error, end 1006 a gap, goes on'))
    assert.equal(subject.last('end').close.cause, 'protocol')
  })

  test('with 3801 by another holder ends the session: it is taken over', () => {
    const subject = situations.open(strict)
    assert.ok(subject.fails(byServer(3801, `${otherCid}.1`)).includes('error, end 1006 taken-over'))
  })

  test('with 3801 by an attempt of ours that is not in flight is no more than lost', () => {
    const subject = situations.resuming()
    subject.splices()
    assert.deepEqual(subject.fails(byServer(3801, `${cid}.1`)), ['drop 2', 'lost server', 'retry 2 in 2000'])
  })

  test('ends the session where the application will not go on', () => {
    const subject = situations.open({ shouldRetry: () => false })
    subject.submits('a')
    assert.ok(subject.fails().includes('error, end 1006 network'))
    assert.equal(subject.state, 'closed')
    assert.deepEqual(subject.unsent, ['a'])
  })

  test('does not end the session under its own code where the application will not go on', () => {
    for (const overrides of [{}, strict]) {
      const subject = situations.open({ ...overrides, shouldRetry: () => false })
      assert.deepEqual(subject.fails(byServer(4000, 'bye')), ['drop 1', 'lost server', 'error, end 1006 server'])
      assert.deepEqual(subject.last('end').close, abnormalClose('server'))
      assert.equal(subject.last('end').error, error)
    }
  })

  test('is asked after 35 s of silence and given up 5 s later, which is a local cause', () => {
    const subject = situations.open()
    assert.deepEqual(subject.wait(34_999), [])
    assert.deepEqual(subject.wait(1), ['1 ▷ ^P1,0'])
    assert.deepEqual(subject.wait(4_999), [])
    assert.deepEqual(subject.wait(1), ['drop 1', 'lost heartbeat-timeout', 'retry 1 in 0', 'dial 2 to resume, retry 1'])
    assert.equal(subject.machine.pings, 1)
  })

  test('was asked with a message after 30 s of silence', () => {
    const subject = situations.open()
    subject.wait(30_000)
    assert.deepEqual(subject.submits('a'), ['1 ▷ a'])
    subject.wait(1)
    assert.deepEqual(subject.submits('b'), ['1 ▷ ^P1,0', '1 ▷ b'])
    assert.deepEqual(subject.submits('c'), ['1 ▷ c'])
  })

  test('is given up when a write stands still, which is a local cause as well', () => {
    const subject = situations.open()
    subject.gauges.get(1)!.backlog = 10
    assert.deepEqual(subject.wait(12_000), ['drop 1', 'lost write-timeout', 'retry 1 in 0', 'dial 2 to resume, retry 1'])
  })

  test('numbers the pings of the next link on from its own', () => {
    const subject = situations.open()
    subject.wait(40_000)
    subject.resumes()
    assert.deepEqual(subject.wait(35_000), ['2 ▷ ^P2,0'])
    assert.equal(subject.machine.pings, 2)
    subject.machine.held!.session.ask()
    assert.deepEqual(subject.said(), ['2 ▷ ^P3,0'])
    assert.equal(subject.machine.pings, 3)
    subject.machine.abort(subject.now)
    assert.equal(subject.machine.pings, 3, 'also when the session is over')
  })

  test('is told nothing of what arrives while the reader pauses, and all of it when he goes on', () => {
    const subject = situations.open()
    subject.machine.pause()
    assert.deepEqual(subject.hears('x'), ['got x'])
    assert.deepEqual(subject.wait(10_000), [])
    subject.machine.resume(subject.now)
    assert.deepEqual(subject.said(), ['1 ▷ ^A1'])
  })

  test('is watched while the reader pauses, who is told to be alive and is answered', () => {
    const subject = situations.open()
    subject.machine.pause()
    subject.hears('x')
    assert.deepEqual(subject.hearsControl({ kind: 'ping', id: 1, count: 0 }), ['1 ▷ ^O1,0'])
    assert.deepEqual(subject.wait(35_000), ['1 ▷ ^P1,0'])
    assert.deepEqual(subject.wait(5_000), ['drop 1', 'lost heartbeat-timeout', 'retry 1 in 0', 'dial 2 to resume, retry 1'])
    subject.opens()
    assert.deepEqual(subject.splices({ sent: 1 }), ['resumed after 0, replayed 1, resent 0'])
    assert.deepEqual(subject.wait(10_000), [])
    subject.machine.resume(subject.now)
    assert.deepEqual(subject.said(), ['2 ▷ ^A1'])
  })

  test('may be away while the reader pauses and goes on', () => {
    const subject = situations.open()
    subject.hears('x')
    subject.fails()
    subject.machine.pause()
    subject.wait(500)
    subject.opens()
    assert.deepEqual(subject.splices({ sent: 1 }), ['resumed after 500, replayed 1, resent 0'])
    subject.fails()
    subject.machine.resume(subject.now)
    subject.run(subject.machine.deadline)
    subject.opens()
    assert.deepEqual(subject.splices({ sent: 1 }).slice(0, 1), ['3 ▷ ^A1'])
  })

  test('has been of no use three times with the same message: the message ends the session', () => {
    const subject = situations.open()
    subject.submits('poison')
    for (let link = 1; link < 3; link++) {
      subject.fails(byServer(1011))
      subject.run(subject.machine.deadline)
      subject.resumes()
    }
    assert.equal(subject.fails(byServer(1011)).at(-1), 'end 1009 message 1 did not get through on 3 links in a row')
    assert.deepEqual(subject.unsent, ['poison'])
    assert.equal(subject.state, 'closed')
  })

  test('has been given up by a server that heard nothing, again and again: that is no message’s doing', () => {
    const subject = situations.open()
    subject.submits('written as it fell asleep')
    for (let link = 1; link <= 4; link++) {
      subject.fails(byServer(3804))
      subject.run(subject.machine.deadline)
      subject.resumes()
    }
    assert.equal(subject.state, 'open')
  })
})

describe('the first retry', () => {
  test('waits a random time up to the spread of the server', () => {
    for (const [lot, delay] of [
      [0, 0],
      [0.25, 250],
      [0.999, 999],
    ] as const) {
      const subject = situations.open({ random: () => lot })
      assert.deepEqual(subject.fails().slice(-1), [`retry 1 in ${delay}`])
    }
  })

  test('goes by the last spread that was told', () => {
    const subject = situations.open()
    subject.hearsControl({ kind: 'ping', id: 1, count: 0, spread: 80 })
    assert.deepEqual(subject.fails().slice(-1), ['retry 1 in 40'])
    subject.wait(40)
    subject.resumes({ spread: 60 })
    subject.hears('progress')
    assert.deepEqual(subject.fails().slice(-1), ['retry 1 in 30'])
  })

  test('waits for a third of the ttl at most, whatever spread the server asks for', () => {
    const subject = situations.greeting({ random: () => 0.5 })
    subject.welcomes({ spread: 300_000 })
    assert.deepEqual(subject.fails().slice(-1), ['retry 1 in 50000'])
    const told = situations.open()
    told.hearsControl({ kind: 'ping', id: 1, count: 0, spread: 2 ** 53 - 1 })
    assert.deepEqual(told.fails().slice(-1), ['retry 1 in 50000'])
  })

  test('is one of five within ten seconds; then a link that keeps breaking backs off', () => {
    const subject = situations.open()
    const delays: string[] = []
    for (let count = 1; count <= 7; count++) {
      subject.hears('progress')
      delays.push(subject.fails().at(-1)!)
      subject.wait(1_000)
      subject.resumes({ base: count })
    }
    assert.deepEqual(delays, [...new Array(5).fill('retry 1 in 500'), 'retry 1 in 1000', 'retry 1 in 1000'])
    subject.wait(10_000)
    subject.hears('progress')
    assert.equal(subject.fails().at(-1), 'retry 1 in 500')
  })

  test('of a new session backs off as ever', () => {
    const subject = situations.greeting()
    assert.equal(subject.fails().at(-1), 'retry 1 in 1000')
  })
})

describe('retries of a session', () => {
  test('back off, and are told of no error', () => {
    const subject = situations.reconnecting()
    assert.deepEqual(subject.fails(), ['retry 2 in 2000'])
    assert.deepEqual(subject.wait(2_000), ['dial 3 to resume, retry 2'])
    assert.deepEqual(subject.opens(), ['3 ▷ ^R 1, received 0'])
    assert.deepEqual(subject.fails(), ['retry 3 in 4000'])
    subject.wait(4_000)
    assert.deepEqual(subject.opens(), ['4 ▷ ^R 2, received 0'])
    assert.deepEqual(subject.wait(10_000), ['drop 4', 'retry 4 in 8000'])
    subject.wait(8_000)
    assert.deepEqual(subject.opens(), ['5 ▷ ^R 3, received 0'])
    assert.deepEqual(subject.hears('data'), ['close 5 with 3806 data before the first frame', 'retry 5 in 16000'])
    assert.deepEqual(subject.wait(1_000), ['drop 5'])
    subject.wait(15_000)
    assert.deepEqual(subject.opens(), ['6 ▷ ^R 4, received 0'])
    assert.deepEqual(subject.welcomes(), ['close 6 with 3806 welcome is out of place here', 'retry 6 in 30000'])
    assert.ok(subject.machine.held)
  })

  test('that fail are counted, and the last of them is what is known of the connection', () => {
    const subject = situations.waiting()
    assert.deepEqual(subject.machine.counters.failures, { network: 1 })
    subject.wait(500)
    subject.fails(refusedUpgrade(503))
    assert.deepEqual(subject.machine.lastClose, refusedUpgrade(503))
    subject.wait(2_000)
    subject.opens()
    subject.fails(byServer(1011, 'oops'))
    assert.deepEqual(subject.machine.lastClose, abnormalClose('server'))
    subject.wait(4_000)
    subject.wait(10_000)
    assert.deepEqual(subject.machine.lastClose, abnormalClose('connect-timeout'))
    assert.deepEqual(subject.machine.counters.failures, { network: 1, server: 2, 'connect-timeout': 1 })
  })

  test('that are used up end a strict socket', () => {
    const subject = situations.reconnecting({ ...strict, retry: { ...retry, maxRetries: 1 } })
    subject.submits('a')
    assert.deepEqual(subject.fails().slice(-1), ['error, end 1006 retries-exhausted'])
    assert.equal(subject.last('end').error, error)
    assert.equal(subject.state, 'closed')
    assert.deepEqual(subject.unsent, ['a'])
    assert.equal(subject.last('end').exact, false)
  })

  test('that are used up suspend a reconnecting one with its session', () => {
    const subject = situations.reconnecting({ retry: { ...retry, maxRetries: 1 } })
    assert.deepEqual(subject.fails(), ['giveup'])
    assert.equal(subject.state, 'suspended')
    assert.ok(subject.machine.held)
    assert.equal(subject.machine.counters.giveups, 1)
    assert.deepEqual(subject.last('giveup').close, { ...network, cause: 'retries-exhausted' })
  })

  test('that are used up leave the session to a person, until its ttl has passed', () => {
    const subject = situations.suspended()
    subject.submits('a')
    assert.equal(subject.machine.deadline, 300_000)
    assert.deepEqual(subject.run(299_999), [])
    assert.deepEqual(subject.run(300_000), ['error, end 1006 session-lost:expired, goes on'])
    assert.deepEqual(subject.unsent, ['a'])
    assert.equal(subject.state, 'suspended')
    assert.equal(subject.machine.held, undefined)
    assert.equal(subject.machine.deadline, Infinity)
    assert.deepEqual(subject.hint('online'), ['dial 2'])
  })

  test('that are used up are followed by another try when somebody is there, and the session goes on', () => {
    const subject = situations.suspended()
    subject.wait(1_000)
    assert.deepEqual(subject.hint('wake'), ['dial 2 to resume'])
    assert.deepEqual(subject.resumes(), ['resumed after 1000, replayed 0, resent 0'])
  })

  test('count anew after progress in either direction, and not without', () => {
    for (const [progress, attempt] of [
      [(subject: Subject) => subject.hears('x'), 1],
      [(subject: Subject) => [...subject.submits('a'), ...subject.acks(1)], 1],
      [(subject: Subject) => subject.submits('a'), 3],
    ] as const) {
      const subject = situations.reconnecting()
      subject.fails()
      subject.wait(2_000)
      subject.resumes()
      assert.equal(subject.attempt, 2)
      progress(subject)
      subject.fails()
      assert.equal(subject.attempt, attempt)
    }
  })

  test('count anew after progress that only the splice tells of', () => {
    const subject = situations.open()
    subject.submits('a')
    subject.fails()
    subject.wait(500)
    subject.resumes({ recv: 1 })
    subject.fails()
    assert.equal(subject.attempt, 1)
  })

  test('count anew once a link was stable', () => {
    for (const [uptime, attempt] of [
      [29_999, 2],
      [30_000, 1],
    ] as const) {
      const subject = situations.reconnecting()
      subject.resumes()
      subject.wait(uptime)
      subject.fails()
      assert.equal(subject.attempt, attempt)
    }
  })

  test('end with a refused upgrade, which ends the session; the socket goes on if the refusal says so', () => {
    const subject = situations.reconnecting()
    assert.deepEqual(subject.fails(refusedUpgrade(404)).slice(-1), ['error, end 1006 server'])
    const busy = situations.reconnecting()
    assert.deepEqual(busy.fails(refusedUpgrade(503)), ['retry 2 in 2000'])
  })

  test('end with a refused upgrade that tells its status and is no clean end', () => {
    const subject = situations.reconnecting(strict)
    subject.fails({ ...refusedUpgrade(410), code: 4410, reason: 'gone', wasClean: true })
    assert.deepEqual(subject.last('end').close, refusedUpgrade(410))
  })

  test('end where the application will not go on, and not under the code of a link', () => {
    const subject = situations.resuming({ shouldRetry: ({ cause }) => cause !== 'server' })
    assert.deepEqual(subject.fails(byServer(4000, 'bye')), ['error, end 1006 server'])
    assert.deepEqual(subject.last('end').close, abnormalClose('server'))
    assert.equal(subject.state, 'closed')
  })
})

describe('an announced retry', () => {
  test('says what went wrong, also for a redial that nobody but the log is told of', () => {
    const subject = situations.waiting()
    subject.wait(1_000)
    subject.machine.linkClosed(subject.now, subject.link, network, new Error('nobody listens there'))
    subject.said()
    assert.equal(subject.last('retry').error.message, 'nobody listens there')
  })
})

describe('a splice', () => {
  const subjectAt = (overrides?: Partial<ClientConfig>) => {
    const subject = situations.open(overrides)
    subject.submits('a', 'b', 'c')
    subject.acks(2)
    subject.hears('x', 'y')
    subject.fails()
    subject.wait(500)
    subject.opens()
    return subject
  }

  for (const [name, fields] of [
    ['forgot what it acknowledged', { recv: 1, base: 2 }],
    ['has what was never sent', { recv: 4, base: 2 }],
    ['goes on behind what was delivered', { recv: 2, base: 3 }],
    ['goes on behind what it numbered', { recv: 2, base: 2, sent: 1 }],
  ] as const) {
    test(`of a server that ${name} loses the session`, () => {
      const subject = subjectAt()
      assert.deepEqual(subject.splices(fields), ['close 2 with 3805', 'error, end 1006 session-lost:state, goes on', 'retry 2 in 2000'])
      assert.deepEqual(subject.unsent, ['c'])
      assert.equal(subject.last('end').exact, false)
      const only = subjectAt(strict)
      assert.deepEqual(only.splices(fields), ['close 2 with 3805', 'error, end 1006 session-lost:state'])
    })
  }

  test('that finds both ends where they were is followed by the next message', () => {
    const subject = subjectAt()
    assert.deepEqual(subject.splices({ recv: 3, base: 2 }), ['resumed after 500, replayed 0, resent 0'])
    assert.deepEqual(subject.submits('d'), ['2 ▷ d'])
    assert.deepEqual(subject.hears('z'), ['got z'])
  })

  test('that was lost is made good by the next attempt', () => {
    const subject = subjectAt()
    subject.fails()
    subject.wait(2_000)
    assert.deepEqual(subject.opens(), ['3 ▷ ^R 2, received 2'])
    assert.deepEqual(subject.splices({ recv: 3, base: 2 }), ['resumed after 2500, replayed 0, resent 0'])
  })

  test('on a link that is live already is a violation', () => {
    const subject = situations.open()
    const reason = 'spliced is out of place here'
    assert.deepEqual(subject.splices(), [`close 1 with 3806 ${reason}`, `error, end 1006 ${reason}, goes on`, 'retry 1 in 1000'])
  })

  test('without a session to splice fails the attempt', () => {
    const subject = situations.greeting()
    assert.deepEqual(subject.splices(), ['close 1 with 3806 spliced is out of place here', 'failed: protocol', 'retry 1 in 1000'])
  })
})

describe('a violation on a link that carries the session', () => {
  for (const [name, payloads, reason] of [
    ['a frame that makes no sense', ['Q'], 'not a frame of this protocol: Q'],
    ['an acknowledgement of what was not sent', [encode({ kind: 'ack', count: 1 })], 'an acknowledgement of 1 messages, but 0 were sent'],
    ['a message behind the last', [encode({ kind: 'finish', code: 1000, reason: '' }), 'more'], 'a message behind the last one'],
  ] as const) {
    test(`ends it at once, ${name} for instance`, () => {
      const subject = situations.open(strict)
      const said = subject.hears(...payloads)
      assert.deepEqual(said.slice(-2), [`close 1 with 3806 ${reason}`, `error, end 1006 ${reason}`])
      assert.equal(subject.last('end').close.cause, 'protocol')
      assert.equal(subject.last('end').error?.message, reason)
      assert.deepEqual(subject.hearsOn(1, 'after'), [])
    })
  }

  test('may be a message that is missing', () => {
    const subject = situations.open(strict)
    subject.hears('x')
    subject.fails()
    subject.wait(500)
    subject.resumes({ base: 0, sent: 2 })
    assert.deepEqual(subject.hears('x', 'y'), ['got y'])
  })

  test('is not a frame that may be missed', () => {
    const subject = situations.open()
    assert.deepEqual(subject.hears('z{}'), [])
    assert.equal(subject.state, 'open')
  })
})

describe('a refusal', () => {
  test('because the server is full is no try: it waits as long as it is told, however often', () => {
    const subject = situations.resuming({ retry: { ...retry, maxRetries: 1 } })
    for (let count = 0; count < 5; count++) {
      assert.deepEqual(subject.refuses('busy', { after: 1_500 }), [`close ${subject.link} with 3803`, 'retry 1 in 1500'])
      assert.deepEqual(subject.wait(1_499).slice(1), [])
      assert.deepEqual(subject.wait(1), [`dial ${subject.link} to resume, retry 1`])
      assert.deepEqual(subject.opens(), [`${subject.link} ▷ ^R ${count + 2}, received 0`])
    }
    assert.deepEqual(subject.splices(), ['resumed after 8000, replayed 0, resent 0'])
  })

  test('because the server is full is no failure of a new session either, on a strict socket as well', () => {
    for (const overrides of [{}, strict]) {
      const subject = situations.greeting(overrides)
      assert.deepEqual(subject.refuses('busy', { after: 2_000 }), ['close 1 with 3803', 'retry 0 in 2000'])
      assert.deepEqual(subject.wait(2_000), ['drop 1', 'dial 2'])
      subject.opens()
      assert.deepEqual(subject.welcomes(), ['2 ▷ ^A0', 'open'])
      assert.deepEqual(subject.machine.counters.failures, {})
    }
  })

  test('because the server is full, without a word of when, is no try either', () => {
    const subject = situations.resuming()
    assert.deepEqual(subject.refuses('busy'), ['close 2 with 3803', 'retry 1 in 1000'])
    assert.ok(subject.machine.held)
    subject.wait(1_000)
    subject.fails()
    subject.wait(2_000)
    assert.equal(subject.attempt, 2)
    subject.opens()
    assert.deepEqual(subject.refuses('busy'), ['close 4 with 3803', 'retry 2 in 1000'])
    assert.deepEqual(situations.greeting(strict).refuses('busy'), ['close 1 with 3803', 'retry 0 in 1000'])
  })

  test('because the server is full is not hurried by a hint', () => {
    const subject = situations.resuming()
    subject.refuses('busy', { after: 20_000 })
    assert.deepEqual(subject.hint('online'), [])
    assert.deepEqual(subject.wait(19_999), ['drop 2'])
    assert.deepEqual(subject.wait(1), ['dial 3 to resume, retry 1'])
  })

  test('because the server is full waits for the network, where there is none', () => {
    const subject = situations.resuming()
    subject.hint('offline')
    assert.deepEqual(subject.refuses('busy', { after: 10 }), ['close 2 with 3803'])
    assert.deepEqual(subject.wait(2_000), ['drop 2'])
    assert.deepEqual(subject.hint('online'), ['dial 3 to resume, retry 1'])
  })

  test('that names another server is followed at once, three times in a row', () => {
    const subject = situations.resuming()
    for (const [index, url] of ['ws://b/', 'ws://c/', 'ws://d/'].entries()) {
      const link = subject.link
      assert.deepEqual(subject.refuses('moved', { url }), [`close ${link} with 3803`, `dial ${link + 1} to resume, retry 1 at ${url}`])
      assert.deepEqual(subject.opens(), [`${link + 1} ▷ ^R ${index + 2}, received 0`])
    }
    assert.deepEqual(subject.refuses('moved', { url: 'ws://e/' }), ['close 5 with 3803', 'retry 2 in 2000'])
    assert.deepEqual(subject.wait(2_000), ['drop 2', 'drop 3', 'drop 4', 'drop 5', 'dial 6 to resume, retry 2'])
  })

  test('that names another server counts hops anew once a link carried the session, and stays there', () => {
    const subject = situations.resuming()
    subject.refuses('moved', { url: 'ws://b/' })
    subject.resumes()
    subject.hears('progress')
    subject.fails()
    assert.deepEqual(subject.wait(500), ['dial 4 to resume, retry 1 at ws://b/'])
    subject.opens()
    for (const url of ['ws://c/', 'ws://d/', 'ws://b/']) {
      assert.match(subject.refuses('moved', { url }).at(-1)!, /^dial/)
      subject.opens()
    }
  })

  test('that names another server counts hops anew once nobody useful was there', () => {
    const subject = situations.resuming()
    for (const url of ['ws://b/', 'ws://c/', 'ws://d/']) {
      assert.match(subject.refuses('moved', { url }).at(-1)!, /^dial/)
      if (url !== 'ws://d/') subject.opens()
    }
    assert.deepEqual(subject.fails(), ['retry 2 in 2000'])
    assert.deepEqual(subject.wait(2_000).slice(-1), ['dial 6 to resume, retry 2'])
    subject.opens()
    assert.match(subject.refuses('moved', { url: 'ws://b/' }).at(-1)!, /^dial 7 to resume, retry 2 at ws:\/\/b\/$/)
  })

  test('that names another server of a new session is followed as well, and left when nobody is there', () => {
    const subject = situations.greeting()
    assert.deepEqual(subject.refuses('moved', { url: 'ws://b/' }), ['close 1 with 3803', 'dial 2 at ws://b/'])
    assert.deepEqual(subject.fails(), ['failed: network', 'retry 1 in 1000'])
    assert.deepEqual(subject.wait(1_000), ['drop 1', 'dial 3, retry 1'])
  })

  for (const fields of [{}, { url: 'ws://elsewhere/' }]) {
    test(`that names ${fields.url ? 'a server that may not be followed' : 'no other server'} is a failed attempt`, () => {
      const subject = situations.resuming()
      assert.deepEqual(subject.refuses('moved', fields), ['close 2 with 3803', 'retry 2 in 2000'])
      assert.ok(subject.machine.held)
      const fresh = situations.greeting()
      assert.deepEqual(fresh.refuses('moved', fields), ['close 1 with 3803', 'failed: session-lost', 'retry 1 in 1000'])
      assert.match(fresh.last('failed').error.message, /the server refused the session: moved/)
      const only = situations.greeting(strict)
      assert.deepEqual(only.refuses('moved', fields), ['close 1 with 3803', 'error, end 1006 session-lost:moved'])
    })
  }

  for (const why of ['unknown', 'expired', 'state'] as const) {
    test(`with ${why} loses the session`, () => {
      const subject = situations.resuming()
      subject.submits('a')
      assert.deepEqual(subject.refuses(why), [`error, end 1006 session-lost:${why}, goes on`, '2 ▷ ^N{}'])
      assert.equal(subject.last('end').error?.message, `the server refused the session: ${why}`)
      assert.deepEqual(subject.unsent, ['a'])
      assert.equal(subject.last('end').exact, false)
      assert.deepEqual(situations.resuming(strict).refuses(why), ['close 2 with 3803', `error, end 1006 session-lost:${why}`])
    })
  }

  for (const why of ['auth', 'origin'] as const) {
    test(`with ${why} ends the session, and says that it is about who we are`, () => {
      const subject = situations.resuming(strict)
      assert.equal(subject.refuses(why).at(-1), `error, end 1006 session-lost:${why}`)
      assert.equal(subject.last('end').close.cause, 'auth')
    })
  }

  for (const why of ['auth', 'origin'] as const) {
    test(`with ${why} is final for a socket that reconnects, with a session or without`, () => {
      const subject = situations.resuming()
      assert.deepEqual(subject.refuses(why), ['close 2 with 3803', `error, end 1006 session-lost:${why}`])
      assert.equal(subject.last('end').close.cause, 'auth')
      assert.equal(subject.state, 'closed')
      const fresh = situations.greeting()
      assert.deepEqual(fresh.refuses(why), ['close 1 with 3803', `error, end 1006 session-lost:${why}`])
      assert.equal(fresh.state, 'closed')
    })

    test(`with ${why} is followed by one more try where that may bring a fresh credential`, () => {
      const subject = situations.resuming({ canRefresh: true })
      assert.deepEqual(subject.refuses(why), ['close 2 with 3803', `error, end 1006 session-lost:${why}, goes on`, 'retry 2 in 2000'])
      assert.deepEqual(subject.wait(2_000), ['drop 2', 'dial 3, retry 2'])
      subject.opens()
      assert.deepEqual(subject.refuses(why), ['close 3 with 3803', `error, end 1006 session-lost:${why}`])
      const fresh = situations.greeting({ canRefresh: true })
      assert.deepEqual(fresh.refuses(why), ['close 1 with 3803', 'failed: auth', 'retry 1 in 1000'])
      fresh.wait(1_000)
      fresh.opens()
      assert.deepEqual(fresh.refuses(why), ['close 2 with 3803', `error, end 1006 session-lost:${why}`])
    })
  }

  test('with stale means that the session is taken over', () => {
    const subject = situations.resuming(strict)
    assert.equal(subject.refuses('stale').at(-1), 'error, end 1006 taken-over')
  })

  const subjectAt = (overrides?: Partial<ClientConfig>) => {
    const subject = situations.open(overrides)
    subject.submits('a', 'b', 'c', 'd')
    subject.acks(1)
    return subject
  }
  const resume = (subject: Subject) => {
    subject.fails()
    subject.run(subject.machine.deadline)
    subject.opens()
  }

  for (const why of ['expired', 'stale', 'state'] as const) {
    test(`with ${why} that tells how much arrived gives back the rest`, () => {
      for (const [recv, unsent] of [
        [1, ['b', 'c', 'd']],
        [3, ['d']],
        [4, []],
      ] as const) {
        const subject = subjectAt(strict)
        resume(subject)
        subject.refuses(why, { recv })
        assert.deepEqual(subject.unsent, unsent)
        assert.equal(subject.last('end').exact, why !== 'state') // what is under way to a session that lives may still arrive
        assert.equal(subject.last('end').close.wasClean, false)
      }
    })
  }

  test('that tells less than was acknowledged, or more than was sent, is not believed', () => {
    for (const recv of [0, 5]) {
      const subject = subjectAt(strict)
      resume(subject)
      subject.refuses('expired', { recv })
      assert.deepEqual(subject.unsent, ['b', 'c', 'd'])
      assert.equal(subject.last('end').exact, false)
    }
  })

  test('that proves that an end was complete makes it clean', () => {
    const subject = subjectAt()
    subject.close(4000, 'bye')
    subject.finishes(4000, 'bye')
    resume(subject)
    assert.equal(subject.refuses('expired', { recv: 5 }).at(-1), 'end 4000 bye')
    assert.equal(subject.last('end').close.wasClean, true)
    assert.deepEqual(subject.unsent, [])
    assert.equal(subject.state, 'closed')
  })
})

describe('a renewal', () => {
  /** The session of the second link is unknown, and a new one is wanted on it. */
  const renewing = (overrides?: Partial<ClientConfig>) => {
    const subject = situations.resuming(overrides)
    assert.equal(subject.refuses('unknown').at(-1), '2 ▷ ^N{}')
    return subject
  }
  /** What follows the news of the end if its application does this about it. */
  const reacting = (react: (subject: Subject) => void) => {
    const subject = situations.resuming()
    subject.machine.receive(subject.now, subject.wall, 2, encode({ kind: 'refused', why: 'unknown' }))
    while (subject.machine.poll()?.kind !== 'end');
    react(subject)
    return subject
  }

  test('is an attempt over the link that is there: it is no failed try, and nothing is waited for', () => {
    const subject = renewing()
    assert.deepEqual([subject.state, subject.attempt, subject.link], ['greeting', 1, 2])
    subject.queues('a')
    subject.wait(9_000)
    assert.deepEqual(subject.welcomes(), ['2 ▷ ^A0', 'open', '2 ▷ a'])
    assert.deepEqual(subject.machine.counters, {
      dials: 2,
      sessions: 2,
      links: 2,
      giveups: 0,
      pings: 0,
      failures: { network: 1, 'session-lost': 1 },
    })
    assert.deepEqual(subject.fails(), ['drop 2', 'lost network', 'retry 2 in 2000'])
  })

  test('has as long as any attempt until its first frame, and backs off then', () => {
    const subject = situations.resuming()
    subject.wait(9_000)
    subject.refuses('unknown')
    assert.deepEqual(subject.wait(9_999), [])
    assert.deepEqual(subject.wait(1), ['drop 2', 'failed: connect-timeout', 'retry 2 in 2000'])
    assert.deepEqual(subject.wait(2_000), ['dial 3, retry 2'])
  })

  test('is a failed attempt when its link dies, or is closed as by a server that renews nothing', () => {
    for (const close of [network, byServer(3803)]) {
      const subject = renewing()
      assert.deepEqual(subject.fails(close), [`failed: ${close.cause}`, 'retry 2 in 2000'])
    }
  })

  test('takes no try, so that it needs none to be left', () => {
    const subject = situations.suspended()
    subject.reconnect()
    subject.opens()
    assert.deepEqual(subject.refuses('expired').slice(-1), ['2 ▷ ^N{}'])
    assert.equal(subject.attempt, 0)
    assert.deepEqual(subject.welcomes(), ['2 ▷ ^A0', 'open'])
  })

  test('is answered like any attempt to begin a session', () => {
    assert.deepEqual(renewing().refuses('busy', { after: 700 }), ['close 2 with 3803', 'retry 1 in 700'])
    assert.deepEqual(renewing().refuses('moved', { url: 'ws://b/' }), ['close 2 with 3803', 'dial 3, retry 1 at ws://b/'])
    assert.deepEqual(renewing().refuses('auth'), ['close 2 with 3803', 'error, end 1006 session-lost:auth'])
    assert.deepEqual(renewing().refuses('unknown'), ['close 2 with 3803', 'failed: session-lost', 'retry 2 in 2000'])
    assert.match(renewing().splices().join(), /^close 2 with 3806 spliced is out of place here,failed: protocol,retry 2/)
    assert.match(renewing().hears('data').join(), /^close 2 with 3806 data before the first frame,failed: protocol,retry 2/)
  })

  test('is not wanted by who has closed the session, or does so when it is told of its end', () => {
    const subject = situations.resuming()
    subject.close(4000, 'bye')
    assert.deepEqual(subject.refuses('unknown'), ['close 2 with 3803', 'error, end 1006 session-lost:unknown'])
    const closing = reacting(({ machine, now, wall }) => machine.close(now, wall, 4000, 'bye'))
    assert.deepEqual(closing.said(), ['drop 2'])
    assert.deepEqual(closing.tick(), ['end 4000 bye'])
    const aborting = reacting(({ machine, now }) => machine.abort(now))
    assert.deepEqual(aborting.said(), ['drop 2'])
  })

  test('is not wanted where its owner asks for another link', () => {
    const subject = reacting(({ machine, now, wall }) => machine.reconnect(now, wall))
    assert.deepEqual(subject.said(), ['drop politely 2', 'dial 3'])
  })

  test('is not wanted if the rule of retries ends it, which is asked once', () => {
    const asked: (readonly [string, number])[] = []
    const shouldRetry = ({ reason }: CloseInfo, attempt: number) => {
      asked.push([reason, attempt])
      return !reason.startsWith('session-lost')
    }
    const subject = situations.resuming({ shouldRetry })
    asked.length = 0
    assert.deepEqual(subject.refuses('unknown'), ['close 2 with 3803', 'error, end 1006 session-lost:unknown'])
    assert.deepEqual(asked, [['session-lost:unknown', 1]])
    const other = situations.resuming({ shouldRetry: () => true })
    assert.deepEqual(other.refuses('unknown').slice(-1), ['2 ▷ ^N{}'])
  })

  test('is not wanted at once where the server had ended the session in order: its code says what follows', () => {
    const subject = situations.open()
    subject.finishes(1013, 'later')
    subject.fails()
    subject.wait(500)
    subject.opens()
    assert.deepEqual(subject.refuses('expired', { recv: 1 }), ['close 2 with 3803', 'end 1013 later, goes on', 'retry 2 in 2000'])
  })

  test('keeps the address to which the server sent us while it is of use', () => {
    const moved = () => {
      const subject = situations.resuming()
      subject.refuses('moved', { url: 'ws://b/' })
      subject.opens()
      assert.equal(subject.refuses('unknown').at(-1), '3 ▷ ^N{}')
      return subject
    }
    const subject = moved()
    subject.welcomes()
    subject.hears('progress')
    subject.fails()
    assert.deepEqual(subject.wait(500).slice(-1), ['dial 4 to resume, retry 1 at ws://b/'])
    const lost = moved()
    lost.fails()
    assert.deepEqual(lost.wait(2_000).slice(-1), ['dial 4, retry 2'])
  })

  test('goes on though the platform knows of no network: its link is open', () => {
    const subject = situations.resuming()
    subject.hint('offline')
    assert.equal(subject.refuses('unknown').at(-1), '2 ▷ ^N{}')
    assert.deepEqual(subject.fails(), ['failed: network'])
    subject.hint('online')
    assert.deepEqual(subject.wait(1_000), ['dial 3, retry 1'])
    const answered = situations.resuming()
    answered.hint('offline')
    answered.refuses('unknown')
    assert.deepEqual(answered.welcomes(), ['2 ▷ ^A0', 'open'])
  })

  test('is let go of when the page is put away', () => {
    const subject = renewing()
    assert.deepEqual(subject.hint('hide'), ['drop 2'])
    subject.hint('online')
    assert.deepEqual(subject.wait(1_000), ['dial 3, retry 1'])
  })
})

describe('somebody who does not speak the protocol', () => {
  test('fails a resumption, and the third in a row loses the session', () => {
    for (const overrides of [{}, strict]) {
      const subject = situations.reconnecting(overrides)
      assert.deepEqual(subject.opens({ speaks: false }), ['drop politely 2', 'retry 2 in 2000'])
      subject.wait(2_000)
      assert.deepEqual(subject.opens({ speaks: false }), ['drop politely 3', 'retry 3 in 4000'])
      subject.wait(4_000)
      const said = subject.opens({ speaks: false })
      assert.equal(said[0], 'drop politely 4')
      assert.equal(said.at(-1), 'error, end 1006 session-lost:unsupported')
      assert.equal(subject.last('end').close.cause, 'unsupported')
      assert.equal(subject.state, 'closed')
    }
  })

  test('is forgotten when a link carries the session again', () => {
    const subject = situations.reconnecting()
    subject.opens({ speaks: false })
    subject.wait(2_000)
    subject.opens({ speaks: false })
    subject.wait(4_000)
    subject.resumes()
    subject.hears('progress')
    subject.fails()
    subject.wait(500)
    assert.deepEqual(subject.opens({ speaks: false }), ['drop politely 5', 'retry 2 in 2000'])
    assert.ok(subject.machine.held)
  })
})

describe('close()', () => {
  for (const [name, drops] of [
    ['idle', []],
    ['connecting', ['drop 1']],
    ['greeting', ['drop 1']],
  ] as const) {
    test(`without a session, ${name}, ends with the next tick`, () => {
      const subject = situations[name]()
      assert.deepEqual(subject.close(4000, 'bye'), drops)
      assert.equal(subject.machine.deadline, subject.now)
      assert.deepEqual(subject.tick(), ['end 4000 bye'])
      const only = situations[name](strict)
      only.close(4000, 'bye')
      assert.deepEqual(only.tick(), ['error, end 1006 client'])
    })
  }

  for (const name of ['settling', 'open', 'migrating'] as const) {
    test(`on a link, ${name}, says so behind all that was sent, and ends with the answer`, () => {
      const subject = situations[name]()
      subject.gauges.get(1)!.backlog = 100_000
      subject.submits('a')
      subject.gauges.get(1)!.backlog = 0
      assert.deepEqual(subject.close(4000, 'bye'), ['1 ▷ a', '1 ▷ ^F 4000 bye'])
      assert.deepEqual(subject.close(4001), [])
      assert.deepEqual(subject.acks(2), [])
      const said = subject.finishes(4000, 'bye')
      assert.deepEqual(said.slice(0, 2), ['1 ▷ ^A1', 'close 1 with 1000'])
      assert.equal(said.at(-1), 'end 4000 bye')
      assert.deepEqual(subject.last('end').close, { code: 4000, reason: 'bye', wasClean: true, cause: 'client' })
      assert.equal(subject.state, 'closed')
      assert.deepEqual(subject.wait(1_000), ['drop 1'])
      assert.equal(subject.machine.deadline, Infinity)
    })
  }

  test('without a code is 1005 on the wire', () => {
    assert.deepEqual(situations.open().close(), ['1 ▷ ^F 1005'])
  })

  test('over a cut link dials at once, and ends in order over the next', () => {
    for (const name of ['waiting', 'suspended'] as const) {
      const subject = situations[name]()
      subject.submits('a')
      const isWaiting = name === 'waiting'
      assert.deepEqual(subject.close(1000, 'done'), [`dial 2 to resume${isWaiting ? ', retry 1' : ''}`])
      subject.opens()
      assert.deepEqual(subject.splices().slice(0, 2), ['2 ▷ a', '2 ▷ ^F 1000 done'])
      subject.acks(2)
      assert.deepEqual(subject.finishes(1000, 'done'), ['2 ▷ ^A1', 'close 2 with 1000', 'end 1000 done'])
      assert.equal(subject.state, 'closed')
    }
  })

  for (const name of ['reconnecting', 'resuming'] as const) {
    test(`while the link is on its way, ${name}, waits for it`, () => {
      const subject = situations[name]()
      assert.deepEqual(subject.close(1000), [])
      if (name === 'reconnecting') subject.opens()
      assert.deepEqual(subject.splices().slice(0, 1), ['2 ▷ ^F 1000'])
      subject.acks(1)
      assert.deepEqual(subject.finishes().slice(-1), ['end 1000 client'])
    })
  }

  test('over a cut link waits no longer than closeTimeout, and gives back what nobody confirmed', () => {
    for (const name of ['waiting', 'reconnecting', 'resuming', 'suspended'] as const) {
      const subject = situations[name]()
      subject.submits('a')
      subject.close(1000)
      const { now } = subject
      subject.run(now + 9_999)
      assert.notEqual(subject.state, 'closed')
      assert.equal(subject.run(now + 10_000).at(-1), 'error, end 1006 client', name)
      assert.equal(subject.last('end').error!.message, 'the session ended without an answer of the peer')
      assert.deepEqual(subject.unsent, ['a'])
      assert.equal(subject.state, 'closed')
    }
  })

  test('without a network does not dial, and ends when its time is over', () => {
    const subject = situations.waiting()
    subject.hint('offline')
    assert.deepEqual(subject.close(1000), [])
    assert.deepEqual(subject.wait(10_000), ['error, end 1006 client'])
  })

  test('on a link that is cut before the answer goes on over the next', () => {
    const subject = situations.open()
    subject.close(1000)
    assert.deepEqual(subject.fails(), ['drop 1', 'lost network', 'retry 1 in 500'])
    subject.wait(500)
    assert.deepEqual(subject.resumes(), ['2 ▷ ^F 1000', 'resumed after 500, replayed 0, resent 1'])
    subject.acks(1)
    assert.equal(subject.finishes().at(-1), 'end 1000 client')
  })

  test('crosses that of the server, whose code is what is told', () => {
    const subject = situations.open()
    subject.close(4000, 'mine')
    assert.deepEqual(subject.finishes(4001, 'yours'), ['1 ▷ ^A1'])
    assert.deepEqual(subject.acks(1), ['close 1 with 1000', 'end 4001 yours'])
  })

  test('delivers what the server still had', () => {
    const subject = situations.open()
    subject.close(1000)
    assert.deepEqual(subject.hears('x'), ['got x'])
    subject.acks(1)
    assert.equal(subject.finishes().at(-1), 'end 1000 client')
  })

  test('is clean when only the confirmation of the last frame is missing in the end', () => {
    const subject = situations.open()
    subject.submits('a')
    subject.acks(1)
    subject.close(1000)
    subject.finishes(1000, 'done')
    subject.fails()
    subject.hint('offline')
    assert.deepEqual(subject.wait(10_000), ['end 1000 done'])
    assert.equal(subject.last('end').close.wasClean, true)
  })

  test('is complete when its last word is written that was known to have arrived', () => {
    const subject = situations.open()
    subject.submits('a')
    subject.close(1000)
    subject.finishes(1000, 'done')
    subject.fails()
    subject.hint('wake')
    subject.opens()
    subject.machine.receive(subject.now, subject.wall, 2, splice({ base: 1 }))
    subject.gauges.get(2)!.backlog = 65_537
    assert.deepEqual(subject.acks(2), ['resumed after 0, replayed 0, resent 2'])
    assert.equal(subject.state, 'open')
    subject.gauges.get(2)!.backlog = 0
    assert.deepEqual(subject.said(), ['2 ▷ a', '2 ▷ ^F 1000', 'close 2 with 1000', 'end 1000 done'])
  })

  for (const [name, end] of [
    ['the end of the server, who asks for another try', (subject: Subject) => [...subject.finishes(1012), ...subject.acks(1)]],
    ['a violation', (subject: Subject) => subject.hears('\u0010Q')],
    ['an overflow', (subject: Subject) => subject.overflows()],
    ['a server that abandons it', (subject: Subject) => subject.fails(byServer(3805))],
    ['a server that found a violation', (subject: Subject) => subject.fails(byServer(3806, 'a gap'))],
    ['a take-over', (subject: Subject) => subject.fails(byServer(3801, `${otherCid}.1`))],
    ['a fatal link', (subject: Subject) => subject.fails(byServer(1009))],
    ['the close timeout', (subject: Subject) => subject.wait(10_000)],
  ] as const) {
    test(`is not forgotten when the session ends by ${name}: no other follows`, () => {
      const subject = situations.open({ shouldRetry: () => true })
      subject.close(1000)
      assert.match(end(subject).at(-1)!, /end \d+ \D+\d*$/)
      assert.equal(subject.last('end').willReconnect, false)
      assert.equal(subject.state, 'closed')
      const { link } = subject
      subject.wait(60_000)
      assert.equal(subject.link, link)
    })
  }

  for (const [name, end] of [
    ['a refusal', (subject: Subject) => subject.refuses('expired')],
    ['a server that lost state', (subject: Subject) => subject.splices({ recv: 9 })],
    ['who does not speak', (subject: Subject) => speechless(subject)],
    ['a refused upgrade', (subject: Subject) => subject.fails(refusedUpgrade(404))],
    ['a failed set-up', (subject: Subject) => subject.failsSetup()],
  ] as const) {
    test(`is not forgotten when the session ends by ${name} while no link is there: no other follows`, () => {
      const subject = situations.greeting({ hasSetup: name === 'a failed set-up' })
      subject.welcomes()
      subject.fails()
      subject.wait(500)
      subject.close(1000)
      if (!name.startsWith('who') && !name.startsWith('a refused')) subject.opens()
      assert.match(end(subject).at(-1)!, /^(error, )?end \d+ [^,]+$/)
      assert.equal(subject.last('end').willReconnect, false)
      assert.equal(subject.state, 'closed')
      const { link } = subject
      subject.wait(60_000)
      assert.equal(subject.link, link)
    })
  }

  test('does nothing once the socket closes, or is closed', () => {
    const subject = situations.greeting()
    subject.close()
    assert.deepEqual(subject.close(), [])
    subject.tick()
    assert.deepEqual(subject.close(), [])
    assert.equal(subject.state, 'closed')
  })
})

describe('a server that ends the session', () => {
  test('is answered with what is still to be written and the same words', () => {
    const subject = situations.open()
    subject.gauges.get(1)!.backlog = 100_000
    subject.submits('a')
    subject.gauges.get(1)!.backlog = 0
    assert.deepEqual(subject.finishes(1000, 'bye'), ['1 ▷ ^A1', '1 ▷ a', '1 ▷ ^F 1000 bye'])
    assert.deepEqual(subject.acks(2), ['close 1 with 1000', 'end 1000 bye'])
    assert.deepEqual(subject.last('end').close, { code: 1000, reason: 'bye', wasClean: true, cause: 'server' })
  })

  test('with a code that asks for another try is followed by a new session', () => {
    const subject = situations.open()
    subject.finishes(1013)
    assert.deepEqual(subject.acks(1), ['close 1 with 1000', 'end 1013 server, goes on', 'retry 1 in 1000'])
    const only = situations.open(strict)
    only.finishes(1013)
    assert.deepEqual(only.acks(1), ['close 1 with 1000', 'end 1013 server'])
  })

  test('because its process goes is left for another within its spread, as all its clients leave it', () => {
    const subject = situations.open()
    subject.hearsControl({ kind: 'ping', id: 1, count: 0, spread: 80 })
    subject.finishes(1012)
    assert.deepEqual(subject.acks(1), ['close 1 with 1000', 'end 1012 drain, goes on', 'retry 1 in 40'])
    assert.equal(subject.last('end').close.wasClean, true)
    subject.wait(40)
    subject.opens()
    subject.welcomes({ spread: 60 })
    subject.finishes(1012)
    assert.equal(subject.acks(1).at(-1), 'retry 1 in 30', 'its neighbour went as well: no row of failures')
  })
})

describe('an abort', () => {
  for (const name of ['idle', 'connecting', 'greeting'] as const) {
    test(`without a session, ${name}, ends with the next tick`, () => {
      const subject = situations[name]()
      assert.deepEqual(subject.abort(), name === 'idle' ? [] : ['drop 1'])
      assert.deepEqual(subject.tick(), ['error, end 1006 aborted'])
    })
  }

  for (const [name, words] of [
    ['settling', ['close 1 with 3805']],
    ['open', ['close 1 with 3805']],
    ['waiting', []],
    ['reconnecting', ['drop 2']],
    ['resuming', ['drop 2']],
    ['suspended', []],
    ['dialling', ['close 1 with 3805', 'drop 2']],
    ['migrating', ['close 1 with 3805', 'drop 2']],
  ] as const) {
    test(`ends a session that is ${name}, and lets go of every link`, () => {
      const subject = situations[name]()
      const said = [...subject.abort(), ...subject.tick()]
      assert.deepEqual(said, [...words, 'error, end 1006 aborted'])
      assert.match(subject.last('end').error!.message, /the signal was aborted/)
      assert.equal(subject.state, 'closed')
      subject.wait(1_000)
      assert.equal(subject.machine.deadline, Infinity)
      assert.deepEqual(subject.abort(), [])
    })
  }

  test('gives back what was not confirmed, and tells of a session that was not told of yet', () => {
    const subject = situations.greeting()
    subject.machine.receive(0, epoch, 1, encode({ kind: 'welcome', sid, key, proto: '', max: 1, ...terms }))
    subject.machine.submit(0, entry('a'))
    subject.machine.abort(0)
    assert.deepEqual(
      subject.said().filter((words) => !words.includes('▷')),
      ['open', 'close 1 with 3805', 'error, end 1006 aborted'],
    )
    assert.deepEqual(subject.unsent, ['a'])
  })
})

describe('an overflow', () => {
  test('ends the session with 1013, on a link or without one, and goes on with a new one', () => {
    const subject = situations.open()
    subject.submits('a')
    assert.deepEqual(subject.overflows(), ['close 1 with 3805', 'error, end 1013 overflow, goes on', 'retry 1 in 1000'])
    assert.equal(subject.last('end').error, error)
    assert.deepEqual(subject.unsent, ['a'])
    const away = situations.waiting()
    assert.deepEqual(away.overflows(), ['error, end 1013 overflow, goes on'])
    assert.deepEqual(away.wait(500), ['dial 2, retry 1'])
    const only = situations.open(strict)
    assert.deepEqual(only.overflows(), ['close 1 with 3805', 'error, end 1013 overflow'])
  })

  test('lets go of an attempt that is under way', () => {
    for (const name of ['reconnecting', 'resuming'] as const) {
      assert.deepEqual(situations[name]().overflows(), ['drop 2', 'error, end 1013 overflow, goes on', 'retry 2 in 2000'])
    }
    assert.deepEqual(situations.migrating().overflows().slice(0, 2), ['close 1 with 3805', 'drop 2'])
  })

  test('says all that the server has to know before it says goodbye', () => {
    const subject = situations.open()
    subject.hears('x')
    subject.machine.receive(subject.now, subject.wall, 1, encode({ kind: 'ping', id: 7, count: 0 }))
    assert.deepEqual(subject.overflows(), ['1 ▷ ^O7,1', 'close 1 with 3805', 'error, end 1013 overflow, goes on', 'retry 1 in 1000'])
  })
})

describe('reconnect()', () => {
  test('brings the session to a fresh link, with the count at zero', () => {
    const subject = situations.resuming()
    subject.splices()
    subject.submits('a')
    assert.deepEqual(subject.reconnect(), ['drop politely 2', 'lost client', 'dial 3 to resume'])
    assert.equal(subject.attempt, 0)
    assert.deepEqual(subject.opens(), ['3 ▷ ^R 2, received 0'])
    assert.deepEqual(subject.splices(), ['3 ▷ a', 'resumed after 0, replayed 0, resent 1'])
    assert.deepEqual(subject.machine.counters.failures, { network: 1 })
  })

  test('makes no second loss of one that was told', () => {
    for (const [name, words] of [
      ['waiting', ['dial 2 to resume']],
      ['suspended', ['dial 2 to resume']],
      ['reconnecting', ['drop politely 2', 'dial 3 to resume']],
      ['resuming', ['drop politely 2', 'dial 3 to resume']],
    ] as const) {
      assert.deepEqual(situations[name]().reconnect(), words)
    }
  })

  test('lets go of both links of a session that moves', () => {
    for (const name of ['dialling', 'migrating'] as const) {
      const subject = situations[name]()
      assert.deepEqual(subject.reconnect(), ['drop politely 1', 'drop 2', 'lost client', 'dial 3 to resume'])
      assert.equal(subject.migration, 'none')
      subject.opens()
      assert.deepEqual(subject.splices(), ['resumed after 0, replayed 0, resent 0'])
    }
  })

  test('before open was told leaves the session its open', () => {
    const subject = situations.greeting()
    subject.machine.receive(0, epoch, 1, encode({ kind: 'welcome', sid, key, proto: '', max: 1, ...terms }))
    assert.deepEqual(subject.reconnect(), ['open', 'drop politely 1', 'lost client', 'dial 2 to resume'])
  })

  test('waits for the network where there is none', () => {
    const subject = situations.open()
    subject.hint('offline')
    assert.deepEqual(subject.reconnect(), ['drop politely 1', 'lost client'])
    assert.deepEqual(subject.hint('online'), ['dial 2 to resume'])
  })
})

describe('a hint', () => {
  test('brings a session that waits back at once, with its count', () => {
    for (const hint of ['wake', 'online'] as const) {
      const subject = situations.waiting()
      assert.deepEqual(subject.hint(hint), ['dial 2 to resume, retry 1'])
    }
  })

  test('asks an open link for a sign of life, once, and without one it is lost', () => {
    for (const hint of ['wake', 'online'] as const) {
      const subject = situations.open()
      subject.wait(700)
      assert.deepEqual(subject.hint(hint), ['1 ▷ ^P1,0'])
      assert.deepEqual(subject.hint(hint), [])
      assert.deepEqual(subject.wait(3_749), [])
      assert.deepEqual(subject.wait(1), ['drop 1', 'lost heartbeat-timeout', 'retry 1 in 0', 'dial 2 to resume, retry 1'])
    }
  })

  test('that there is no network holds the retry back', () => {
    for (const overrides of [{}, strict]) {
      const subject = situations.waiting(overrides)
      subject.hint('offline')
      assert.equal(subject.machine.deadline, Infinity)
      assert.deepEqual(subject.hint('online'), ['dial 2 to resume, retry 1'])
    }
  })

  test('that there is no network makes a failure no try', () => {
    const subject = situations.reconnecting()
    subject.hint('offline')
    assert.deepEqual(subject.fails(), [])
    assert.equal(subject.attempt, 1)
    assert.deepEqual(subject.hint('online'), [])
    assert.deepEqual(subject.wait(1_000), ['dial 3 to resume, retry 1'])
  })

  test('that the page is put away lets go of the link and keeps the session', () => {
    const subject = situations.open()
    assert.deepEqual(subject.hint('hide'), ['drop politely 1', 'lost offline'])
    assert.equal(subject.machine.deadline, Infinity)
    subject.wait(5_000)
    assert.deepEqual(subject.hint('online'), ['dial 2 to resume, retry 1'])
    subject.opens()
    assert.deepEqual(subject.splices(), ['resumed after 5000, replayed 0, resent 0'])
  })

  test('that the page is put away lets go of the link of a strict socket as well, and keeps its session', () => {
    const subject = situations.open(strict)
    assert.deepEqual(subject.hint('hide'), ['drop politely 1', 'lost offline'])
    assert.equal(subject.machine.deadline, Infinity)
    assert.deepEqual(subject.hint('online'), ['dial 2 to resume, retry 1'])
    assert.deepEqual(subject.hint('hide'), ['drop 2'])
    const without = situations.greeting(strict)
    assert.deepEqual(without.hint('hide'), [])
    assert.equal(without.state, 'greeting')
  })

  test('that the page is put away lets go of both links of a session that moves', () => {
    for (const name of ['dialling', 'migrating'] as const) {
      for (const overrides of [{}, strict]) {
        const subject = situations[name](overrides)
        assert.deepEqual(subject.hint('hide'), ['drop politely 1', 'lost offline', 'drop 2'])
        assert.equal(subject.state, 'waiting')
        assert.equal(subject.migration, 'none')
        assert.equal(subject.machine.deadline, Infinity)
        subject.wait(1_000)
        assert.match(subject.hint('online').at(-1)!, /^dial 3 to resume/)
        subject.opens()
        assert.deepEqual(subject.splices(), ['resumed after 1000, replayed 0, resent 0'])
      }
    }
  })

  test('that the page is put away lets go of an attempt, which was no try', () => {
    for (const name of ['reconnecting', 'resuming'] as const) {
      const subject = situations[name]()
      assert.deepEqual(subject.hint('hide'), ['drop 2'])
      assert.equal(subject.attempt, 1)
      assert.equal(subject.machine.deadline, Infinity)
      assert.deepEqual(subject.hint('online'), [])
      assert.deepEqual(subject.wait(1_000), ['dial 3 to resume, retry 1'])
    }
  })
})

describe('a migration', () => {
  test('begins at the slot that the server gives, goes on with both links, and moves with the splice', () => {
    const subject = situations.open()
    assert.deepEqual(subject.drains(), [])
    assert.deepEqual(subject.wait(1_499), [])
    assert.deepEqual(subject.wait(1), ['dial 2 to resume'])
    assert.deepEqual(subject.submits('a'), ['1 ▷ a'])
    assert.deepEqual(subject.hears('x'), ['got x'])
    assert.deepEqual(subject.opens(), ['2 ▷ ^R 1, received 1'])
    assert.equal(subject.state, 'open')
    assert.deepEqual(subject.submits('b'), ['1 ▷ b'])
    assert.deepEqual(subject.hearsOn(1, 'y'), ['got y'])
    assert.deepEqual(subject.hearsOn(1, encode({ kind: 'ack', count: 1 })), [])
    assert.deepEqual(subject.splices({ recv: 1, base: 1, sent: 2 }), ['2 ▷ ^A2', '2 ▷ b', 'close 1 with 3802'])
    assert.equal(subject.state, 'open')
    assert.equal(subject.current, 2)
    assert.deepEqual(subject.hearsOn(1, 'late'), [])
    assert.deepEqual(subject.hears('y', 'z'), ['got z'])
    assert.deepEqual(subject.submits('c'), ['2 ▷ c'])
    assert.ok(!subject.outputs.some(({ kind }) => ['lost', 'resumed', 'retry', 'failed', 'end'].includes(kind)))
    assert.deepEqual(subject.machine.counters, { dials: 2, sessions: 1, links: 2, giveups: 0, pings: 0, failures: {} })
  })

  test('goes where the server says, and stays there; to where it may not go, it does not', () => {
    const subject = situations.open()
    subject.drains({ url: 'ws://b/' })
    assert.deepEqual(subject.wait(1_500), ['dial 2 to resume at ws://b/'])
    subject.opens()
    subject.splices()
    subject.fails()
    assert.deepEqual(subject.wait(500).slice(-1), ['dial 3 to resume, retry 1 at ws://b/'])
    const wary = situations.open()
    wary.drains({ url: 'ws://elsewhere/' })
    assert.deepEqual(wary.wait(1_500), ['dial 2 to resume'])
  })

  test('goes where the session went before, if the server does not say', () => {
    const subject = situations.resuming()
    subject.refuses('moved', { url: 'ws://b/' })
    subject.resumes()
    subject.drains()
    assert.deepEqual(subject.wait(1_500).slice(-1), ['dial 4 to resume at ws://b/'])
  })

  test('is the wish of a client whose link is old enough, again and again', () => {
    const subject = situations.open({ session: { ...rules, maxLinkAge: 20_000 } })
    assert.deepEqual(subject.wait(19_999), [])
    assert.deepEqual(subject.wait(1), ['dial 2 to resume'])
    subject.opens()
    assert.deepEqual(subject.splices(), ['close 1 with 3802'])
    subject.fails(byServer(3802), 1)
    assert.deepEqual(subject.wait(19_999), [])
    assert.deepEqual(subject.wait(1), ['dial 3 to resume'])
  })

  test('that is wanted twice is one', () => {
    for (const name of ['dialling', 'migrating'] as const) {
      const subject = situations[name]()
      subject.drains({ in: 0, by: 1 })
      assert.deepEqual(subject.wait(0), [])
      assert.equal(subject.link, 2)
    }
    const subject = situations.open()
    subject.drains({ in: 5_000 })
    subject.drains({ in: 3_000 })
    assert.deepEqual(subject.wait(3_000), ['dial 2 to resume'])
  })

  test('lets the 3801 of the server and its own 3802 cross, and forgets the old link', () => {
    const subject = situations.migrating()
    subject.splices()
    assert.deepEqual(subject.fails(byServer(3801, `${cid}.1`), 1), [])
    assert.equal(subject.state, 'open')
    assert.deepEqual(subject.wait(2_000), [])
  })

  test('drops the old link after a second without an answer', () => {
    const subject = situations.migrating()
    subject.splices()
    assert.deepEqual(subject.wait(999), [])
    assert.deepEqual(subject.wait(1), ['drop 1'])
  })

  test('of a session that is being set up leaves it settling', () => {
    const subject = situations.migrating({ hasSetup: true })
    subject.queues('a')
    assert.deepEqual(subject.splices(), ['close 1 with 3802'])
    assert.equal(subject.state, 'settling')
    assert.deepEqual(subject.settles(1), ['2 ▷ a'])
  })

  for (const [name, fail, words] of [
    ['a dial that fails', (subject: Subject) => subject.fails(network, 2), []],
    ['a server that does not speak', (subject: Subject) => subject.opens({ speaks: false }), ['drop politely 2']],
    ['a dial that takes too long', (subject: Subject) => subject.wait(2_000), ['drop 2']],
    ['a link that ends before the splice', (subject: Subject) => [...subject.opens().slice(1), ...subject.fails(network, 2)], []],
    ['a server that says nothing', (subject: Subject) => [...subject.opens().slice(1), ...subject.wait(10_000)], ['drop 2']],
    [
      'a bad first frame',
      (subject: Subject) => [...subject.opens().slice(1), ...subject.hearsOn(2, 'data')],
      ['close 2 with 3806 data before the first frame'],
    ],
    [
      'a welcome',
      (subject: Subject) => [...subject.opens().slice(1), ...subject.hearsOn(2, '\u0010W{}')],
      ['close 2 with 3806 not a frame of this protocol: W'],
    ],
  ] as const) {
    test(`stays where it is after ${name}, and tries again later`, () => {
      const subject = situations.dialling()
      assert.deepEqual(fail(subject), words)
      assert.equal(subject.state, 'open')
      assert.equal(subject.current, 1)
      assert.equal(subject.migration, 'planned')
      assert.deepEqual(subject.hears('x'), ['got x'])
      assert.deepEqual(
        subject.wait(999).filter((said) => said.startsWith('dial')),
        [],
      )
      assert.deepEqual(subject.wait(1).slice(-1), ['dial 3 to resume'])
      assert.deepEqual(subject.opens(), [
        `3 ▷ ^R ${name.includes('splice') || name.includes('says') || name.includes('first') || name.includes('welcome') ? 2 : 1}, received 1`,
      ])
      assert.deepEqual(subject.splices({ base: 1 }).slice(-1), ['close 1 with 3802'])
    })
  }

  for (const why of ['busy', 'moved', 'unknown', 'expired', 'state', 'auth', 'origin'] as const) {
    test(`that is refused with ${why} stays where it is`, () => {
      const subject = situations.migrating()
      assert.deepEqual(subject.refuses(why, { url: 'ws://b/', recv: 0, after: 7 }), ['close 2 with 3803'])
      assert.equal(subject.state, 'open')
      assert.deepEqual(subject.submits('a'), ['1 ▷ a'])
      assert.deepEqual(subject.wait(1_000), ['drop 2', 'dial 3 to resume'])
    })
  }

  test('that is refused with stale is the end: the session is taken over', () => {
    const subject = situations.migrating(strict)
    subject.submits('a', 'b')
    assert.equal(subject.refuses('stale', { recv: 1 }).at(-1), 'error, end 1006 taken-over')
    assert.deepEqual(subject.unsent, ['b'])
    assert.equal(subject.last('end').exact, true)
    subject.wait(1_000)
    assert.equal(subject.machine.deadline, Infinity)
  })

  test('that meets a server which lost state loses the session', () => {
    const subject = situations.migrating(strict)
    subject.submits('a')
    assert.deepEqual(subject.splices({ recv: 2 }), ['close 1 with 3802', 'close 2 with 3805', 'error, end 1006 session-lost:state'])
  })

  test('backs off until the server ends the link, and then leaves it at that', () => {
    const subject = situations.open()
    subject.drains({ in: 0, by: 20_000 })
    const dials: number[] = []
    while (subject.now < 60_000) {
      const said = subject.wait(500)
      if (subject.now % 10_000 === 0) subject.hears(encode({ kind: 'ping', id: subject.now, count: 0 }))
      if (!said.some((words) => words.startsWith('dial'))) continue
      dials.push(subject.now)
      subject.fails(network, subject.link)
    }
    assert.deepEqual(dials, [500, 1_500, 3_500, 7_500, 15_500])
    assert.equal(subject.migration, 'none')
    assert.equal(subject.state, 'open')
  })

  test('that the server waited for in vain is followed by an ordinary resumption', () => {
    const subject = situations.migrating()
    subject.fails(network, 2)
    assert.deepEqual(subject.fails(byServer(1012)), ['drop 1', 'lost server', 'retry 1 in 500'])
    assert.equal(subject.migration, 'none')
    subject.wait(500)
    subject.opens()
    assert.equal(subject.refuses('expired').at(-2), 'error, end 1006 session-lost:expired, goes on')
  })

  test('whose first link dies while the second is dialled becomes a resumption with that dial', () => {
    const subject = situations.dialling()
    assert.deepEqual(subject.fails(), ['drop 1', 'lost network'])
    assert.equal(subject.state, 'connecting')
    subject.now += 200
    assert.deepEqual(subject.opens(), ['2 ▷ ^R 1, received 0'])
    assert.equal(subject.state, 'greeting')
    assert.deepEqual(subject.splices(), ['resumed after 200, replayed 0, resent 0'])
    assert.equal(subject.link, 2)
  })

  test('whose first link dies while the second is greeted becomes a resumption with that attempt', () => {
    const subject = situations.migrating()
    assert.deepEqual(subject.fails(), ['drop 1', 'lost network'])
    assert.equal(subject.state, 'greeting')
    subject.now += 200
    assert.deepEqual(subject.splices(), ['resumed after 200, replayed 0, resent 0'])
  })

  test('whose first link dies has the time of its dial, and no more', () => {
    const subject = situations.dialling()
    subject.wait(1_200)
    subject.fails()
    assert.deepEqual(subject.wait(799), [])
    assert.deepEqual(subject.wait(1), ['drop 2', 'retry 1 in 500'])
    const greeted = situations.migrating()
    greeted.wait(6_000)
    greeted.fails()
    assert.deepEqual(greeted.wait(4_000), ['drop 2', 'retry 1 in 500'])
  })

  for (const why of ['unknown', 'expired', 'state', 'auth', 'origin'] as const) {
    test(`whose first link died meanwhile is not ended by ${why}, but the attempt after it is`, () => {
      for (const name of ['dialling', 'migrating'] as const) {
        const subject = situations[name](strict)
        subject.fails()
        if (name === 'dialling') subject.opens()
        assert.deepEqual(subject.refuses(why), ['close 2 with 3803', 'retry 1 in 500'])
        assert.ok(subject.machine.held)
        subject.wait(500)
        assert.deepEqual(subject.opens(), ['3 ▷ ^R 2, received 0'])
        assert.equal(subject.refuses(why).at(-1), `error, end 1006 session-lost:${why}`)
      }
    })
  }

  test('whose first link died meanwhile is ended by stale', () => {
    const subject = situations.migrating(strict)
    subject.fails()
    assert.equal(subject.refuses('stale').at(-1), 'error, end 1006 taken-over')
  })

  test('whose first link is closed for its own attempt is accepted: nothing was lost', () => {
    const subject = situations.migrating()
    subject.submits('a')
    assert.deepEqual(subject.fails(byServer(3801, `${cid}.1`)), ['drop 1'])
    assert.equal(subject.state, 'greeting')
    assert.deepEqual(subject.splices(), ['2 ▷ a'])
    assert.equal(subject.state, 'open')
    assert.equal(subject.machine.lastClose, null)
  })

  test('that is accepted and whose second link then dies is a loss, and the ttl counts from there', () => {
    for (const fail of [
      (subject: Subject) => subject.fails(network, 2),
      (subject: Subject) => subject.hearsOn(2, 'data').slice(1),
      (subject: Subject) => subject.refuses('unknown', {}, 2).slice(1),
      (subject: Subject) => subject.refuses('busy', { after: 500 }, 2).slice(1),
    ]) {
      const subject = situations.migrating()
      subject.fails(byServer(3801, `${cid}.1`))
      subject.wait(700)
      assert.match(fail(subject)[0]!, /^lost /)
      const { now } = subject
      subject.wait(500)
      assert.deepEqual(subject.resumes(), [`resumed after ${subject.now - now}, replayed 0, resent 0`])
    }
    const suspended = situations.migrating({ retry: { ...retry, maxRetries: 0 } })
    suspended.fails(byServer(3801, `${cid}.1`))
    suspended.wait(700)
    assert.deepEqual(suspended.fails(network, 2), ['lost network', 'giveup'])
    assert.equal(suspended.machine.deadline, suspended.now + 300_000)
    assert.deepEqual(suspended.wait(300_000), ['error, end 1006 session-lost:expired, goes on'])
  })

  test('that is accepted is a loss when the page is put away, or another link is asked for', () => {
    for (const act of [(subject: Subject) => subject.hint('hide'), (subject: Subject) => subject.reconnect()]) {
      const subject = situations.migrating()
      subject.fails(byServer(3801, `${cid}.1`))
      assert.ok(act(subject).some((said) => said.startsWith('lost ')))
    }
  })

  test('that is accepted and whose second link says nothing within its time is a loss', () => {
    const subject = situations.migrating()
    subject.fails(byServer(3801, `${cid}.1`))
    assert.deepEqual(subject.wait(10_000), ['drop 2', 'lost connect-timeout', 'retry 1 in 500'])
  })

  test('is not dialled without a network: it is put off by a second, again and again', () => {
    const subject = situations.open()
    subject.drains()
    subject.hint('offline')
    assert.deepEqual(subject.wait(5_000), [])
    assert.equal(subject.migration, 'planned')
    assert.deepEqual(subject.hint('online'), ['1 ▷ ^P1,0'])
    assert.deepEqual(subject.wait(499), [])
    assert.deepEqual(subject.wait(1), ['dial 2 to resume'])
  })

  test('is not begun while the session finishes', () => {
    for (const finish of [(subject: Subject) => subject.close(1000), (subject: Subject) => subject.finishes()]) {
      const subject = situations.open()
      subject.drains()
      finish(subject)
      assert.deepEqual(
        subject.wait(5_000).filter((said) => said.startsWith('dial')),
        [],
      )
      assert.equal(subject.migration, 'none')
      assert.equal(subject.state, 'open')
    }
  })

  test('whose attempt comes to nothing although it was accepted has lost its link then', () => {
    const subject = situations.migrating()
    subject.fails(byServer(3801, `${cid}.1`))
    subject.now += 200
    assert.deepEqual(subject.fails(), ['lost network', 'retry 1 in 500'])
    subject.wait(500)
    assert.deepEqual(subject.resumes(), ['resumed after 500, replayed 0, resent 0'])
    assert.deepEqual(subject.machine.counters.failures, { network: 1 })
  })

  test('whose first link is closed for the attempt of another is the end', () => {
    const subject = situations.migrating(strict)
    assert.equal(subject.fails(byServer(3801, `${otherCid}.1`)).at(-1), 'error, end 1006 taken-over')
    subject.wait(1_000)
    assert.equal(subject.machine.deadline, Infinity)
  })

  test('whose session ends on the first link lets go of the second', () => {
    for (const name of ['dialling', 'migrating'] as const) {
      const subject = situations[name](strict)
      subject.finishes()
      assert.deepEqual(subject.acks(1), ['close 1 with 1000', 'drop 2', 'end 1000 server'])
    }
  })

  test('does not begin on a link that was lost before its slot', () => {
    const subject = situations.open()
    subject.drains()
    subject.fails()
    assert.deepEqual(subject.wait(500), ['dial 2 to resume, retry 1'])
    subject.resumes()
    assert.deepEqual(subject.wait(20_000), [])
    assert.equal(subject.link, 2)
  })

  test('hears nothing from a link that it gave up, nor from one that it does not know', () => {
    const subject = situations.migrating()
    subject.fails(network, 2)
    assert.deepEqual([...subject.splices({}, 2), ...subject.opens({ link: 2 }), ...subject.fails(network, 2)], [])
    assert.equal(subject.current, 1)
    assert.equal(subject.migration, 'planned')
    for (const name of ['dialling', 'migrating'] as const) {
      const unknown = situations[name]()
      assert.deepEqual([...unknown.splices({}, 9), ...unknown.opens({ link: 9 }), ...unknown.fails(network, 9)], [])
      assert.equal(unknown.migration, name === 'dialling' ? 'dialling' : 'greeting')
    }
  })
})

describe('a link that was told goodbye', () => {
  test('is dropped a second later, whatever has become of the machine', () => {
    const subject = situations.open(strict)
    subject.abort()
    assert.equal(subject.state, 'closed')
    assert.equal(subject.machine.deadline, 1_000)
    assert.deepEqual(subject.run(999), [])
    assert.deepEqual(subject.run(1_000), ['drop 1'])
    assert.equal(subject.machine.deadline, Infinity)
  })

  for (const [name, end] of [
    ['a refusal', (subject: Subject) => subject.refuses('expired')],
    ['a refusal that is final', (subject: Subject) => subject.refuses('auth')],
    ['a server that lost state', (subject: Subject) => subject.splices({ recv: 9 })],
    ['a link with a fatal code', (subject: Subject) => [...subject.splices(), ...subject.fails(byServer(1009))]],
    ['an abort', (subject: Subject) => subject.abort()],
    ['an overflow', (subject: Subject) => [...subject.splices(), ...subject.overflows()]],
  ] as const) {
    test(`or dropped is told so once, the session having ended by ${name}`, () => {
      const said = end(situations.resuming(strict))
      assert.equal(said.filter((words) => /^(close|drop) 2/.test(words)).length, 1, said.join('; '))
      assert.match(said.at(-1)!, /^(error, )?end/)
    })
  }

  test('is forgotten when it says that it is closed', () => {
    const subject = situations.open(strict)
    subject.abort()
    assert.deepEqual(subject.fails(byServer(3805), 1), [])
    assert.equal(subject.machine.deadline, Infinity)
  })

  test('says nothing any more', () => {
    const subject = situations.open(strict)
    subject.abort()
    assert.deepEqual(subject.hearsOn(1, 'late', encode({ kind: 'finish', code: 1000, reason: '' })), [])
  })

  test('does not delay the next one', () => {
    const subject = situations.greeting()
    subject.hears('data')
    assert.deepEqual(subject.wait(1_000), ['drop 1', 'dial 2, retry 1'])
  })
})

test('what is reported of a link that is not in hand changes nothing, in any place', () => {
  for (const [name, situation] of Object.entries(situations)) {
    const subject = situation()
    const { state, deadline } = subject.machine
    assert.deepEqual(
      [...subject.hearsOn(99, 'x', splice()), ...subject.opens({ link: 99 }), ...subject.fails(network, 99), ...subject.settles(99)],
      [],
    )
    subject.machine.setupFailed(subject.now, 99, error)
    assert.deepEqual(subject.said(), [])
    assert.equal(subject.machine.state, state, name)
    assert.equal(subject.machine.deadline, deadline, name)
  }
})
