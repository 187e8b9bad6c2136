/**
 * Who gets in: if there is room, `verifyClient`, then the origin, then `authenticate`, for every upgrade, also to resume. Sessions are told in
 * the protocol when to come again, which browsers hear; plain clients with a status. Who came to resume and begins a new session instead is
 * asked for room then, and for nothing else again.
 */

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { ServerOptions } from 'ws'
import type { Admission } from '../core/admission.ts'
import type { Verdict } from '../core/server-session.ts'
import { Addresses, type Seat } from './address.ts'
import type { Journal } from './journal.ts'
import { type Offer, readOffer } from './offer.ts'
import type { ResolvedOptions } from './options.ts'
import { Refusal } from './refusal.ts'
import type { Tally } from './tally.ts'

/** What `ws` says of an upgrade, and how it is answered. */
type Inquiry = Parameters<Extract<ServerOptions['verifyClient'], (info: any, callback: any) => void>>[0]
type Answer = (isVerified: boolean, status?: number, message?: string, headers?: OutgoingHttpHeaders) => void
export type Verify = NonNullable<ServerOptions['verifyClient']>

/** What was found about an upgrade. */
export interface Pass {
  /** As `authenticate` returned it. */
  readonly principal: unknown
  readonly verdict: Verdict
  /** What counts to its address, where that is limited. */
  readonly seat?: Seat | undefined
}

type Finding = { readonly kind: 'passed'; readonly pass: Pass } | { readonly kind: 'stopped'; readonly refusal: Refusal | undefined }

const anybody: Pass = { principal: undefined, verdict: { kind: 'accepted', principal: undefined, proto: '' } }

/** Milliseconds after which there may be room again. */
const soonMs = 1_000
const addressRetryMs = 30_000

export class Gate {
  readonly #options: ResolvedOptions
  readonly #verify: Verify | undefined
  readonly #journal: Journal
  readonly #tally: Tally
  readonly #admission: Admission | undefined
  readonly #addresses: Addresses
  readonly #passes = new WeakMap<IncomingMessage, Pass>()
  readonly #seats = new WeakMap<IncomingMessage, Seat>()
  #asked = 0
  #handshakes = 0
  #isLeaving = false

  constructor(options: ResolvedOptions, verify: Verify | undefined, journal: Journal, tally: Tally, admission: Admission | undefined) {
    this.#options = options
    this.#verify = verify
    this.#journal = journal
    this.#tally = tally
    this.#admission = admission
    this.#addresses = new Addresses(options.limits.maxPerAddress)
  }

  /** How often it was asked: `ws` asks for no upgrade that it refuses itself. */
  get asked(): number {
    return this.#asked
  }

  /** From now on plain clients are to look for another server. */
  leave(): void {
    this.#isLeaving = true
  }

  /** Takes the place of `verifyClient`; answers at once where the application does. */
  readonly check = (inquiry: Inquiry, tell: Answer): void => {
    this.#asked++
    const answer: Answer = (isVerified, ...refusal) => {
      if (!isVerified) this.#tally.upgradeRefused(refusal[0])
      tell(isVerified, ...refusal)
    }
    const resuming = this.#offerOf(inquiry.req)?.isResuming === true
    const full = this.#shortage(inquiry.req, !resuming)
    if (full) {
      refuse(full, answer)
      return
    }
    this.#handshakes++
    let isAnswered = false
    this.#ask(inquiry, (...details) => {
      if (!isAnswered) this.#handshakes--
      isAnswered = true
      answer(...details)
    })
  }

  #ask(inquiry: Inquiry, answer: Answer): void {
    const verify = this.#verify
    if (!verify) this.#examine(inquiry, answer)
    else if (verify.length === 2) {
      ;(verify as (inquiry: Inquiry, answer: Answer) => void)(inquiry, (isVerified, ...more) => {
        if (isVerified) this.#examine(inquiry, answer)
        else answer(false, ...more)
      })
    } else if ((verify as (inquiry: Inquiry) => boolean)(inquiry)) this.#examine(inquiry, answer)
    else answer(false)
  }

  /**
   * Whether a new session may begin on a link that came for another one, as `check` accepted it.
   *
   * @param choose its subprotocol; what it throws refuses the session
   */
  renew(request: IncomingMessage, choose: () => string | Promise<string>): Verdict | Promise<Verdict> {
    const full = this.#shortage(request, true)
    if (full) return busy(full.retryAfter)
    const wait = this.#admission?.admit(this.#options.clock.now()) ?? 0
    if (wait > 0) return busy(wait)
    const { verdict } = this.passOf(request)
    const accept = (proto: string): Verdict => (verdict.kind === 'accepted' ? { ...verdict, proto } : verdict)
    const stop = (error: unknown): Verdict => this.#declined(error)
    try {
      const proto = choose()
      if (typeof proto === 'string') return accept(proto)
      this.#handshakes++
      return proto.then(accept, stop).finally(() => this.#handshakes--)
    } catch (error) {
      return stop(error)
    }
  }

  /** What `check` found. */
  passOf(request: IncomingMessage): Pass {
    const pass = this.#passes.get(request) ?? anybody
    const seat = this.#seats.get(request)
    return seat ? { ...pass, seat } : pass
  }

  /** Why there is no room for who comes. @param takesSeat false: a session has its seat already */
  #shortage(request: IncomingMessage, takesSeat: boolean): Refusal | undefined {
    const { maxHandshakes, maxPerAddress, addressOf } = this.#options.limits
    if (this.#handshakes >= maxHandshakes) return new Refusal(503, { retryAfter: soonMs, message: 'too many handshakes at once' })
    if (this.#isLeaving && !this.#offerOf(request)) return leaving()
    if (maxPerAddress === Infinity || !takesSeat) return undefined
    const seat = this.#addresses.take(addressOf(request))
    if (!seat) return new Refusal(429, { retryAfter: addressRetryMs, message: 'too many connections from this address' })
    this.#seats.set(request, seat)
    request.socket.once('close', () => seat.linkClosed())
    return undefined
  }

  #offerOf(request: IncomingMessage): Offer | undefined {
    return this.#options.session.isOn ? readOffer(request) : undefined
  }

  /** A client that resumes is told in the protocol what is final, because browsers do not see a status. */
  #examine({ origin, req: request }: Inquiry, answer: Answer): void {
    const offer = this.#offerOf(request)
    const resuming = offer?.isResuming === true
    if (!this.#isAllowed(origin, request)) {
      if (resuming) this.#conclude(request, { kind: 'passed', pass: refusedPass({ why: 'origin' }) }, answer)
      else answer(false, 403)
      return
    }
    // Who resumes has said nothing yet of the session, which may have a slot.
    const wait = resuming ? 0 : (this.#admission?.admit(this.#options.clock.now()) ?? 0)
    if (wait > 0) {
      if (offer) this.#conclude(request, { kind: 'passed', pass: refusedPass({ why: 'busy', after: wait }) }, answer)
      else refuse(new Refusal(503, { retryAfter: wait, message: 'too many clients at once' }), answer)
      return
    }
    const { authenticate } = this.#options
    if (!authenticate) {
      answer(true)
      return
    }
    const conclude = (finding: Finding) => this.#conclude(request, finding, answer)
    const stop = (error: unknown) => conclude(this.#stopped(error, resuming))
    try {
      const principal = authenticate(request, { resuming })
      if (!isPromise(principal)) conclude(passed(principal))
      else principal.then(passed).then(conclude, stop)
    } catch (error) {
      stop(error)
    }
  }

  #conclude(request: IncomingMessage, finding: Finding, answer: Answer): void {
    if (finding.kind === 'stopped') {
      refuse(finding.refusal, answer)
      return
    }
    if (this.#isLeaving && !this.#offerOf(request)) {
      refuse(leaving(), answer)
      return
    }
    this.#passes.set(request, finding.pass)
    answer(true)
  }

  #stopped(error: unknown, resuming: boolean): Finding {
    if (!(error instanceof Refusal)) {
      this.#journal.fault('authenticate failed; the upgrade was answered with 500 (throw a Refusal to refuse)', error)
      return { kind: 'stopped', refusal: undefined }
    }
    // Another try may go through, so that a session must not end for it.
    if (!resuming || error.isPassing) return { kind: 'stopped', refusal: error }
    return { kind: 'passed', pass: refusedPass({ why: 'auth' }) }
  }

  #declined(error: unknown): Verdict {
    if (error instanceof Refusal) return error.isPassing ? busy(error.retryAfter) : { kind: 'refused', why: 'auth' }
    this.#journal.fault('handleProtocols failed; the client was told that the server is busy', error)
    return busy(undefined)
  }

  #isAllowed(origin: string | undefined, request: IncomingMessage): boolean {
    const { origins } = this.#options
    if (!origins || origin === undefined) return true
    if (typeof origins === 'function') return origins(origin, request)
    return origins.some((each) => (typeof each === 'string' ? each === origin : origin.match(new RegExp(each, ''))?.[0] === origin))
  }
}

function busy(after: number = soonMs): Verdict {
  return { kind: 'refused', why: 'busy', after }
}

function leaving(): Refusal {
  return new Refusal(503, { retryAfter: soonMs, message: 'this server is going; another one may be there' })
}

/** @param refusal undefined: the fault is ours */
function refuse(refusal: Refusal | undefined, answer: Answer): void {
  if (!refusal) answer(false, 500)
  else if (refusal.retryAfter === undefined) answer(false, refusal.status, refusal.message)
  else answer(false, refusal.status, refusal.message, { 'Retry-After': Math.ceil(refusal.retryAfter / 1_000) })
}

function passed(principal: unknown): Finding {
  return { kind: 'passed', pass: { principal, verdict: { kind: 'accepted', principal: identityOf(principal), proto: '' } } }
}

function refusedPass(refused: { readonly why: 'auth' | 'origin' } | { readonly why: 'busy'; readonly after: number }): Pass {
  return { principal: undefined, verdict: { kind: 'refused', ...refused } }
}

/** By what two results of `authenticate` are compared. @throws TypeError for one that could never be found again */
function identityOf(principal: unknown): string | undefined {
  if (principal === undefined || principal === null) return undefined
  const id = typeof principal === 'object' ? (principal as { id?: unknown }).id : principal
  if (typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint') return `${typeof id} ${id}`
  throw new TypeError('authenticate returned something that is no string or number and has no such `id`: nobody could resume as it')
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function'
}
