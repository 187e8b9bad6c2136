/**
 * What really happened in a session, kept beside the machines: what each side's application sent, and what the other's was handed.
 *
 * The invariants of PROTOCOL.md section 9 are checked against it, each where it can break: a delivery, a write, an end, a step.
 */

import { escapeText, isControl } from '../../packages/holdfast/src/core/control.ts'
import type { Session } from '../../packages/holdfast/src/core/session.ts'
import type { Binary } from './link.ts'

export type Message = string | Binary

export class Broken extends Error {
  readonly invariant: string

  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`)
    this.invariant = invariant
  }
}

export function claim(holds: boolean, invariant: string, text: () => string): asserts holds {
  if (!holds) throw new Broken(invariant, text())
}

/** One direction of a session. */
export class Flow {
  readonly name: string
  /** What the sender's application sent, in order. */
  readonly sent: Message[] = []
  /** How many of them the receiver's application was handed. */
  delivered = 0
  /** When each of them was. */
  readonly deliveredAt: number[] = []
  /** Whether the sender's finish follows the last message. */
  isFinished = false
  /** Whether the receiver's session ended in order, and so had the finish. */
  hasEnded = false

  constructor(name: string) {
    this.name = name
  }

  /** I1, I2: the next message, the same in content and type, and none after the last. */
  deliver(message: unknown, now: number): void {
    const expected = this.sent[this.delivered]
    claim(
      message === expected,
      'I1',
      () => `${this.name} delivers ${show(message)} where ${show(expected)} is due (number ${this.delivered + 1})`,
    )
    claim(!this.hasEnded, 'I11', () => `${this.name} delivers ${show(message)} behind the end`)
    this.delivered++
    this.deliveredAt.push(now)
  }

  /** Whether a count of what was delivered is the truth; the finish counts, and no application is handed it. */
  isTrue(count: number): boolean {
    return count === this.delivered || (count === this.delivered + 1 && this.delivered === this.sent.length && this.isFinished)
  }

  /** I3: the message that a link carries as its n-th is the n-th. */
  written(number: number, frame: unknown): void {
    const expected = this.sent[number - 1]
    if (expected === undefined) {
      claim(number === this.sent.length + 1 && isFinishFrame(frame), 'I3', () => `${this.name} writes ${show(frame)} as number ${number}`)
      this.isFinished = true
      return
    }
    const wire = typeof expected === 'string' ? escapeText(expected) : expected
    claim(frame === wire, 'I3', () => `${this.name} writes ${show(frame)} as number ${number}, which is ${show(expected)}`)
  }

  /** I4, I5, I7: what is acknowledged was delivered, what was delivered was sent, and the outbox is what lies between. */
  check(sender: Session | undefined, receiver: Session | undefined): void {
    if (receiver) {
      const { delivered } = receiver.inbox
      const messages = delivered - (this.delivered === this.sent.length && delivered > this.delivered ? 1 : 0)
      claim(messages === this.delivered, 'I1', () => `${this.name}: ${delivered} counted as delivered, ${this.delivered} handed over`)
      claim(receiver.inbox.acknowledged <= delivered, 'I4', () => `${this.name}: more acknowledged than delivered`)
    }
    if (!sender || sender.close) return
    const { acked, confirmed, sent } = sender
    const limit = this.delivered + (this.delivered === this.sent.length ? 1 : 0)
    claim(acked <= confirmed && confirmed <= limit, 'I4', () => `${this.name}: ${confirmed} confirmed, ${this.delivered} delivered`)
    claim(
      sent === this.sent.length + (sent > this.sent.length ? 1 : 0),
      'I7',
      () => `${this.name}: ${sent} numbered, ${this.sent.length} sent`,
    )
    claim(sent - acked === sender.outbox.length, 'I7', () => `${this.name}: ${sender.outbox.length} kept of ${sent} - ${acked}`)
  }

  /** I12: what is given back contains every message that was not delivered, and is the end of what was sent. */
  givenBack(unsent: readonly unknown[], isExact: boolean): void {
    const from = this.sent.length - unsent.length
    claim(
      from >= 0 && from <= this.delivered,
      'I12',
      () => `${this.name}: ${unsent.length} given back, ${this.sent.length - this.delivered} undelivered`,
    )
    for (let i = 0; i < unsent.length; i++) {
      claim(unsent[i] === this.sent[from + i], 'I12', () => `${this.name}: ${show(unsent[i])} given back for ${show(this.sent[from + i])}`)
    }
    claim(
      !isExact || from === this.delivered,
      'I12',
      () => `${this.name}: said to be exact, ${unsent.length} given back, ${this.delivered} delivered`,
    )
  }
}

/** Both directions of a session, and what its two applications were told. */
export class Ledger {
  readonly up: Flow
  readonly down: Flow
  clientOpens = 0
  clientCloses = 0
  serverOpens = 0
  serverCloses = 0
  /** Who else holds its credential, and got in with it. */
  isStolen = false
  /** Whether somebody on the way asked for it in its client's name, and was answered. */
  wasReplayed = false
  /** Who resumed it, and the attempt that was last accepted. */
  cid: string | undefined
  attempt = 0
  clientSession: Session | undefined
  serverSession: Session | undefined
  /** When a close that was asked for has to have ended. */
  closeBy: number | undefined
  /** Whether it was closed on a link that worked. */
  isHealthy = false
  /** When such a close is over, if it does not have to wait for a timeout. */
  promptBy = Infinity

  constructor(name: string) {
    this.up = new Flow(`${name} up`)
    this.down = new Flow(`${name} down`)
  }

  /** I10: one opening and one end, in this order. */
  count(what: 'clientOpens' | 'clientCloses' | 'serverOpens' | 'serverCloses'): void {
    this[what]++
    claim(this[what] === 1, 'I10', () => `${this.up.name}: ${what} ${this[what]}`)
  }
}

function isFinishFrame(frame: unknown): boolean {
  return typeof frame === 'string' && isControl(frame) && frame.charAt(1) === 'F'
}

export function show(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing'
}
