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

/** What carries a session at the moment. */
export interface Carrier {
  readonly gauge: LinkGauge
  readonly liveness: Liveness
}

type Place = { readonly name: 'away' } | ({ readonly name: 'attached' } & Carrier)

type Course =
  | { readonly name: 'open' }
  | { readonly name: 'finishing'; readonly closeAt: number; readonly began: CloseCause; readonly peer: Finish | undefined }
  | { readonly name: 'over'; readonly close: CloseInfo }

const away: Place = { name: 'away' }
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
  /** Milliseconds over which the server wants its clients to come back. */
  spread = 0
  readonly #config: SessionConfig
  #place: Place = away
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
  #askAt = Infinity
  #askUpTo = 0
  #pingsSent = 0
  /** Since when the peer owes an acknowledgement of what this link has carried, and when it was last asked for a sign of life. */
  #awaitingSince = Infinity
  #probedAt = -Infinity
  #toldSpread = 0
  #pings = 0
  #stuckHead = 0
  #stuckLinks = 0

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

  /** Bytes that no link has taken since the peer last said what it has. */
  get pendingBytes(): number {
    return this.outbox.bytes - this.#flightBytes
  }

  /** Milliseconds of the last ping that was answered on this link. */
  get rtt(): number | null {
    return this.#place.name === 'attached' ? this.#place.liveness.rtt : null
  }

  /** The number of its last ping; the next link goes on from there, so that no answer is taken for another's. */
  get pings(): number {
    return this.#place.name === 'attached' ? this.#place.liveness.ping : this.#pings
  }

  /** How many pings it has written, over all links. */
  get pingsSent(): number {
    return this.#pingsSent
  }

  /** The link that carries it, as its owner gave it. */
  get gauge(): LinkGauge | undefined {
    return this.#place.name === 'attached' ? this.#place.gauge : undefined
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
    if (this.#place.name === 'away') return closeAt
    return Math.min(closeAt, this.#place.liveness.deadline, this.inbox.deadline, this.#overdueAt(this.#place.liveness))
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
    if (this.#place.name === 'attached' && this.#place.liveness.sent(now)) this.#ping = this.#place.liveness.ping
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
    if (this.#place.name === 'away') return
    if (this.#tx >= this.sent) this.#askNow(this.#place.liveness)
    else if (this.#askAt === Infinity) this.#askAt = this.sent
  }

  /** Tells the client how thinly the server wants it back, if what it knows is off by half or more. */
  tellSpread(): void {
    const spread = this.#config.spread!()
    const told = this.#toldSpread
    if (this.#place.name === 'away' || spread === told) return
    if (spread >= 2 * told || 2 * spread <= told) this.#askNow(this.#place.liveness)
  }

  // From the world

  /**
   * Goes on over a new link, which counts what we write from `recv` and what we read from `base`; the peer knows that `told` arrived.
   *
   * @param opening what the link has to carry before all else
   */
  attach(carrier: Carrier, recv: number, base: number, told: number, opening?: string): void {
    this.#place = { name: 'attached', ...carrier }
    this.#opening = opening
    this.#ping = undefined
    this.#pong = undefined
    this.#askAt = this.#askUpTo > recv ? this.#askUpTo : Infinity
    this.#isAsking = this.#askAt < Infinity
    this.#awaitingSince = Infinity
    this.#probedAt = -Infinity
    this.#toldSpread = this.#config.spread?.() ?? 0
    this.#tx = recv
    this.#confirmed = recv
    this.#free()
    this.#flightBytes = 0
    this.inbox.restart(base, told)
    this.#settle()
  }

  /** The link is gone. @param isPeersDoing whether the peer closed it with a close frame */
  detach(now: number, isPeersDoing: boolean): void {
    if (this.#place.name === 'away') return
    this.#pings = this.#place.liveness.ping
    this.#place = away
    this.#flightBytes = 0
    const hadChance = now - this.#awaitingSince >= chanceMs
    this.#awaitingSince = Infinity
    this.#judgeHead(isPeersDoing || hadChance)
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
    if (this.#place.name === 'attached') this.#place.liveness.heard(now)
  }

  /** @returns what is for the application; undefined where nothing is */
  receive(now: number, payload: Payload): Payload | undefined {
    if (this.#course.name === 'over') return undefined
    this.heard(now)
    const isText = typeof payload === 'string'
    return this.#arrive(now, isText ? payload.length : payload.byteLength) ? (isText ? unescapeText(payload) : payload) : undefined
  }

  control(now: number, control: Decoded): void {
    if (this.#place.name === 'away' || this.#course.name === 'over') return
    if (control.kind === 'pong') this.#place.liveness.answered(now, control.id)
    else this.heard(now)
    switch (control.kind) {
      case 'ack':
        this.#acknowledge(now, control.count)
        return
      case 'ping':
        if (!this.#acknowledge(now, control.count)) return
        this.#pong = control.id
        this.spread = control.spread ?? this.spread
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
    const place = this.#place
    if (place.name === 'away' || !place.gauge.isOpen) return undefined
    if (this.#opening !== undefined || this.#ping !== undefined) return this.#nextControl(now, place.liveness)
    // Who asks and does not read would fill our memory with answers: only the last one is kept.
    if (this.#pong !== undefined && place.gauge.backlog <= maxBacklogBytes) return this.#nextControl(now, place.liveness)
    const ack = this.inbox.takeAck()
    if (ack !== undefined) return encode({ kind: 'ack', count: ack })
    const index = this.#tx - this.#acked
    if (index >= this.outbox.length || this.#course.name === 'over' || place.gauge.backlog > maxBacklogBytes) return undefined
    const entry = this.outbox.at(index)
    this.#tx++
    this.#flightBytes += entry.bytes
    place.liveness.wrote(now)
    if (this.#tx === this.#askAt) this.#askNow(place.liveness)
    if (this.#awaitingSince === Infinity && this.#confirmed < this.#tx) this.#awaitingSince = now
    if (this.#confirmed >= this.#tx) {
      this.#free()
      this.#settle()
    }
    return typeof entry.data === 'string' && entry !== this.#finish ? escapeText(entry.data) : entry.data
  }

  /** Something happened that makes the link doubtful. */
  probe(now: number): void {
    if (this.#place.name === 'attached' && this.#place.liveness.probe(now)) this.#ping = this.#place.liveness.ping
  }

  /** @param wall epoch ms, for a link that has an awake clock of its own */
  tick(now: number, wall?: number): Verdict {
    const course = this.#course
    if (course.name === 'finishing' && now >= course.closeAt) this.#closeDue(course)
    if (this.#place.name === 'away') return 'alive'
    this.inbox.tick(now)
    const { liveness } = this.#place
    if (now >= this.#overdueAt(liveness)) {
      this.#probedAt = now
      this.probe(now)
    }
    const verdict = liveness.tick(now, wall)
    if (verdict === 'ping') this.#ping = liveness.ping
    return verdict
  }

  #askNow(liveness: Liveness): void {
    this.#ping = liveness.ask()
    this.#askAt = this.#askUpTo > this.#tx ? this.#askUpTo : Infinity
  }

  #nextControl(now: number, liveness: Liveness): string | undefined {
    const opening = this.#opening
    const ping = this.#ping
    const pong = this.#pong
    if (opening !== undefined) {
      this.#opening = undefined
      liveness.wrote(now)
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
    this.#toldSpread = spread()
    return encode({ kind: 'ping', id: ping, count: this.inbox.tell(), spread: this.#toldSpread })
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
    this.#awaitingSince = this.#tx > count ? now : Infinity
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
  #judgeHead(hadChance: boolean): void {
    const head = this.#acked + 1
    const isStuck = hadChance && this.#tx >= head
    this.#stuckLinks = isStuck ? (this.#stuckHead === head ? this.#stuckLinks + 1 : 1) : 0
    this.#stuckHead = head
    if (this.#stuckLinks < poisonLinks) return
    this.end(abnormalClose('protocol', `message ${head} did not get through on ${poisonLinks} links in a row`, 1009))
  }

  #overdueAt(liveness: Liveness): number {
    return Math.max(this.#awaitingSince, this.#probedAt) + Math.max(overdueMs, overdueRoundTrips * (liveness.rtt ?? 0))
  }
}

function cleanClose(peer: Finish, cause: CloseCause): CloseInfo {
  return Object.freeze({ code: peer.code, reason: peer.reason, wasClean: true, cause })
}
