/**
 * One end of a session, the same class for both: messages numbered, kept until acknowledged, written again to each new link from
 * where the peer says it is, and given to the application once (PROTOCOL.md sections 3 to 6).
 *
 *            attach                          finish(), or the peer's F             both F and all acknowledged, or closeAt
 *   away ───────────────▶ attached                open ─────────────▶ finishing ─────────────────────────────▶ over
 *     ▲                      │                      │                                                           ▲
 *     └─────── detach ───────┘                      └─────── overflow, violation, refusal, poison: end() ───────┘
 *
 * The place and the course are independent: a session finishes over as many links as that takes. `nextFrame` is the only writer.
 */

import { abnormalClose, type CloseCause, type CloseInfo } from './close-info.ts'
import { type Decoded, encode, escapeText, type Finish, unescapeText } from './control.ts'
import { Inbox } from './inbox.ts'
import type { LinkGauge, Liveness, Verdict } from './liveness.ts'
import { Outbox, type OutboxBounds, type OutboxEntry } from './outbox.ts'

export interface SessionConfig {
  readonly self: 'client' | 'server'
  readonly outbox: OutboxBounds
  /** Milliseconds. */
  readonly closeTimeout: number
  /** What a server's pings say of its wish to see clients come back thinly, in milliseconds. */
  readonly spread?: () => number
}

/** A text, or a binary message in the form in which transport and application exchange it. */
export type Payload = string | { readonly byteLength: number }

/** What the links that are gone have left. */
interface Past {
  /** The number of the last ping; the next link goes on from there, so that no answer is taken for another's. */
  readonly pings: number
  /** The oldest message that was not acknowledged, and how many of them in a row could not get it through. */
  readonly head: number
  readonly failures: number
}

type Course =
  | { readonly name: 'open' }
  | { readonly name: 'finishing'; readonly closeAt: number; readonly began: CloseCause; readonly peer: Finish | undefined }
  | { readonly name: 'over'; readonly close: CloseInfo }

const open: Course = { name: 'open' }
/** Above this backlog nothing more is written, so that a ping never queues behind megabytes. */
const maxBacklogBytes = 64 * 1024
/** A peer that owes an acknowledgement for longer is asked for a sign of life. */
const overdueMs = 5_000
const overdueRoundTrips = 4
/** With it a server ends the sessions that it cannot keep, because its process goes. */
const restartCode = 1012
/** A message that this many links in a row could not get through ends the session. */
const poisonLinks = 3
/** A link that lived on for this long with the message written had its chance. */
const chanceMs = 10_000

export class Session {
  readonly inbox: Inbox = new Inbox()
  readonly outbox: Outbox
  /** Milliseconds over which the server wants its clients to come back, as the client knows it. */
  spread = 0
  readonly #config: SessionConfig
  /** The link that carries it, which is watched; undefined while it is away. */
  #carrier: Liveness | undefined
  #past: Past | undefined
  #course: Course = open
  #acked = 0
  #confirmed = 0
  #tx = 0
  #flightBytes = 0
  #finish: OutboxEntry | undefined
  #opening: string | undefined
  #ping: number | undefined
  #pong: number | undefined
  #isAsking = false
  /** Behind which message a ping is to ask for an acknowledgement, and which is the last one that somebody wants to know of. */
  #askAt: number | undefined
  #askUpTo = 0
  #pingsSent = 0
  /** Since when the peer owes an acknowledgement of what this link has carried, and when it was last asked for a sign of life. */
  #awaitingSince: number | undefined
  #probedAt: number | undefined

  constructor(config: SessionConfig) {
    this.#config = config
    this.outbox = new Outbox(config.outbox)
  }

  /** How many messages were numbered. */
  get sent(): number {
    return this.#acked + this.outbox.length
  }

  /** How many of them the peer has and this end has let go of. */
  get acked(): number {
    return this.#acked
  }

  /** How many of them the peer is known to have; those that this link has not counted yet are still written to it. */
  get confirmed(): number {
    return this.#confirmed
  }

  /** Whether the link has taken all that there is to write. */
  get isAllWritten(): boolean {
    return this.#tx === this.sent && this.#ping === undefined
  }

  /** Whether there is nothing to write, control frames included, whatever comes next. */
  get isAtRest(): boolean {
    return this.isAllWritten && this.#pong === undefined && this.#opening === undefined && !this.inbox.isDueBefore(-Infinity)
  }

  /** Bytes that no link has taken since the peer last said what it has. */
  get pendingBytes(): number {
    return this.outbox.bytes - this.#flightBytes
  }

  /** Milliseconds of the last ping that was answered on this link. */
  get rtt(): number | null {
    return this.#carrier?.rtt ?? null
  }

  /** The number of its last ping. */
  get pings(): number {
    return this.#carrier?.ping ?? this.#past?.pings ?? 0
  }

  /** How many pings it has written, over all links. */
  get pingsSent(): number {
    return this.#pingsSent
  }

  /** The link that carries it, as its owner gave it. */
  get gauge(): LinkGauge | undefined {
    return this.#carrier?.gauge
  }

  /** Whether the application may still send. */
  get isOpen(): boolean {
    return this.#course.name === 'open'
  }

  /** How it ended, once it has. */
  get close(): CloseInfo | undefined {
    return this.#course.name === 'over' ? this.#course.close : undefined
  }

  /** When `tick` is due. */
  get deadline(): number {
    if (this.#course.name === 'over') return Infinity
    const closeAt = this.#course.name === 'finishing' ? this.#course.closeAt : Infinity
    if (!this.#carrier) return closeAt
    return Math.min(closeAt, this.#carrier.deadline, this.inbox.deadline, this.#overdueAt(this.#carrier))
  }

  // From the application

  /** Numbers a message; it is kept until the peer has it. */
  send(entry: OutboxEntry): void {
    this.outbox.push(entry)
    if (!this.outbox.isHalfFull || this.#isAsking) return
    this.#isAsking = true
    this.ask()
  }

  /** The application had something to say. */
  spoke(now: number): void {
    if (this.#carrier?.sent(now)) this.#ping = this.#carrier.ping
  }

  /** Ends the session in order: behind all that was sent, when the peer has answered. */
  finish(now: number, code: number, reason: string, cause: CloseCause = this.#config.self): void {
    if (this.#course.name === 'open') this.#startFinish(now, { kind: 'finish', code, reason }, cause, undefined)
  }

  /** Ends it at once. */
  end(close: CloseInfo): void {
    if (this.#course.name !== 'over') this.#course = { name: 'over', close }
  }

  /** What was sent and never acknowledged, in order; the session keeps it no longer. */
  drain(): OutboxEntry[] {
    this.#tx = Math.max(this.#tx, this.#confirmed)
    this.#free()
    this.#flightBytes = 0
    return this.outbox.drain().filter((entry) => entry !== this.#finish)
  }

  /** Answers the welcome, so that the server knows that it arrived. */
  greet(): void {
    this.#opening = encode({ kind: 'ack', count: 0 })
  }

  /** Asks the peer for an acknowledgement of all that was sent: behind it, or the answer would come too soon to tell. */
  ask(): void {
    this.#askUpTo = this.sent
    if (!this.#carrier) return
    if (this.#tx >= this.sent) this.#askNow(this.#carrier)
    else this.#askAt ??= this.sent
  }

  /** Tells the client how thinly the server wants it back, if what it knows is off by half or more. */
  tellSpread(): void {
    const spread = this.#config.spread!()
    const told = this.spread
    if (!this.#carrier || spread === told) return
    if (spread >= 2 * told || 2 * spread <= told) this.#askNow(this.#carrier)
  }

  // From the world

  /**
   * Goes on over a new link, which counts what we write from `recv` and what we read from `base`; the peer knows that `told` arrived.
   *
   * @param opening what the link has to carry before all else
   */
  attach(carrier: Liveness, recv: number, base: number, told: number, opening?: string): void {
    this.#carrier = carrier
    this.#opening = opening
    this.#ping = undefined
    this.#pong = undefined
    this.#askAt = this.#askUpTo > recv ? this.#askUpTo : undefined
    this.#isAsking = this.#askAt !== undefined
    this.#awaitingSince = undefined
    this.#probedAt = undefined
    this.spread = this.#config.spread?.() ?? this.spread
    this.#tx = recv
    this.#confirmed = recv
    this.#free()
    this.#flightBytes = 0
    this.inbox.restart(base, told)
    this.#settle()
  }

  /** The link is gone. @param blamesMessage whether the peer may have closed it for a message that it carried */
  detach(now: number, blamesMessage: boolean): void {
    if (!this.#carrier) return
    const pings = this.#carrier.ping
    const hadChance = this.#awaitingSince !== undefined && now - this.#awaitingSince >= chanceMs
    this.#carrier = undefined
    this.#flightBytes = 0
    this.#awaitingSince = undefined
    this.#judgeHead(pings, blamesMessage || hadChance)
    this.outbox.rest()
  }

  /** Everything up to `count` arrived at the peer: learned from a refusal, whose sender will not serve us. */
  learn(count: number): boolean {
    if (count < this.#confirmed || count > this.sent) return false
    this.#tx = Math.max(this.#tx, count)
    this.#confirmed = count
    this.#free()
    this.#flightBytes = 0
    this.#settle()
    return true
  }

  /** A frame arrived. */
  heard(now: number): void {
    this.#carrier?.heard(now)
  }

  /** @returns what is for the application; undefined where nothing is */
  receive(now: number, payload: Payload): Payload | undefined {
    if (this.#course.name === 'over') return undefined
    this.heard(now)
    const isText = typeof payload === 'string'
    return this.#arrive(now, isText ? payload.length : payload.byteLength) ? (isText ? unescapeText(payload) : payload) : undefined
  }

  control(now: number, control: Decoded): void {
    if (!this.#carrier || this.#course.name === 'over') return
    if (control.kind === 'pong') this.#carrier.answered(now, control.id)
    else this.heard(now)
    switch (control.kind) {
      case 'ack':
        this.#acknowledge(now, control.count)
        return
      case 'ping':
        if (!this.#acknowledge(now, control.count)) return
        this.#pong = control.id
        if (this.#config.self === 'client') this.spread = control.spread ?? this.spread
        return
      case 'pong':
        if (this.#acknowledge(now, control.count)) this.#isAsking = false
        return
      case 'finish':
        if (this.#arrive(now, 0)) this.#peerFinished(now, control)
        return
      case 'unknown':
        return
      case 'violation':
        this.#violate(control.reason)
        return
      case 'welcome':
      case 'resume':
      case 'spliced':
      case 'refused':
      case 'renew':
      case 'drain':
        this.#violate(`${control.kind} is out of place here`)
        return
    }
  }

  /** What is to be written to the link next; call it until it returns undefined, after each input. */
  nextFrame(now: number): unknown {
    const carrier = this.#carrier
    if (!carrier?.gauge.isOpen) return undefined
    if (this.#opening !== undefined || this.#ping !== undefined) return this.#nextControl(now, carrier)
    // Who asks and does not read would fill our memory with answers: only the last one is kept.
    if (this.#pong !== undefined && carrier.gauge.backlog <= maxBacklogBytes) return this.#nextControl(now, carrier)
    const ack = this.inbox.takeAck()
    if (ack !== undefined) return encode({ kind: 'ack', count: ack })
    const index = this.#tx - this.#acked
    if (index >= this.outbox.length || this.#course.name === 'over' || carrier.gauge.backlog > maxBacklogBytes) return undefined
    const entry = this.outbox.at(index)
    this.#tx++
    this.#flightBytes += entry.bytes
    carrier.wrote(now)
    if (this.#tx === this.#askAt) this.#askNow(carrier)
    if (this.#confirmed < this.#tx) this.#awaitingSince ??= now
    if (this.#confirmed >= this.#tx) {
      this.#free()
      this.#settle()
    }
    return typeof entry.data === 'string' && entry !== this.#finish ? escapeText(entry.data) : entry.data
  }

  /** Something happened that makes the link doubtful. */
  probe(now: number): void {
    if (this.#carrier?.probe(now)) this.#ping = this.#carrier.ping
  }

  /** @param wall epoch ms, for a link that has an awake clock of its own */
  tick(now: number, wall?: number): Verdict {
    const course = this.#course
    if (course.name === 'finishing' && now >= course.closeAt) this.#closeDue(course)
    const carrier = this.#carrier
    if (!carrier) return 'alive'
    this.inbox.tick(now)
    this.outbox.rest()
    if (now >= this.#overdueAt(carrier)) {
      this.#probedAt = now
      this.probe(now)
    }
    const verdict = carrier.tick(now, wall)
    if (verdict === 'ping') this.#ping = carrier.ping
    return verdict
  }

  #askNow(carrier: Liveness): void {
    this.#ping = carrier.ask()
    this.#askAt = this.#askUpTo > this.#tx ? this.#askUpTo : undefined
  }

  #nextControl(now: number, carrier: Liveness): string | undefined {
    const opening = this.#opening
    const ping = this.#ping
    const pong = this.#pong
    if (opening !== undefined) {
      this.#opening = undefined
      carrier.wrote(now)
      return opening
    }
    if (ping === undefined) {
      this.#pong = undefined
      return encode({ kind: 'pong', id: pong!, count: this.inbox.tell() })
    }
    this.#ping = undefined
    this.#pingsSent++
    const { spread } = this.#config
    if (!spread) return encode({ kind: 'ping', id: ping, count: this.inbox.tell() })
    this.spread = spread()
    return encode({ kind: 'ping', id: ping, count: this.inbox.tell(), spread: this.spread })
  }

  /** Counts a message. Returns whether it is the next one. */
  #arrive(now: number, bytes: number): boolean {
    switch (this.inbox.receive(now, bytes)) {
      case 'duplicate':
        return false
      case 'gap':
        this.#violate('a message is missing')
        return false
      case 'excess':
        this.#violate('a message behind the last one')
        return false
      case 'next':
        return true
    }
  }

  /** Returns whether the peer may say so. */
  #acknowledge(now: number, count: number): boolean {
    if (count > this.sent) {
      this.#violate(`an acknowledgement of ${count} messages, but ${this.sent} were sent`)
      return false
    }
    if (count <= this.#confirmed) return true
    this.#confirmed = count
    this.#isAsking = false
    this.#awaitingSince = this.#tx > count ? now : undefined
    this.#free()
    this.#settle()
    return true
  }

  /** What this link has not counted must still be written: to free it would shift the count and lose a message. */
  #free(): void {
    for (const count = Math.min(this.#confirmed, this.#tx); this.#acked < count; ) {
      this.#acked++
      const { bytes, settle } = this.outbox.shift()!
      this.#flightBytes -= bytes
      settle?.()
    }
  }

  #startFinish(now: number, finish: Finish, began: CloseCause, peer: Finish | undefined): void {
    this.#finish = { data: encode(finish), bytes: 0, settle: undefined }
    this.outbox.push(this.#finish)
    this.#course = { name: 'finishing', closeAt: now + this.#config.closeTimeout, began, peer }
  }

  #peerFinished(now: number, finish: Finish): void {
    this.inbox.complete()
    if (this.#course.name === 'finishing') this.#course = { ...this.#course, peer: finish }
    else this.#startFinish(now, finish, this.#causeOf(finish), finish)
    this.#settle()
  }

  #causeOf({ code }: Finish): CloseCause {
    if (this.#config.self === 'server') return 'client'
    return code === restartCode ? 'drain' : 'server'
  }

  /** Done is who has the peer's last message and knows that the peer has ours. */
  #settle(): void {
    const course = this.#course
    if (course.name === 'finishing' && course.peer && this.outbox.length === 0) this.end(cleanClose(course.peer, course.began))
  }

  #closeDue({ began, peer }: Course & { name: 'finishing' }): void {
    const isAllConfirmed = this.sent - this.#confirmed <= 1 // but our own finish
    if (peer && isAllConfirmed) this.end(cleanClose(peer, began))
    else this.end(abnormalClose(began))
  }

  #violate(reason: string): void {
    this.end(abnormalClose('protocol', reason))
  }

  /** A message that was written to link after link, each of which had its chance, is what ends them. */
  #judgeHead(pings: number, hadChance: boolean): void {
    const head = this.#acked + 1
    const before = this.#past?.head === head ? this.#past.failures : 0
    const failures = hadChance && this.#tx >= head ? before + 1 : 0
    this.#past = { pings, head, failures }
    if (failures < poisonLinks) return
    this.end(abnormalClose('protocol', `message ${head} did not get through on ${poisonLinks} links in a row`, 1009))
  }

  #overdueAt(carrier: Liveness): number {
    const since = this.#awaitingSince
    if (since === undefined) return Infinity
    return Math.max(since, this.#probedAt ?? since) + Math.max(overdueMs, overdueRoundTrips * (carrier.rtt ?? 0))
  }
}

function cleanClose(peer: Finish, cause: CloseCause): CloseInfo {
  return Object.freeze({ code: peer.code, reason: peer.reason, wasClean: true, cause })
}
