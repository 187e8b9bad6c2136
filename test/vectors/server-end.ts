/** A server machine, its shell and its application, as a conversation drives them. */

import { AwakeClock } from '../../packages/holdfast/src/core/awake-clock.ts'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { type ServerConfig, ServerMachine, type ServerOutput } from '../../packages/holdfast/src/core/server-machine.ts'
import type { ServerLink, ServerSession, Verdict } from '../../packages/holdfast/src/core/server-session.ts'
import { type Close, Gauge, type Given, type Message, toEntry, toMessage, toPayload } from './given.ts'
import { Journal } from './journal.ts'

/** A link as the conversation numbers it. */
interface KnownLink {
  readonly number: number
  readonly gauge: Gauge
  /** What was found of its client. */
  readonly verdict: Verdict | undefined
  /** Its close was said; letting go of it says nothing more. */
  isParting: boolean
}

export class ServerEnd {
  readonly name = 'server'
  readonly machine: ServerMachine
  readonly journal: Journal = new Journal()
  now = 0
  /** Milliseconds that it asks new links to wait. */
  busyMs = 0
  /** Where it believes those sessions to be that it does not have. */
  elsewhere: string | undefined
  readonly #awake: AwakeClock = new AwakeClock(1_000, 0, 0, true)
  readonly #links = new Map<ServerLink, KnownLink>()
  #sessions: ServerSession[] = []
  #issued = 0

  constructor(given: Given, config: Partial<ServerConfig> = {}) {
    this.machine = new ServerMachine({
      ttl: given.ttl,
      ping: given.ping,
      dead: given.dead,
      writeTimeout: 10_000,
      awake: this.#awake,
      closeTimeout: given.closeTimeout,
      maxMessageBytes: given.max,
      outbox: { maxBytes: 1024 * 1024, maxMessages: 4_096 },
      maxSessions: 1_000,
      maxPerPrincipal: 1_000,
      maxTotalBytes: 256 * 1024 * 1024,
      credentials: {
        issue: () => {
          const { sid, key } = given.credentials[this.#issued++]!
          return { sid, key, digest: `digest of ${key}` }
        },
        matches: (key, digest) => digest === `digest of ${key}`,
      },
      admit: () => this.busyMs,
      spread: () => given.spread,
      locate: () => this.elsewhere,
      random: () => given.random,
      ...config,
    })
  }

  get deadline(): number {
    let deadline = Infinity
    for (const link of this.#links.keys()) deadline = Math.min(deadline, link.deadline)
    for (const session of this.machine.sessions.values()) deadline = Math.min(deadline, session.deadline)
    return deadline
  }

  tick(now: number): void {
    this.now = now
    while (this.#awake.nextTick < now) this.#awake.advance(this.#awake.nextTick, this.#awake.nextTick)
    this.#awake.advance(now, now)
    this.machine.tick(now)
    for (const link of [...this.#links.keys()]) if (link.deadline <= now) this.machine.tickLink(now, link)
    for (const session of [...this.machine.sessions.values()]) if (session.deadline <= now) this.machine.tickSession(now, session)
    this.settle()
  }

  /** @param verdict undefined: it is due */
  open(link: number, isResuming: boolean, verdict: Verdict | undefined): ServerLink {
    const gauge = new Gauge()
    const opened = this.machine.open(this.now, gauge, isResuming)
    this.#links.set(opened, { number: link, gauge, verdict, isParting: false })
    if (verdict) this.machine.authenticated(this.now, opened, verdict)
    this.settle()
    return opened
  }

  receive(link: number, frame: Message): void {
    const found = this.#find(link)
    if (!found) return
    const [opened, { gauge }] = found
    const payload = toPayload(frame)
    gauge.bytesRead += Buffer.byteLength(payload)
    const { session } = opened
    const data = this.machine.receive(this.now, opened, payload)
    if (data !== undefined) this.journal.write(this.#application(session!), { delivered: toMessage(data) })
    this.settle()
  }

  closed(link: number, close: CloseInfo): void {
    const found = this.#find(link)
    if (!found) return
    this.machine.linkClosed(this.now, found[0], close)
    this.#links.delete(found[0])
    this.settle()
  }

  /** Whether its application was ever told of a session. */
  get hasSession(): boolean {
    return this.#sessions.length > 0
  }

  /** The application speaks in the session that was opened last. */
  send(message: Message): void {
    this.machine.send(this.now, this.#last, toEntry(message))
    this.settle()
  }

  close({ code, reason }: Close): void {
    this.machine.close(this.now, this.#last, code, reason)
    this.settle()
  }

  terminate(): void {
    this.machine.terminate(this.now, this.#last)
    this.settle()
  }

  drain(inMs: number, byMs: number, url: string | undefined): void {
    this.machine.drain(this.now, this.#last, inMs, byMs, url)
    this.settle()
  }

  get #last(): ServerSession {
    return this.#sessions.at(-1)!
  }

  #application(session: ServerSession): string {
    const number = this.#sessions.indexOf(session)
    return number === 0 ? 'application' : `application of session ${number + 1}`
  }

  #find(link: number): [ServerLink, KnownLink] | undefined {
    return [...this.#links].find(([, each]) => each.number === link)
  }

  settle(): void {
    const { machine } = this
    for (const session of machine.sessions.values()) this.#writeSession(session)
    for (let output = machine.poll(); output; output = machine.poll()) {
      this.#perform(output)
      for (const session of machine.sessions.values()) this.#writeSession(session)
    }
  }

  #writeSession(held: ServerSession): void {
    for (let frame = held.session.nextFrame(this.now); frame !== undefined; frame = held.session.nextFrame(this.now)) {
      this.#say(held.link!, { frame: toMessage(frame) })
    }
  }

  #perform(output: ServerOutput): void {
    switch (output.kind) {
      case 'write':
        this.#say(output.link, { frame: toMessage(output.frame) })
        return
      case 'close':
        this.#part(output.link, { close: output.code, reason: output.reason })
        return
      case 'drop':
        this.#part(output.link, { drop: true })
        this.#links.delete(output.link)
        return
      case 'renew': {
        const { verdict } = this.#links.get(output.link)!
        if (verdict) this.machine.renewed(this.now, output.link, verdict)
        return
      }
      case 'open':
        this.#sessions.push(output.session)
        this.journal.write(this.#application(output.session), { opened: {} })
        return
      case 'end': {
        const { code, reason, wasClean } = output.close
        const unconfirmed = output.unsent.map((entry) => toMessage(entry.data))
        this.journal.write(this.#application(output.session), { ended: { code, reason, wasClean, unconfirmed } })
        return
      }
      case 'lost':
      case 'resumed':
        return
    }
  }

  #say(link: ServerLink, event: object): void {
    const known = this.#links.get(link)
    if (known) this.journal.write(`link ${known.number}`, event)
  }

  #part(link: ServerLink, event: object): void {
    const known = this.#links.get(link)
    if (!known || known.isParting) return
    known.isParting = true
    this.#say(link, event)
  }
}
