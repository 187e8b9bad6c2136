/** A client that means well, at a server that may be under attack: what either sends has to arrive, once and in order. */

import assert from 'node:assert/strict'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import type { ClientEnd } from '../vectors/client-end.ts'
import { type Message, toEntry } from '../vectors/given.ts'
import type { ServerEnd } from '../vectors/server-end.ts'

const network: CloseInfo = Object.freeze({ code: 1006, reason: '', wasClean: false, cause: 'network' })
/** No deadline comes this often at one moment. */
const maxTicksAtOnce = 1_000
const longestMessage = 30

/** What an end says on a link, or to its application. */
export interface Event {
  readonly frame?: Message
  readonly close?: number
  readonly reason?: string
  readonly drop?: true
  readonly delivered?: Message
  readonly opened?: object
  readonly ended?: { readonly code: number; readonly wasClean: boolean }
}

export class HonestPair {
  readonly client: ClientEnd
  readonly server: ServerEnd
  readonly principal: string
  /** Told of everything that the server does which is not for us. */
  readonly #others: (queue: string, event: Event) => void
  #link: number
  readonly #up: Message[] = []
  readonly #down: Message[] = []
  #arrivedUp = 0
  #arrivedDown = 0
  readonly #ends: Event['ended'][] = []

  constructor(
    client: ClientEnd,
    server: ServerEnd,
    principal: string,
    firstLink: number,
    others: (queue: string, event: Event) => void = () => {},
  ) {
    this.client = client
    this.server = server
    this.principal = principal
    this.#link = firstLink
    this.#others = others
    this.pump()
  }

  /** What the client sends from now on goes to the server's application, and the other way round. */
  exchange(up: number, down: number): void {
    const { client, server } = this
    for (let i = 0; i < up && client.machine.canSubmit; i++) {
      const message = `${this.principal} up ${this.#up.length}`
      this.#up.push(message)
      client.send(message)
    }
    const session = server.machine.sessions.get(client.machine.held?.sid ?? '')
    for (let i = 0; i < down && session?.session.isOpen && session.session.outbox.hasRoom(longestMessage); i++) {
      const message = `${this.principal} down ${this.#down.length}`
      this.#down.push(message)
      server.machine.send(server.now, session, toEntry(message))
    }
    server.settle()
    this.pump()
  }

  cut(): void {
    this.server.closed(this.#link, network)
    this.client.closed(this.#link, network)
    this.pump()
  }

  /** Lets time go by at both ends. */
  pass(ms: number): void {
    const until = this.server.now + ms
    let at = this.server.now
    for (let ticks = 0; ; ticks++) {
      const due = Math.min(this.client.deadline, this.server.deadline)
      if (due > until) break
      if (due > at) ticks = 0
      assert.ok(ticks < maxTicksAtOnce, `time stands still at ${at}`)
      at = Math.max(at, due)
      for (const end of [this.client, this.server]) {
        end.now = at
        if (end.deadline <= at) end.tick(at)
      }
      this.pump()
    }
    this.client.now = this.server.now = until
    this.server.machine.tick(until)
  }

  /** Says goodbye, and sees that everything has arrived. */
  finish(): void {
    this.exchange(2, 2)
    this.client.close({ code: 1000, reason: 'done' })
    this.pump()
    this.pass(2_000)
    assert.deepEqual([this.#arrivedUp, this.#arrivedDown], [this.#up.length, this.#down.length], 'a message of an honest peer is missing')
    assert.deepEqual(
      this.#ends.map((end) => [end?.code, end?.wasClean]),
      [[1000, true]],
      'an honest session does not end clean',
    )
    this.#ends.length = 0
  }

  /** Carries what either end says to the other. */
  pump(): void {
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const [queue, event] of this.client.journal.drain() as [string, Event & { link: number; isResuming: boolean }][]) {
        isMoving = true
        if (queue === 'dial') this.#dial(event.link, event.isResuming)
        else if (queue === 'application') this.#told(event)
        else this.#carry(Number(queue.slice('link '.length)), event, this.client, this.server)
      }
      for (const [queue, event] of this.server.journal.drain() as [string, Event][]) {
        isMoving = true
        if (queue === `link ${this.#link}`) this.#carry(this.#link, event, this.server, this.client)
        else if (event.delivered === this.#up[this.#arrivedUp] && this.#arrivedUp < this.#up.length) this.#arrivedUp++
        else this.#others(queue, event)
      }
    }
  }

  #dial(dialled: number, isResuming: boolean): void {
    this.#link++
    this.client.open(this.#link, dialled, true)
    this.server.open(this.#link, isResuming, { kind: 'accepted', principal: this.principal, proto: '' })
  }

  #told({ opened, delivered, ended }: Event): void {
    if (opened) this.#ends.length = 0 // what went before was not ours
    if (ended) this.#ends.push(ended)
    if (delivered === undefined) return
    assert.equal(delivered, this.#down[this.#arrivedDown], 'a message of somebody else arrived')
    this.#arrivedDown++
  }

  #carry(link: number, { frame, close, reason }: Event, from: ClientEnd | ServerEnd, to: ClientEnd | ServerEnd): void {
    if (frame !== undefined) {
      to.receive(link, frame)
      return
    }
    const info: CloseInfo =
      close === undefined ? network : Object.freeze({ code: close, reason: reason ?? '', wasClean: true, cause: from.name })
    to.closed(link, info)
    from.closed(link, info)
  }
}
