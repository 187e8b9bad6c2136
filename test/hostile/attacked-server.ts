/** A server under attack: hostile links beside an honest client. After each step it is seen that nobody got hold of what is another's. */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { type Decoded, decode, isControl, type Resume, utf8Length } from '../../packages/holdfast/src/core/control.ts'
import type { ServerLink, ServerSession } from '../../packages/holdfast/src/core/server-session.ts'
import { ClientEnd } from '../vectors/client-end.ts'
import { type Message, toEntry } from '../vectors/given.ts'
import { ServerEnd } from '../vectors/server-end.ts'
import { frame, given, many, often, token } from './arbitrary.ts'
import { type Event, HonestPair } from './honest.ts'

export const maxSessions = 12
export const outbox = { maxBytes: 2_000, maxMessages: 20 }
const honestLinks = 1_000_000
const maxReasonBytes = 123
/** Frames that one input may bring about beside what outboxes hold. */
const maxFrames = 16
const lastTombstoneMs = 700_000
const codes = [1000, 1001, 1002, 1003, 1006, 1007, 1009, 3801, 3802, 3804, 3805, 3806, 4000]

export type ServerStep =
  | { readonly do: 'open'; readonly isResuming: boolean; readonly verdict: 'now' | 'later' | 'auth' | 'origin'; readonly principal: string }
  | { readonly do: 'verdict'; readonly link: number; readonly principal: string }
  | { readonly do: 'frame'; readonly link: number; readonly frame: Message }
  | {
      readonly do: 'resume'
      /** Over a link that opens for it. */
      readonly isNew: boolean
      readonly principal: string
      readonly link: number
      readonly session: number
      readonly isKey: boolean
      readonly cid: number
      readonly attempt: number
      readonly recv: number
    }
  | { readonly do: 'count'; readonly link: number; readonly letter: string; readonly beyond: number }
  | { readonly do: 'close'; readonly link: number; readonly code: number }
  | { readonly do: 'application'; readonly session: number; readonly act: 'send' | 'close' | 'terminate' | 'drain' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'honest'; readonly up: number; readonly down: number; readonly isCut: boolean }

const principals = ['mallory', 'eve'] as const
const principal = fc.constantFrom(...principals)
/** Mostly the newest. */
const link = often(0, 1, 2, 3, 4)
const session = fc.nat(4)
const resumption = { link, session, isKey: often(true, false), cid: often(0, 1), attempt: often(1, 0, 2), recv: often(0, -1, 1) }
const proper = fc.constantFrom<Message>('hello', '', { binary: '00' }, '\u0010\u0010A', '\u0010x', '\u0010P7,0', '\u0010N{}')

export const serverStep: fc.Arbitrary<ServerStep> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      isResuming: fc.boolean(),
      verdict: often('now', 'later', 'auth', 'origin'),
      principal,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('verdict' as const), link, principal }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('frame' as const), link, frame }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('frame' as const), link, frame: proper }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resume' as const), isNew: fc.constant(false), principal, ...resumption }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('resume' as const), isNew: fc.constant(true), principal, ...resumption }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('count' as const), link, letter: fc.constantFrom('A', 'P', 'O'), beyond: often(0, -1, -2, 1) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('close' as const), link, code: fc.constantFrom(...many(10, 1006), ...codes) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('application' as const),
      session,
      act: fc.constantFrom(...many(9, 'send' as const), 'close', 'terminate', 'drain'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 1_000, 9_000, 31_000) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('honest' as const), up: fc.nat(2), down: fc.nat(2), isCut: fc.boolean() }) },
)

interface HostileLink {
  readonly number: number
  readonly link: ServerLink
  readonly isResuming: boolean
  principal: string | undefined
}

export class AttackedServer {
  readonly server: ServerEnd = new ServerEnd(given, { maxSessions, outbox })
  readonly #honest: HonestPair
  readonly #links: HostileLink[] = []
  readonly #finished = new WeakSet<ServerSession>()
  #opened = 0
  /** What the step brought about, on hostile links. */
  #events: (readonly [queue: string, event: Event])[] = []
  /** Frames that were there to be written before the step. */
  #waiting = 0

  constructor() {
    this.#honest = new HonestPair(new ClientEnd(given), this.server, 'honest', honestLinks, (queue, event) =>
      this.#events.push([queue, event]),
    )
  }

  step(step: ServerStep): void {
    this.#events = []
    this.#waiting = [...this.server.machine.sessions.values()].reduce((sum, held) => sum + held.session.outbox.length, 0)
    switch (step.do) {
      case 'open':
        this.#open(step)
        break
      case 'verdict':
        this.#verdict(step)
        break
      case 'frame':
        this.#frame(step.link, step.frame)
        break
      case 'resume':
        this.#resume(step)
        break
      case 'count':
        this.#count(step)
        break
      case 'close':
        this.#close(step.link, step.code)
        break
      case 'application':
        this.#apply(step)
        break
      case 'pass':
        this.#honest.pass(step.ms)
        break
      case 'honest':
        if (step.isCut) this.#honest.cut()
        this.#honest.exchange(step.up, step.down)
        break
    }
    this.#honest.pump()
    this.#check(step.do === 'pass')
  }

  /** The attack is over: the honest client is served, and nothing of the others is kept. */
  finish(): void {
    for (const { number } of this.#links) this.server.closed(number, close(1006))
    this.#honest.pass(2 * given.ttl + 60_000)
    assert.equal(this.server.machine.sessions.size, 1, 'sessions of hostile links are kept')
    this.#honest.finish()
    this.#honest.pass(lastTombstoneMs)
    assert.deepEqual([this.server.machine.sessions.size, this.server.machine.tombstones, this.server.machine.heldBytes], [0, 0, 0])
  }

  #open({ isResuming, verdict, principal }: ServerStep & { do: 'open' }): void {
    this.#opened++
    const accepted = { kind: 'accepted', principal, proto: '' } as const
    const refused = { kind: 'refused', why: verdict === 'auth' ? 'auth' : 'origin' } as const
    const given = verdict === 'later' ? undefined : verdict === 'now' ? accepted : refused
    this.#undisturbed([], () => {
      const opened = this.server.open(this.#opened, isResuming, given)
      this.#links.push({ number: this.#opened, link: opened, isResuming, principal: verdict === 'now' ? principal : undefined })
    })
  }

  #verdict(step: ServerStep & { do: 'verdict' }): void {
    const known = this.#at(step.link)
    if (!known) return
    const { link } = known
    const state = link.state
    if (state.name !== 'pending' || state.verdict) return
    known.principal = step.principal
    const allowed = known.isResuming && state.resume ? this.#entitled(state.resume, step.principal) : []
    this.#undisturbed(allowed, () => {
      this.server.machine.authenticated(this.server.now, link, { kind: 'accepted', principal: step.principal, proto: '' })
      this.server.settle()
    })
  }

  /** Attempts and counts are given relative to what would be right. */
  #resume(step: ServerStep & { do: 'resume' }): void {
    if (step.isNew) this.#open({ do: 'open', isResuming: true, verdict: 'now', principal: step.principal })
    const { sid, key } = given.credentials[step.session]!
    const held = this.server.machine.sessions.get(sid)
    const isStolen = step.isKey && step.session > 0 // the honest client's key is not known to anybody
    const cid = token('cid', step.cid, 22)
    const attempt = (held?.holder.attempt ?? 0) + step.attempt
    const recv = Math.max(0, (held?.session.sent ?? 0) + step.recv)
    const fields = { sid, key: isStolen ? key : token('guess', step.session, 43), cid, attempt, recv }
    this.#frame(step.isNew ? 0 : step.link, `\u0010R${JSON.stringify(fields)}`)
  }

  #count({ link, letter, beyond }: ServerStep & { do: 'count' }): void {
    const sent = this.#at(link)?.link.session?.session.sent ?? 0
    const count = Math.max(0, sent + beyond)
    this.#frame(link, letter === 'A' ? `\u0010A${count}` : `\u0010${letter}1,${count}`)
  }

  #frame(index: number, message: Message): void {
    const known = this.#at(index)
    if (!known) return
    const { link, number, principal } = known
    const decoded = read(message)
    const { session, state } = link
    if (session) {
      const breach = this.#isBreach(session, decoded)
      this.#undisturbed([session], () => this.server.receive(number, message))
      this.#judge(number, session, breach)
      if (decoded?.kind === 'finish') this.#finished.add(session)
      return
    }
    if (state.name !== 'pending' || decoded?.kind === 'unknown') {
      const isBreach = decoded?.kind !== 'unknown' && (state.name === 'renewing' || (state.name === 'refused' && decoded?.kind !== 'renew'))
      this.#undisturbed([], () => this.server.receive(number, message))
      if (isBreach) this.#isClosedWith(number, 3806)
      return
    }
    const isFirst = known.isResuming && decoded?.kind === 'resume' && !state.resume
    const allowed = isFirst && state.verdict && principal !== undefined ? this.#entitled(decoded, principal) : []
    this.#undisturbed(allowed, () => this.server.receive(number, message))
    if (!isFirst) this.#isClosedWith(number, 3806)
  }

  /** The session that this resumption may take: only one whose key and principal it has, and that nobody else holds. */
  #entitled({ sid, key, cid, attempt }: Resume, principal: string): ServerSession[] {
    const held = this.server.machine.sessions.get(sid)
    if (!held || held.digest !== `digest of ${key}` || held.principal !== principal) return []
    return attempt > held.holder.attempt && (held.holder.cid ?? cid) === cid ? [held] : []
  }

  /** Whether a frame breaks the protocol on a link that carries a session. */
  #isBreach(held: ServerSession, decoded: Decoded | undefined): boolean {
    if (decoded === undefined) return this.#finished.has(held)
    switch (decoded.kind) {
      case 'ack':
      case 'ping':
      case 'pong':
        return decoded.count > held.session.sent
      case 'finish':
        return this.#finished.has(held)
      case 'unknown':
        return false
      case 'violation':
      case 'welcome':
      case 'resume':
      case 'spliced':
      case 'refused':
      case 'renew':
      case 'drain':
        return true
    }
  }

  #judge(number: number, held: ServerSession, isBreach: boolean): void {
    const isEnded = held.session.close?.cause === 'protocol'
    assert.equal(isEnded, isBreach, isBreach ? 'a violation does not end the session' : 'a session is ended for nothing')
    if (!isBreach) return
    assert.ok(held.session.close!.reason.length > 0, 'nobody is told what was wrong')
    assert.equal(this.server.machine.sessions.get(held.sid), undefined)
    this.#isClosedWith(number, 3806)
  }

  #isClosedWith(number: number, code: number): void {
    this.#honest.pump()
    const found = this.#events.find(([queue, event]) => queue === `link ${number}` && event.close !== undefined)
    assert.equal(found?.[1].close, code, 'an offending link is not closed')
    assert.ok(found[1].reason, 'a link is closed without a word')
  }

  #close(index: number, code: number): void {
    const known = this.#at(index)
    if (!known) return
    const { session } = known.link
    this.#undisturbed(session ? [session] : [], () => this.server.closed(known.number, close(code)))
    this.#links.splice(this.#links.indexOf(known), 1)
  }

  #apply({ session, act }: ServerStep & { do: 'application' }): void {
    const { machine, now } = this.server
    const held = machine.sessions.get(given.credentials[session + 1]!.sid)
    if (!held) return
    this.#undisturbed([held], () => {
      if (act === 'send') machine.send(now, held, toEntry('from the application'))
      if (act === 'close') machine.close(now, held, 1000, '')
      if (act === 'terminate') machine.terminate(now, held)
      if (act === 'drain') machine.drain(now, held, 10, 100)
      this.server.settle()
    })
  }

  /** Runs an input, and sees that no session changes but those that it may change. */
  #undisturbed(allowed: readonly ServerSession[], run: () => void): void {
    const before = [...this.server.machine.sessions.values()]
      .filter((held) => !allowed.includes(held))
      .map((held) => [held, describe(held)] as const)
    run()
    for (const [held, [link, text]] of before) {
      const [linkAfter, textAfter] = describe(held)
      assert.equal(linkAfter, link, 'a session is carried by a link that has not proven anything')
      assert.equal(textAfter, text, 'a link changes a session that is not its own')
    }
  }

  #check(hasTimePassed: boolean): void {
    const { machine } = this.server
    assert.ok(machine.sessions.size <= maxSessions, `${machine.sessions.size} sessions`)
    assert.ok(machine.tombstones <= maxSessions, `${machine.tombstones} tombstones`)
    let bytes = 0
    for (const { session } of machine.sessions.values()) {
      bytes += session.outbox.bytes
      assert.ok(session.outbox.length <= outbox.maxMessages + 1 && session.outbox.bytes <= outbox.maxBytes, 'an outbox beyond its bounds')
    }
    assert.equal(machine.heldBytes, bytes)
    for (const { link } of this.#links) if (link.session) assert.equal(link.session.link, link, 'a session is carried by two links')
    if (!hasTimePassed) assert.ok(this.#events.length <= maxFrames + this.#waiting, `${this.#events.length} frames for one input`)
    for (const [, event] of this.#events) {
      checkEvent(event)
      assert.ok(typeof event.frame !== 'string' || !event.frame.includes(given.credentials[0]!.key), 'a frame tells another’s key')
    }
  }

  #at(index: number): HostileLink | undefined {
    return this.#links.at(-1 - (index % Math.max(1, this.#links.length)))
  }
}

/** What no peer may meet: a close with a code that is not ours, with too long a reason, or one that tells a key. */
export function checkEvent({ close, reason }: Event): void {
  if (close === undefined) return
  assert.ok([1000, 1012, 3801, 3802, 3803, 3804, 3805, 3806].includes(close), `a link is closed with ${close}`)
  assert.ok(utf8Length(reason!) <= maxReasonBytes && !hasLoneSurrogate(reason!), `a link is closed with the reason ${reason}`)
  assert.ok(!reason!.includes('key'), 'a reason tells a key')
}

function hasLoneSurrogate(text: string): boolean {
  return Buffer.from(text).toString() !== text
}

function close(code: number): CloseInfo {
  return { code, reason: '', wasClean: code !== 1006, cause: 'client' }
}

function read(message: Message): Decoded | undefined {
  return typeof message === 'string' && isControl(message) ? decode(message) : undefined
}

function describe(held: ServerSession): readonly [link: ServerLink | undefined, text: string] {
  const { session, state } = held
  const { cid, attempt } = held.holder
  const text = [
    session.sent,
    session.confirmed,
    session.acked,
    session.inbox.delivered,
    state.name,
    cid,
    attempt,
    session.close?.code,
  ].join()
  return [held.link, text]
}
