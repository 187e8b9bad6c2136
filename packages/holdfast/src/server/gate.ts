/** Who gets in: `verifyClient`, then the origin, then `authenticate`, for every upgrade, also to resume. */

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { ServerOptions } from 'ws'
import type { Verdict } from '../core/server-session.ts'
import type { Journal } from './journal.ts'
import { readOffer } from './offer.ts'
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
}

type Finding = { readonly kind: 'passed'; readonly pass: Pass } | { readonly kind: 'stopped'; readonly refusal: Refusal | undefined }

const anybody: Pass = { principal: undefined, verdict: { kind: 'accepted', principal: undefined, proto: '' } }

export class Gate {
  readonly #options: ResolvedOptions
  readonly #verify: Verify | undefined
  readonly #journal: Journal
  readonly #tally: Tally
  readonly #passes = new WeakMap<IncomingMessage, Pass>()
  #asked = 0

  constructor(options: ResolvedOptions, verify: Verify | undefined, journal: Journal, tally: Tally) {
    this.#options = options
    this.#verify = verify
    this.#journal = journal
    this.#tally = tally
  }

  /** How often it was asked: `ws` asks for no upgrade that it refuses itself. */
  get asked(): number {
    return this.#asked
  }

  /** Takes the place of `verifyClient`; answers at once where the application does. */
  readonly check = (inquiry: Inquiry, tell: Answer): void => {
    this.#asked++
    const verify = this.#verify
    const answer: Answer = (isVerified, ...refusal) => {
      if (!isVerified) this.#tally.upgradeRefused(refusal[0])
      tell(isVerified, ...refusal)
    }
    if (!verify) this.#examine(inquiry, answer)
    else if (verify.length === 2) {
      ;(verify as (inquiry: Inquiry, answer: Answer) => void)(inquiry, (isVerified, ...more) => {
        if (isVerified) this.#examine(inquiry, answer)
        else answer(false, ...more)
      })
    } else if ((verify as (inquiry: Inquiry) => boolean)(inquiry)) this.#examine(inquiry, answer)
    else answer(false)
  }

  /** What `check` found. */
  passOf(request: IncomingMessage): Pass {
    return this.#passes.get(request) ?? anybody
  }

  /** A client that resumes is told in the protocol what is final, because browsers do not see a status. */
  #examine({ origin, req: request }: Inquiry, answer: Answer): void {
    const resuming = this.#options.session.isOn && readOffer(request)?.isResuming === true
    if (!this.#isAllowed(origin, request)) {
      if (resuming) this.#conclude(request, { kind: 'passed', pass: refusedPass('origin') }, answer)
      else answer(false, 403)
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
    if (finding.kind === 'passed') {
      this.#passes.set(request, finding.pass)
      answer(true)
      return
    }
    const { refusal } = finding
    if (!refusal) answer(false, 500)
    else if (refusal.retryAfter === undefined) answer(false, refusal.status, refusal.message)
    else answer(false, refusal.status, refusal.message, { 'Retry-After': Math.ceil(refusal.retryAfter / 1_000) })
  }

  #stopped(error: unknown, resuming: boolean): Finding {
    if (!(error instanceof Refusal)) {
      this.#journal.fault('authenticate failed; the upgrade was answered with 500 (throw a Refusal to refuse)', error)
      return { kind: 'stopped', refusal: undefined }
    }
    // Another try may go through, so that a session must not end for it.
    if (!resuming || error.isPassing) return { kind: 'stopped', refusal: error }
    return { kind: 'passed', pass: refusedPass('auth') }
  }

  #isAllowed(origin: string | undefined, request: IncomingMessage): boolean {
    const { origins } = this.#options
    if (!origins || origin === undefined) return true
    if (typeof origins === 'function') return origins(origin, request)
    return origins.some((each) => (typeof each === 'string' ? each === origin : origin.match(new RegExp(each, ''))?.[0] === origin))
  }
}

function passed(principal: unknown): Finding {
  return { kind: 'passed', pass: { principal, verdict: { kind: 'accepted', principal: identityOf(principal), proto: '' } } }
}

function refusedPass(why: 'auth' | 'origin'): Pass {
  return { principal: undefined, verdict: { kind: 'refused', why } }
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
