import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AwakeClock } from './awake-clock.ts'
import { abnormalClose, type CloseInfo } from './close-info.ts'
import { decode, type Refused } from './control.ts'
import { type ServerConfig, ServerMachine, type ServerOutput } from './server-machine.ts'
import type { ServerLink, ServerSession, Verdict } from './server-session.ts'
import type { Payload } from './session.ts'

const epoch = 1_700_000_000_000
const sidLength = 22
const keyLength = 43
const cid = 'client'.padEnd(sidLength, '_')
const otherCid = 'other'.padEnd(sidLength, '_')
const terms = '"ttl":300000,"ping":30000,"dead":40000'
const done = '^F{"code":1000,"reason":"done"}'
const newTtlMs = 30_000
const maxBacklogBytes = 64 * 1024
const ttl = 300_000
const tombstoneMs = 600_000

const ann: Verdict = { kind: 'accepted', principal: 'ann', proto: 'chat' }
const bob: Verdict = { kind: 'accepted', principal: 'bob', proto: '' }
const network = abnormalClose('network')
const closed = (code: number, reason = ''): CloseInfo => ({ code, reason, wasClean: true, cause: 'client' })

class Gauge {
  isOpen = true
  bytesRead = 0
  bytesWritten = 0
  backlog = 0
}

interface Wire {
  readonly number: number
  readonly gauge: Gauge
  readonly link: ServerLink
}

interface Request {
  readonly sid?: string
  readonly key?: string
  readonly cid?: string
  readonly attempt?: number
  readonly recv?: number
}

/** A machine whose world is played by the test. What it puts out is told in short words; ^ stands for U+0010. */
class Subject {
  readonly machine: ServerMachine
  readonly wires: Wire[] = []
  now = 0
  busyMs = 0
  spreadMs = 0
  /** What chance brings next; a half when nothing is left. */
  draws: number[] = []
  /** What keys were compared with. */
  compared: (string | undefined)[] = []
  elsewhere: string | undefined
  #issued = 0

  readonly awake: AwakeClock = new AwakeClock(1_000, 0, epoch, true)

  constructor(overrides: Partial<ServerConfig> = {}) {
    this.machine = new ServerMachine({
      ttl,
      ping: 30_000,
      dead: 40_000,
      writeTimeout: 10_000,
      awake: this.awake,
      closeTimeout: 10_000,
      maxMessageBytes: 1_048_576,
      outbox: { maxBytes: 100, maxMessages: 20 },
      maxSessions: 4,
      maxPerPrincipal: 3,
      maxTotalBytes: 250,
      credentials: {
        issue: () => {
          this.#issued++
          const key = `k${this.#issued}`.padEnd(keyLength, '_')
          return { sid: `s${this.#issued}`.padEnd(sidLength, '_'), key, digest: `digest of ${key}` }
        },
        matches: (key, digest) => {
          this.compared.push(digest)
          return digest === `digest of ${key}`
        },
      },
      admit: () => this.busyMs,
      spread: () => this.spreadMs,
      locate: () => this.elsewhere,
      random: () => this.draws.shift() ?? 0.5,
      ...overrides,
    })
  }

  /** What was put out since, and what the sessions write. */
  said(): string[] {
    const said: string[] = []
    for (;;) {
      for (const { session } of this.machine.sessions.values()) {
        for (
          let frame = session.close ? undefined : session.nextFrame(this.now);
          frame !== undefined;
          frame = session.nextFrame(this.now)
        ) {
          said.push(this.#written(this.wires.find((wire) => wire.gauge === session.gauge)!.link, frame))
        }
      }
      const output = this.machine.poll()
      if (!output) return said
      said.push(this.#inWords(output))
    }
  }
  arrive(isResuming = false): Wire {
    const gauge = new Gauge()
    const wire = { number: this.wires.length + 1, gauge, link: this.machine.open(this.now, gauge, isResuming) }
    this.wires.push(wire)
    return wire
  }
  judge(wire: Wire, verdict: Verdict = ann): string[] {
    this.machine.authenticated(this.now, wire.link, verdict)
    return this.said()
  }
  /** What of this was for the application, and what was said. */
  hears(wire: Wire, ...frames: Payload[]): { delivered: Payload[]; said: string[] } {
    const delivered: Payload[] = []
    for (const frame of frames) {
      const payload = typeof frame === 'string' ? frame.replaceAll('^', '\u0010') : frame
      const data = this.machine.receive(this.now, wire.link, payload)
      if (data !== undefined) delivered.push(data)
    }
    return { delivered, said: this.said() }
  }
  /** A session on a link of its own, whose client has answered. */
  session(verdict: Verdict = ann, isAnswered = true): [wire: Wire, held: ServerSession] {
    const wire = this.arrive()
    this.judge(wire, verdict)
    const held = wire.link.session!
    if (isAnswered) assert.deepEqual(this.hears(wire, '^A0').said, [])
    return [wire, held]
  }
  /** A session whose link was lost. */
  detached(verdict: Verdict = ann): ServerSession {
    const [wire, held] = this.session(verdict)
    this.closes(wire)
    return held
  }
  /** A frame that asks for a session. */
  request(held: Pick<ServerSession, 'sid' | 'digest'>, request: Request = {}): string {
    const key = held.digest.replace('digest of ', '')
    return `^R${JSON.stringify({ sid: held.sid, key, cid, attempt: 1, recv: 0, ...request })}`
  }
  resume(held: ServerSession, request: Request = {}, verdict: Verdict = ann): string[] {
    const wire = this.arrive(true)
    this.judge(wire, verdict)
    return this.hears(wire, this.request(held, request)).said
  }
  send(held: ServerSession, ...messages: string[]): string[] {
    for (const data of messages) this.machine.send(this.now, held, { data, bytes: data.length, settle: undefined })
    return this.said()
  }
  closes(wire: Wire, close: CloseInfo = network): string[] {
    wire.gauge.isOpen = false
    this.machine.linkClosed(this.now, wire.link, close)
    return this.said()
  }
  close(held: ServerSession, code = 1000, reason = 'done'): string[] {
    this.machine.close(this.now, held, code, reason)
    return this.said()
  }
  terminate(held: ServerSession): string[] {
    this.machine.terminate(this.now, held)
    return this.said()
  }
  drain(held: ServerSession, inMs: number, byMs: number, url?: string): string[] {
    this.machine.drain(this.now, held, inMs, byMs, url)
    return this.said()
  }
  /** Ticks at the deadlines up to `until`; each thing said carries its time. */
  run(until: number): string[] {
    const told: string[] = []
    for (let at = this.deadline; at <= until; at = this.deadline) {
      this.now = at
      while (this.awake.nextTick < at) this.awake.advance(this.awake.nextTick, this.awake.nextTick + epoch)
      this.awake.advance(at, at + epoch)
      for (const { link } of this.wires) if (link.deadline <= at) this.machine.tickLink(at, link)
      for (const held of [...this.machine.sessions.values()]) if (held.deadline <= at) this.machine.tickSession(at, held)
      told.push(...this.said().map((each) => `${at}: ${each}`))
    }
    this.now = until
    return told
  }
  get deadline(): number {
    const links = this.wires.map(({ link }) => link.deadline)
    const sessions = [...this.machine.sessions.values()].map((held) => held.deadline)
    return Math.min(...links, ...sessions, Infinity)
  }

  #wireOf(link: ServerLink): Wire {
    return this.wires.find((wire) => wire.link === link)!
  }
  #written(link: ServerLink, frame: unknown): string {
    return `${this.#wireOf(link).number} gets ${String(frame).replaceAll('\u0010', '^')}`
  }
  #inWords(output: ServerOutput): string {
    switch (output.kind) {
      case 'write':
        return this.#written(output.link, output.frame)
      case 'close':
        this.#wireOf(output.link).gauge.isOpen = false
        return `close ${this.#wireOf(output.link).number} ${output.code} ${output.reason}`.trim()
      case 'drop':
        return `drop ${this.#wireOf(output.link).number}`
      case 'renew':
        return `${this.#wireOf(output.link).number} asks anew`
      case 'open':
        return `${name(output.session)} open on ${this.#wireOf(output.link).number}`
      case 'lost':
        return `${name(output.session)} lost ${output.close.cause}`
      case 'resumed':
        return `${name(output.session)} resumed on ${this.#wireOf(output.link).number} after ${output.downtime}, replays ${output.replayed}`
      case 'end': {
        const { close, unsent } = output
        const back = unsent.map((entry) => ` ${entry.data}`)
        return `${name(output.session)} end ${close.code} ${close.reason || close.cause}${close.wasClean ? ', clean' : ''}${back.length > 0 ? `, gives back${back.join('')}` : ''}`
      }
    }
  }
}

function name(held: ServerSession): string {
  return held.sid.replaceAll('_', '')
}

/** The refusal in what was said. */
function refusal(said: readonly string[]): unknown {
  const [, frame] = said[0]!.split(' gets ')
  const control = decode(frame!.replaceAll('^', '\u0010'))
  assert.equal(control.kind, 'refused')
  const isLost = ['unknown', 'expired', 'state'].includes((control as Refused).why) // the client may want another
  assert.equal(said.length, isLost ? 1 : 2)
  if (!isLost) assert.match(said[1]!, /^close \d+ 3803$/)
  return { ...control, kind: undefined }
}
function refused(why: string, more: object = {}): unknown {
  return { kind: undefined, why, ...more }
}

describe('a new session', () => {
  test('begins with a welcome, and its application is told', () => {
    const subject = new Subject()
    subject.spreadMs = 12
    const wire = subject.arrive()
    assert.deepEqual(subject.said(), [])
    const [sid, key] = ['s1'.padEnd(sidLength, '_'), 'k1'.padEnd(keyLength, '_')]
    assert.deepEqual(subject.judge(wire), [
      `1 gets ^W{"sid":"${sid}","key":"${key}","proto":"chat",${terms},"max":1048576,"spread":12}`,
      's1 open on 1',
    ])
    assert.equal(subject.machine.sessions.get(sid), wire.link.session)
    assert.equal(wire.link.session?.digest, `digest of ${key}`)
  })

  test('may be written to before its client has answered', () => {
    const subject = new Subject()
    const [, held] = subject.session(ann, false)
    assert.deepEqual(subject.send(held, 'a'), ['1 gets a'])
  })

  test('that nobody answers is kept for thirty seconds', () => {
    const subject = new Subject({ ping: 100_000, dead: 200_000 })
    subject.session(ann, false)
    subject.run(newTtlMs - 1)
    assert.equal(subject.machine.sessions.size, 1)
    assert.deepEqual(subject.run(newTtlMs), ['30000: close 1 3805', '30000: s1 end 1006 session-lost:unanswered'])
    assert.equal(subject.machine.sessions.size, 0)
  })

  test('that lost its link unanswered is kept for thirty seconds in all, an answered one for its ttl', () => {
    for (const isAnswered of [false, true]) {
      const subject = new Subject()
      const [wire] = subject.session(ann, isAnswered)
      subject.now = 5_000
      assert.deepEqual(subject.closes(wire), ['s1 lost network'])
      const until = isAnswered ? 5_000 + ttl : newTtlMs
      assert.deepEqual(subject.run(until - 1), [])
      assert.deepEqual(subject.run(until), [`${until}: s1 end 1006 session-lost:expired`])
    }
  })

  test('is answered by any frame but one that is to be ignored', () => {
    const subject = new Subject()
    const [wire, held] = subject.session(ann, false)
    assert.deepEqual(subject.hears(wire, '^z'), { delivered: [], said: [] })
    assert.equal(held.state.name, 'new')
    assert.deepEqual(subject.hears(wire, 'a').delivered, ['a'])
    assert.equal(held.state.name, 'attached')
  })

  for (const why of ['auth', 'origin'] as const) {
    test(`is refused by ${why}, and nothing is kept of it`, () => {
      const subject = new Subject()
      assert.deepEqual(refusal(subject.judge(subject.arrive(), { kind: 'refused', why })), refused(why))
      assert.equal(subject.machine.sessions.size, 0)
    })
  }

  test('is refused while the server is busy', () => {
    const subject = new Subject()
    subject.busyMs = 1_500
    assert.deepEqual(refusal(subject.judge(subject.arrive())), refused('busy', { after: 1_500 }))
    assert.equal(subject.machine.sessions.size, 0)
  })

  test('is heard before its welcome by nobody: who writes first has broken the protocol', () => {
    const request = new Subject().request({ sid: 'x'.repeat(sidLength), digest: `digest of ${'x'.repeat(keyLength)}` })
    for (const frame of ['a', '^A0', '^R{}', request, new Uint8Array(1)]) {
      const subject = new Subject()
      const wire = subject.arrive()
      assert.deepEqual(subject.hears(wire, frame), { delivered: [], said: ['close 1 3806 the first frame has to be a resume'] })
      assert.deepEqual(subject.judge(wire), [])
    }
  })

  test('is begun though a frame that is to be ignored came before its welcome', () => {
    const subject = new Subject()
    const wire = subject.arrive()
    assert.deepEqual(subject.hears(wire, '^z1'), { delivered: [], said: [] })
    assert.equal(subject.judge(wire).at(-1), 's1 open on 1')
  })

  test('waits for its verdict as long as that takes', () => {
    const subject = new Subject()
    const wire = subject.arrive()
    assert.equal(wire.link.deadline, Infinity)
    subject.now = 3_600_000
    subject.machine.tickLink(subject.now, wire.link)
    assert.deepEqual(subject.said(), [])
    assert.equal(subject.judge(wire).at(-1), 's1 open on 1')
  })

  test('is not begun on a link that did not wait for it', () => {
    const subject = new Subject()
    const wire = subject.arrive()
    subject.closes(wire)
    assert.deepEqual(subject.judge(wire), [])
    assert.equal(subject.machine.sessions.size, 0)
  })
})

describe('messages', () => {
  test('go both ways', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    assert.deepEqual(subject.send(held, 'a', 'b'), ['1 gets a', '1 gets b'])
    assert.deepEqual(subject.hears(wire, 'c', '^P1,2'), { delivered: ['c'], said: ['1 gets ^O1,1'] })
    assert.equal(held.session.acked, 2)
  })

  test('are kept while no link is there', () => {
    const subject = new Subject()
    const held = subject.detached()
    assert.deepEqual(subject.send(held, 'a', 'b'), [])
    assert.deepEqual(subject.resume(held).slice(1), ['2 gets a', '2 gets b', 's1 resumed on 2 after 0, replays 2'])
  })

  test('beyond the bound of the outbox end the session, which gives them back with the rest', () => {
    const subject = new Subject()
    const [, held] = subject.session()
    subject.send(held, 'a'.repeat(60))
    assert.deepEqual(subject.send(held, 'b'.repeat(41)), [
      'close 1 3805',
      `s1 end 1013 overflow, gives back ${'a'.repeat(60)} ${'b'.repeat(41)}`,
    ])
    assert.equal(subject.machine.heldBytes, 0)
  })

  test('after the session was closed, or is over, are not taken', () => {
    const subject = new Subject()
    const [, held] = subject.session()
    subject.close(held)
    assert.deepEqual(subject.send(held, 'late'), [])
    assert.equal(held.session.sent, 1)
    subject.terminate(held)
    assert.deepEqual(subject.send(held, 'late'), [])
  })

  test('are counted in bytes for all sessions together until they are acknowledged', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    const [, other] = subject.session()
    subject.send(held, 'abc', 'de')
    subject.send(other, 'f')
    assert.equal(subject.machine.heldBytes, 6)
    subject.hears(wire, '^A1')
    assert.equal(subject.machine.heldBytes, 3)
    subject.terminate(other)
    subject.close(other)
    assert.equal(subject.machine.heldBytes, 2)
  })
})

describe('a session', () => {
  test('ends in order when the client finishes', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.send(held, 'a')
    assert.deepEqual(subject.hears(wire, 'b', done).said, ['1 gets ^A2', `1 gets ${done}`])
    assert.deepEqual(subject.hears(wire, '^A2').said, ['close 1 1000', 's1 end 1000 done, clean'])
    assert.equal(held.state.name, 'over')
    assert.equal(subject.machine.sessions.size, 0)
  })

  test('ends in order when the server finishes, and acknowledges the last word before it parts', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    assert.deepEqual(subject.close(held, 4000, 'bye'), ['1 gets ^F{"code":4000,"reason":"bye"}'])
    assert.deepEqual(subject.hears(wire, '^A1', '^F{"code":4000,"reason":"bye"}').said, [
      '1 gets ^A1',
      'close 1 1000',
      's1 end 4000 bye, clean',
    ])
  })

  test('ends in order over a second link, which tells that all had arrived', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.hears(wire, done)
    subject.closes(wire)
    assert.deepEqual(subject.resume(held, { recv: 1 }), [
      's1 resumed on 2 after 0, replays 0',
      `2 gets ^S{"recv":1,"base":1,"sent":1,${terms},"spread":0}`,
      'close 2 1000',
      's1 end 1000 done, clean',
    ])
  })

  test('ends in order though the acknowledgement of its last word came before that was written', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.send(held, 'a')
    subject.close(held)
    subject.hears(wire, done)
    subject.closes(wire)
    const second = subject.arrive(true)
    second.gauge.backlog = maxBacklogBytes + 1
    subject.judge(second)
    subject.hears(second, subject.request(held), '^A2')
    assert.equal(held.session.close, undefined)
    second.gauge.backlog = 0
    assert.deepEqual(subject.said(), ['2 gets a', `2 gets ${done}`])
    assert.equal(held.deadline, -Infinity)
    subject.machine.tickSession(subject.now, held)
    assert.deepEqual(subject.said(), ['close 2 1000', 's1 end 1000 done, clean'])
    assert.equal(held.deadline, Infinity)
  })

  test('that does not end in its close timeout is abandoned, with a link and without', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.close(held)
    subject.run(8_000)
    subject.hears(wire, '^A0')
    assert.deepEqual(subject.run(10_000).slice(-2), ['10000: close 1 3805', '10000: s1 end 1006 server'])
    const other = subject.detached()
    subject.close(other)
    assert.deepEqual(subject.run(20_000), ['11000: drop 1', '20000: s2 end 1006 server'])
  })

  test('that is terminated is over at once, its client is told, and it gives back what was not acknowledged', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.send(held, 'a', 'b')
    subject.hears(wire, 'x', '^A1')
    assert.deepEqual(subject.terminate(held), ['close 1 3805', 's1 end 1006 server, gives back b'])
    assert.deepEqual(subject.hears(wire, 'late', '^A2'), { delivered: [], said: [] })
    assert.deepEqual(subject.terminate(held), [])
    assert.deepEqual(subject.close(held), [])
    assert.deepEqual(subject.drain(held, 1, 2), [])
    subject.machine.tickSession(subject.now, held)
    assert.deepEqual(subject.said(), [])
    assert.equal(held.deadline, Infinity)
  })

  test('that is terminated without a link tells nobody', () => {
    const subject = new Subject()
    assert.deepEqual(subject.terminate(subject.detached()), ['s1 end 1006 server'])
  })

  const secondRequest = `^R{"sid":"${'x'.repeat(22)}","key":"${'x'.repeat(43)}","cid":"${'x'.repeat(22)}","attempt":1,"recv":0}`
  for (const [what, frame, reason] of [
    ['no frame of the protocol', '^Z', 'not a frame of this protocol: Z'],
    ['an acknowledgement of what was never sent', '^A1', 'an acknowledgement of 1 messages, but 0 were sent'],
    ['a frame of the server', '^D{"in":1,"by":2}', 'drain is out of place here'],
    ['a second first frame, whose secrets it does not repeat', secondRequest, 'resume is out of place here'],
  ] as const) {
    test(`ends with a violation on ${what}, and its client is told which rule it broke`, () => {
      const subject = new Subject()
      const [wire] = subject.session()
      const { delivered, said } = subject.hears(wire, frame, 'late')
      assert.deepEqual(delivered, [])
      assert.deepEqual(said, [`close 1 3806 ${reason}`, `s1 end 1006 ${reason}`])
      assert.equal(subject.machine.sessions.size, 0)
    })
  }

  test('ends with a violation on a message behind the last one', () => {
    const subject = new Subject()
    const [wire] = subject.session()
    const { said } = subject.hears(wire, done, 'late')
    assert.deepEqual(
      said.filter((each) => each.startsWith('close')),
      ['close 1 3806 a message behind the last one'],
    )
  })

  test('ends when its client abandons it, met a violation, or cannot take what it gets', () => {
    for (const [close, end] of [
      [closed(3805), 's1 end 1006 session-lost:abandoned'],
      [closed(3806, 'not good'), 's1 end 1006 not good'],
      [closed(1009, 'too big'), 's1 end 1009 too big'],
    ] as const) {
      const subject = new Subject()
      const [wire] = subject.session()
      assert.deepEqual(subject.closes(wire, close), [end])
      assert.equal(wire.link.state.name, 'gone')
      assert.equal(subject.machine.sessions.size, 0)
      assert.equal(subject.machine.tombstones, 1)
    }
  })

  test('survives every other end of its link', () => {
    for (const close of [closed(1000), closed(1001), closed(3802), closed(3804), closed(4000), network]) {
      const subject = new Subject()
      const [wire, held] = subject.session()
      assert.deepEqual(subject.closes(wire, close), [`s1 lost ${close.cause}`])
      assert.equal(held.state.name, 'detached')
    }
  })

  test('is lost to its application once, whatever is said of the link after that', () => {
    const subject = new Subject()
    const [wire] = subject.session()
    subject.closes(wire)
    assert.deepEqual(subject.closes(wire), [])
    assert.deepEqual(subject.hears(wire, 'late'), { delivered: [], said: [] })
  })

  test('ends when its oldest message was on three links in a row that the client closed', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.send(held, 'poison')
    subject.closes(wire, closed(1011))
    for (const attempt of [1, 2]) {
      subject.resume(held, { attempt })
      const said = subject.closes(subject.wires.at(-1)!, closed(1011))
      assert.equal(said.length, attempt)
    }
    assert.equal(held.session.close?.code, 1009)
    assert.equal(held.state.name, 'over')
  })

  test('does not end by links that merely broke', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.send(held, 'a')
    subject.closes(wire)
    for (const attempt of [1, 2, 3, 4]) {
      subject.resume(held, { attempt })
      subject.closes(subject.wires.at(-1)!)
    }
    assert.equal(held.state.name, 'detached')
  })
})

describe('a resumption', () => {
  test('goes on from where each end is', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.hears(wire, 'hello', '^^!', 'order 17')
    subject.send(held, 'good morning', 'sun', 'tick', 'tock')
    subject.hears(wire, '^A2')
    subject.closes(wire)
    subject.send(held, 'tick again')
    subject.run(2_500)
    subject.spreadMs = 40
    const second = subject.arrive(true)
    assert.deepEqual(subject.judge(second), [])
    assert.deepEqual(subject.hears(second, subject.request(held, { recv: 3 })).said, [
      `2 gets ^S{"recv":3,"base":3,"sent":5,${terms},"spread":40}`,
      '2 gets tock',
      '2 gets tick again',
      's1 resumed on 2 after 2500, replays 2',
    ])
    assert.equal(held.session.acked, 3)
    assert.deepEqual(subject.hears(second, 'order 18', '^A5').delivered, ['order 18'])
    assert.equal(held.session.inbox.delivered, 4)
  })

  test('may ask before its client is authenticated', () => {
    const subject = new Subject()
    const held = subject.detached()
    const wire = subject.arrive(true)
    assert.deepEqual(subject.hears(wire, subject.request(held)).said, [])
    assert.equal(held.state.name, 'detached')
    assert.deepEqual(subject.judge(wire).at(-1), 's1 resumed on 2 after 0, replays 0')
  })

  test('is judged by how things are when its client is authenticated', () => {
    const subject = new Subject()
    const held = subject.detached()
    const wire = subject.arrive(true)
    subject.hears(wire, subject.request(held))
    subject.terminate(held)
    assert.deepEqual(refusal(subject.judge(wire)), refused('expired', { recv: 0 }))
  })

  test('is not made for a client that left meanwhile', () => {
    const subject = new Subject()
    const held = subject.detached()
    const wire = subject.arrive(true)
    subject.hears(wire, subject.request(held))
    subject.closes(wire)
    assert.deepEqual(subject.judge(wire), [])
    assert.equal(held.holder.attempt, 0)
  })

  test('takes a live link over: the old one is fenced, and told by whom it was superseded when the new one has all', () => {
    const subject = new Subject()
    const [old, held] = subject.session()
    subject.hears(old, 'a')
    subject.send(held, 'x', 'y')
    assert.deepEqual(subject.resume(held, { attempt: 2, recv: 1 }), [
      `2 gets ^S{"recv":1,"base":1,"sent":2,${terms},"spread":0}`,
      '2 gets y',
      `close 1 3801 ${cid}.2`,
      's1 resumed on 2 after 0, replays 1',
    ])
    assert.deepEqual(subject.hears(old, 'b', '^A2', '^Z'), { delivered: [], said: [] })
    assert.equal(held.session.inbox.delivered, 1)
    assert.equal(held.session.acked, 1)
    assert.deepEqual(subject.closes(old), [])
    assert.deepEqual(subject.send(held, 'z'), ['2 gets z'])
    assert.deepEqual(subject.hears(subject.wires[1]!, 'b').delivered, ['b'])
  })

  test('ends the old link though its client says nothing', () => {
    const subject = new Subject()
    const [, held] = subject.session()
    subject.resume(held)
    assert.deepEqual(subject.run(999), [])
    assert.deepEqual(subject.run(1_000), ['1000: drop 1'])
    assert.deepEqual(subject.run(5_000), [])
  })

  test('takes over a session whose welcome was not answered', () => {
    const subject = new Subject()
    const [, held] = subject.session(ann, false)
    assert.deepEqual(subject.resume(held).slice(1), [`close 1 3801 ${cid}.1`, 's1 resumed on 2 after 0, replays 0'])
    assert.equal(held.state.name, 'attached')
  })

  test('begins behind what was acknowledged on the old link while the request was under way', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.send(held, 'a', 'b', 'c')
    subject.hears(wire, '^A2')
    assert.deepEqual(subject.resume(held, { recv: 1 }).slice(0, 2), [
      `2 gets ^S{"recv":0,"base":2,"sent":3,${terms},"spread":0}`,
      '2 gets c',
    ])
  })

  test('tells the truth of what was delivered though acknowledgements are withheld', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    held.session.inbox.hold()
    subject.hears(wire, 'a', 'b')
    assert.match(subject.resume(held)[0]!, /"recv":2/)
  })

  test('is refused alike for an unknown session, a wrong key and another principal, with the same work, and changes nothing', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    const [nobody, wrong] = ['x'.repeat(sidLength), 'x'.repeat(keyLength)]
    assert.deepEqual(refusal(subject.resume(held, { sid: nobody, recv: 99 })), refused('unknown'))
    assert.deepEqual(refusal(subject.resume(held, { key: wrong, recv: 99 })), refused('unknown'))
    assert.deepEqual(refusal(subject.resume(held, { recv: 99 }, bob)), refused('unknown'))
    assert.deepEqual(subject.compared, [undefined, held.digest, held.digest])
    assert.deepEqual(held.holder, { cid: undefined, attempt: 0 })
    assert.deepEqual(subject.hears(wire, 'a').delivered, ['a'])
  })

  test('is sent to where the session is, if that can be told; who has not proven anything about a session here is not', () => {
    const subject = new Subject()
    const held = subject.detached()
    subject.elsewhere = 'wss://other.example'
    const moved = refusal(subject.resume(held, { sid: 'x'.repeat(sidLength) }))
    assert.deepEqual(moved, refused('moved', { url: 'wss://other.example' }))
    assert.deepEqual(refusal(subject.resume(held, { key: 'x'.repeat(keyLength) })), refused('unknown'))
    assert.deepEqual(refusal(subject.resume(held, {}, bob)), refused('unknown'))
  })

  test('of a session that is over tells what had arrived, to its owner only', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.hears(wire, 'a', 'b')
    subject.terminate(held)
    assert.deepEqual(refusal(subject.resume(held)), refused('expired', { recv: 2 }))
    assert.deepEqual(refusal(subject.resume(held, { key: 'x'.repeat(keyLength) })), refused('unknown'))
    assert.deepEqual(refusal(subject.resume(held, {}, bob)), refused('unknown'))
  })

  test('that was told more than the server ever said is refused: one of the two lost state', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.hears(wire, 'x')
    subject.send(held, 'a', 'b')
    assert.deepEqual(refusal(subject.resume(held, { recv: 3 })), refused('state', { recv: 1 }))
    assert.deepEqual(subject.hears(wire, 'y').delivered, ['y'])
    assert.match(subject.resume(held, { recv: 2 })[0]!, /"base":2,"sent":2/)
  })

  test('binds the session to its holder: another one is stale, whatever its number', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.hears(wire, 'x')
    subject.resume(held)
    assert.deepEqual(refusal(subject.resume(held, { cid: otherCid, attempt: 9 })), refused('stale', { recv: 1 }))
    assert.deepEqual(held.holder, { cid, attempt: 1 })
    assert.deepEqual(subject.hears(subject.wires[1]!, 'y').delivered, ['y'])
  })

  test('has to be above the last one', () => {
    const subject = new Subject()
    const held = subject.detached()
    assert.deepEqual(refusal(subject.resume(held, { attempt: 0 })), refused('stale', { recv: 0 }))
    subject.resume(held, { attempt: 5 })
    for (const attempt of [4, 5]) assert.deepEqual(refusal(subject.resume(held, { attempt })), refused('stale', { recv: 0 }))
    assert.match(subject.resume(held, { attempt: 6 })[0]!, /\^S/)
  })

  test('of a client that was told when to come again is judged by that', () => {
    const slots: (number | undefined)[] = []
    const waits = [0, 700, 300, 0, 0]
    const subject = new Subject({
      admit: (_, slot) => {
        slots.push(slot)
        return waits.shift()!
      },
    })
    const held = subject.detached()
    subject.now = 1_000
    for (const attempt of [1, 2, 3, 4]) subject.resume(held, { attempt })
    assert.deepEqual(slots, [undefined, Infinity, 1_700, 1_300, Infinity])
  })

  test('of a session that has a link leaves it where it is while the server is busy', () => {
    const waits = [0, 500]
    const subject = new Subject({ admit: () => waits.shift()! })
    const [wire, held] = subject.session()
    assert.deepEqual(refusal(subject.resume(held)), refused('busy', { after: 500 }))
    assert.equal(held.link, wire.link)
  })

  test('is kept for a client that was told to come again after its time, and a little longer', () => {
    const waits = [0, 500_000, 0]
    const subject = new Subject({ admit: () => waits.shift()! })
    const held = subject.detached()
    assert.deepEqual(refusal(subject.resume(held, { attempt: 1 })), refused('busy', { after: 500_000 }))
    assert.equal(held.deadline, 530_000)
    subject.now = 529_999
    subject.machine.tickSession(subject.now, held)
    assert.match(subject.resume(held, { attempt: 2 })[0]!, /\^S/)
  })

  test('that the server is too busy for is not remembered', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.busyMs = 700
    assert.deepEqual(refusal(subject.resume(held)), refused('busy', { after: 700 }))
    assert.deepEqual(subject.hears(wire, 'a').delivered, ['a'])
    subject.busyMs = 0
    assert.match(subject.resume(held, { cid: otherCid, attempt: 1 })[0]!, /\^S/)
  })

  for (const why of ['auth', 'origin'] as const) {
    test(`is refused by ${why}, and the session goes on where it is`, () => {
      const subject = new Subject()
      const [wire, held] = subject.session()
      assert.deepEqual(refusal(subject.resume(held, {}, { kind: 'refused', why })), refused(why))
      assert.deepEqual(subject.compared, [])
      assert.deepEqual(subject.hears(wire, 'a').delivered, ['a'])
    })
  }

  test('that does not ask in ten seconds is not waited for', () => {
    const subject = new Subject()
    subject.now = 500
    const wire = subject.arrive(true)
    subject.judge(wire)
    assert.deepEqual(subject.run(10_499), [])
    subject.machine.tickLink(subject.now, wire.link)
    assert.deepEqual(subject.said(), [])
    assert.deepEqual(subject.run(20_000), ['10500: close 1 3803 no first frame in time', '11500: drop 1'])
  })

  test('begins with its request: anything else ends the link, and no session', () => {
    const token = (length: number) => 'x'.repeat(length)
    for (const frame of ['a', '', '^A0', '^Z', '^R{}', `^R{"sid":"${token(22)}"}`, new Uint8Array([0x10])]) {
      const subject = new Subject()
      const [wire, held] = subject.session()
      const second = subject.arrive(true)
      subject.judge(second)
      assert.deepEqual(subject.hears(second, frame), { delivered: [], said: ['close 2 3806 the first frame has to be a resume'] })
      assert.deepEqual(subject.hears(second, subject.request(held)).said, [])
      assert.deepEqual(subject.hears(wire, 'a').delivered, ['a'])
    }
  })

  test('may follow a frame that is to be ignored, and one may follow it', () => {
    const subject = new Subject()
    const held = subject.detached()
    const wire = subject.arrive(true)
    assert.deepEqual(subject.hears(wire, '^z1', subject.request(held), '^z1'), { delivered: [], said: [] })
    assert.match(subject.judge(wire)[0]!, /\^S/)
  })

  test('waits for its verdict as long as that takes, once it has asked', () => {
    const subject = new Subject({ ttl: 3_600_000 })
    const held = subject.detached()
    const wire = subject.arrive(true)
    subject.hears(wire, '^z1')
    assert.equal(wire.link.deadline, 10_000)
    subject.run(9_999)
    subject.hears(wire, subject.request(held))
    assert.equal(wire.link.deadline, Infinity)
    assert.deepEqual(subject.run(600_000), [])
    assert.equal(subject.judge(wire).at(-1), 's1 resumed on 2 after 600000, replays 0')
  })

  test('asks once', () => {
    const subject = new Subject()
    const held = subject.detached()
    const wire = subject.arrive(true)
    assert.deepEqual(subject.hears(wire, subject.request(held), subject.request(held, { attempt: 2 })).said, [
      'close 2 3806 the first frame has to be a resume',
    ])
    assert.deepEqual(subject.judge(wire), [])
    assert.equal(held.state.name, 'detached')
  })
})

describe('a drain', () => {
  test('tells the client when to come, and where', () => {
    const subject = new Subject()
    const [, held] = subject.session()
    assert.deepEqual(subject.drain(held, 1_500, 60_000), ['1 gets ^D{"in":1500,"by":60000}'])
    assert.deepEqual(subject.drain(held, 0, 60_000, 'wss://other.example'), ['1 gets ^D{"in":0,"by":60000,"url":"wss://other.example"}'])
  })

  test('changes nothing about the link until the client has moved', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.drain(held, 1_500, 8_000)
    assert.deepEqual(subject.hears(wire, 'a').delivered, ['a'])
    assert.deepEqual(subject.send(held, 'b'), ['1 gets b'])
    subject.run(2_000)
    subject.resume(held)
    assert.deepEqual(
      subject.run(9_000).filter((each) => !each.includes('^')),
      ['3000: drop 1'],
    )
    assert.equal(held.link, subject.wires[1]!.link)
  })

  test('ends the link whose client did not move in time, and the session waits for it', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.run(1_000)
    subject.drain(held, 1_500, 8_000)
    assert.deepEqual(subject.run(8_999), [])
    assert.deepEqual(subject.run(9_000), ['9000: close 1 1012', '9000: s1 lost drain'])
    assert.deepEqual(subject.hears(wire, 'late').delivered, [])
    assert.equal(held.deadline, 9_000 + ttl)
    assert.match(subject.resume(held)[0]!, /\^S/)
  })

  test('ends the link of who has not answered the welcome no later, and of who answers it meanwhile', () => {
    for (const isAnswered of [false, true]) {
      const subject = new Subject()
      const [wire, fresh] = subject.session(ann, false)
      subject.drain(fresh, 1_000, 5_000)
      if (isAnswered) subject.hears(wire, '^A0')
      assert.deepEqual(subject.run(5_000), ['5000: close 1 1012', '5000: s1 lost drain'])
      assert.equal(fresh.deadline, isAnswered ? 5_000 + ttl : newTtlMs)
    }
  })

  test('is sent also to who has not answered the welcome, and to nobody who is not there', () => {
    const subject = new Subject()
    const [, fresh] = subject.session(ann, false)
    assert.deepEqual(subject.drain(fresh, 1, 2_000), ['1 gets ^D{"in":1,"by":2000}'])
    assert.equal(fresh.state.name, 'new')
    assert.deepEqual(subject.run(2_000).slice(0, 2), ['2000: close 1 1012', '2000: s1 lost drain'])
    assert.deepEqual(subject.drain(subject.detached(), 1, 2), [])
    subject.machine.expel(0, subject.detached())
    assert.deepEqual(subject.said(), [])
  })
})

describe('heartbeats', () => {
  for (const [draw, at] of [
    [0, 1_000],
    [0.25, 7_500],
    [0.999, 29_970],
  ] as const) {
    test(`begin after a random part of a period: ${draw} of it`, () => {
      const subject = new Subject()
      subject.draws = [draw]
      subject.session()
      assert.deepEqual(subject.run(at - 1), [])
      assert.deepEqual(subject.run(at), [`${at}: 1 gets ^P1,0,0`])
    })
  }

  for (const [draw, period] of [
    [0, 27_000],
    [0.5, 30_000],
    [1, 33_000],
  ] as const) {
    test(`come after ${period} ms of silence for a draw of ${draw}`, () => {
      const subject = new Subject()
      subject.draws = [0.1, draw]
      const [wire] = subject.session()
      const first = 3_000
      assert.deepEqual(subject.run(first), [`${first}: 1 gets ^P1,0,0`])
      subject.hears(wire, '^O1,0')
      assert.deepEqual(subject.run(first + period - 1), [])
      const said = subject.run(first + period)
      assert.equal(said.length, 1)
      assert.match(said[0]!, new RegExp(`^${first + period}: 1 gets \\^P\\d+,0,0$`))
    })
  }

  test('are drawn for each link anew', () => {
    const subject = new Subject()
    subject.draws = [0.9]
    const held = subject.detached()
    subject.draws = [0.2]
    subject.resume(held)
    assert.match(subject.run(6_000).join(), /^6000: 2 gets \^P/)
  })

  test('are not needed while the client is heard; what is sent to it does not count', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    for (let at = 10_000; at <= 60_000; at += 10_000) {
      assert.deepEqual(subject.run(at), [])
      subject.hears(wire, '^A0')
    }
    subject.run(70_000)
    subject.send(held, 'x')
    subject.hears(wire, '^A1')
    subject.run(84_999)
    subject.send(held, 'y')
    assert.deepEqual(subject.run(85_000), ['85000: 1 gets ^P1,0,0'])
  })

  test('come by half-way between ping and dead, however late they were drawn', () => {
    const subject = new Subject({ ping: 30_000, dead: 31_000 })
    subject.draws = [0.1, 1]
    const [wire] = subject.session()
    subject.run(3_050)
    subject.hears(wire, '^O1,0')
    assert.deepEqual(subject.run(35_000).slice(0, 2), ['33550: 1 gets ^P2,0,0', '34050: close 1 3804'])
  })

  test('are numbered on from link to link', () => {
    const subject = new Subject()
    subject.draws = [0.1]
    const [wire, held] = subject.session()
    assert.deepEqual(subject.run(3_000), ['3000: 1 gets ^P1,0,0'])
    subject.draws = [0.1]
    subject.resume(held)
    assert.deepEqual(subject.run(6_000), ['4000: drop 1', '6000: 2 gets ^P2,0,0'])
    subject.closes(subject.wires[1]!)
    subject.draws = [0.1]
    subject.resume(held, { attempt: 2 })
    assert.deepEqual(subject.run(9_000), ['9000: 3 gets ^P3,0,0'])
    assert.equal(wire.link.state.name, 'gone')
  })

  test('measure the round trip, by which an acknowledgement is overdue', () => {
    const subject = new Subject()
    subject.draws = [0.1]
    const [wire, held] = subject.session()
    assert.deepEqual(subject.run(7_000), ['3000: 1 gets ^P1,0,0'])
    subject.hears(wire, '^O1,0')
    subject.send(held, 'a')
    assert.deepEqual(subject.run(7_000 + 4 * 4_000 - 1), [])
    assert.deepEqual(subject.run(7_000 + 4 * 4_000), ['23000: 1 gets ^P2,0,0'])
  })

  for (const draw of [0, 0.3, 0.9]) {
    test(`leave a link its time until dead, whenever its first one comes: ${draw}`, () => {
      const subject = new Subject()
      subject.draws = [draw]
      subject.session()
      const said = subject.run(40_000)
      assert.match(said[0]!, /gets \^P1,0,0$/)
      assert.deepEqual(said.slice(1), ['40000: close 1 3804', '40000: s1 lost heartbeat-timeout'])
    })
  }

  test('that nobody answers end the link when it was silent for too long, and the session stays', () => {
    const subject = new Subject()
    subject.draws = [1]
    const [, held] = subject.session()
    assert.deepEqual(subject.run(41_000), [
      '30000: 1 gets ^P1,0,0',
      '40000: close 1 3804',
      '40000: s1 lost heartbeat-timeout',
      '41000: drop 1',
    ])
    assert.equal(held.deadline, 40_000 + ttl)
  })

  test('are not what ends a link whose writes stand still', () => {
    const subject = new Subject()
    const [wire] = subject.session()
    wire.gauge.backlog = 10
    assert.deepEqual(subject.run(11_500).slice(0, 2), ['11000: close 1 3804', '11000: s1 lost write-timeout'])
  })

  test('that end a link whose welcome was not answered leave its session thirty seconds in all', () => {
    const subject = new Subject()
    const [wire] = subject.session(ann, false)
    wire.gauge.backlog = 10
    assert.deepEqual(subject.run(newTtlMs).slice(1), [
      '11000: s1 lost write-timeout',
      '12000: drop 1',
      '30000: s1 end 1006 session-lost:expired',
    ])
  })

  test('go on, and judge, though the application does not keep up', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    held.session.inbox.hold()
    subject.hears(wire, 'a')
    assert.deepEqual(subject.run(40_000), ['15000: 1 gets ^P1,0,0', '40000: close 1 3804', '40000: s1 lost heartbeat-timeout'])
  })
})

describe('the spread', () => {
  /** A client that was told a spread of 100 ms, and hears what it is within a second after it has become another and a message was sent. */
  function becomes(spreadMs: number): string[] {
    const subject = new Subject()
    subject.spreadMs = 100
    const [wire] = subject.session()
    subject.spreadMs = spreadMs
    subject.hears(wire, '^A0')
    return subject.run(1_000).map((each) => each.replace(/P\d+/, 'P'))
  }

  test('is told though there is traffic when it has doubled or halved, and not for less', () => {
    for (const spreadMs of [200, 500, 50, 0]) assert.deepEqual(becomes(spreadMs), [`1000: 1 gets ^P,0,${spreadMs}`])
    for (const spreadMs of [100, 199, 51]) assert.deepEqual(becomes(spreadMs), [])
  })

  test('is told once, and again when it has doubled again', () => {
    const subject = new Subject()
    const [, held] = subject.session()
    subject.spreadMs = 10
    assert.equal(subject.run(1_000).length, 1)
    assert.deepEqual(subject.run(3_000), [])
    subject.spreadMs = 20
    subject.send(held, 'a')
    assert.equal(subject.run(4_000).length, 1)
  })

  test('is compared with what the last ping told', () => {
    const subject = new Subject()
    subject.spreadMs = 100
    subject.draws = [0.1]
    const [wire, held] = subject.session()
    subject.spreadMs = 190
    assert.deepEqual(subject.run(3_000), ['3000: 1 gets ^P1,0,190'])
    subject.hears(wire, '^O1,0')
    subject.spreadMs = 96
    subject.send(held, 'a')
    assert.deepEqual(subject.run(4_500), [])
    subject.spreadMs = 95
    subject.send(held, 'b')
    assert.deepEqual(subject.run(5_500), ['5500: 1 gets ^P2,0,95'])
  })

  test('that a splice told is not told again', () => {
    const subject = new Subject()
    const held = subject.detached()
    subject.spreadMs = 10
    assert.match(subject.resume(held)[0]!, /"spread":10/)
    assert.deepEqual(subject.run(3_000), [])
  })
})

describe('a link whose session is lost', () => {
  const lost = (overrides?: Partial<ServerConfig>) => {
    const subject = new Subject(overrides)
    const wire = subject.arrive(true)
    subject.judge(wire)
    const [sid, digest] = ['x'.repeat(sidLength), `digest of ${'x'.repeat(keyLength)}`]
    assert.deepEqual(refusal(subject.hears(wire, subject.request({ sid, digest })).said), refused('unknown'))
    return [subject, wire] as const
  }
  const renewing = (overrides?: Partial<ServerConfig>) => {
    const [subject, wire] = lost(overrides)
    assert.deepEqual(subject.hears(wire, '^N{}'), { delivered: [], said: ['1 asks anew'] })
    return [subject, wire] as const
  }
  const renew = (subject: Subject, wire: Wire, verdict: Verdict = ann) => {
    subject.machine.renewed(subject.now, wire.link, verdict)
    return subject.said()
  }

  test('carries a new one if its client wants that, as a link of its own would', () => {
    const [subject, wire] = renewing()
    const said = renew(subject, wire)
    assert.match(said[0]!, /^1 gets \^W\{"sid":"s1_.*"proto":"chat"/)
    assert.deepEqual(said.slice(1), ['s1 open on 1'])
    assert.deepEqual(subject.hears(wire, '^A0', 'a'), { delivered: ['a'], said: [] })
    assert.equal(wire.link.session?.state.name, 'attached')
    assert.equal(subject.closes(wire).at(-1), 's1 lost network')
  })

  for (const [why, prepare] of [
    ['expired', (subject: Subject, held: ServerSession) => subject.terminate(held)],
    ['state', () => {}],
  ] as const) {
    test(`carries a new one as well where the old one is refused with ${why}`, () => {
      const subject = new Subject()
      const held = subject.detached()
      prepare(subject, held)
      assert.deepEqual(refusal(subject.resume(held, { recv: why === 'state' ? 9 : 0 })), refused(why, { recv: 0 }))
      const wire = subject.wires[1]!
      assert.deepEqual(subject.hears(wire, '^N{}').said, ['2 asks anew'])
      assert.equal(renew(subject, wire).at(-1), 's2 open on 2')
      assert.equal(held.state.name, why === 'state' ? 'detached' : 'over')
    })
  }

  test('is closed when nothing more comes for ten seconds', () => {
    const [subject] = lost()
    assert.deepEqual(subject.run(20_000), ['10000: close 1 3803 nothing more in time', '11000: drop 1'])
  })

  test('is closed by its client, and that is all', () => {
    const [subject, wire] = lost()
    assert.deepEqual(subject.closes(wire, closed(3803)), [])
    assert.deepEqual(subject.run(60_000), [])
  })

  test('is heard to say nothing but that it wants a new one, or what is to be ignored', () => {
    const rule = 'close 1 3806 a refusal is followed by one renew or nothing'
    for (const frame of ['a', '', '^A0', '^N', '^N[]', '^Nnull', '^R{}', '^P1,0', '^Q', new Uint8Array(1)]) {
      const [subject, wire] = lost()
      assert.deepEqual(subject.hears(wire, '^n{}').said, [])
      assert.deepEqual(subject.hears(wire, frame), { delivered: [], said: [rule] })
      assert.deepEqual(subject.hears(wire, '^N{}').said, [])
      assert.equal(subject.machine.sessions.size, 0)
    }
  })

  test('says so once, and nothing more until it is answered', () => {
    for (const frame of ['^N{}', '^A0', 'a']) {
      const [subject, wire] = renewing()
      assert.deepEqual(subject.hears(wire, '^x').said, [])
      assert.deepEqual(subject.hears(wire, frame).said, ['close 1 3806 a refusal is followed by one renew or nothing'])
      assert.deepEqual(renew(subject, wire), [])
      assert.equal(subject.machine.sessions.size, 0)
    }
  })

  test('says so after a refusal only, and after one that leaves the client nothing', () => {
    const rule = 'the first frame has to be a resume'
    for (const isResuming of [false, true]) {
      const subject = new Subject()
      const wire = subject.arrive(isResuming)
      if (isResuming) subject.judge(wire)
      assert.deepEqual(subject.hears(wire, '^N{}').said, [`close 1 3806 ${rule}`])
    }
    const early = new Subject()
    const held = early.detached()
    const pending = early.arrive(true)
    early.hears(pending, early.request(held))
    assert.deepEqual(early.hears(pending, '^N{}').said, [`close 2 3806 ${rule}`])
    const other = new Subject()
    const [wire, attached] = other.session()
    assert.deepEqual(refusal(other.resume(attached, { attempt: 0 })), refused('stale', { recv: 0 }))
    assert.deepEqual(other.hears(other.wires[1]!, '^N{}').said, [])
    assert.equal(other.machine.sessions.size, 1)
    assert.equal(other.hears(wire, '^N{}').said.at(-1), 's1 end 1006 renew is out of place here')
  })

  for (const why of ['auth', 'origin', 'busy'] as const) {
    test(`is not asked what it wants after ${why}`, () => {
      const subject = new Subject()
      const held = subject.detached()
      subject.busyMs = why === 'busy' ? 700 : 0
      const said = subject.resume(held, {}, why === 'busy' ? ann : { kind: 'refused', why })
      assert.equal(said.at(-1), 'close 2 3803')
      assert.deepEqual(subject.hears(subject.wires[1]!, '^N{}').said, [])
      assert.equal(subject.machine.sessions.size, 1)
    })
  }

  test('gets no new one where there is no room, as it would not on a link of its own', () => {
    const [subject, wire] = renewing({ maxPerPrincipal: 1 })
    subject.session(ann)
    assert.deepEqual(refusal(renew(subject, wire)), refused('busy', { after: newTtlMs }))
    assert.deepEqual(subject.hears(wire, '^N{}').said, [])
    const [busy, late] = renewing()
    busy.busyMs = 1_500
    assert.deepEqual(refusal(renew(busy, late)), refused('busy', { after: 1_500 }))
    const [leaving, last] = renewing()
    leaving.machine.leave()
    assert.deepEqual(refusal(renew(leaving, last)), refused('busy', { after: 1_000 }))
  })

  test('is refused as its verdict has it', () => {
    const [subject, wire] = renewing()
    assert.deepEqual(refusal(renew(subject, wire, { kind: 'refused', why: 'auth' })), refused('auth'))
    const [other, full] = renewing()
    assert.deepEqual(refusal(renew(other, full, { kind: 'refused', why: 'busy', after: 9 })), refused('busy', { after: 9 }))
  })

  test('gets no session when it went before the verdict was there', () => {
    const [subject, wire] = renewing()
    assert.deepEqual(subject.run(60_000), [])
    assert.deepEqual(subject.closes(wire), [])
    assert.deepEqual(renew(subject, wire), [])
    const [fresh] = lost()
    assert.deepEqual(renew(fresh, fresh.wires[0]!), [], 'nobody asked')
  })
})

describe('a server that is full', () => {
  const soon = refused('busy', { after: newTtlMs })

  test('refuses new sessions beyond their number, and takes one when another is over', () => {
    const subject = new Subject({ maxSessions: 2 })
    const [, held] = subject.session(ann)
    subject.detached(bob)
    assert.deepEqual(refusal(subject.judge(subject.arrive())), soon)
    subject.terminate(held)
    assert.equal(subject.judge(subject.arrive()).at(-1), 's3 open on 4')
  })

  test('refuses more sessions of one principal, and none of another', () => {
    const subject = new Subject({ maxPerPrincipal: 2 })
    const [, held] = subject.session(ann)
    subject.session(ann)
    assert.deepEqual(refusal(subject.judge(subject.arrive())), soon)
    assert.equal(subject.judge(subject.arrive(), bob).at(-1), 's3 open on 4')
    subject.terminate(held)
    assert.equal(subject.judge(subject.arrive()).at(-1), 's4 open on 5')
    assert.deepEqual(refusal(subject.judge(subject.arrive())), soon)
  })

  test('counts a principal anew when the last of its sessions is over', () => {
    const subject = new Subject({ maxPerPrincipal: 1 })
    for (let count = 0; count < 3; count++) {
      const [, held] = subject.session()
      assert.deepEqual(refusal(subject.judge(subject.arrive())), soon)
      subject.terminate(held)
    }
  })

  test('does not take all clients without a principal for one', () => {
    const subject = new Subject({ maxPerPrincipal: 1 })
    const nobody: Verdict = { kind: 'accepted', principal: undefined, proto: '' }
    for (const each of ['s1', 's2', 's3']) assert.equal(name(subject.session(nobody)[1]), each)
  })

  test('refuses new sessions when its outboxes hold all they may, and resumes old ones', () => {
    const subject = new Subject({ maxTotalBytes: 10 })
    const [wire, held] = subject.session()
    subject.send(held, 'a'.repeat(10))
    assert.deepEqual(refusal(subject.judge(subject.arrive())), soon)
    subject.closes(wire)
    assert.match(subject.resume(held)[0]!, /\^S/)
    subject.hears(subject.wires.at(-1)!, '^A1')
    assert.equal(subject.judge(subject.arrive()).at(-1), 's2 open on 4')
  })

  test('makes room with the largest session that has no link, and leaves those that have one', () => {
    const subject = new Subject({ maxTotalBytes: 100 })
    const [, attached] = subject.session()
    subject.send(attached, 'a'.repeat(60))
    const [small, large, smallest] = [subject.detached(bob), subject.detached(bob), subject.detached(bob)]
    subject.send(small, 'b'.repeat(10))
    subject.send(large, 'c'.repeat(20))
    subject.send(smallest, 'd'.repeat(5))
    assert.deepEqual(subject.send(small, 'b'.repeat(5)), [])
    assert.deepEqual(subject.send(attached, 'e'.repeat(10)), [
      '1 gets eeeeeeeeee',
      `s3 end 1006 session-lost:expired, gives back ${'c'.repeat(20)}`,
    ])
    assert.equal(subject.machine.heldBytes, 90)
    assert.deepEqual(
      [attached, small, large, smallest].map((held) => held.state.name),
      ['attached', 'detached', 'over', 'detached'],
    )
    assert.deepEqual(refusal(subject.resume(large, {}, bob)), refused('expired', { recv: 0 }))
  })

  test('lets those who were refused together return one by one', () => {
    const subject = new Subject({ maxSessions: 1 })
    subject.session()
    for (const [draw, after] of [
      [0, newTtlMs / 2],
      [1, 1.5 * newTtlMs],
    ] as const) {
      subject.draws = [draw]
      assert.deepEqual(refusal(subject.judge(subject.arrive())), refused('busy', { after }))
    }
  })

  test('takes the size of a session for what it is now, and counts one no more whose client is back', () => {
    const subject = new Subject({ maxTotalBytes: 100 })
    const [, attached] = subject.session()
    const [first, second] = [subject.detached(bob), subject.detached(bob)]
    subject.send(first, 'b'.repeat(10))
    subject.send(second, 'c'.repeat(20))
    subject.send(first, 'b'.repeat(30))
    subject.resume(second, {}, bob)
    subject.send(attached, 'a'.repeat(70))
    assert.deepEqual(
      [first, second].map((held) => held.state.name),
      ['over', 'attached'],
    )
  })

  test('expires one after another until it fits, and never a session with a link', () => {
    const subject = new Subject({ maxTotalBytes: 100 })
    const [, attached] = subject.session()
    const detached = [subject.detached(bob), subject.detached(bob)]
    for (const held of detached) subject.send(held, 'b'.repeat(10))
    subject.send(attached, 'a'.repeat(99))
    assert.deepEqual(
      detached.map((held) => held.state.name),
      ['over', 'over'],
    )
    const [, other] = subject.session(bob)
    subject.send(other, 'c'.repeat(50))
    assert.deepEqual([attached.state.name, other.state.name], ['attached', 'attached'])
    assert.equal(subject.machine.heldBytes, 149)
  })
})

describe('a server that goes', () => {
  test('begins no session, says when to ask again, and resumes those that it has', () => {
    const subject = new Subject()
    const held = subject.detached()
    subject.machine.leave()
    assert.deepEqual(refusal(subject.judge(subject.arrive())), refused('busy', { after: 1_000 }))
    assert.match(subject.resume(held)[0]!, /\^S/)
  })

  test('ends a session in order: its messages, then F with 1012', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.hears(wire, '^A0')
    subject.send(held, 'last')
    subject.machine.dismiss(0, held, 1012, 'restart')
    assert.deepEqual(subject.said(), ['1 gets ^F{"code":1012,"reason":"restart"}'])
    const { said } = subject.hears(wire, '^A2', '^F{"code":1012,"reason":"restart"}')
    assert.deepEqual(said, ['1 gets ^A1', 'close 1 1000', 's1 end 1012 restart, clean'])
    assert.equal(held.session.close?.cause, 'drain')
  })

  test('waits for a client that is away, and tells the same to it', () => {
    const subject = new Subject()
    const held = subject.detached()
    subject.send(held, 'last')
    subject.machine.dismiss(0, held, 1012, 'restart')
    assert.deepEqual(subject.resume(held).slice(1, 3), ['2 gets last', '2 gets ^F{"code":1012,"reason":"restart"}'])
  })
})

describe('a tombstone', () => {
  test('is kept for ten minutes', () => {
    const subject = new Subject()
    const first = subject.detached()
    subject.terminate(first)
    subject.now = 1_000
    subject.terminate(subject.detached())
    subject.machine.tick(tombstoneMs - 1)
    assert.equal(subject.machine.tombstones, 2)
    subject.machine.tick(tombstoneMs)
    assert.equal(subject.machine.tombstones, 1)
    assert.deepEqual(refusal(subject.resume(first)), refused('unknown'))
    subject.machine.tick(tombstoneMs + 1_000)
    assert.equal(subject.machine.tombstones, 0)
  })

  test('makes room for another: there are no more of them than there may be sessions', () => {
    const subject = new Subject({ maxSessions: 2 })
    const over = [1, 2, 3].map(() => {
      const held = subject.detached()
      subject.terminate(held)
      return held
    })
    assert.equal(subject.machine.tombstones, 2)
    assert.deepEqual(refusal(subject.resume(over[0]!)), refused('unknown'))
    assert.deepEqual(refusal(subject.resume(over[1]!)), refused('expired', { recv: 0 }))
  })

  test('is left by a session that ended in order: a client that missed the last acknowledgement learns that all arrived', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.hears(wire, 'a', done)
    subject.hears(wire, '^A1')
    assert.deepEqual(refusal(subject.resume(held, { recv: 1 })), refused('expired', { recv: 2 }))
  })

  test('is left by a session that expired', () => {
    const subject = new Subject()
    const [wire, held] = subject.session()
    subject.hears(wire, 'a')
    subject.closes(wire)
    assert.deepEqual(subject.run(ttl), [`${ttl}: s1 end 1006 session-lost:expired`])
    assert.deepEqual(refusal(subject.resume(held)), refused('expired', { recv: 1 }))
  })
})
