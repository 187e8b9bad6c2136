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
  | { readonly name: 'pending'; readonly until: number; readonly verdict: Verdict | undefined; readonly resume: Resume | undefined }
  | { readonly name: 'carrying'; readonly session: ServerSession }
  /** Its session is lost, and it may ask for a new one. */
  | { readonly name: 'refused'; readonly until: number }
  /** It has asked, and its verdict is due. */
  | { readonly name: 'renewing' }
  /** A close frame was sent. */
  | { readonly name: 'parting'; readonly until: number }
  | { readonly name: 'gone' }

export class ServerLink {
  readonly gauge: LinkGauge
  readonly isResuming: boolean
  state: ServerLinkState

  constructor(gauge: LinkGauge, isResuming: boolean, until: number) {
    this.gauge = gauge
    this.isResuming = isResuming
    this.state = { name: 'pending', until, verdict: undefined, resume: undefined }
  }

  /** The session that it carries. */
  get session(): ServerSession | undefined {
    return this.state.name === 'carrying' ? this.state.session : undefined
  }

  /** When its `tick` is due. */
  get deadline(): number {
    return 'until' in this.state ? this.state.until : Infinity
  }
}

export type ServerSessionState =
  /** Its welcome is under way. `leaveAt`, here and below: when the link ends whose successor was asked for. */
  | { readonly name: 'new'; readonly link: ServerLink; readonly until: number; readonly leaveAt: number }
  | { readonly name: 'attached'; readonly link: ServerLink; readonly leaveAt: number }
  | { readonly name: 'detached'; readonly since: number; readonly expiresAt: number }
  | { readonly name: 'over' }

export class ServerSession {
  readonly sid: string
  /** Of its key. */
  readonly digest: string
  readonly principal: unknown
  readonly session: Session
  state: ServerSessionState
  /** Who holds the credential, since the first resumption; attempts of that holder only rise. */
  cid: string | undefined
  attempt = 0
  /** When its client was told to come again; Infinity where it was not. */
  slot: number = Infinity
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

  /** The link that carries it. */
  get link(): ServerLink | undefined {
    return this.state.name === 'new' || this.state.name === 'attached' ? this.state.link : undefined
  }

  /** When its `tick` is due. */
  get deadline(): number {
    if (this.session.close) return this.state.name === 'over' ? Infinity : -Infinity // it ended with a write: its server has to look
    return Math.min(this.session.deadline, this.#stateDeadline)
  }

  get #stateDeadline(): number {
    switch (this.state.name) {
      case 'new':
        return Math.min(this.state.until, this.state.leaveAt)
      case 'attached':
        return this.state.leaveAt
      case 'detached':
        return this.state.expiresAt
      case 'over':
        return Infinity
    }
  }
}
