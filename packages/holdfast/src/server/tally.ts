/** What has happened at a server since it began: numbers in place, for whoever reads them. Counting allocates nothing and waits for nothing. */

import type { CloseCause } from '../core/close-info.ts'
import type { Refusal } from '../core/control.ts'
import { linkCode } from '../core/link-code.ts'
import type { ServerOutput } from '../core/server-machine.ts'
import { emptyHistogram, type GrowingHistogram, type Histogram, observe } from './histogram.ts'

/** For what an upgrade asked: a new session, one that goes on, or a socket of `ws`. */
export type LinkKind = 'session' | 'resumption' | 'plain'
/** What carries messages. */
export type SocketKind = 'session' | 'plain'
/** The status of the answer; `invalid`: `ws` itself said that this is no upgrade, or none for this path; `other`: a status of `verifyClient`. */
export type UpgradeRefusal = '401' | '403' | '404' | '429' | '500' | '503' | 'invalid' | 'other'
/** Why a server closes the link of a session; PROTOCOL.md section 2 has the codes. */
export type LinkEnd = Exclude<keyof typeof linkCode, 'migrated'>

type Counts<Word extends string> = Readonly<Record<Word, number>>
/** A word that is missing was never counted. */
type CauseCounts = Readonly<Partial<Record<CloseCause, number>>>

export interface Traffic {
  readonly messages: number
  /** Of the messages, without what frames cost. */
  readonly bytes: number
}

/** Cumulative and safe for JSON. */
export interface ServerTotals {
  /** Upgrades that were granted. */
  readonly linksOpened: Counts<LinkKind>
  readonly upgradesRefused: Counts<UpgradeRefusal>
  /** How often a session did not begin or go on, by what clients were told (PROTOCOL.md section 2, X). After some a new one may begin on the same link. */
  readonly sessionsRefused: Counts<Refusal>
  readonly sessionsOpened: number
  readonly sessionsEnded: CauseCounts
  /** Links that sessions have lost and go on without, and plain sockets that have closed. */
  readonly disconnects: Readonly<Record<SocketKind, CauseCounts>>
  /** Links of sessions that the server closed. */
  readonly linksClosed: Counts<LinkEnd>
  readonly resumptions: number
  /** Messages that resumptions had to send again or for the first time. */
  readonly messagesReplayed: number
  readonly pings: Counts<SocketKind>
  /** Messages of sessions that their applications were given, each once. */
  readonly received: Traffic
  /** Messages that applications gave to sessions. */
  readonly sent: Traffic
  /** From a ping to its answer. */
  readonly roundTrips: Readonly<Record<SocketKind, Histogram>>
  /** From the loss of a link to the resumption; 0 where the new link came before the old one was lost. */
  readonly downtimes: Histogram
}

/** What happens to sessions, and to what carries messages; something else would be counted under its own word. */
const endCauses: readonly CloseCause[] = ['client', 'server', 'drain', 'protocol', 'overflow', 'session-lost']
const lossCauses: readonly CloseCause[] = [
  'client',
  'server',
  'heartbeat-timeout',
  'write-timeout',
  'network',
  'drain',
  'protocol',
  'overflow',
]
const refusals: readonly Refusal[] = ['busy', 'moved', 'stale', 'unknown', 'expired', 'auth', 'origin', 'state']
const upgradeRefusals: readonly UpgradeRefusal[] = ['401', '403', '404', '429', '500', '503', 'invalid', 'other']
const linkEnds = (Object.keys(linkCode) as (keyof typeof linkCode)[]).filter((end) => end !== 'migrated')
const endOfCode: ReadonlyMap<number, LinkEnd> = new Map(linkEnds.map((end) => [linkCode[end], end]))
/** What `ws` answers when `verifyClient` says no and nothing more. */
const presetStatus = 401

const roundTripBoundsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]
const downtimeBoundsMs = [10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000]

export class Tally {
  readonly #linksOpened = zeros<LinkKind>(['session', 'resumption', 'plain'])
  readonly #upgradesRefused = zeros(upgradeRefusals)
  readonly #sessionsRefused = zeros(refusals)
  readonly #sessionsEnded = zeros(endCauses)
  readonly #disconnects = { session: zeros(lossCauses), plain: zeros(lossCauses) }
  readonly #linksClosed = zeros(linkEnds)
  readonly #pings = { session: 0, plain: 0 }
  readonly #received = { messages: 0, bytes: 0 }
  readonly #sent = { messages: 0, bytes: 0 }
  readonly #roundTrips: Record<SocketKind, GrowingHistogram> = {
    session: emptyHistogram(roundTripBoundsMs),
    plain: emptyHistogram(roundTripBoundsMs),
  }
  readonly #downtimes = emptyHistogram(downtimeBoundsMs)
  #sessionsOpened = 0
  #resumptions = 0
  #messagesReplayed = 0

  /** As they stand now. */
  get totals(): ServerTotals {
    return structuredClone({
      linksOpened: this.#linksOpened,
      upgradesRefused: this.#upgradesRefused,
      sessionsRefused: this.#sessionsRefused,
      sessionsOpened: this.#sessionsOpened,
      sessionsEnded: this.#sessionsEnded,
      disconnects: this.#disconnects,
      linksClosed: this.#linksClosed,
      resumptions: this.#resumptions,
      messagesReplayed: this.#messagesReplayed,
      pings: this.#pings,
      received: this.#received,
      sent: this.#sent,
      roundTrips: this.#roundTrips,
      downtimes: this.#downtimes,
    })
  }

  linkOpened(kind: LinkKind): void {
    this.#linksOpened[kind]++
  }

  upgradeRefused(status: number | 'invalid' = presetStatus): void {
    const word = String(status) as UpgradeRefusal
    this.#upgradesRefused[upgradeRefusals.includes(word) ? word : 'other']++
  }

  plainClosed(cause: CloseCause): void {
    increment(this.#disconnects.plain, cause)
  }

  pinged(kind: SocketKind): void {
    this.#pings[kind]++
  }

  answered(kind: SocketKind, ms: number): void {
    observe(this.#roundTrips[kind], ms)
  }

  received(bytes: number): void {
    this.#received.messages++
    this.#received.bytes += bytes
  }

  sent(bytes: number): void {
    this.#sent.messages++
    this.#sent.bytes += bytes
  }

  /** What becomes of sessions and their links. */
  performed(output: ServerOutput): void {
    switch (output.kind) {
      case 'write':
        if (output.why) this.#sessionsRefused[output.why]++
        return
      case 'close': {
        const end = endOfCode.get(output.code)
        if (end) this.#linksClosed[end]++
        return
      }
      case 'drop':
      case 'renew':
        return
      case 'open':
        this.#sessionsOpened++
        return
      case 'lost':
        increment(this.#disconnects.session, output.close.cause)
        return
      case 'resumed':
        this.#resumptions++
        this.#messagesReplayed += output.replayed
        observe(this.#downtimes, output.downtime)
        return
      case 'end':
        increment(this.#sessionsEnded, output.close.cause)
        return
    }
  }
}

function zeros<Word extends string>(words: readonly Word[]): Record<Word, number> {
  return Object.fromEntries(words.map((word) => [word, 0])) as Record<Word, number>
}

function increment(counts: Partial<Record<CloseCause, number>>, cause: CloseCause): void {
  counts[cause] = (counts[cause] ?? 0) + 1
}
