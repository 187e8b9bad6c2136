/** A server of the world: the shell around a real server machine, and its application. */

import { Admission } from '../../packages/holdfast/src/core/admission.ts'
import { AwakeClock } from '../../packages/holdfast/src/core/awake-clock.ts'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { isControl, type Refusal } from '../../packages/holdfast/src/core/control.ts'
import { ServerMachine, type ServerOutput } from '../../packages/holdfast/src/core/server-machine.ts'
import type { ServerLink, ServerSession } from '../../packages/holdfast/src/core/server-session.ts'
import type { Payload } from '../../packages/holdfast/src/core/session.ts'
import { counterName } from './counters.ts'
import { endName, showClose } from './ending.ts'
import { claim, type Ledger } from './ledger.ts'
import type { LinkEnd, LinkListener } from './link.ts'
import { drawMessage } from './message.ts'
import type { Random } from './random.ts'
import { lostForGood } from './refusal.ts'
import { longAgo, Sleep } from './sleep.ts'
import type { World } from './world.ts'

/** While it is busy it takes a client at once and one every other second; a crowd of four is told to wait longer. */
const crowded = { ratePerSecond: 0.5, maxPending: 4 }
/** With it the process goes, and the sessions with it. */
const restart = 1012
/** Who slept or did not read is behind with its acknowledgements for so long. */
const catchUpMs = 2_000
/** A timer that rings so often at one time makes it stand still. */
/** How often who wakes finds what came meanwhile. */
const readsFirst = 0.5
const maxRings = 100
/** How often what a new session needs is not to be had. */
const missingShare = 0.1
/** How often a server looks whether it slept. */
const awakeTickMs = 1_000
/** What ends a session whose outbox is full; it is given back with the others. */
const tooMuch = 'too much'
/** A turn that writes more never ends. */
const maxFrames = 20_000

export class Server implements LinkListener {
  readonly index: number
  readonly #world: World
  machine: ServerMachine
  #links = new Map<ServerLink, LinkEnd>()
  #ledgers = new Map<ServerSession, Ledger>()
  #paused = new Map<ServerSession, number>()
  /** What was refused in this turn. */
  readonly #refusing = new Map<ServerLink, Refusal>()
  #timerAt = Infinity
  #rungAt = longAgo
  #rings = 0
  readonly #sleep: Sleep
  /** Kept on while the process is restarted: the new one would begin with the same. */
  readonly #awake: AwakeClock
  #resumedAt = longAgo

  constructor(world: World, index: number) {
    this.#world = world
    this.index = index
    this.#sleep = new Sleep(world.shape)
    this.#awake = new AwakeClock(awakeTickMs, world.now, world.now, true)
    this.machine = this.#create()
  }

  get name(): string {
    return `server ${this.index}`
  }

  get isReading(): boolean {
    return this.#world.now >= this.#sleep.until
  }

  /** Whether nothing excuses a late acknowledgement. */
  get isPunctual(): boolean {
    return this.#paused.size === 0 && this.#world.now > Math.max(this.#sleep.until, this.#resumedAt) + catchUpMs
  }

  /** Whether nobody can have given it up for a sleep of its own. */
  get isRested(): boolean {
    return this.#world.now > this.#sleep.until + this.#world.shape.dead
  }

  find(sid: string): ServerSession | undefined {
    return this.machine.sessions.get(sid)
  }

  #create(): ServerMachine {
    const world = this.#world
    const { shape, random } = world
    const admission = new Admission({ ...crowded, maxSpread: shape.ttl, random: random.next })
    return new ServerMachine({
      ttl: shape.ttl,
      ping: shape.ping,
      dead: shape.dead,
      writeTimeout: 10_000,
      awake: this.#awake,
      closeTimeout: shape.closeTimeout,
      maxMessageBytes: 1024 * 1024,
      outbox: { maxBytes: shape.maxBytes, maxMessages: shape.maxMessages },
      get maxSessions() {
        return world.isCalm ? Infinity : shape.maxSessions
      },
      maxPerPrincipal: 1_000,
      maxTotalBytes: shape.maxTotalBytes,
      credentials: {
        issue: () => {
          const key = world.token(43)
          return { sid: world.token(22), key, digest: `digest of ${key}` }
        },
        matches: (key, digest) => digest === `digest of ${key}`,
      },
      admit: (now, slot) => {
        if (now >= world.busyUntil) return 0
        const wait = admission.admit(now, slot)
        if (wait === 0 && slot !== undefined && slot <= now) world.counters.count('server takes a client at its slot')
        return wait
      },
      spread: () => shape.spread * this.machine.sessions.size,
      locate: (sid) => (shape.canLocate ? this.#locate(sid) : undefined),
      random: random.next,
    })
  }

  #locate(sid: string): string | undefined {
    const other = this.#world.servers.find((server) => server !== this && server.find(sid))
    return other && String(other.index)
  }

  // Its application

  send(session: ServerSession, count: number, random: Random, isLarge: boolean): void {
    const ledger = this.#ledgers.get(session)
    for (let i = 0; i < count && ledger; i++) {
      const message = drawMessage(this.#world, `s${this.index}`, random, isLarge)
      const bytes = typeof message === 'string' ? message.length : message.byteLength
      if (!session.session.isOpen || !session.session.outbox.hasRoom(bytes)) break
      ledger.down.sent.push(message)
      this.#world.counters.count('messages sent')
      this.machine.send(this.#world.now, session, { data: message, bytes, settle: undefined })
    }
    this.#settle(session)
  }

  overflow(session: ServerSession, random: Random): void {
    const { maxMessages } = this.#world.shape
    if (maxMessages > 100) return
    this.send(session, maxMessages + 1, random, false)
    if (session.session.isOpen && !session.session.outbox.hasRoom(1_000_000)) {
      this.#ledgers.get(session)?.down.sent.push(tooMuch)
      this.machine.send(this.#world.now, session, { data: tooMuch, bytes: 1_000_000, settle: undefined })
    }
    this.#settle(session)
  }

  close(session: ServerSession, code: number, reason: string): void {
    this.#world.counters.count(`server closes while ${session.state.name}`)
    if (code === restart) this.machine.dismiss(this.#world.now, session, code, reason)
    else this.machine.close(this.#world.now, session, code, reason)
    this.#settle(session)
  }

  terminate(session: ServerSession): void {
    this.machine.terminate(this.#world.now, session)
    this.#settle(session)
  }

  drain(session: ServerSession, random: Random): void {
    const url = random.chance(0.3) ? String(this.index) : undefined
    this.machine.drain(this.#world.now, session, random.below(500), 1_000 + random.below(4_000), url)
    this.#settle(session)
  }

  pause(session: ServerSession, until: number): void {
    if (this.#paused.has(session) || this.#world.isCalm) return
    this.#paused.set(session, until)
    session.session.inbox.hold()
    this.#world.plan(until, () => this.#resume(session))
  }

  #resume(session: ServerSession): void {
    if (!this.#paused.delete(session)) return
    this.#resumedAt = this.#world.now
    session.session.inbox.release()
    this.#settle(session)
  }

  sleep(until: number): void {
    if (this.#world.now < this.#sleep.until) return
    this.#sleep.begin(this.#world.now, until)
    this.#world.plan(until, () => {
      this.#setTimer()
      for (const end of this.#links.values()) end.resumeReading()
    })
  }

  /** The process ends without a word, and another one takes its place. */
  restart(): void {
    for (const end of this.#links.values()) end.drop()
    for (const ledger of this.#ledgers.values()) ledger.serverSession = undefined
    this.#links = new Map()
    this.#ledgers = new Map()
    this.#paused = new Map()
    this.machine = this.#create()
  }

  calm(): void {
    this.#sleep.end(this.#world.now)
    for (const session of [...this.#paused.keys()]) this.#resume(session)
    this.#setTimer()
    for (const end of this.#links.values()) end.resumeReading()
  }

  /** I13: the sum of all outboxes is what they are. */
  checkBytes(): void {
    let sum = 0
    for (const session of this.machine.sessions.values()) sum += session.session.outbox.bytes
    claim(sum === this.machine.heldBytes, 'I13', () => `${this.name} keeps ${sum} bytes and counts ${this.machine.heldBytes}`)
  }

  // The world

  accept(end: LinkEnd, isResuming: boolean, principal: string): void {
    const world = this.#world
    if (end.isOver) return
    const { machine } = this
    const link = machine.open(world.now, end, isResuming)
    end.tag = link
    this.#links.set(link, end)
    const authenticated = (): void => {
      if (this.machine !== machine) return
      const isRevoked = world.now < world.revokedUntil && world.revoked === principal
      machine.authenticated(
        world.now,
        link,
        isRevoked ? { kind: 'refused', why: world.refusal } : { kind: 'accepted', principal, proto: '' },
      )
      this.#settle(link.session)
    }
    if (world.shape.authMs === 0) authenticated()
    else world.plan(world.now + world.random.next() * world.shape.authMs, authenticated)
    this.#setTimer()
  }

  message(end: LinkEnd, payload: Payload): void {
    const link = end.tag as ServerLink | undefined
    if (!link || this.#links.get(link) !== end) return
    const { session } = link
    const data = this.machine.receive(this.#world.now, link, payload)
    if (data !== undefined) this.#deliver(session!, data)
    else if (session && !(typeof payload === 'string' && isControl(payload))) this.#world.counters.count('server drops a duplicate')
    else if (!session && link.state.name === 'parting') this.#world.counters.count('server ignores a fenced link')
    if (data !== undefined && session!.session.inbox.isHolding) this.#world.counters.count('server withholds an acknowledgement')
    this.#settle(link.session)
  }

  closed(end: LinkEnd, close: CloseInfo): void {
    const link = end.tag as ServerLink | undefined
    if (!link || !this.#links.delete(link)) return
    const { session } = link
    this.machine.linkClosed(this.#world.now, link, close)
    this.#settle(session)
  }

  drained(end: LinkEnd): void {
    this.#settle((end.tag as ServerLink | undefined)?.session)
  }

  #deliver(session: ServerSession, data: Payload): void {
    this.#world.counters.count('messages delivered')
    const ledger = this.#ledgers.get(session)
    claim(ledger !== undefined && ledger.serverCloses === 0, 'I10', () => `${this.name} is given a message outside of a session`)
    if (!ledger.isStolen) ledger.up.deliver(data, this.#world.now)
  }

  #settle(session: ServerSession | undefined): void {
    const { machine } = this
    let frames = 0
    for (;;) {
      const gauge = session?.session.gauge as LinkEnd | undefined
      if (session && gauge && !session.session.close) {
        for (
          let frame = session.session.nextFrame(this.#world.now);
          frame !== undefined;
          frame = session.session.nextFrame(this.#world.now)
        ) {
          claim(frames++ < maxFrames, 'L1', () => `${this.name} writes without an end`)
          this.#write(gauge, frame as Payload)
        }
      }
      const output = machine.poll()
      if (!output) break
      this.#perform(output)
    }
    this.#setTimer()
    this.#checkRefusals()
    if (session) this.#check(session)
  }

  #perform(output: ServerOutput): void {
    const { counters } = this.#world
    switch (output.kind) {
      case 'write':
        this.#write(this.#links.get(output.link), output.frame as Payload)
        if (output.why) this.#refusing.set(output.link, output.why)
        return
      case 'close':
        counters.count(`server parts ${output.code}`)
        this.#links.get(output.link)?.close(output.code, output.reason)
        return
      case 'drop':
        this.#links.get(output.link)?.drop()
        this.#links.delete(output.link)
        return
      case 'renew':
        this.#renew(output.link)
        return
      case 'open': {
        const { maxSessions } = this.#world.shape
        claim(
          this.#world.isCalm || this.machine.sessions.size <= maxSessions,
          'I13',
          () => `${this.name} has ${this.machine.sessions.size} sessions`,
        )
        const ledger = this.#world.ledgers.get(output.session.sid)!
        ledger.count('serverOpens')
        ledger.serverSession = output.session.session
        this.#ledgers.set(output.session, ledger)
        return
      }
      case 'lost':
        counters.count(`server lost ${output.close.cause}`)
        this.#checkDeath(output.session, output.close)
        return
      case 'resumed':
        counters.count('server resumed')
        return
      case 'end':
        this.#ended(output)
        return
    }
  }

  /** What has to be there for a new session may take as long as authentication did, or be missing for now. */
  #renew(link: ServerLink): void {
    const world = this.#world
    const { machine } = this
    const { principal } = world.records.get(this.#links.get(link)!.link)!
    const renewed = (): void => {
      if (this.machine !== machine) return
      const isMissing = world.random.chance(missingShare)
      const verdict = isMissing
        ? ({ kind: 'refused', why: 'busy', after: 500 } as const)
        : ({ kind: 'accepted', principal, proto: '' } as const)
      machine.renewed(world.now, link, verdict)
      this.#settle(link.session)
    }
    if (world.shape.authMs === 0) renewed()
    else world.plan(world.now + world.random.next() * world.shape.authMs, renewed)
  }

  /** Who is refused and cannot begin anew is told goodbye in the same turn. */
  #checkRefusals(): void {
    for (const [link, why] of this.#refusing) {
      const isParting = link.state.name === 'parting' || link.state.name === 'gone'
      claim(isParting || lostForGood.includes(why), 'section 5', () => `${this.name} keeps a link on which it has refused with ${why}`)
    }
    this.#refusing.clear()
  }

  #ended({ session, close, unsent }: ServerOutput & { kind: 'end' }): void {
    const world = this.#world
    world.counters.count(`server end ${endName(close)}`)
    if (world.isTraced) world.note(this.name, `end ${showClose(close)}, gives back ${unsent.length}`)
    const ledger = this.#ledgers.get(session)
    if (!ledger) return
    ledger.count('serverCloses')
    this.#paused.delete(session)
    if (ledger.isStolen) return
    claim(close.cause !== 'protocol' || close.code !== 1006, 'wire', () => `${this.name} blames a client for a violation: ${close.reason}`)
    const { up, down } = ledger
    claim(world.now < ledger.promptBy, 'I11', () => `${this.name}: a close on a healthy link waits for its timeout`)
    if (close.wasClean) {
      claim(
        up.delivered === up.sent.length,
        'I11',
        () => `${this.name} ends clean, but ${up.delivered} of ${up.sent.length} messages arrived here`,
      )
      claim(
        down.delivered === down.sent.length,
        'I11',
        () => `${this.name} ends clean, but ${down.delivered} of ${down.sent.length} messages arrived there`,
      )
      up.hasEnded = true
    } else {
      claim(
        !ledger.isHealthy,
        'I11',
        () => `${this.name}: a close on a healthy link ends with ${close.code} ${close.cause} ${close.reason}`,
      )
      down.givenBack(
        unsent.map((entry) => entry.data),
        false,
      )
    }
  }

  /** I16, for the server. */
  #checkDeath(session: ServerSession, close: CloseInfo): void {
    if (close.cause !== 'heartbeat-timeout') return
    const end = this.#carriers.get(session)
    const { ping, dead } = this.#world.shape
    const allowed = Math.min((dead - ping) / 2, 3_750) - 1
    if (!end) return
    const silentMs = this.#sleep.awakeMs(this.#world.now, end.heardAt)
    claim(silentMs >= allowed && !end.isReceiving, 'I16', () => `${this.name} gives up a link after ${silentMs} ms of silence`)
  }

  readonly #carriers = new Map<ServerSession, LinkEnd>()

  #write(end: LinkEnd | undefined, frame: Payload): void {
    if (!end) return
    this.#world.observe(end, frame)
    const { session } = end.tag as ServerLink
    if (session) this.#carriers.set(session, end)
    end.send(this.#world.forgetting === undefined ? frame : this.#world.forged(end, frame))
  }

  #setTimer(): void {
    let deadline = Infinity
    for (const link of this.#links.keys()) deadline = Math.min(deadline, link.deadline)
    for (const session of this.machine.sessions.values()) deadline = Math.min(deadline, session.deadline)
    if (deadline < Infinity) deadline = Math.min(deadline, this.#awake.nextTick)
    const at = Math.max(deadline, this.#sleep.until, this.#world.now)
    if (at === this.#timerAt) return
    this.#timerAt = at
    if (at < Infinity) this.#world.plan(at, () => this.#awaken(at))
  }

  /** What waited to be read while the process slept is read before a timer judges, if the network is back already. */
  #awaken(at: number): void {
    if (this.#world.now === this.#sleep.until && this.#world.random.chance(readsFirst)) this.#world.plan(at, () => this.#ring(at))
    else this.#ring(at)
  }

  #ring(at: number): void {
    const { now } = this.#world
    if (this.#timerAt !== at || now < this.#sleep.until) return
    this.#timerAt = Infinity
    this.#world.mark()
    this.#rings = now === this.#rungAt ? this.#rings + 1 : 0
    this.#rungAt = now
    claim(this.#rings < maxRings, 'L1', () => `${this.name}: its timer makes time stand still`)
    if (now === this.#sleep.until) this.#world.counters.count('server tick late')
    this.#awake.advance(now, now)
    this.machine.tick(now)
    for (const link of [...this.#links.keys()]) {
      if (link.deadline <= now) {
        this.machine.tickLink(now, link)
        this.#settle(link.session)
      }
    }
    for (const session of [...this.machine.sessions.values()]) {
      if (session.deadline <= now) {
        this.machine.tickSession(now, session)
        this.#settle(session)
      }
    }
    this.#setTimer()
  }

  #check(session: ServerSession): void {
    const ledger = this.#ledgers.get(session)
    if (!ledger || ledger.isStolen || ledger.serverCloses > 0) return
    if (ledger.clientCloses > 0) this.#world.counters.count(counterName('pair left/', session.state.name))
    if (session.session.confirmed > session.session.acked) this.#world.counters.count('server frees later')
    const side = ledger.clientCloses > 0 ? undefined : ledger.clientSession
    ledger.down.check(session.session, side)
    ledger.up.check(side, session.session)
    const { maxTotalBytes } = this.#world.shape
    const isAllAttached = [...this.machine.sessions.values()].every((each) => each.state.name !== 'detached' || each.heldBytes === 0)
    claim(this.machine.heldBytes <= maxTotalBytes || isAllAttached, 'I13', () => `${this.name} keeps ${this.machine.heldBytes} bytes`)
  }
}
