/**
 * The shell around the server's machine: links and sockets on one side, the machine on the other.
 *
 * Each input is told to the machine, then what the session has to write is written, then all outputs are carried out, until there are
 * no more. What falls due waits in the wheel.
 */

import type { Admission } from '../core/admission.ts'
import type { CloseInfo } from '../core/close-info.ts'
import type { OutboxEntry } from '../core/outbox.ts'
import { ServerMachine, type ServerOutput } from '../core/server-machine.ts'
import type { ServerLink, ServerSession, Verdict } from '../core/server-session.ts'
import type { AutoPong } from './auto-pong.ts'
import { type Clock, Turn } from './clock.ts'
import { credentials } from './credentials.ts'
import { type DrainResult, type Leaver, restart } from './drain.ts'
import { HostedSession, type SessionOwner } from './hosted-session.ts'
import type { Journal } from './journal.ts'
import { LinkAlarm } from './link-alarm.ts'
import type { ResolvedOptions } from './options.ts'
import { type LinkOwner, type LinkSocket, SessionLink, type Visitor } from './session-link.ts'
import { bindSession, type SessionSocket } from './session-socket.ts'
import type { Tally } from './tally.ts'
import type { TimerWheel } from './timer-wheel.ts'

export interface HostConfig {
  readonly options: ResolvedOptions
  readonly maxMessageBytes: number
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly journal: Journal
  readonly tally: Tally
  readonly admission: Admission | undefined
  readonly pongs: AutoPong
  /** Told of sessions that left the link which they were to leave. */
  readonly left: (session: object, how: keyof DrainResult) => void
  /** A socket for a new session, which nothing carries yet. */
  readonly createSocket: () => SessionSocket
  /** The socket of a session is about to say that it is closed. */
  readonly closed: (socket: SessionSocket) => void
}

const tooBig = 1009
const pongLetter = 'O'
const pingStart = '\u0010P'

export class SessionHost implements LinkOwner, SessionOwner {
  readonly maxMessageBytes: number
  readonly throwsOnOverflow: boolean
  readonly turn: Turn
  readonly pongs: AutoPong
  readonly #config: HostConfig
  readonly #machine: ServerMachine
  /** Who has no session yet. */
  readonly #visitors = new Map<SessionLink, Visitor>()
  /** A message makes nothing due sooner: neither an acknowledgement nor a look at what is being written, nor an end. */
  readonly #restMs: number
  #isClosing = false

  constructor(config: HostConfig) {
    this.#config = config
    this.maxMessageBytes = config.maxMessageBytes
    this.throwsOnOverflow = config.options.session.overflow === 'throw'
    this.turn = new Turn(config.clock)
    this.pongs = config.pongs
    this.#restMs = Math.min(config.wheel.awake.tickMs, config.options.closeTimeout)
    this.#machine = createMachine(config)
  }

  get sessions(): number {
    return this.#machine.sessions.size
  }
  get attached(): number {
    let count = 0
    for (const session of this.#machine.sessions.values()) if (session.link) count++
    return count
  }
  /** Bytes in all outboxes. */
  get heldBytes(): number {
    return this.#machine.heldBytes
  }
  /** Milliseconds over which clients are to come back. */
  get spread(): number {
    return this.#config.admission?.spread(this.sessions) ?? 0
  }

  /** No session begins any more. */
  leave(): void {
    this.#machine.leave()
  }

  /** Those that end when they are asked to leave. */
  *ending(): Iterable<[object, Leaver]> {
    for (const session of this.#machine.sessions.values()) {
      const hosted = hostedOf(session)
      const ask = () => {
        this.#machine.dismiss(this.#now, session, restart.code, restart.reason)
        this.#settle(hosted)
      }
      const force = () => {
        this.#machine.terminate(this.#now, session, 'drain')
        this.#settle(hosted)
      }
      yield [session, { ask, force }]
    }
  }

  /** Those that move to another link when they are asked to leave. @param url undefined: where they dialled */
  *moving(url: string | undefined): Iterable<[object, Leaver]> {
    for (const session of this.#machine.sessions.values()) {
      if (!session.link) continue
      const hosted = hostedOf(session)
      const ask = (inMs: number, byMs: number) => {
        this.#machine.drain(this.#now, session, inMs, byMs, url)
        this.#settle(hosted)
      }
      const force = () => {
        this.#machine.expel(this.#now, session)
        this.#settle(hosted)
      }
      yield [session, { ask, force }]
    }
  }

  /** Sessions without a link end now, and the others with the loss of theirs: nobody can come back, and none begins on a link that is there. */
  close(): void {
    this.#isClosing = true
    this.#machine.leave()
    for (const session of [...this.#machine.sessions.values()]) {
      if (!session.link) this.#machine.terminate(this.#now, session)
    }
    this.#settle(undefined)
  }

  /** A link whose client speaks the protocol opened. */
  accept(ws: LinkSocket, isResuming: boolean, visitor: Visitor, verdict: Verdict): void {
    const now = this.#now
    const link = new SessionLink(ws, this, visitor)
    this.#config.tally.linkOpened(isResuming ? 'resumption' : 'session')
    this.#machine.tick(now)
    link.server = this.#machine.open(now, link, isResuming)
    this.#visitors.set(link, visitor)
    this.#machine.authenticated(now, link.server, verdict)
    this.#settle(undefined)
    this.#watch(link)
  }

  // From links

  linkMessage(link: SessionLink, payload: string | Buffer, isBinary: boolean): void {
    const now = this.#now
    const data = this.#isTooBig(payload) ? this.#refuseSize(link) : this.#machine.receive(now, link.server, payload)
    const hosted = this.#hostedOf(link)
    if (typeof payload === 'string' && payload.charAt(1) === pongLetter) this.#answered(now, hosted)
    // Most control frames are answers, after which nothing is due sooner than before.
    const isSettled = data === undefined && hosted?.session.session.isAtRest && this.#machine.isAtRest
    try {
      if (data !== undefined) this.#deliver(hosted, typeof data === 'string' ? Buffer.from(data) : (data as Buffer), isBinary)
    } finally {
      if (!isSettled) this.#settle(hosted, now + this.#restMs)
      hosted?.wake()
    }
  }

  linkPinged(link: SessionLink, data: Buffer): void {
    this.#hostedOf(link)?.socket.emit('ping', data)
  }

  linkClosed(link: SessionLink, close: CloseInfo): void {
    const hosted = this.#hostedOf(link)
    this.#machine.linkClosed(this.#now, link.server, close)
    this.#forget(link)
    this.#settle(hosted)
  }

  linkDrained(link: SessionLink): void {
    this.#settle(this.#hostedOf(link), this.#now + this.#restMs)
  }

  linkRang(link: SessionLink): void {
    this.#machine.tickLink(this.#now, link.server)
    this.#settle(undefined)
  }

  // From sessions

  sendMessage(hosted: HostedSession, entry: OutboxEntry): void {
    const now = this.#now
    this.#config.tally.sent(entry.bytes)
    this.#machine.send(now, hosted.session, entry)
    this.#settle(hosted, now + this.#restMs)
  }

  closeSession(hosted: HostedSession, code: number, reason: string): void {
    this.#machine.close(this.#now, hosted.session, code, reason)
    this.#settle(hosted)
  }

  terminateSession(hosted: HostedSession): void {
    this.#machine.terminate(this.#now, hosted.session)
    this.#settle(hosted)
  }

  pauseSession(hosted: HostedSession): void {
    hosted.session.session.inbox.hold()
    this.#settle(hosted)
  }

  resumeSession(hosted: HostedSession): void {
    hosted.session.session.inbox.release()
    hosted.link.resume()
    this.#settle(hosted)
  }

  askForAck(hosted: HostedSession): void {
    hosted.session.session.ask()
    this.#settle(hosted)
  }

  sessionClosed(hosted: HostedSession): void {
    this.#config.closed(hosted.socket)
  }

  sessionRang(hosted: HostedSession, now: number): void {
    this.#machine.tickSession(now, hosted.session)
    this.#machine.tick(now)
    this.#settle(hosted)
  }

  get #now(): number {
    return this.turn.now
  }

  #hostedOf(link: SessionLink): HostedSession | undefined {
    const { session } = link.server
    return session && hostedOf(session)
  }

  /** What a limit of `ws` lets through, which has to leave room for control frames. */
  #isTooBig(payload: string | Buffer): boolean {
    return typeof payload !== 'string' && payload.length > this.maxMessageBytes
  }

  /** As `ws` does it, and as fatal: another link would bring the same. */
  #refuseSize(link: SessionLink): undefined {
    const reason = `a message of more than ${this.maxMessageBytes} bytes`
    this.#machine.linkClosed(this.#now, link.server, Object.freeze({ code: tooBig, reason, wasClean: false, cause: 'protocol' }))
    link.close(tooBig, '')
    return undefined
  }

  /** @param soonest before when nothing that was done can be due */
  #settle(hosted: HostedSession | undefined, soonest = -Infinity): void {
    try {
      for (;;) {
        if (hosted) this.#write(hosted)
        const output = this.#machine.poll()
        if (!output) break
        this.#perform(output)
      }
    } finally {
      const { wheel } = this.#config
      if (hosted && (hosted.session.session.close || !wheel.isSetBy(hosted, soonest))) wheel.set(hosted)
    }
  }

  #write(hosted: HostedSession): void {
    const { session } = hosted.session
    if (!hosted.isAttached || session.close) return
    const now = this.#now
    const link = session.gauge as SessionLink
    for (let frame = session.nextFrame(now); frame !== undefined; frame = session.nextFrame(now)) {
      link.write(frame)
      if (typeof frame === 'string' && frame.startsWith(pingStart)) this.#pinged(now, hosted)
    }
  }

  #pinged(now: number, hosted: HostedSession): void {
    this.#config.tally.pinged('session')
    hosted.pinged(now)
  }

  #answered(now: number, hosted: HostedSession | undefined): void {
    const ms = hosted?.answered(now)
    if (ms === undefined) return
    this.#config.tally.answered('session', ms)
    this.#config.wheel.move(hosted!)
  }

  #deliver(hosted: HostedSession | undefined, data: Buffer, isBinary: boolean): void {
    this.#config.tally.received(data.length)
    hosted?.deliver({ data, isBinary })
  }

  #perform(output: ServerOutput): void {
    const { journal, tally } = this.#config
    tally.performed(output)
    switch (output.kind) {
      case 'write':
        linkOf(output.link).write(output.frame)
        if (output.why) this.#watch(linkOf(output.link)) // the client may have something to say to that
        return
      case 'close':
        linkOf(output.link).close(output.code, output.reason)
        this.#watch(linkOf(output.link))
        return
      case 'drop':
        linkOf(output.link).drop()
        this.#forget(linkOf(output.link))
        return
      case 'renew':
        this.#renew(linkOf(output.link))
        return
      case 'open':
        this.#opened(output.session, linkOf(output.link))
        return
      case 'lost':
        journal.session('warn', 'lost', output.session.sid, output.close)
        if (output.close.cause === 'drain') this.#config.left(output.session, 'forced')
        this.#lost(output.session, output.close)
        return
      case 'resumed': {
        const { session, link, downtime, replayed } = output
        journal.session('info', 'resumed', session.sid, { downtimeMs: Math.round(downtime), replayed })
        this.#config.left(session, 'migrated')
        this.#forget(linkOf(link))
        hostedOf(session)?.resumed(linkOf(link), { downtime, replayed })
        return
      }
      case 'end':
        journal.session('info', 'end', output.session.sid, { ...output.close, unconfirmed: output.unsent.length })
        this.#config.left(output.session, output.close.wasClean ? 'closed' : 'forced')
        this.#ended(output)
        return
    }
  }

  /** A new session is wanted on a link whose own is lost. */
  #renew(link: SessionLink): void {
    const verdict = this.#visitors.get(link)!.renew()
    if (verdict instanceof Promise) verdict.then((late) => this.#renewed(link, late))
    else this.#renewed(link, verdict)
  }

  #renewed(link: SessionLink, verdict: Verdict): void {
    const visitor = this.#visitors.get(link)
    if (visitor && verdict.kind === 'accepted') visitor.proto = verdict.proto
    this.#machine.renewed(this.#now, link.server, verdict)
    this.#settle(undefined)
  }

  #opened(session: ServerSession, link: SessionLink): void {
    const { createSocket, journal } = this.#config
    journal.session('info', 'open', session.sid, { principal: session.principal })
    const socket = createSocket()
    const hosted = new HostedSession(session, socket, link, this)
    const visitor = this.#visitors.get(link)
    this.#forget(link)
    session.shell = hosted
    bindSession(socket, hosted, visitor?.proto ?? '')
    try {
      this.#write(hosted)
      visitor?.welcome(socket)
    } finally {
      this.#settle(hosted)
    }
  }

  #watch(link: SessionLink): void {
    if (link.server.deadline === Infinity) return
    link.alarm ??= new LinkAlarm(link)
    this.#config.wheel.set(link.alarm)
  }

  /** It carries a session, or is gone. */
  #forget(link: SessionLink): void {
    this.#visitors.delete(link)
    if (link.alarm) this.#config.wheel.remove(link.alarm)
    link.alarm = undefined
  }

  #lost(session: ServerSession, close: CloseInfo): void {
    hostedOf(session)?.lost(close)
    if (this.#isClosing) this.#machine.terminate(this.#now, session)
  }

  #ended({ session, close, unsent }: ServerOutput & { kind: 'end' }): void {
    const hosted = hostedOf(session)
    if (!hosted) return
    this.#config.wheel.remove(hosted)
    hosted.end(close, unsent)
  }
}

function hostedOf(session: ServerSession): HostedSession | undefined {
  return session.shell as HostedSession | undefined
}

function linkOf(link: ServerLink): SessionLink {
  return link.gauge as SessionLink
}

function createMachine({ options, maxMessageBytes, clock, wheel, admission }: HostConfig): ServerMachine {
  const { session, heartbeat, writeTimeout, closeTimeout } = options
  const machine: ServerMachine = new ServerMachine({
    ttl: session.ttl,
    ping: heartbeat.interval,
    dead: heartbeat.interval + heartbeat.timeout,
    writeTimeout,
    awake: wheel.awake,
    closeTimeout,
    maxMessageBytes,
    outbox: { maxBytes: session.maxBytes, maxMessages: session.maxMessages },
    maxSessions: session.maxSessions,
    maxPerPrincipal: session.maxPerPrincipal,
    maxTotalBytes: session.maxTotalBytes,
    credentials,
    admit: (now, slot) => (slot === undefined ? 0 : (admission?.admit(now, slot) ?? 0)), // the gate has asked for new ones
    spread: () => admission?.spread(machine.sessions.size) ?? 0,
    locate: () => undefined,
    random: () => clock.random(),
  })
  return machine
}
