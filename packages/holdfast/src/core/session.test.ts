import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AwakeClock } from './awake-clock.ts'
import type { CloseInfo } from './close-info.ts'
import { abnormalClose } from './close-info.ts'
import { decode, isControl } from './control.ts'
import { Liveness, type LivenessConfig } from './liveness.ts'
import type { OutboxEntry } from './outbox.ts'
import { type Payload, Session, type SessionConfig } from './session.ts'

const epoch = 1_700_000_000_000
const config: SessionConfig = { self: 'client', outbox: { maxBytes: 1_000, maxMessages: 100 }, closeTimeout: 10_000 }
const watched: LivenessConfig = { interval: 35_000, timeout: 5_000, writeTimeout: 10_000 }
const maxBacklogBytes = 64 * 1024
const overdueMs = 5_000
const probeMs = 3_750
const chanceMs = 10_000
const done = '^F{"code":1000,"reason":"done"}'

class Gauge {
  isOpen = true
  bytesRead = 0
  bytesWritten = 0
  backlog = 0
}

/** One end of a session, and the time in hand. In what it writes and hears, ^ stands for U+0010. */
class End {
  readonly session: Session
  gauge = new Gauge()
  liveness: Liveness | undefined
  now = 0
  /** What the next link has kept back when it comes. */
  backlog = 0
  /** The messages that were settled. */
  readonly settled: string[] = []

  constructor(overrides: Partial<SessionConfig> = {}) {
    this.session = new Session({ ...config, ...overrides })
  }

  /** A link that counts what we write from `recv` and what we read from `base`. Returns what is written to it at once. */
  attach(recv = 0, base = 0, told = base, opening?: string): Payload[] {
    this.gauge = new Gauge()
    this.gauge.backlog = this.backlog
    this.liveness = new Liveness(watched, this.gauge, this.now, new AwakeClock(1_000, this.now, this.now + epoch), this.session.pings)
    this.session.attach(this.liveness, recv, base, told, opening)
    return this.writes()
  }
  send(...messages: Payload[]): Payload[] {
    for (const data of messages) this.session.send(this.entry(data))
    return this.writes()
  }
  entry(data: Payload): OutboxEntry {
    const text = typeof data === 'string' ? data.replaceAll('^', '\u0010') : data
    return { data: text, bytes: typeof data === 'string' ? data.length : data.byteLength, settle: () => this.settled.push(String(data)) }
  }
  finish(code = 1000, reason = 'done'): Payload[] {
    this.session.finish(this.now, code, reason)
    return this.writes()
  }
  writes(): Payload[] {
    const written: Payload[] = []
    for (let frame = this.write(); frame !== undefined; frame = this.write()) written.push(frame)
    return written
  }
  /** One frame. */
  write(): Payload | undefined {
    const frame = this.session.nextFrame(this.now) as Payload | undefined
    return typeof frame === 'string' ? frame.replaceAll('\u0010', '^') : frame
  }
  /** What of this is for the application. */
  hears(...frames: Payload[]): Payload[] {
    const delivered: Payload[] = []
    for (const frame of frames) {
      const payload = typeof frame === 'string' ? frame.replaceAll('^', '\u0010') : frame
      if (typeof payload === 'string' && isControl(payload)) this.session.control(this.now, decode(payload))
      else {
        const data = this.session.receive(this.now, payload)
        if (data !== undefined) delivered.push(typeof data === 'string' ? data.replaceAll('\u0010', '^') : data)
      }
    }
    return delivered
  }
  loses(blamesMessage = false): void {
    this.session.detach(this.now, blamesMessage)
  }
  /** Ticks at the deadlines up to `until`; tells what was written and what the link died of, and when. */
  run(until: number): string[] {
    const told: string[] = []
    while (this.session.deadline <= until) {
      this.now = this.session.deadline
      const verdict = this.session.tick(this.now, this.now + epoch)
      for (const frame of this.writes()) told.push(`${this.now}: ${frame}`)
      if (verdict.endsWith('timeout')) {
        told.push(`${this.now}: ${verdict}`)
        return told
      }
    }
    this.now = until
    return told
  }
  /** What the application would be given back. */
  unconfirmed(): unknown[] {
    return this.session.drain().map((entry) => entry.data)
  }
  get close(): CloseInfo | undefined {
    return this.session.close
  }
}

function attached(overrides: Partial<SessionConfig> = {}): End {
  const end = new End(overrides)
  end.attach()
  return end
}

/** Both ends over a link that loses nothing, until neither has anything to say. */
function converse(one: End, other: End): void {
  for (let isQuiet = false; !isQuiet; ) {
    const there = one.writes()
    const back = other.writes()
    other.hears(...there)
    one.hears(...back)
    isQuiet = there.length + back.length === 0
  }
}

function clean(code: number, reason: string, cause: CloseInfo['cause']): CloseInfo {
  return { code, reason, wasClean: true, cause }
}

describe('a message', () => {
  test('is numbered when it is sent, whether a link is there or not, and leaves in order', () => {
    const end = new End()
    assert.deepEqual(end.send('a', 'b'), [])
    assert.equal(end.session.sent, 2)
    assert.equal(end.session.gauge, undefined)
    assert.deepEqual(end.attach(), ['a', 'b'])
    assert.equal(end.session.gauge, end.gauge)
    assert.equal(end.session.gauge, end.gauge)
    assert.deepEqual(end.send('c'), ['c'])
  })

  test('travels as it is, but for a text that begins with U+0010', () => {
    const binary = new Uint8Array([0x10, 0x41, 0x30])
    assert.deepEqual(attached().send('hello', '', '^', '^A0', 'a^', binary), ['hello', '', '^^', '^^A0', 'a^', binary])
  })

  test('arrives as it was sent', () => {
    const binary = new Uint8Array([0x10, 0x41, 0x30])
    const end = attached()
    assert.deepEqual(end.hears('hello', '', '^^', '^^A0', 'a^', binary), ['hello', '', '^', '^A0', 'a^', binary])
    assert.equal(end.session.inbox.delivered, 6)
  })

  test('is kept when it is written, and let go of when it is acknowledged', () => {
    const end = attached()
    end.send('a', 'b', 'c')
    assert.deepEqual([end.session.acked, end.settled], [0, []])
    end.hears('^A2')
    assert.deepEqual([end.session.acked, end.settled], [2, ['a', 'b']])
    assert.deepEqual([end.session.sent, end.session.outbox.length], [3, 1])
  })

  test('is not written to a link that takes none', () => {
    const end = attached()
    end.gauge.isOpen = false
    assert.deepEqual(end.send('a'), [])
    end.gauge.isOpen = true
    assert.deepEqual(end.writes(), ['a'])
  })

  test('waits while the link has a backlog of more than 64 KiB; a ping does not, and of answers the last one is kept', () => {
    const end = attached()
    end.gauge.backlog = maxBacklogBytes
    assert.deepEqual(end.send('a'), ['a'])
    end.gauge.backlog++
    assert.deepEqual(end.send('b'), [])
    end.session.ask()
    assert.deepEqual(end.writes(), [], 'the answer would not tell of b')
    end.session.probe(0)
    assert.deepEqual(end.writes(), ['^P1,0'])
    end.hears('^P1,0', '^P2,0')
    assert.deepEqual(end.writes(), [])
    end.gauge.backlog = maxBacklogBytes
    assert.deepEqual(end.writes(), ['^O2,0', 'b', '^P2,0'])
    assert.equal(end.session.pingsSent, 2)
  })

  test('is delivered before its handler runs: one that calls back is told the next number', () => {
    const end = attached()
    end.hears('a')
    assert.equal(end.session.inbox.delivered, 1)
    assert.deepEqual(end.hears('b'), ['b'])
  })

  test('that is missing ends the session with a violation, and the one behind it is not delivered', () => {
    const end = attached()
    end.hears('a')
    end.loses()
    end.attach(0, 2)
    assert.deepEqual(end.hears('c'), [])
    assert.equal(end.session.inbox.delivered, 1)
    assert.equal(end.close?.cause, 'protocol')
    assert.equal(end.close?.code, 1006)
    assert.equal(end.close?.wasClean, false)
  })
})

describe('the bytes that no link has taken', () => {
  test('are those of all messages without a link, and of those that wait for room on one', () => {
    const end = new End()
    end.send('abc', 'de')
    assert.equal(end.session.pendingBytes, 5)
    end.backlog = maxBacklogBytes + 1
    end.attach()
    assert.equal(end.session.pendingBytes, 5)
    end.gauge.backlog = 0
    assert.equal(end.write(), 'abc')
    assert.equal(end.session.pendingBytes, 2)
  })

  test('are none of those that were written, acknowledged or not', () => {
    const end = attached()
    end.send('abc', 'de')
    assert.equal(end.session.pendingBytes, 0)
    end.hears('^A1')
    assert.equal(end.session.pendingBytes, 0)
    assert.equal(end.session.outbox.bytes, 2)
  })

  test('are again those that the link took with it and the peer does not have', () => {
    const end = attached()
    end.send('abc', 'de', 'f')
    end.hears('^A1')
    end.loses()
    assert.equal(end.session.pendingBytes, 3)
    end.backlog = maxBacklogBytes + 1
    end.attach(2)
    assert.equal(end.session.pendingBytes, 1)
  })

  test('are none of those that a refusal tells to have arrived', () => {
    const end = attached()
    end.send('abc', 'de', 'f')
    end.loses()
    end.session.learn(2)
    assert.equal(end.session.pendingBytes, 1)
  })

  test('are none once the application has its messages back', () => {
    const end = attached()
    end.send('abc', 'de')
    end.session.end(abnormalClose('server'))
    end.unconfirmed()
    assert.equal(end.session.pendingBytes, 0)
  })
})

describe('the next link', () => {
  test('carries what was not acknowledged, from where the peer says it is', () => {
    const end = attached()
    end.send('a', 'b', 'c', 'd')
    end.hears('^A1')
    end.loses()
    end.send('e')
    assert.deepEqual(end.attach(2), ['c', 'd', 'e'])
    assert.deepEqual(end.settled, ['a', 'b'])
    assert.equal(end.session.acked, 2)
  })

  test('carries nothing again that was acknowledged before the cut', () => {
    const end = attached()
    end.send('a', 'b')
    end.hears('^A2')
    end.loses()
    assert.deepEqual(end.attach(2), [])
  })

  test('begins to count what it brings anew: what comes twice is dropped', () => {
    const end = attached()
    end.hears('a', 'b', 'c')
    end.loses()
    end.attach(0, 1)
    assert.deepEqual(end.hears('b', 'c', 'd'), ['d'])
    assert.equal(end.session.inbox.delivered, 4)
  })

  test('begins with its opening', () => {
    const end = new End()
    end.send('a')
    assert.deepEqual(end.attach(0, 0, 0, 'welcome'), ['welcome', 'a'])
  })

  test('acknowledges at once what the splice did not tell, and nothing else', () => {
    const end = attached()
    end.hears('a', 'b', 'c')
    end.loses()
    assert.deepEqual(end.attach(0, 3), [])
    end.loses()
    assert.deepEqual(end.attach(0, 2), ['^A3'])
  })

  test('is asked nothing and told nothing that the last one was to be', () => {
    const end = attached()
    end.hears('^P7,0')
    end.session.ask()
    end.loses()
    assert.deepEqual(end.attach(), [])
  })

  test('is needed for everything that is written, heard and asked', () => {
    const end = attached()
    end.send('a')
    end.loses()
    end.loses()
    end.hears('^A1', '^P1,1')
    end.session.heard(end.now)
    end.session.probe(end.now)
    end.session.ask()
    assert.equal(end.session.tick(end.now, end.now + epoch), 'alive')
    assert.equal(end.session.deadline, Infinity)
    assert.equal(end.session.acked, 0)
    assert.equal(end.session.gauge, undefined)
    assert.deepEqual(end.writes(), [])
  })
})

describe('an acknowledgement', () => {
  test('may come in a ping and in an answer as well', () => {
    const end = attached()
    end.send('a', 'b', 'c')
    end.hears('^P1,1')
    assert.equal(end.session.acked, 1)
    end.hears('^O1,2')
    assert.equal(end.session.acked, 2)
  })

  test('that is not above the largest one changes nothing', () => {
    const end = attached()
    end.send('a', 'b', 'c')
    end.hears('^A2', '^A1', '^O1,0', '^A2')
    assert.deepEqual([end.session.acked, end.session.confirmed, end.settled.length], [2, 2, 2])
    assert.equal(end.close, undefined)
  })

  for (const frame of ['^A3', '^P1,3', '^P1,3,77', '^O1,3']) {
    test(`of what was never sent, ${frame}, ends the session and changes nothing else`, () => {
      const end = attached()
      end.send('a', 'b')
      end.hears(frame)
      assert.deepEqual([end.session.spread, end.writes()], [0, []])
      assert.deepEqual([end.close?.code, end.close?.cause, end.close?.wasClean], [1006, 'protocol', false])
      assert.deepEqual([end.session.acked, end.session.confirmed, end.settled], [0, 0, []])
    })
  }

  test('frees no more than this link has counted, though all is known to have arrived: the rest is still written', () => {
    const end = attached()
    end.send('a', 'b', 'c', 'd')
    end.loses()
    end.backlog = maxBacklogBytes + 1
    end.attach(1)
    end.hears('^A3')
    assert.deepEqual([end.session.acked, end.session.confirmed], [1, 3])
    end.gauge.backlog = 0
    assert.equal(end.write(), 'b')
    assert.equal(end.session.acked, 2)
    assert.deepEqual(end.writes(), ['c', 'd'])
    assert.deepEqual([end.session.acked, end.session.sent], [3, 4])
    assert.deepEqual(end.settled, ['a', 'b', 'c'])
  })

  test('of what this link has not counted is not forgotten: the message is settled, and not given back', () => {
    const end = attached()
    end.send('a', 'b', 'c')
    end.loses()
    end.backlog = maxBacklogBytes + 1
    end.attach()
    end.hears('^A2')
    assert.deepEqual(end.settled, [])
    end.session.end(abnormalClose('server'))
    assert.deepEqual(end.unconfirmed(), ['c'])
    assert.deepEqual(end.settled, ['a', 'b'])
  })

  test('leaves a second after the first message, and the next one a second after the next message', () => {
    const end = attached()
    end.hears('a')
    assert.deepEqual(end.run(999), [])
    end.hears('b')
    assert.deepEqual(end.run(1_500), ['1000: ^A2'])
    assert.deepEqual(end.run(3_000), [])
    end.hears('c')
    assert.deepEqual(end.run(4_500), ['4000: ^A3'])
  })

  test('leaves at once with 1024 messages, and with 256 KiB', () => {
    const end = attached()
    for (let count = 1; count < 1_024; count++) end.hears('a')
    assert.deepEqual(end.writes(), [])
    end.hears('a')
    assert.deepEqual(end.writes(), ['^A1024'])
    end.hears(new Uint8Array(256 * 1024 - 1))
    assert.deepEqual(end.writes(), [])
    end.hears('a')
    assert.deepEqual(end.writes(), ['^A1026'])
  })

  test('leaves before the data that waits', () => {
    const end = attached()
    for (let count = 0; count < 1_024; count++) end.hears('a')
    assert.deepEqual(end.send('b'), ['^A1024', 'b'])
  })

  test('is not told twice: an answer to a ping takes the place of the one that was due', () => {
    const end = attached()
    end.hears('a', '^P1,0')
    assert.deepEqual(end.writes(), ['^O1,1'])
    assert.deepEqual(end.run(5_000), [])
  })

  test('answers the welcome before anything else', () => {
    const end = attached()
    end.session.greet()
    assert.deepEqual(end.send('a'), ['^A0', 'a'])
  })
})

describe('a ping', () => {
  test('is answered in the turn in which it is read, the last of several for all', () => {
    const end = attached()
    end.send('a')
    end.hears('^P3,0', '^P4,0', '^P5,0')
    assert.deepEqual(end.writes(), ['^O5,0'])
    assert.deepEqual(end.writes(), [])
  })

  test('of a server tells over what time clients are to come back, and one that does not say leaves it', () => {
    const end = attached()
    assert.equal(end.session.spread, 0)
    end.hears('^P1,0,1500')
    assert.equal(end.session.spread, 1_500)
    end.hears('^P2,0')
    assert.equal(end.session.spread, 1_500)
    end.hears('^P3,0,0')
    assert.equal(end.session.spread, 0)
  })

  test('carries the spread from a server, as it is now, and none from a client', () => {
    let spread = 20
    const server = attached({ self: 'server', spread: () => spread })
    server.session.ask()
    spread = 30
    assert.deepEqual(server.writes(), ['^P1,0,30'])
    const client = attached()
    client.session.ask()
    assert.deepEqual(client.writes(), ['^P1,0'])
  })

  test('has a number above all before, whatever it asks for and whichever link carries it', () => {
    const end = attached()
    end.session.ask()
    assert.deepEqual(end.writes(), ['^P1,0'])
    end.session.probe(0)
    assert.deepEqual(end.writes(), ['^P2,0'])
    end.session.ask()
    assert.deepEqual(end.writes(), ['^P3,0'])
    assert.equal(end.session.pings, 3)
    end.loses()
    assert.equal(end.session.pings, 3)
    end.attach()
    end.session.ask()
    assert.deepEqual(end.writes(), ['^P4,0'])
  })

  test('tells the round trip when it is answered by its number, if it asked for a sign of life', () => {
    const end = attached()
    end.session.ask()
    end.session.probe(0)
    end.writes()
    end.run(1_000)
    end.hears('^O1,0')
    assert.equal(end.session.rtt, null)
    end.session.probe(1_000)
    end.writes()
    end.run(3_000)
    end.hears('^O3,0')
    assert.equal(end.session.rtt, 2_000)
    end.loses()
    assert.equal(end.session.rtt, null)
    end.attach()
    assert.equal(end.session.rtt, null)
  })

  test('goes out after a period of silence, and a link that does not answer is dead', () => {
    assert.deepEqual(attached().run(Infinity), ['35000: ^P1,0', '40000: heartbeat-timeout'])
  })

  for (const frame of ['a', new Uint8Array(1), '^A0', '^P1,0', '^O9,0', '^z']) {
    test(`does not go out while frames come, and ${frame} is one`, () => {
      const end = attached()
      end.run(20_000)
      end.hears(frame)
      end.writes()
      end.run(25_000)
      assert.equal(end.liveness?.heardAt, 20_000)
      assert.deepEqual(end.run(54_999), [])
    })
  }

  test('does not go out while the link is heard without a frame', () => {
    const end = attached()
    end.run(20_000)
    end.session.heard(20_000)
    assert.deepEqual(end.run(54_999), [])
    assert.deepEqual(end.run(55_000), ['55000: ^P1,0'])
  })

  test('that is answered tells that the link lives', () => {
    const end = attached()
    end.run(35_000)
    end.hears('^O1,0')
    assert.deepEqual(end.run(69_000), [])
  })

  test('goes out at once when something makes the link doubtful, and once only', () => {
    const end = attached()
    end.session.probe(0)
    end.session.probe(0)
    assert.deepEqual(end.writes(), ['^P1,0'])
    assert.deepEqual(end.run(Infinity), [`${probeMs}: heartbeat-timeout`])
  })

  test('goes out when an acknowledgement is overdue for five seconds', () => {
    const end = attached()
    end.run(2_000)
    end.send('a')
    assert.deepEqual(end.run(Infinity), [`${2_000 + overdueMs}: ^P1,0`, `${2_000 + overdueMs + probeMs}: heartbeat-timeout`])
  })

  test('goes out for the oldest message, whatever was written after it', () => {
    const end = attached()
    end.send('a')
    end.run(3_000)
    end.send('b')
    assert.deepEqual(end.run(overdueMs), [`${overdueMs}: ^P1,0`])
  })

  test('goes out again when the answer did not acknowledge anything', () => {
    const end = attached()
    end.send('a')
    end.run(overdueMs)
    end.hears('^O1,0')
    assert.deepEqual(end.run(2 * overdueMs), [`${2 * overdueMs}: ^P2,0`])
  })

  test('does not go out for what was acknowledged, and for the rest five seconds later', () => {
    const end = attached()
    end.send('a', 'b')
    end.run(4_000)
    end.hears('^A1')
    assert.deepEqual(end.run(4_000 + overdueMs - 1), [])
    assert.deepEqual(end.run(4_000 + overdueMs), ['9000: ^P1,0'])
    end.hears('^O1,2')
    assert.deepEqual(end.run(30_000), [])
  })

  test('for an overdue acknowledgement waits for four round trips where they take longer', () => {
    const end = attached()
    end.session.probe(0)
    end.writes()
    end.run(2_000)
    end.hears('^O1,0')
    end.send('a')
    assert.deepEqual(end.run(2_000 + 4 * 2_000 - 1), [])
    assert.deepEqual(end.run(2_000 + 4 * 2_000), ['10000: ^P2,0'])
  })

  test('for an overdue acknowledgement is not sent for what the last link carried', () => {
    const end = attached()
    end.send('a')
    end.run(3_000)
    end.loses()
    end.attach(1)
    assert.deepEqual(end.run(20_000), [])
  })
})

describe('a session at rest', () => {
  test('has nothing to write: no message, no acknowledgement, no ping, no answer, no greeting', () => {
    const end = attached()
    assert.ok(end.session.isAtRest)
    const causes: readonly (() => void)[] = [
      () => void end.session.send({ data: 'a', bytes: 1, settle: undefined }),
      () => end.session.greet(),
      () => end.session.probe(end.now),
      () => void end.hears('^P1,1'),
      () => {
        end.hears('b')
        end.now += 1_000
        end.session.tick(end.now)
      },
    ]
    for (const cause of causes) {
      cause()
      assert.ok(!end.session.isAtRest)
      end.writes()
      assert.ok(end.session.isAtRest)
    }
  })
})

describe('a question for an acknowledgement', () => {
  test('goes behind the last message that it is about, once for all that one turn sends', () => {
    const end = attached()
    for (const data of ['a', 'b', 'c']) end.session.send({ data, bytes: 1, settle: undefined })
    assert.ok(!end.session.isAllWritten)
    end.session.ask()
    assert.deepEqual(end.writes(), ['a', 'b', 'c', '^P1,0'])
    assert.ok(end.session.isAllWritten)
  })

  test('is not put off by those that follow: each gets its own, in its place', () => {
    const end = attached()
    end.gauge.backlog = maxBacklogBytes + 1
    end.send('a')
    end.session.ask()
    end.send('b')
    end.session.ask()
    end.send('c')
    end.session.ask()
    end.gauge.backlog = 0
    assert.deepEqual(end.writes(), ['a', '^P1,0', 'b', 'c', '^P2,0'])
  })

  test('that the last link took with it is asked again behind the same message, if the peer does not have it', () => {
    const end = attached()
    end.send('a', 'b')
    end.session.ask()
    assert.deepEqual(end.writes(), ['^P1,0'])
    end.loses()
    assert.deepEqual(end.attach(1), ['b', '^P2,0'])
    end.loses()
    assert.deepEqual(end.attach(2), [])
  })

  test('waits for the next link', () => {
    const end = attached()
    end.loses()
    end.send('a')
    end.session.ask()
    assert.deepEqual(end.attach(0), ['a', '^P1,0'])
  })
})

describe('an outbox that is half full', () => {
  const half = { outbox: { maxBytes: 1_000, maxMessages: 4 } }

  test('asks for an acknowledgement, and once until it comes', () => {
    const end = attached(half)
    assert.deepEqual(end.send('a'), ['a'])
    assert.deepEqual(end.send('b'), ['b', '^P1,0'])
    assert.deepEqual(end.send('c', 'd'), ['c', 'd'])
    end.hears('^O1,0')
    assert.deepEqual(end.send('e'), ['e', '^P2,0'])
  })

  test('asks again after any acknowledgement that freed something, if it is half full then', () => {
    const end = attached(half)
    end.send('a', 'b', 'c')
    end.hears('^A2')
    assert.deepEqual(end.send('d'), ['d', '^P2,0'])
    end.hears('^A3')
    end.hears('^A4')
    assert.deepEqual(end.send('e'), ['e'])
  })

  test('is not asked about on an acknowledgement that is too old', () => {
    const end = attached(half)
    end.send('a', 'b', 'c')
    end.hears('^A0')
    assert.deepEqual(end.send('d'), ['d'])
  })

  test('asks by bytes as well', () => {
    assert.deepEqual(attached({ outbox: { maxBytes: 10, maxMessages: 100 } }).send('abcde'), ['abcde', '^P1,0'])
  })

  test('asks nobody while no link is there, and the next link though the last one owes an answer', () => {
    const end = attached(half)
    end.send('a', 'b')
    end.loses()
    end.send('c')
    assert.deepEqual(end.attach(1), ['b', '^P2,0', 'c'])
    assert.deepEqual(end.send('d'), ['d'])
    end.hears('^O2,2')
    assert.deepEqual(end.send('e'), ['e', '^P3,0'])
  })
})

describe('an application that does not keep up', () => {
  test('is given what comes, but the peer is told the last number, in A, P and O', () => {
    const end = attached()
    end.hears('a', '^P1,0')
    end.writes()
    end.session.inbox.hold()
    for (let count = 0; count < 600; count++) assert.deepEqual(end.hears('b'), ['b'])
    assert.deepEqual(end.run(5_000), [])
    end.hears('^P2,0')
    assert.deepEqual(end.writes(), ['^O2,1'])
    end.session.ask()
    assert.deepEqual(end.writes(), ['^P1,1'])
  })

  test('does not keep its link from being judged', () => {
    const end = attached()
    end.session.inbox.hold()
    assert.deepEqual(end.run(Infinity), ['35000: ^P1,0', '40000: heartbeat-timeout'])
  })

  test('is asked for a sign of life as ever when an acknowledgement is overdue, and when something makes the link doubtful', () => {
    const end = attached()
    end.session.inbox.hold()
    end.send('a')
    assert.deepEqual(end.run(overdueMs), [`${overdueMs}: ^P1,0`])
    end.hears('^O1,0')
    end.session.probe(overdueMs)
    assert.deepEqual(end.writes(), ['^P2,0'])
    assert.deepEqual(end.run(Infinity), [`${overdueMs + probeMs}: heartbeat-timeout`])
  })

  test('acknowledges all at once when it keeps up again', () => {
    const end = attached()
    end.session.inbox.hold()
    end.hears('a', 'b')
    end.run(10_000)
    end.session.inbox.release()
    assert.deepEqual(end.writes(), ['^A2'])
  })

  test('owes nothing when nothing came in the meantime: what comes next is acknowledged a second later', () => {
    const end = attached()
    end.session.inbox.hold()
    end.session.inbox.release()
    end.hears('a')
    assert.deepEqual(end.writes(), [])
    assert.deepEqual(end.run(5_000), ['1000: ^A1'])
  })

  test('goes on withholding over the next link, which is judged as well', () => {
    const end = attached()
    end.session.inbox.hold()
    end.hears('a')
    end.loses()
    assert.deepEqual(end.attach(), [])
    assert.deepEqual(end.run(Infinity), ['35000: ^P1,0', '40000: heartbeat-timeout'])
  })

  test('may fall behind and catch up while no link is there', () => {
    const end = attached()
    end.hears('a')
    end.loses()
    end.session.inbox.hold()
    end.session.inbox.release()
    assert.deepEqual(end.attach(), ['^A1'])
  })
})

describe('a control frame', () => {
  test('with a letter that may be missed is ignored', () => {
    const end = attached()
    end.hears('^z1', '^aa')
    assert.equal(end.close, undefined)
    assert.equal(end.session.inbox.delivered, 0)
    assert.deepEqual(end.writes(), [])
  })

  for (const frame of ['^', '^0', '^Z', '^A', '^A-1', '^A1.0', '^P1', '^O1', '^F{}', '^F{"code":1006,"reason":""}', `^A${2 ** 53}`]) {
    test(`that is none, ${frame}, ends the session and changes nothing else`, () => {
      const end = attached()
      end.send('a')
      end.hears(frame)
      assert.deepEqual([end.close?.code, end.close?.cause], [1006, 'protocol'])
      assert.deepEqual([end.session.acked, end.session.inbox.delivered], [0, 0])
      assert.ok(Object.isFrozen(end.close))
    })
  }

  test('that belongs at the start of a link, or to the link, ends the session anywhere else', () => {
    const token = (length: number) => 'x'.repeat(length)
    const terms = '"ttl":1,"ping":1,"dead":1,"spread":0'
    const frames = {
      welcome: `^W{"sid":"${token(22)}","key":"${token(43)}","proto":"","max":1,${terms}}`,
      resume: `^R{"sid":"${token(22)}","key":"${token(43)}","cid":"${token(22)}","attempt":1,"recv":0}`,
      spliced: `^S{"recv":0,"base":0,"sent":0,${terms}}`,
      refused: '^X{"why":"busy"}',
      drain: '^D{"in":1,"by":1}',
    }
    for (const [kind, frame] of Object.entries(frames)) {
      const end = attached()
      end.hears(frame)
      assert.deepEqual(end.close, { code: 1006, reason: `${kind} is out of place here`, wasClean: false, cause: 'protocol' })
    }
  })
})

describe('a session that finishes', () => {
  test('says so behind its data, takes the answer, and is done when both know', () => {
    const [client, server] = [attached(), attached({ self: 'server' })]
    client.send('a')
    assert.deepEqual(client.finish(), [done])
    assert.equal(client.session.isOpen, false)
    assert.deepEqual(server.hears('a', done), ['a'])
    assert.equal(server.session.isOpen, false)
    assert.deepEqual(server.writes(), ['^A2', done])
    client.hears('^A2')
    assert.equal(client.close, undefined)
    client.hears(done)
    assert.deepEqual(client.close, clean(1000, 'done', 'client'))
    assert.deepEqual(client.writes(), ['^A1'])
    assert.equal(server.close, undefined)
    server.hears('^A1')
    assert.deepEqual(server.close, clean(1000, 'done', 'client'))
    assert.deepEqual([...client.unconfirmed(), ...server.unconfirmed()], [])
  })

  test('says so though its outbox is full, and is not asked to make room', () => {
    const end = attached({ outbox: { maxBytes: 4, maxMessages: 1 } })
    end.send('abcd')
    assert.deepEqual(end.finish(), [done])
    assert.equal(end.session.outbox.bytes, 4)
  })

  test('answers with the code and reason of the peer, whose doing it was, when all it had is written', () => {
    const client = new End()
    client.send('a', 'b')
    client.attach()
    client.hears('^F{"code":4000,"reason":"over"}')
    assert.deepEqual(client.writes(), ['^A1', '^F{"code":4000,"reason":"over"}'])
    client.hears('^A3')
    assert.deepEqual(client.close, clean(4000, 'over', 'server'))
    assert.deepEqual(client.settled, ['a', 'b'])
  })

  test('answers behind what its outbox still holds', () => {
    const end = attached()
    end.gauge.backlog = maxBacklogBytes + 1
    end.send('a', 'b')
    end.hears(done)
    assert.deepEqual(end.writes(), ['^A1'])
    end.gauge.backlog = 0
    assert.deepEqual(end.writes(), ['a', 'b', done])
  })

  test('has no code to tell where the application gave none', () => {
    const end = attached()
    end.finish(1005, '')
    end.hears('^F{"code":1005,"reason":""}', '^A1')
    assert.deepEqual(end.close, clean(1005, '', 'client'))
  })

  test('from both ends at once tells each end what the other said', () => {
    const [client, server] = [attached(), attached({ self: 'server' })]
    client.session.send(client.entry('from the client'))
    server.session.send(server.entry('from the server'))
    client.session.finish(0, 4001, 'client')
    server.session.finish(0, 4002, 'server')
    converse(client, server)
    assert.deepEqual(client.close, clean(4002, 'server', 'client'))
    assert.deepEqual(server.close, clean(4001, 'client', 'server'))
    assert.deepEqual([client.settled, server.settled], [['from the client'], ['from the server']])
  })

  test('finishes once', () => {
    const end = attached()
    assert.deepEqual(end.finish(), [done])
    assert.deepEqual(end.finish(4000, 'again'), [])
    end.hears('^F{"code":4001,"reason":"theirs"}')
    assert.deepEqual(end.finish(4000, 'again'), ['^A1'])
    end.hears('^A1')
    assert.deepEqual(end.finish(4000, 'again'), [])
    assert.deepEqual(end.close, clean(4001, 'theirs', 'client'))
  })

  test('goes on over the next link, and says so again', () => {
    const [client, server] = [attached(), attached({ self: 'server' })]
    client.send('a')
    client.finish()
    client.loses()
    server.loses()
    assert.deepEqual(client.attach(), ['a', done])
    server.attach()
    server.hears('a', done)
    converse(client, server)
    assert.deepEqual(client.close, clean(1000, 'done', 'client'))
    assert.deepEqual(server.close, clean(1000, 'done', 'client'))
  })

  test('is done at once when the next link tells that all had arrived', () => {
    const end = attached()
    end.send('a')
    end.hears(done)
    end.loses()
    assert.deepEqual(end.attach(2, 0, 1), [])
    assert.deepEqual(end.close, clean(1000, 'done', 'server'))
    assert.deepEqual(end.settled, ['a'])
  })

  test('is done when its last word is written that was known to have arrived', () => {
    const end = attached({ self: 'server' })
    end.send('a')
    end.finish()
    end.hears(done)
    end.writes()
    end.loses()
    end.backlog = maxBacklogBytes + 1
    end.attach(0, 1)
    end.hears('^A2')
    assert.equal(end.close, undefined)
    end.gauge.backlog = 0
    assert.deepEqual(end.writes(), ['a', done])
    assert.equal(end.session.acked, 2)
    assert.deepEqual(end.settled, ['a'])
    assert.deepEqual(end.close, clean(1000, 'done', 'server'))
  })

  test('hears the last message once, though two links bring it', () => {
    const end = attached()
    end.hears('a', done)
    end.loses()
    end.attach(0, 1, 1)
    end.hears(done)
    assert.equal(end.close, undefined)
    assert.equal(end.session.inbox.delivered, 2)
  })

  for (const [name, frame] of [
    ['a message', 'a'],
    ['another finish', done],
  ] as const) {
    test(`ends with a violation when ${name} follows the last one`, () => {
      const end = attached()
      end.hears(done)
      assert.deepEqual(end.hears(frame), [])
      assert.deepEqual([end.close?.code, end.close?.cause, end.close?.wasClean], [1006, 'protocol', false])
      assert.equal(end.session.inbox.delivered, 1)
    })
  }

  test('waits no longer than its close timeout, and then it is not clean', () => {
    const end = attached()
    end.send('a')
    end.run(3_000)
    end.finish()
    end.hears('^A1')
    end.loses()
    assert.equal(end.session.deadline, 13_000)
    end.run(12_999)
    assert.equal(end.close, undefined)
    end.run(13_000)
    assert.deepEqual(end.close, abnormalClose('client'))
    assert.equal(end.session.deadline, Infinity)
  })

  test('is clean when its time is over if the peer finished and has all the data, though not the last word', () => {
    const end = attached()
    end.send('a')
    end.hears('^F{"code":4000,"reason":"over"}', '^A1')
    end.loses()
    end.run(10_000)
    assert.deepEqual(end.close, clean(4000, 'over', 'server'))
  })

  test('is not clean when its time is over if the peer finished without all the data', () => {
    const end = attached()
    end.send('a', 'b')
    end.hears(done, '^A1')
    end.loses()
    end.run(10_000)
    assert.deepEqual(end.close, abnormalClose('server'))
    assert.deepEqual(end.unconfirmed(), ['b'])
  })

  test('is not clean when its time is over if the peer has it all and did not finish', () => {
    const end = attached()
    end.finish()
    end.hears('^A1')
    end.loses()
    end.run(10_000)
    assert.deepEqual(end.close, abnormalClose('client'))
  })

  test('keeps the time that it set itself when the peer finishes as well', () => {
    const end = attached()
    end.finish()
    end.run(4_000)
    end.hears(done)
    end.loses()
    assert.equal(end.session.deadline, 10_000)
  })

  test('ends on an attached link when its time is over', () => {
    const end = attached()
    end.finish()
    while (end.now < 10_000) {
      end.run(end.now + 1_000)
      end.session.heard(end.now)
    }
    assert.deepEqual(end.close, abnormalClose('client'))
  })
})

describe('a session that is over', () => {
  test('has one end, the first', () => {
    const end = attached()
    end.session.end(abnormalClose('taken-over'))
    end.session.end(abnormalClose('network'))
    end.session.finish(0, 1000, '')
    assert.deepEqual(end.close, abnormalClose('taken-over'))
    assert.equal(end.session.isOpen, false)
  })

  test('counts no message that still arrives', () => {
    const end = attached()
    end.session.end(abnormalClose('taken-over'))
    assert.deepEqual(end.hears('a'), [])
    assert.equal(end.session.inbox.delivered, 0)
  })

  test('delivers nothing, hears nothing and writes no message, but acknowledges what it owes', () => {
    const end = attached()
    end.gauge.backlog = maxBacklogBytes + 1
    end.send('a')
    end.hears('b', done)
    end.session.end(abnormalClose('taken-over'))
    end.gauge.backlog = 0
    assert.deepEqual(end.writes(), ['^A2'])
    assert.deepEqual(end.hears('c', '^A1', '^P1,0'), [])
    assert.deepEqual(end.writes(), [])
    assert.equal(end.session.inbox.delivered, 2)
    assert.equal(end.session.acked, 0)
    assert.equal(end.session.deadline, Infinity)
  })

  test('gives back what was sent and not acknowledged, in order, without its own last word', () => {
    const end = attached()
    end.send('a', 'b', 'c')
    end.hears('^A1')
    end.finish()
    end.session.end(abnormalClose('taken-over'))
    assert.deepEqual(end.unconfirmed(), ['b', 'c'])
    assert.deepEqual(end.unconfirmed(), [])
    assert.deepEqual(end.settled, ['a'])
  })
})

describe('a refusal that tells what had arrived', () => {
  test('confirms so much, though no link is there', () => {
    const end = attached()
    end.send('a', 'b', 'c')
    end.loses()
    assert.equal(end.session.learn(2), true)
    assert.deepEqual(end.settled, ['a', 'b'])
    assert.deepEqual(end.unconfirmed(), ['c'])
  })

  test('confirms what was never written to the link that is gone', () => {
    const end = attached()
    end.send('a')
    end.loses()
    end.send('b')
    end.attach()
    end.loses()
    assert.equal(end.session.learn(2), true)
    assert.deepEqual(end.unconfirmed(), [])
  })

  test('confirms what was acknowledged to a link that had not counted it', () => {
    const end = attached()
    end.send('a', 'b')
    end.loses()
    end.backlog = maxBacklogBytes + 1
    end.attach()
    end.hears('^A2')
    end.loses()
    assert.deepEqual(end.settled, [])
    assert.equal(end.session.learn(2), true)
    assert.deepEqual([end.settled, end.session.acked], [['a', 'b'], 2])
    assert.deepEqual(end.unconfirmed(), [])
  })

  test('is not believed below what was acknowledged nor above what was sent', () => {
    const end = attached()
    end.send('a', 'b', 'c')
    end.hears('^A2')
    end.loses()
    assert.equal(end.session.learn(1), false)
    assert.equal(end.session.learn(4), false)
    assert.deepEqual([end.session.acked, end.session.sent, end.close], [2, 3, undefined])
    assert.equal(end.session.learn(2), true)
    assert.equal(end.session.acked, 2)
  })

  test('completes a session whose last acknowledgement was lost', () => {
    const end = attached()
    end.send('a')
    end.hears(done)
    end.loses()
    end.session.learn(2)
    assert.deepEqual(end.close, clean(1000, 'done', 'server'))
  })
})

describe('a message that breaks links', () => {
  /** Writes what there is to a new link, and loses that after a time. */
  function breaks(end: End, blamesMessage: boolean, afterMs = 0): void {
    end.attach(end.session.acked)
    end.now += afterMs
    end.loses(blamesMessage)
  }

  test('ends the session with 1009 when the peer closed three in a row on it', () => {
    const end = new End()
    end.send('a', 'b')
    breaks(end, true)
    breaks(end, true)
    assert.equal(end.close, undefined)
    breaks(end, true)
    assert.deepEqual([end.session.close?.code, end.session.close?.cause, end.session.close?.wasClean], [1009, 'protocol', false])
    assert.match(end.close!.reason, /^message 1 /)
    assert.ok(Object.isFrozen(end.close))
    assert.deepEqual(end.unconfirmed(), ['a', 'b'])
  })

  test('had its chance on a link that lived for ten seconds with it', () => {
    for (const [afterMs, isOver] of [
      [chanceMs, true],
      [chanceMs - 1, false],
    ] as const) {
      const end = new End()
      end.send('a')
      for (let link = 0; link < 3; link++) breaks(end, false, afterMs)
      assert.equal(end.close?.code === 1009, isOver)
    }
  })

  test('had its chance on a link that lived for ten seconds with it, whatever was asked and answered meanwhile', () => {
    const end = new End()
    end.send('a')
    for (let link = 0; link < 3; link++) {
      assert.equal(end.close, undefined)
      end.attach()
      for (const lostAt = end.now + chanceMs; end.now < lostAt; ) {
        end.run(end.now + 1_000)
        end.hears(`^O${end.session.pings},0`)
      }
      end.loses()
    }
    assert.equal(end.session.pings, 6)
    assert.equal(end.session.close?.code, 1009)
  })

  test('has not been at fault when a link in the row merely broke', () => {
    const end = new End()
    end.send('a')
    for (const blamesMessage of [true, true, false, true, true]) breaks(end, blamesMessage)
    assert.equal(end.close, undefined)
    breaks(end, true)
    assert.equal(end.session.close?.code, 1009)
  })

  test('is not one of those that got through in the meantime', () => {
    const end = new End()
    end.send('a', 'b')
    breaks(end, true)
    breaks(end, true)
    end.attach(1)
    end.loses(true)
    breaks(end, true)
    assert.equal(end.close, undefined)
    breaks(end, true)
    assert.match(end.close!.reason, /^message 2 /)
  })

  test('is none that was not written', () => {
    const end = new End()
    end.backlog = maxBacklogBytes + 1
    end.send('a')
    for (let link = 0; link < 4; link++) breaks(end, true)
    assert.equal(end.close, undefined)
  })

  test('is none where all was acknowledged', () => {
    const end = attached()
    end.send('a')
    end.hears('^A1')
    for (let link = 0; link < 4; link++) breaks(end, true)
    assert.equal(end.close, undefined)
  })
})
