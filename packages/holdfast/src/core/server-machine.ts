/**
 * The sessions of a server, and the links that come to carry them.
 *
 *             W                first frame               link lost              expired, ended
 *   verdict ────▶ new ────────────────────▶ attached ─────────────▶ detached ──────────────────▶ over, and a tombstone
 *                  │                          ▲  │                     │                             ▲
 *                  └── link lost ──▶ detached │  └──── over ───────────┼─────────────────────────────┘
 *                                             └───── R, S ─────────────┘   (R also takes an attached session over to its link)
 *
 * A resumption is one synchronous turn: look up, fence, count, answer (PROTOCOL.md section 5). Nothing is remembered of a link whose
 * resumption was refused, and of the session only when its client was told to come again; but where the session is lost a new one may
 * begin on that link: X, N, another verdict, W. Outputs name links and sessions; what a session
 * writes comes from its own `nextFrame`.
 */

import type { AwakeClock } from './awake-clock.ts'
import type { CloseCause, CloseInfo } from './close-info.ts'
import { abnormalClose, sessionLost } from './close-info.ts'
import { type Decoded, decode, encode, isControl, type Refusal, type Refused, type Resume } from './control.ts'
import { fatalClose, linkCode, mayBlameMessage, partingCode, partingReason } from './link-code.ts'
import { type LinkGauge, Liveness, type LivenessConfig } from './liveness.ts'
import type { OutboxBounds, OutboxEntry } from './outbox.ts'
import { gone, ServerLink, ServerSession, type Verdict } from './server-session.ts'
import { type Payload, Session, type SessionConfig } from './session.ts'
import { Shelf } from './shelf.ts'

export interface Credentials {
  /** A session id of 128 random bits, a key of 256, both in base64url, and the digest that is kept of the key. */
  issue(): { readonly sid: string; readonly key: string; readonly digest: string }
  /** In constant time; undefined: there is nothing to compare with, and the same work is done. */
  matches(key: string, digest: string | undefined): boolean
}

export interface ServerConfig {
  /** Milliseconds that a session without a link is kept. */
  readonly ttl: number
  /** Milliseconds of silence before a ping. */
  readonly ping: number
  /** Milliseconds of silence after which a link is given up. */
  readonly dead: number
  /** Milliseconds that a write may stand still. */
  readonly writeTimeout: number
  /** Awake time, kept by who ticks the sessions. */
  readonly awake: AwakeClock
  /** Milliseconds that a session may take to end in order. */
  readonly closeTimeout: number
  /** The largest message, in bytes. */
  readonly maxMessageBytes: number
  readonly outbox: OutboxBounds
  readonly maxSessions: number
  readonly maxPerPrincipal: number
  /** What all outboxes together may hold. */
  readonly maxTotalBytes: number
  readonly credentials: Credentials
  /** Whole milliseconds that a client has to wait before it is taken; 0: none. `slot`: when it was to come again, if it was told before. */
  readonly admit: (now: number, slot?: number) => number
  /** Milliseconds over which clients that lost their link should come back. */
  readonly spread: () => number
  /** Where a session is that is not here. */
  readonly locate: (sid: string) => string | undefined
  /** Draws from [0, 1). */
  readonly random: () => number
}

export type ServerOutput =
  /** `why`: the frame refuses a session. */
  | { readonly kind: 'write'; readonly link: ServerLink; readonly frame: unknown; readonly why?: Refusal }
  /** Say goodbye; `linkClosed` will follow, or `drop`. */
  | { readonly kind: 'close'; readonly link: ServerLink; readonly code: number; readonly reason: string }
  | { readonly kind: 'drop'; readonly link: ServerLink }
  /** A new session is wanted on it; `renewed` is due. */
  | { readonly kind: 'renew'; readonly link: ServerLink }
  | { readonly kind: 'open'; readonly session: ServerSession; readonly link: ServerLink }
  | { readonly kind: 'lost'; readonly session: ServerSession; readonly close: CloseInfo }
  | {
      readonly kind: 'resumed'
      readonly session: ServerSession
      readonly link: ServerLink
      readonly downtime: number
      readonly replayed: number
    }
  | { readonly kind: 'end'; readonly session: ServerSession; readonly close: CloseInfo; readonly unsent: readonly OutboxEntry[] }

/** What is remembered of a session that is over, so that a client that asks for it learns what arrived. */
interface Tombstone {
  readonly digest: string
  readonly principal: unknown
  readonly recv: number
  readonly until: number
}

const greetingMs = 10_000
/** Of these a session is lost, and its client may begin a new one where it was told so. */
const lostForGood: readonly Refusal[] = ['unknown', 'expired', 'state']
const partingMs = 1_000
/** A client that was told when to come again may be so late. */
const lateMs = 30_000
/** Until the client has answered its welcome, a session is kept for no longer. */
const newTtlMs = 30_000
const tombstoneMs = 600_000
/** After about this long who looks for another server asks again: a balancer knows of one by then. */
const elsewhereMs = 1_000

export class ServerMachine {
  readonly #config: ServerConfig
  /** What all links, and all sessions, have in common. */
  readonly #watch: LivenessConfig
  readonly #terms: SessionConfig
  readonly #sessions = new Map<string, ServerSession>()
  readonly #tombstones = new Map<string, Tombstone>()
  readonly #perPrincipal = new Map<unknown, number>()
  /** Sessions that no link carries and that hold something. */
  readonly #detached = new Shelf<ServerSession>()
  #isLeaving = false
  #outputs: ServerOutput[] = []
  #heldBytes = 0

  constructor(config: ServerConfig) {
    this.#config = config
    const { ping, dead, writeTimeout, random, outbox, closeTimeout, spread } = config
    this.#watch = { interval: ping, timeout: (dead - ping) / 2, dead, writeTimeout, random }
    this.#terms = { self: 'server', outbox, closeTimeout, spread }
  }

  get sessions(): ReadonlyMap<string, ServerSession> {
    return this.#sessions
  }

  get tombstones(): number {
    return this.#tombstones.size
  }

  /** Bytes in all outboxes. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Whether there is nothing to carry out. */
  get isAtRest(): boolean {
    return this.#outputs.length === 0
  }

  poll(): ServerOutput | undefined {
    if (this.isAtRest) return undefined
    const output = this.#outputs.shift()
    if (this.#outputs.length === 0) this.#outputs = [] // a list that was used keeps its room
    return output
  }

  // From the application

  send(now: number, session: ServerSession, entry: OutboxEntry): void {
    const { outbox } = session.session
    if (!session.session.isOpen) return
    const hasRoom = outbox.hasRoom(entry.bytes)
    session.session.send(entry)
    if (hasRoom) this.#account(now, session)
    else this.#end(now, session, Object.freeze({ code: 1013, reason: '', wasClean: false, cause: 'overflow' }))
  }

  close(now: number, session: ServerSession, code: number, reason: string): void {
    session.session.finish(now, code, reason)
    this.#account(now, session)
  }

  /** Ends a session without goodbye. */
  terminate(now: number, session: ServerSession, cause: CloseCause = 'server'): void {
    this.#end(now, session, abnormalClose(cause))
  }

  /** From now on no session begins here: those who want one are to look elsewhere. Those that are here go on. */
  leave(): void {
    this.#isLeaving = true
  }

  /** Ends a session in order, because its server goes. */
  dismiss(now: number, session: ServerSession, code: number, reason: string): void {
    session.session.finish(now, code, reason, 'drain')
    this.#account(now, session)
  }

  /** Asks the client to come over another link `inMs` from now; this one ends `byMs` from now. */
  drain(now: number, session: ServerSession, inMs: number, byMs: number, url?: string): void {
    if (session.state.name !== 'new' && session.state.name !== 'attached') return
    const { link } = session.state
    session.state = { ...session.state, leaveAt: now + byMs }
    this.#outputs.push({ kind: 'write', link, frame: encode({ kind: 'drain', in: inMs, by: byMs, ...(url !== undefined && { url }) }) })
  }

  /** Ends the link of a session that should have moved to another; the session waits for its client. */
  expel(now: number, session: ServerSession): void {
    if (!session.link) return
    this.#part(now, session.link, linkCode.leaving)
    this.#detach(now, session, abnormalClose('drain'))
  }

  // From the world

  /** A link whose client speaks the protocol opened. */
  open(now: number, gauge: LinkGauge, isResuming: boolean): ServerLink {
    return new ServerLink(gauge, isResuming, isResuming ? now + greetingMs : Infinity)
  }

  /** Origin check and authentication are done. */
  authenticated(now: number, link: ServerLink, verdict: Verdict): void {
    if (link.state.name !== 'pending') return
    link.state = { ...link.state, verdict }
    if (!link.state.isResuming) this.#begin(now, link, verdict)
    else if (link.state.resume) this.#resume(now, link, link.state.resume, verdict)
  }

  /** It was found whether a new session may begin on a link that asked for one. */
  renewed(now: number, link: ServerLink, verdict: Verdict): void {
    if (link.state.name === 'renewing') this.#begin(now, link, verdict)
  }

  /** @returns what is for the application of `link.session`; undefined where nothing is */
  receive(now: number, link: ServerLink, payload: Payload): Payload | undefined {
    const { session } = link
    if (session) return this.#receive(now, session, payload)
    if (link.state.name === 'pending') this.#receiveFirst(now, link, link.state.verdict, payload)
    else if (link.state.name === 'refused' || link.state.name === 'renewing') this.#receiveRenewal(now, link, payload)
    return undefined
  }

  linkClosed(now: number, link: ServerLink, close: CloseInfo): void {
    const { session } = link
    link.state = gone
    if (!session) return
    const end = fatalClose(close, 'client')
    if (end) this.#end(now, session, end)
    else this.#detach(now, session, close)
  }

  tickLink(now: number, link: ServerLink): void {
    if (now < link.deadline) return
    if (link.state.name === 'pending') this.#part(now, link, linkCode.refused, 'no first frame in time')
    else if (link.state.name === 'refused') this.#part(now, link, linkCode.refused, 'nothing more in time')
    else this.#drop(link)
  }

  tickSession(now: number, session: ServerSession): void {
    const verdict = session.session.tick(now)
    const { link, state } = session
    if (link && (verdict === 'heartbeat-timeout' || verdict === 'write-timeout')) {
      this.#part(now, link, linkCode.dead)
      this.#detach(now, session, abnormalClose(verdict))
    } else if (state.name === 'detached' && now >= state.expiresAt) {
      this.#end(now, session, sessionLost('expired'))
    } else if (now >= session.leaveAt) {
      this.expel(now, session)
    }
    if (session.state.name === 'new' && now >= session.state.until) this.#end(now, session, sessionLost('unanswered'))
    session.session.tellSpread()
    this.#check(now, session)
  }

  /** Forgets what is long over. */
  tick(now: number): void {
    for (const [sid, tombstone] of this.#tombstones) {
      if (tombstone.until > now) return
      this.#tombstones.delete(sid)
    }
  }

  #receiveFirst(now: number, link: ServerLink, verdict: Verdict | undefined, payload: Payload): void {
    const first = controlIn(payload)
    if (first?.kind === 'unknown') return
    if (link.state.name !== 'pending' || first?.kind !== 'resume' || !link.state.isResuming || link.state.resume) {
      this.#part(now, link, linkCode.violation, 'the first frame has to be a resume')
      return
    }
    link.state = { ...link.state, resume: first, until: Infinity }
    if (verdict) this.#resume(now, link, first, verdict)
  }

  #receiveRenewal(now: number, link: ServerLink, payload: Payload): void {
    const next = controlIn(payload)
    if (next?.kind === 'unknown') return
    if (link.state.name !== 'refused' || next?.kind !== 'renew') {
      this.#part(now, link, linkCode.violation, 'a refusal is followed by one renew or nothing')
      return
    }
    link.state = { name: 'renewing' }
    this.#outputs.push({ kind: 'renew', link })
  }

  #receive(now: number, session: ServerSession, payload: Payload): Payload | undefined {
    const isControlFrame = typeof payload === 'string' && isControl(payload)
    const control = isControlFrame ? decode(payload) : undefined
    if (session.state.name === 'new' && control?.kind !== 'unknown') {
      const { link, leaveAt } = session.state // it has the welcome
      session.state = leaveAt === undefined ? { name: 'attached', link } : { name: 'attached', link, leaveAt }
    }
    if (control) session.session.control(now, control)
    const data = isControlFrame ? undefined : session.session.receive(now, payload)
    if (data === undefined) this.#check(now, session)
    return data
  }

  #begin(now: number, link: ServerLink, verdict: Verdict): void {
    if (verdict.kind === 'refused') {
      this.#refuse(now, link, verdict)
      return
    }
    const after = this.#shortage(verdict.principal) || this.#config.admit(now)
    if (after > 0) {
      this.#refuse(now, link, { kind: 'refused', why: 'busy', after })
      return
    }
    const { ttl, ping, dead, maxMessageBytes, credentials, spread } = this.#config
    const { sid, key, digest } = credentials.issue()
    const session = new Session(this.#terms)
    const held = new ServerSession(sid, digest, verdict.principal, session, { name: 'new', link, until: now + newTtlMs })
    this.#sessions.set(sid, held)
    this.#perPrincipal.set(verdict.principal, (this.#perPrincipal.get(verdict.principal) ?? 0) + 1)
    const { proto } = verdict
    const terms = { ttl, ping, dead, max: maxMessageBytes, spread: spread() }
    this.#attach(now, held, link, 0, encode({ kind: 'welcome', sid, key, proto, ...terms }))
    this.#outputs.push({ kind: 'open', session: held, link })
  }

  #resume(now: number, link: ServerLink, resume: Resume, verdict: Verdict): void {
    const refused = this.#refusal(now, resume, verdict)
    if (!refused) this.#splice(now, link, resume, this.#sessions.get(resume.sid)!)
    else if (lostForGood.includes(refused.why)) this.#declare(now, link, refused)
    else this.#refuse(now, link, refused)
  }

  /** Why a resumption is refused; undefined where nothing speaks against it. What is told grows with what was proven. */
  #refusal(now: number, { sid, key, cid, attempt, recv }: Resume, verdict: Verdict): Refused | undefined {
    if (verdict.kind === 'refused') return verdict
    const held = this.#sessions.get(sid)
    const known = held ?? this.#tombstones.get(sid)
    const isKey = this.#config.credentials.matches(key, known?.digest)
    if (!known || !isKey || known.principal !== verdict.principal) {
      const url = known ? undefined : this.#config.locate(sid)
      return url === undefined ? { kind: 'refused', why: 'unknown' } : { kind: 'refused', why: 'moved', url }
    }
    if (!held) return { kind: 'refused', why: 'expired', recv: (known as Tombstone).recv }
    const { delivered } = held.session.inbox
    if (recv > held.session.sent) return { kind: 'refused', why: 'state', recv: delivered }
    const { holder } = held
    if ((holder.cid !== undefined && holder.cid !== cid) || attempt <= holder.attempt)
      return { kind: 'refused', why: 'stale', recv: delivered }
    const after = this.#config.admit(now, holder.slot ?? Infinity)
    if (after === 0) return undefined
    const slot = now + after
    held.holder = { ...holder, slot }
    // Whom the server itself makes wait must find what he waits for.
    if (held.state.name === 'detached') held.state = { ...held.state, expiresAt: Math.max(held.state.expiresAt, slot + lateMs) }
    return { kind: 'refused', why: 'busy', after }
  }

  /** The order is the protocol: the old link is fenced before anything is counted for the new one. */
  #splice(now: number, link: ServerLink, { cid, attempt, recv }: Resume, held: ServerSession): void {
    const { session } = held
    const old = held.link
    const since = held.state.name === 'detached' ? held.state.since : now
    if (old) this.#part(now, old, linkCode.superseded, `${cid}.${attempt}`)
    held.holder = { cid, attempt }
    const { delivered } = session.inbox
    const base = Math.max(recv, session.confirmed)
    const { ttl, ping, dead, spread } = this.#config
    const terms = { ttl, ping, dead, spread: spread() }
    held.state = { name: 'attached', link }
    this.#detached.remove(held)
    this.#attach(now, held, link, base, encode({ kind: 'spliced', recv: delivered, base, sent: session.sent, ...terms }))
    this.#outputs.push({ kind: 'resumed', session: held, link, downtime: now - since, replayed: session.sent - base })
    this.#check(now, held)
  }

  #attach(now: number, held: ServerSession, link: ServerLink, base: number, opening: string): void {
    const { session } = held
    const liveness = new Liveness(this.#watch, link.gauge, now, this.#config.awake, session.pings)
    link.state = held
    session.attach(liveness, base, session.inbox.delivered, session.inbox.delivered, opening)
  }

  #refuse(now: number, link: ServerLink, refused: Refused): void {
    this.#outputs.push({ kind: 'write', link, frame: encode(refused), why: refused.why })
    this.#part(now, link, linkCode.refused)
  }

  /** Says that the session is lost; whether it wants a new one is for the client to say. */
  #declare(now: number, link: ServerLink, refused: Refused): void {
    this.#outputs.push({ kind: 'write', link, frame: encode(refused), why: refused.why })
    link.state = { name: 'refused', until: now + greetingMs }
  }

  /** Nothing that still arrives on this link is heard. */
  #part(now: number, link: ServerLink, code: number, reason = ''): void {
    if (link.state.name === 'gone') return
    link.state = { name: 'parting', until: now + partingMs }
    this.#outputs.push({ kind: 'close', link, code, reason })
  }

  #drop(link: ServerLink): void {
    link.state = gone
    this.#outputs.push({ kind: 'drop', link })
  }

  #detach(now: number, held: ServerSession, close: CloseInfo): void {
    const expiresAt = held.state.name === 'new' ? held.state.until : now + this.#config.ttl
    held.session.detach(now, mayBlameMessage(close))
    held.state = { name: 'detached', since: now, expiresAt }
    this.#outputs.push({ kind: 'lost', session: held, close })
    this.#check(now, held)
  }

  /** Tells how the session ended, if it has. */
  #check(now: number, held: ServerSession): void {
    const { close } = held.session
    if (close) this.#end(now, held, close)
    else this.#account(now, held)
  }

  #end(now: number, held: ServerSession, close: CloseInfo): void {
    if (held.state.name === 'over') return
    const { link } = held
    const { session, sid, digest, principal } = held
    session.end(close)
    for (let frame = session.nextFrame(now); link && frame !== undefined; frame = session.nextFrame(now)) {
      this.#outputs.push({ kind: 'write', link, frame })
    }
    if (link) this.#part(now, link, partingCode(close), partingReason(close))
    held.state = { name: 'over' }
    this.#sessions.delete(sid)
    this.#detached.remove(held)
    this.#bury(sid, { digest, principal, recv: session.inbox.delivered, until: now + tombstoneMs })
    this.#leave(principal)
    const unsent = session.drain()
    this.#heldBytes -= held.heldBytes
    held.heldBytes = 0
    this.#outputs.push({ kind: 'end', session: held, close, unsent })
  }

  #bury(sid: string, tombstone: Tombstone): void {
    const oldest = this.#tombstones.size >= this.#config.maxSessions ? this.#tombstones.keys().next().value : undefined
    if (oldest !== undefined) this.#tombstones.delete(oldest)
    this.#tombstones.set(sid, tombstone)
  }

  #leave(principal: unknown): void {
    const rest = this.#perPrincipal.get(principal)! - 1
    if (rest > 0) this.#perPrincipal.set(principal, rest)
    else this.#perPrincipal.delete(principal)
  }

  /** Milliseconds after which somebody for whom there is no room may ask again; 0 where there is. */
  #shortage(principal: unknown): number {
    if (this.#isLeaving) return this.#about(elsewhereMs)
    return this.#isFull(principal) ? this.#about(newTtlMs) : 0
  }

  #isFull(principal: unknown): boolean {
    const { maxSessions, maxPerPrincipal, maxTotalBytes } = this.#config
    if (this.#sessions.size >= maxSessions || this.#heldBytes >= maxTotalBytes) return true
    return principal !== undefined && (this.#perPrincipal.get(principal) ?? 0) >= maxPerPrincipal
  }

  /** A half more or less, so that those who were refused together do not return together. */
  #about(ms: number): number {
    return Math.ceil(ms * (0.5 + this.#config.random()))
  }

  /** Keeps the sum of all outboxes; beyond its bound, sessions without a link make room, the largest first. */
  #account(now: number, held: ServerSession): void {
    const { bytes } = held.session.outbox
    this.#heldBytes += bytes - held.heldBytes
    held.heldBytes = bytes
    if (held.state.name === 'detached') this.#detached.put(held, bytes)
    while (this.#heldBytes > this.#config.maxTotalBytes) {
      const { largest } = this.#detached
      if (!largest) return
      this.#end(now, largest, sessionLost('expired'))
    }
  }
}

function controlIn(payload: Payload): Decoded | undefined {
  return typeof payload === 'string' && isControl(payload) ? decode(payload) : undefined
}
