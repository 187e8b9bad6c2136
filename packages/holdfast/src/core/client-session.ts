/** What a client holds of a session: its credential, the server's terms, and where it stands among its links. */

import { abnormalClose, type CloseInfo } from './close-info.ts'
import { encode, type Spliced, type Terms, type Welcome } from './control.ts'
import { fatalClose, linkCode } from './link-code.ts'
import type { LivenessConfig } from './liveness.ts'
import { type Migration, noMigration } from './migration.ts'
import { Session, type SessionConfig } from './session.ts'

/** What a link that ended says about the session that it carried. */
export type LinkEnd =
  | { readonly kind: 'lost' }
  /** The server has accepted the attempt that is in flight, and its answer is under way. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'fatal'; readonly close: CloseInfo }

/** Terms that leave less for an answer are held to be these. */
const shortestAnswerMs = 1_000
const spreadShare = 3
/** Where a transport does not show bytes, a message as large as the limit may be on its way for as long as this many a second take. */
const bytesPerMs = 32.768

export class ClientSession {
  readonly session: Session
  /** The link that welcomed it. */
  readonly link: number
  /** When it was welcomed, in epoch ms. */
  since = 0
  readonly sid: string
  readonly proto: string
  readonly max: number
  readonly #key: string
  readonly #cid: string
  #terms: Terms
  #attempt = 0
  #progress = 0
  migration: Migration = noMigration
  /** An attempt that began while another link was alive: what refuses it does not end the session. */
  tentativeLink: number | undefined
  /** Whether the application has closed it. */
  isClosed = false
  /** Whether the application has set it up. */
  isSet = false
  /** When its last link went away; undefined while one is there, or is about to follow without a gap. */
  lostAt: number | undefined
  /** How many links in a row were answered by somebody who does not speak the protocol. */
  strangers = 0

  constructor(welcome: Welcome, link: number, cid: string, config: SessionConfig) {
    this.session = new Session(config)
    this.link = link
    this.sid = welcome.sid
    this.proto = welcome.proto
    this.max = welcome.max
    this.#key = welcome.key
    this.#cid = cid
    this.#terms = welcome
    this.session.spread = welcome.spread
  }

  /** Milliseconds for which the server keeps it while no link is there. */
  get ttl(): number {
    return this.#terms.ttl
  }

  /** Milliseconds over which the server wants its clients to come back; it may not ask for more than a third of the ttl. */
  get spread(): number {
    return Math.min(this.session.spread, this.ttl / spreadShare)
  }

  /** Asks for the session over a new link. Each attempt has a number of its own. */
  resume(): string {
    this.#attempt++
    const { sid } = this
    return encode({ kind: 'resume', sid, key: this.#key, cid: this.#cid, attempt: this.#attempt, recv: this.session.inbox.delivered })
  }

  /** Whether the server remembers all that it ever said it had, and no more than we know of. */
  accepts({ recv, base, sent }: Spliced): boolean {
    const { confirmed, sent: numbered, inbox } = this.session
    return confirmed <= recv && recv <= numbered && base <= inbox.delivered && base <= sent
  }

  agree(terms: Terms): void {
    this.#terms = terms
    this.session.spread = terms.spread
  }

  /** The server pings; a client that hears nothing asks on its own, half-way to giving the link up. */
  liveness(writeTimeout: number, showsBytes: boolean): LivenessConfig {
    const { ping } = this.#terms
    const dead = Math.max(this.#terms.dead, ping + shortestAnswerMs)
    const interval = (ping + dead) / 2
    const timeout = dead - interval + (showsBytes ? 0 : this.max / bytesPerMs)
    return { interval, timeout, writeTimeout }
  }

  /** Whether anything got through, in either direction, since this was last asked. */
  hasProgressed(): boolean {
    const progress = this.session.confirmed + this.session.inbox.delivered
    const has = progress > this.#progress
    this.#progress = progress
    return has
  }

  judge(close: CloseInfo): LinkEnd {
    const end = fatalClose(close, 'server')
    if (end) return { kind: 'fatal', close: end }
    if (close.code !== linkCode.superseded) return { kind: 'lost' }
    const [cid, attempt] = close.reason.split('.')
    if (cid !== this.#cid) return { kind: 'fatal', close: abnormalClose('taken-over') }
    return { kind: Number(attempt) === this.#attempt && this.migration.name === 'greeting' ? 'accepted' : 'lost' }
  }
}
