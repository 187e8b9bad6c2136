/** What a server holds of a session, and of a link. */

import type { Resume } from './control.ts'
import type { LinkGauge } from './liveness.ts'
import type { Session } from './session.ts'

/** What origin check and authentication made of an upgrade. */
export type Verdict =
  /** `principal`: whose session it is; the same for the same user, as `===` has it. */
  | { readonly kind: 'accepted'; readonly principal: unknown; readonly proto: string }
  | { readonly kind: 'refused'; readonly why: 'auth' | 'origin' }
  /** Too many come at once: in `after` milliseconds there is room. */
  | { readonly kind: 'refused'; readonly why: 'busy'; readonly after: number }

export type ServerLinkState =
  /** Its verdict is due, or the frame with which it resumes. */
  | {
      readonly name: 'pending'
      readonly isResuming: boolean
      readonly until: number
      readonly verdict: Verdict | undefined
      readonly resume: Resume | undefined
    }
  /** The session that it carries. */
  | ServerSession
  /** Its session is lost, and it may ask for a new one. */
  | { readonly name: 'refused'; readonly until: number }
  /** It has asked, and its verdict is due. */
  | { readonly name: 'renewing' }
  /** A close frame was sent. */
  | { readonly name: 'parting'; readonly until: number }
  | typeof gone

export const gone = { name: 'gone' } as const

export class ServerLink {
  readonly gauge: LinkGauge
  state: ServerLinkState

  constructor(gauge: LinkGauge, isResuming: boolean, until: number) {
    this.gauge = gauge
    this.state = { name: 'pending', isResuming, until, verdict: undefined, resume: undefined }
  }

  /** The session that it carries. */
  get session(): ServerSession | undefined {
    return this.state.name === 'carrying' ? this.state : undefined
  }

  /** When its `tick` is due. */
  get deadline(): number {
    return 'until' in this.state ? this.state.until : Infinity
  }
}

export type ServerSessionState =
  /** Its welcome is under way. */
  | { readonly name: 'new'; readonly link: ServerLink; readonly until: number; readonly leaveAt?: number }
  /** `leaveAt`, here and above: where its client was asked to leave the link. */
  | { readonly name: 'attached'; readonly link: ServerLink; readonly leaveAt?: number }
  | { readonly name: 'detached'; readonly since: number; readonly expiresAt: number }
  | { readonly name: 'over' }

interface Holder {
  /** Who holds the credential, since the first resumption; attempts of that holder only rise. */
  readonly cid: string | undefined
  readonly attempt: number
  /** When that client was told to come again. */
  readonly slot?: number
}

const nobodyYet: Holder = { cid: undefined, attempt: 0 }

export class ServerSession {
  readonly sid: string
  /** Of its key. */
  readonly digest: string
  readonly principal: unknown
  readonly session: Session
  state: ServerSessionState
  holder: Holder = nobodyYet
  /** What its shell keeps with it; the machine does not look at it. */
  shell: unknown
  /** The bytes of its outbox as they stand in the server's sum. */
  heldBytes = 0

  constructor(sid: string, digest: string, principal: unknown, session: Session, state: ServerSessionState) {
    this.sid = sid
    this.digest = digest
    this.principal = principal
    this.session = session
    this.state = state
  }

  /** What it is to the link that carries it. */
  get name(): 'carrying' {
    return 'carrying'
  }

  /** The link that carries it. */
  get link(): ServerLink | undefined {
    return this.state.name === 'new' || this.state.name === 'attached' ? this.state.link : undefined
  }

  /** When the link ends whose successor was asked for. */
  get leaveAt(): number {
    return this.state.name === 'new' || this.state.name === 'attached' ? (this.state.leaveAt ?? Infinity) : Infinity
  }

  /** When its `tick` is due. */
  get deadline(): number {
    if (this.session.close) return this.state.name === 'over' ? Infinity : -Infinity // it ended with a write: its server has to look
    return Math.min(this.session.deadline, this.leaveAt, limitOf(this.state))
  }
}

function limitOf(state: ServerSessionState): number {
  switch (state.name) {
    case 'new':
      return state.until
    case 'detached':
      return state.expiresAt
    case 'attached':
    case 'over':
      return Infinity
  }
}
