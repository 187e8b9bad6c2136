/** A client at a hostile server: it keeps to its bounds, and to its session, and once an honest server answers it is served. */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { type Decoded, decode, isControl } from '../../packages/holdfast/src/core/control.ts'
import { ClientEnd } from '../vectors/client-end.ts'
import type { Message } from '../vectors/given.ts'
import { ServerEnd } from '../vectors/server-end.ts'
import { frame, given, many, often } from './arbitrary.ts'
import { checkEvent } from './attacked-server.ts'
import { type Event, HonestPair } from './honest.ts'

const outbox = { maxBytes: 2_000, maxMessages: 20 }
/** Frames that one input may bring about beside what the outbox holds. */
const maxFrames = 16
/** So many ticks may a second take. */
const ticksPerSecond = 200
const longestWaitMs = 60_000
const honestLinks = 1_000_000
const properTerms = { ttl: 300_000, ping: 30_000, dead: 40_000, spread: 0 }
const codes = [1000, 1001, 1002, 1003, 1006, 1007, 1009, 1011, 3801, 3802, 3803, 3804, 3805, 3806, 4000]

export type ClientStep =
  /** A server that does what is right, as far as the first frame. */
  | { readonly do: 'meet' }
  | { readonly do: 'open'; readonly speaks: boolean }
  | { readonly do: 'fail' }
  | { readonly do: 'welcome'; readonly link: number; readonly session: number; readonly terms: object }
  | {
      readonly do: 'splice'
      readonly link: number
      readonly recv: number
      readonly base: number
      readonly sent: number
      readonly terms: object
    }
  | { readonly do: 'refuse'; readonly link: number; readonly fields: object }
  | { readonly do: 'count'; readonly link: number; readonly letter: string; readonly beyond: number }
  | { readonly do: 'frame'; readonly link: number; readonly frame: Message }
  | { readonly do: 'close'; readonly link: number; readonly code: number; readonly reason: string }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'application'; readonly act: 'send' | 'close' | 'reconnect' }

/** Mostly the newest. */
const link = often(0, 1, 2)
/** Mostly what is right. */
const offset = often(0, -1, 1, 2)
/** A server may leave no time for an answer, or less than none. */
const terms = fc.record({
  ttl: fc.constantFrom(0, 1_000, 300_000, 2 ** 53 - 1),
  ping: fc.constantFrom(0, 1, 1_000, 30_000, 2 ** 53 - 1),
  dead: fc.constantFrom(0, 1, 1_003, 30_000, 31_000, 40_000, 2 ** 40, 2 ** 53 - 1),
  max: fc.constantFrom(0, 1_000, 2 ** 53 - 1),
  spread: fc.constantFrom(0, 0, 1_000, 2 ** 53 - 1),
})
const refusal = fc.record(
  {
    why: fc.constantFrom(...many(6, 'busy'), ...many(6, 'moved'), 'stale', 'unknown', 'expired', 'state', 'auth', 'origin'),
    recv: fc.nat(4),
    after: often(0, 100, 2 ** 53 - 1),
    url: fc.constantFrom('wss://b.example.com/feed', 'ws://elsewhere.example.com', ''),
  },
  { requiredKeys: ['why', 'after'] },
)
const proper = fc.constantFrom(
  'hello',
  '',
  '\u0010\u0010A',
  '\u0010x',
  '\u0010P7,0,5',
  '\u0010A0',
  '\u0010D{"in":0,"by":5000}',
  '\u0010D{"in":0,"by":0}',
)

export const clientStep: fc.Arbitrary<ClientStep> = fc.oneof(
  { weight: 16, arbitrary: fc.constant({ do: 'meet' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('open' as const), speaks: fc.integer({ min: 0, max: 60 }).map((draw) => draw > 0) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('welcome' as const), link, session: fc.nat(5), terms }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('splice' as const), link, recv: offset, base: offset, sent: offset, terms }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refuse' as const), link, fields: refusal }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('count' as const), link, letter: fc.constantFrom('A', 'P', 'O'), beyond: often(0, -1, 1) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('frame' as const), link, frame }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('frame' as const), link, frame: proper }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      link,
      code: fc.constantFrom(...many(10, 1006), ...many(10, 3801), ...codes),
      reason: fc.constantFrom(...[1, 2, 3].map((attempt) => `${given.cid}.${attempt}`), '', 'somebody.1'),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 1_000, 2_000, 11_000, 41_000) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('application' as const),
      act: fc.constantFrom(...many(40, 'send' as const), ...many(4, 'reconnect' as const), 'close'),
    }),
  },
)

export class AttackedClient {
  readonly client: ClientEnd = new ClientEnd({ ...given, reconnects: true }, { outbox })
  /** The newest last. */
  #links: number[] = []
  #dials: number[] = []
  #hasClosed = false
  #isOver = false
  #isFinished = false
  #events: (readonly [queue: string, event: Event])[] = []

  constructor() {
    this.#collect()
  }

  step(step: ClientStep): void {
    const waiting = (this.client.machine.held?.session.outbox.length ?? 0) + this.client.machine.queued
    this.#events = []
    this.#perform(step)
    this.#collect()
    for (const [, event] of this.#events) checkEvent(event)
    if (step.do !== 'pass' && step.do !== 'meet')
      assert.ok(this.#events.length <= maxFrames + waiting, `${this.#events.length} outputs for one input`)
    const { held, queued } = this.client.machine
    const { length, bytes } = held?.session.outbox ?? { length: 0, bytes: 0 }
    assert.ok(length <= outbox.maxMessages + 1 && bytes <= outbox.maxBytes && queued <= outbox.maxMessages, 'an outbox beyond its bounds')
  }

  /** An honest server answers: the session that it does not know is lost, and the next one is served. */
  finish(): void {
    const { client } = this
    for (const number of this.#links) client.closed(number, close(1006, ''))
    for (const number of this.#dials) client.fail(number)
    this.#collect()
    if (this.#isOver) {
      assert.equal(client.machine.state.name, 'closed')
      return
    }
    client.machine.reconnect(client.now, client.now)
    const server = new ServerEnd(given)
    server.now = client.now
    const honest = new HonestPair(client, server, 'honest', honestLinks)
    honest.pass(60_000)
    if (this.#hasClosed || !client.machine.held?.session.isOpen) return
    honest.exchange(2, 2)
    honest.finish()
  }

  #perform(step: ClientStep): void {
    switch (step.do) {
      case 'meet':
        this.#meet()
        return
      case 'open':
        this.#open(step.speaks)
        return
      case 'fail':
        this.#fail()
        return
      case 'welcome':
        this.#frame(step.link, `\u0010W${JSON.stringify({ ...given.credentials[step.session], proto: '', ...step.terms })}`)
        return
      case 'splice':
        this.#splice(step)
        return
      case 'refuse':
        this.#frame(step.link, `\u0010X${JSON.stringify(step.fields)}`)
        return
      case 'count':
        this.#count(step)
        return
      case 'frame':
        this.#frame(step.link, step.frame)
        return
      case 'close':
        this.#close(step)
        return
      case 'pass':
        this.#pass(step.ms)
        return
      case 'application':
        this.#apply(step.act)
        return
    }
  }

  #meet(): void {
    const { machine, deadline, now } = this.client
    if (machine.state.name === 'waiting' && deadline < now + longestWaitMs) this.#pass(Math.max(0, deadline - now))
    if (this.#dials.length === 0) return
    this.#open(true)
    this.#collect()
    const { held } = machine
    const wasMigrating = held?.migration.name === 'greeting'
    if (held) this.#splice({ do: 'splice', link: 0, recv: 0, base: 0, sent: 0, terms: properTerms })
    else this.#frame(0, `\u0010W${JSON.stringify({ ...given.credentials[0], proto: '', max: 1_000, ...properTerms })}`)
    if (!wasMigrating) return
    const isMade = held!.migration.name === 'none' && (machine.held === held || held!.session.close?.wasClean) // with the splice it may be done
    assert.ok(isMade, 'a move that was accepted is not made')
  }

  #open(speaks: boolean): void {
    const dialled = this.#dials.shift()
    if (dialled === undefined) return
    this.#links.push(dialled)
    this.client.open(dialled, dialled, speaks)
  }

  #fail(): void {
    const dialled = this.#dials.shift()
    if (dialled !== undefined) this.client.fail(dialled)
  }

  #splice({ link, recv, base, sent, terms }: ClientStep & { do: 'splice' }): void {
    const session = this.client.machine.held?.session
    const at = (count: number | undefined, plus: number): number => Math.max(0, (count ?? 0) + plus)
    const delivered = session?.inbox.delivered
    const counts = { recv: at(session?.sent, recv), base: at(delivered, base), sent: at(delivered, sent) }
    this.#frame(link, `\u0010S${JSON.stringify({ ...counts, ...terms })}`)
  }

  #count({ link, letter, beyond }: ClientStep & { do: 'count' }): void {
    const count = Math.max(0, (this.client.machine.held?.session.sent ?? 0) + beyond)
    this.#frame(link, letter === 'A' ? `\u0010A${count}` : `\u0010${letter}1,${count}`)
  }

  #frame(index: number, message: Message): void {
    const number = this.#at(index)
    if (number === undefined) return
    const { machine } = this.client
    const { held, state } = machine
    const place = this.#place(number)
    const before = held && describe(held.session)
    const decoded = read(message)
    const isSpliced = place === 'greeting' && decoded?.kind === 'spliced'
    const already = this.#events.length // in this step, before the frame
    this.client.receive(number, message)
    this.#collect()
    const told = this.#events.slice(already).filter(([queue]) => queue === 'application')
    if (place === 'gone' || (place === 'greeting' && decoded?.kind === 'unknown')) {
      assert.deepEqual([machine.held, machine.state.name], [held, state.name], 'what is not to be heard changes the session')
      assert.equal(held && describe(held.session), before, 'what is not to be heard changes the session')
      assert.deepEqual(told, [])
    } else if (place === 'live') this.#judge(number, held!.session, decoded)
    else if (!isFirst(decoded, held !== undefined)) {
      this.#isClosed(number)
      assert.ok(!told.some(([, event]) => event.delivered !== undefined || event.opened), 'a link that proved nothing is believed')
      assert.equal(machine.held, held, 'a link that proved nothing ends the session')
    } else if (isSpliced && !machine.held) this.#isClosed(number)
  }

  #place(number: number): 'live' | 'greeting' | 'gone' {
    const { held, state } = this.client.machine
    if (held && (state.name === 'open' || state.name === 'settling') && state.link === number) return 'live'
    if (state.name === 'greeting' && state.link === number) return 'greeting'
    return held?.migration.name === 'greeting' && held.migration.link === number ? 'greeting' : 'gone'
  }

  #judge(number: number, session: { readonly close: CloseInfo | undefined; readonly sent: number }, decoded: Decoded | undefined): void {
    const isEnded = session.close?.cause === 'protocol'
    const isCount = decoded?.kind === 'ack' || decoded?.kind === 'ping' || decoded?.kind === 'pong'
    const isWrong = ['violation', 'welcome', 'resume', 'spliced', 'refused', 'renew'].includes(decoded?.kind ?? '')
    const isBreach = isWrong || (isCount && decoded.count > session.sent)
    if (decoded?.kind === 'finish') this.#isFinished = true
    const mayBeBehindTheEnd = this.#isFinished && (decoded === undefined || decoded.kind === 'finish')
    if (!mayBeBehindTheEnd)
      assert.equal(isEnded, isBreach, isBreach ? 'a violation does not end the session' : 'a session is ended for nothing')
    if (!isEnded) return
    assert.ok(session.close!.reason.length > 0, 'nobody is told what was wrong')
    this.#isClosed(number, 3806)
  }

  #isClosed(number: number, code?: number): void {
    const found = this.#events.find(([queue, event]) => queue === `link ${number}` && (event.close !== undefined || event.drop))
    assert.ok(found && (code === undefined || found[1].close === code), 'an offending link is kept')
    assert.ok(code === undefined || found[1].reason, 'a link is closed without a word')
  }

  #close({ link, code, reason }: ClientStep & { do: 'close' }): void {
    const number = this.#at(link)
    if (number === undefined) return
    this.#links = this.#links.filter((each) => each !== number)
    this.client.closed(number, close(code, reason))
  }

  #pass(ms: number): void {
    const { client } = this
    const until = client.now + ms
    for (let ticks = 0; client.deadline <= until; ticks++) {
      assert.ok(ticks < ticksPerSecond * (1 + ms / 1_000), 'time hardly moves')
      client.tick(Math.max(client.now, client.deadline))
      this.#collect()
    }
    client.now = until
  }

  #apply(act: 'send' | 'close' | 'reconnect'): void {
    const { client } = this
    const { machine } = client
    if (act === 'send' && machine.canSubmit && machine.held!.session.outbox.hasRoom(5)) client.send('hello')
    if (act === 'reconnect') machine.reconnect(client.now, client.now)
    if (act === 'close') {
      this.#hasClosed = true
      client.close({ code: 1000, reason: '' })
    }
    client.settle()
  }

  #collect(): void {
    for (const [queue, event] of this.client.journal.drain() as [string, Event & { link: number }][]) {
      this.#events.push([queue, event])
      if (queue === 'dial') this.#dials = [event.link] // a client lets go of a dial before it makes another, but for a migration
      if (queue === 'application') this.#told(event)
    }
  }

  #told({ opened, ended, delivered }: Event): void {
    assert.ok(!this.#isOver, 'the application is told of something behind the end')
    if (opened) this.#isFinished = false
    if (ended) this.#isOver = this.client.machine.state.name === 'closed'
    if (delivered !== undefined) assert.ok(!this.#isFinished, 'the application is given a message behind the last one')
  }

  #at(index: number): number | undefined {
    return this.#links.at(-1 - (index % Math.max(1, this.#links.length)))
  }
}

/** Whether this may be the first frame of a link. */
function isFirst(decoded: Decoded | undefined, hasSession: boolean): boolean {
  return decoded?.kind === 'refused' || decoded?.kind === (hasSession ? 'spliced' : 'welcome')
}

function close(code: number, reason: string): CloseInfo {
  return { code, reason, wasClean: code !== 1006, cause: 'server' }
}

function read(message: Message): Decoded | undefined {
  return typeof message === 'string' && isControl(message) ? decode(message) : undefined
}

function describe({ sent, confirmed, acked, inbox, close }: AttackedSession): string {
  return [sent, confirmed, acked, inbox.delivered, close?.code].join()
}

type AttackedSession = NonNullable<ClientEnd['machine']['held']>['session']
