/**
 * A link between a client and a server as TCP would carry it: each way in order, at a speed, with a delay, until something happens.
 *
 * Either end learns of its end on its own, late or never; what was under way may still arrive.
 */

import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import type { LinkGauge } from '../../packages/holdfast/src/core/liveness.ts'
import type { Payload } from '../../packages/holdfast/src/core/session.ts'
import type { Agenda } from './agenda.ts'
import type { Random } from './random.ts'

export interface Binary {
  readonly byteLength: number
  readonly id: string
}

export interface LinkConditions {
  readonly latencyMs: number
  readonly jitterMs: number
  readonly bytesPerMs: number
  readonly messageMs: number
  readonly largestPassing: number
  readonly backlogMessages: number
  readonly showsBytes: boolean
}

export interface LinkListener {
  readonly name: string
  /** Whether the process runs and reads; what arrives meanwhile waits. */
  readonly isReading: boolean
  /** Whether nothing excuses a late acknowledgement. */
  readonly isPunctual: boolean
  message(end: LinkEnd, payload: Payload): void
  closed(end: LinkEnd, close: CloseInfo): void
  /** The backlog fell. */
  drained(end: LinkEnd): void
}

type Content = { readonly kind: 'message'; readonly payload: Payload } | { readonly kind: 'close'; readonly close: CloseInfo }
type Item = Content & { readonly arrivesAt: number }

/** What a machine on the way says of a message that it does not let through. */
const tooLarge = 1011
const fullBacklogBytes = 64 * 1024 + 1
/** What a frozen way still swallows: the buffers of two kernels. */
const kernelBytes = 2_000

const lostConnection: CloseInfo = Object.freeze({ code: 1006, reason: '', wasClean: false, cause: 'network' })

/** One end of a link, and the way from it to the other. */
export class LinkEnd implements LinkGauge {
  readonly link: Link
  readonly listener: LinkListener
  peer!: LinkEnd
  isOpen = true
  /** Whether this end has heard, or said, that the link is over. */
  isOver = false
  isFrozen = false
  #bytesRead = 0
  /** When a message last arrived. */
  heardAt = 0
  /** For whoever holds it. */
  tag: unknown
  #written = 0
  #queue: { readonly startsAt: number; readonly leavesAt: number; readonly bytes: number }[] = []
  #queuedBytes = 0
  #frozenBytes = 0
  #freeAt = 0
  #arrivesAt = 0
  #arrivedBytes = 0
  #inbound: Item[] = []
  #isDrainPlanned = false
  /** Whether something on the way has taken a message that it does not let through, and nothing passes behind it. */
  #isBlocked = false

  constructor(link: Link, listener: LinkListener, opensAt: number) {
    this.link = link
    this.listener = listener
    this.#arrivesAt = opensAt
  }

  get bytesWritten(): number {
    this.#leave()
    return this.#written + this.#underWay(this.link.agenda.now)
  }

  /** A message counts as it trickles in, where bytes can be seen at all; a server always sees them. */
  get bytesRead(): number {
    const { conditions, agenda, isBroken } = this.link
    if (!conditions.showsBytes && this === this.link.client) return 0
    const { peer } = this
    const seen = peer.isFrozen || isBroken ? 0 : peer.#underWay(agenda.now - conditions.latencyMs - conditions.jitterMs)
    this.#bytesRead = Math.max(this.#bytesRead, this.#arrivedBytes + seen)
    return this.#bytesRead
  }

  /** Whether bytes of a message that is not complete are coming in right now, and can be seen to. */
  get isReceiving(): boolean {
    const { conditions, agenda, isBroken } = this.link
    if (isBroken || this.peer.isFrozen || (!conditions.showsBytes && this === this.link.client)) return false
    return this.peer.#underWay(agenda.now - conditions.latencyMs - conditions.jitterMs) > 0
  }

  /** Bytes of the message at the head of the queue that have left by then. */
  #underWay(at: number): number {
    this.#leave()
    const head = this.#queue[0]
    if (!head || head.leavesAt === Infinity || at <= head.startsAt) return 0
    return Math.min(head.bytes, Math.floor((at - head.startsAt) * this.link.conditions.bytesPerMs))
  }

  get backlog(): number {
    this.#leave()
    if (this.#queue.length >= this.link.conditions.backlogMessages) return fullBacklogBytes
    return this.#queuedBytes
  }

  send(payload: Payload): void {
    if (this.isOver || !this.isOpen) return
    this.#put({ kind: 'message', payload }, typeof payload === 'string' ? payload.length : payload.byteLength)
  }

  /** Sends a close frame; the answer comes back if anything does. */
  close(code: number, reason: string): void {
    if (this.isOver || !this.isOpen) return
    this.isOpen = false
    this.#put({ kind: 'close', close: Object.freeze({ code, reason, wasClean: true, cause: 'server' }) }, 4)
  }

  /** Lets go at once; the other end learns of it behind what is under way. */
  drop(): void {
    if (this.isOver) return
    this.isOver = true
    this.isOpen = false
    this.#put({ kind: 'close', close: lostConnection }, 0)
  }

  /** The connection breaks: of what is under way to this end, `share` still arrives, and the news after `delayMs`. */
  break(share: number, delayMs: number): void {
    if (this.isOver) return
    this.#inbound.length = Math.ceil(this.#inbound.length * share)
    this.link.agenda.plan(this.link.agenda.now + delayMs, () => {
      if (this.isOver) return
      this.#inbound = []
      this.#closed(lostConnection)
    })
  }

  /** A machine on the way ends the link with a close frame to this end. */
  closeFromOutside(code: number): void {
    if (this.isOver) return
    this.link.isDoomed = true
    const close: CloseInfo = Object.freeze({ code, reason: '', wasClean: true, cause: 'server' })
    this.#inbound.push({ kind: 'close', close, arrivesAt: this.link.agenda.now })
    this.#planArrival()
  }

  freeze(): void {
    this.isFrozen = true
    this.#frozenBytes = 0
  }

  thaw(): void {
    if (!this.isFrozen) return
    this.isFrozen = false
    this.#freeAt = Math.max(this.#freeAt, this.link.agenda.now)
    const held = this.#queue.filter((each) => each.leavesAt === Infinity)
    this.#queue = this.#queue.filter((each) => each.leavesAt !== Infinity)
    for (const { bytes } of held) this.#queue.push({ startsAt: this.#freeAt, leavesAt: this.#freeAt, bytes })
    this.peer.#wake()
    this.#planDrain()
  }

  /** Reads what waited while this end did not. */
  #wake(): void {
    for (const { arrivesAt } of this.#inbound) this.#planArrival(Math.max(arrivesAt, this.link.agenda.now))
  }

  resumeReading(): void {
    this.#wake()
  }

  #put(content: Content, bytes: number): void {
    const { agenda, conditions, random } = this.link
    const now = agenda.now
    const isStuck = this.isFrozen && this.#frozenBytes + bytes > kernelBytes
    if (this.isFrozen) this.#frozenBytes += bytes
    const startsAt = Math.max(this.#freeAt, now)
    this.#freeAt = startsAt + bytes / conditions.bytesPerMs + conditions.messageMs
    this.#queue.push({ startsAt, leavesAt: isStuck ? Infinity : this.#freeAt, bytes })
    this.#queuedBytes += bytes
    const arrivesAt = this.#freeAt + conditions.latencyMs + (conditions.jitterMs > 0 ? random.next() * conditions.jitterMs : 0)
    this.#arrivesAt = Math.max(this.#arrivesAt, arrivesAt)
    if (this.link.isBroken || this.#isBlocked) return
    if (bytes > conditions.largestPassing) {
      this.#isBlocked = true
      agenda.plan(this.#freeAt, () => this.link.closeFromOutside(tooLarge))
      return
    }
    this.peer.#inbound.push({ ...content, arrivesAt: this.#arrivesAt })
    this.peer.#planArrival(this.#arrivesAt)
    if (this.#freeAt > now) this.#planDrain()
  }

  #planArrival(at: number = this.link.agenda.now): void {
    this.link.agenda.plan(at, () => this.#arrive())
  }

  /** Takes the next item, if the way is open and somebody reads. */
  #arrive(): void {
    if (this.isOver || this.peer.isFrozen || this.#inbound.length === 0 || !this.listener.isReading) return
    if (this.#inbound[0]!.arrivesAt > this.link.agenda.now) return
    const item = this.#inbound.shift()!
    this.link.agenda.mark()
    if (item.kind === 'close') {
      this.#closed(item.close)
      return
    }
    const { payload } = item
    this.heardAt = this.link.agenda.now
    this.#arrivedBytes += typeof payload === 'string' ? payload.length : payload.byteLength
    this.listener.message(this, payload)
  }

  #closed(close: CloseInfo): void {
    const wasOpen = this.isOpen
    this.isOver = true
    this.isOpen = false
    if (close.wasClean && wasOpen) this.#put({ kind: 'close', close }, 0)
    this.listener.closed(this, close)
  }

  #leave(): void {
    const now = this.link.agenda.now
    while (this.#queue.length > 0 && this.#queue[0]!.leavesAt <= now) {
      const { bytes } = this.#queue.shift()!
      this.#written += bytes
      this.#queuedBytes -= bytes
    }
  }

  #planDrain(): void {
    if (this.#isDrainPlanned) return
    this.#isDrainPlanned = true
    this.link.agenda.plan(
      Math.max(this.#queue[0]?.leavesAt === Infinity ? 0 : (this.#queue[0]?.leavesAt ?? 0), this.link.agenda.now),
      () => {
        this.#isDrainPlanned = false
        if (this.isOver) return
        this.#leave()
        this.listener.drained(this)
        if (this.#queue.length > 0 && this.#queue[0]!.leavesAt < Infinity) this.#planDrain()
      },
    )
  }
}

/** Virtual time, and a mark for each step that was one. */
export interface Timeline extends Pick<Agenda, 'plan'> {
  readonly now: number
  mark(): void
}

export class Link {
  readonly agenda: Timeline
  readonly random: Random
  readonly conditions: LinkConditions
  readonly client: LinkEnd
  readonly server: LinkEnd
  /** What is written from now on arrives nowhere. */
  isBroken = false
  /** When it was last good again. */
  thawedAt = -Infinity
  /** Whether a machine on the way has said that it ends. */
  isDoomed = false

  constructor(
    agenda: Timeline,
    random: Random,
    conditions: LinkConditions,
    client: LinkListener,
    server: LinkListener,
    clientOpensAt: number,
  ) {
    this.agenda = agenda
    this.random = random
    this.conditions = conditions
    this.client = new LinkEnd(this, client, clientOpensAt)
    this.server = new LinkEnd(this, server, clientOpensAt)
    this.client.peer = this.server
    this.server.peer = this.client
  }

  /** Whether what is written arrives, now and while nothing happens to it. */
  get isHealthy(): boolean {
    return !this.isBroken && !this.isDoomed && !this.client.isFrozen && !this.server.isFrozen && this.client.isOpen && this.server.isOpen
  }

  /** Both ends learn of it on their own. */
  break(random: Random): void {
    this.isBroken = true
    const delay = (): number => random.next() * random.pick([0, 10, 1_000])
    this.client.break(random.next(), delay())
    this.server.break(random.next(), delay())
  }

  /** A machine on the way ends it with a close frame to both ends. */
  closeFromOutside(code: number): void {
    this.client.closeFromOutside(code)
    this.server.closeFromOutside(code)
  }

  freeze(towards: 'server' | 'client' | 'both'): void {
    if (towards !== 'client') this.client.freeze()
    if (towards !== 'server') this.server.freeze()
  }

  thaw(): void {
    if (this.client.isFrozen || this.server.isFrozen) this.thawedAt = this.agenda.now
    this.client.thaw()
    this.server.thaw()
  }
}
