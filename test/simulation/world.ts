/**
 * A world in virtual time: real client machines, real server machines, a network between them, and everything that can go wrong.
 *
 * Each thing that happens is a step: a frame that arrives, a timer, an action. After each the invariants are checked for the sessions
 * that it touched. When the actions are over the world calms down, everything has to arrive, and every session is closed.
 */

import type { ClientConfig } from '../../packages/holdfast/src/core/client-machine.ts'
import {
  type Control,
  decode,
  encode,
  isControl,
  type Refusal,
  type Resume,
  type Spliced,
} from '../../packages/holdfast/src/core/control.ts'
import type { Payload } from '../../packages/holdfast/src/core/session.ts'
import { Agenda } from './agenda.ts'
import { Client } from './client.ts'
import { Counters, counterName } from './counters.ts'
import { Intruder } from './intruder.ts'
import { Broken, claim, type Flow, Ledger, show } from './ledger.ts'
import { Link, type LinkEnd, type LinkListener } from './link.ts'
import { PlainClient } from './plain.ts'
import { Random } from './random.ts'
import { lostForGood } from './refusal.ts'
import type { Action, Scenario, Shape } from './scenario.ts'
import { Server } from './server.ts'

/** What an observer of the wire knows of a link. */
export interface LinkRecord {
  resume: Resume | undefined
  /** What the server last refused. */
  refused: Refusal | undefined
  ledger: Ledger | undefined
  up: number
  down: number
  principal: string
  /** What each end has been told of its own messages. */
  toldClient: number
  toldServer: number
  /** When the server wrote W or S, and the client read it. */
  splicedAt: number
  joinedAt: number
  /** When the server leaves it. */
  leaveBy: number
  /** Whether its S is not what the server wrote. */
  isForged: boolean
}

/** Told of everything that happens. */
export type Note = (at: number, who: string, what: string) => void

export interface Outcome {
  readonly steps: number
  readonly counters: Counters
  readonly broken: Broken | undefined
}

/** No run takes more steps: what does would never end. */
const maxSteps = 60_000
/** After so long nothing is left of a link that was said goodbye on. */
const partingMs = 3_000
/** So much virtual time the calm may take. */
const calmMs = 1_800_000
const never = -1
/** What rounding leaves of a deadline. */
const roundingMs = 1
/** How often a cut is one of the plain link, too. */
const plainShare = 0.2
/** An acknowledgement leaves a second after the first message that it covers, and what rounding leaves of it. */
const ackMs = 1_001

export class World {
  readonly agenda: Agenda = new Agenda()
  readonly random: Random
  readonly shape: Shape
  readonly counters: Counters = new Counters()
  readonly ledgers: Map<string, Ledger> = new Map()
  readonly keys: Map<string, { key: string; principal: string }> = new Map()
  readonly clients: Client[] = []
  readonly servers: Server[] = []
  readonly links: Set<Link> = new Set()
  readonly records: Map<Link, LinkRecord> = new Map()
  /** Every resumption that was asked for, for those who listen on the wire. */
  readonly overheard: { readonly resume: Resume; readonly server: number; readonly principal: string }[] = []
  now = 0
  steps = 0
  isCalm = false
  refusedUntil: number = never
  unansweredUntil: number = never
  strangersUntil: number = never
  busyUntil: number = never
  revokedUntil: number = never
  revoked = ''
  refusal: 'auth' | 'origin' = 'auth'
  /** Whose next S is forged. */
  forgetting: Client | undefined
  readonly #scenario: Scenario
  readonly #note: Note | undefined
  readonly #plain: PlainClient | undefined
  #serial = 0

  constructor(scenario: Scenario, note?: Note) {
    this.#scenario = scenario
    this.shape = scenario.shape
    this.random = new Random(scenario.seed ^ 0x5eed)
    this.#note = note
    for (let i = 0; i < this.shape.servers; i++) this.servers.push(new Server(this, i))
    this.#plain = this.shape.hasPlain ? new PlainClient(this) : undefined
    for (let i = 0; i < this.shape.clients; i++) this.clients.push(new Client(this, i))
  }

  run(): Outcome {
    try {
      this.#act()
      this.#calmDown()
      this.#close()
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const broken = error instanceof Broken ? error : new Broken('throw', error.stack ?? error.message)
      return { steps: this.steps, counters: this.counters, broken }
    }
    return { steps: this.steps, counters: this.counters, broken: undefined }
  }

  // What parts of the world use of it

  get isTraced(): boolean {
    return this.#note !== undefined
  }

  note(who: string, what: string): void {
    this.#note?.(this.now, who, what)
  }

  mark(): void {
    this.steps++
    if (this.steps > maxSteps) throw new Broken('L1', 'the world does not come to rest')
  }

  plan(at: number, run: () => void): void {
    this.agenda.plan(Math.max(at, this.now), run)
  }

  serial(): number {
    return ++this.#serial
  }

  token(length: number): string {
    let token = ''
    while (token.length < length) token += this.random.bits().toString(36)
    return token.slice(0, length)
  }

  /** A link that nobody watches. */
  join(client: LinkListener, server: LinkListener): Link {
    return new Link(this, this.random, this.shape, client, server, this.now + this.shape.latencyMs)
  }

  connect(client: LinkListener, server: Server, principal: string): Link {
    const link = this.join(client, server)
    this.links.add(link)
    this.records.set(link, {
      resume: undefined,
      refused: undefined,
      ledger: undefined,
      up: 0,
      down: 0,
      principal,
      toldClient: 0,
      toldServer: 0,
      splicedAt: this.now,
      joinedAt: this.now,
      leaveBy: Infinity,
      isForged: false,
    })
    return link
  }

  /** Watches what goes over a link, as it is written. */
  observe(end: LinkEnd, payload: Payload): void {
    const record = this.records.get(end.link)!
    const isUp = end === end.link.client
    if (this.isTraced) this.note(this.#nameOf(end), showFrame(payload))
    claim(
      isUp || this.now <= record.leaveBy + ackMs || !end.listener.isPunctual,
      'section 7',
      () => `${end.listener.name} writes to a link that it should have left ${this.now - record.leaveBy} ms ago`,
    )
    if (typeof payload === 'string' && isControl(payload) && payload.charAt(1) !== 'F') {
      this.#observeControl(record, payload, end)
      return
    }
    const { ledger } = record
    if (typeof payload === 'string' && isControl(payload)) this.counters.count(isUp ? 'frame → F' : 'frame ← F')
    claim(ledger !== undefined, 'I3', () => 'a message is written before the session is there')
    if (ledger.isStolen) return
    if (isUp) ledger.up.written(++record.up, payload)
    else ledger.down.written(++record.down, payload)
  }

  #observeControl(record: LinkRecord, payload: string, end: LinkEnd): void {
    const control = decode(payload)
    this.counters.count(counterName(end === end.link.client ? 'frame → ' : 'frame ← ', payload.charAt(1)))
    switch (control.kind) {
      case 'welcome':
        claim(record.resume === undefined, 'section 5', () => 'a W on a link that came for another session, and was not asked for')
        record.ledger = new Ledger(control.sid.slice(0, 4))
        this.ledgers.set(control.sid, record.ledger)
        this.keys.set(control.sid, { key: control.key, principal: record.principal })
        return
      case 'resume':
        record.resume = control
        if (end.listener instanceof Client)
          this.overheard.push({ resume: control, server: (end.peer.listener as Server).index, principal: record.principal })
        return
      case 'spliced':
        this.#observeSplice(record, control, end)
        return
      case 'refused':
        this.counters.count(counterName('refused ', control.why))
        if (record.refused) this.counters.count(counterName('renewal refused ', control.why))
        record.refused = control.why
        return
      case 'renew':
        this.#observeRenewal(record, end)
        return
      case 'ack':
      case 'ping':
      case 'pong':
        this.#observeAck(record, control.count, end)
        return
      case 'drain':
        record.leaveBy = this.now + control.by
        return
      case 'finish':
      case 'unknown':
        return
      case 'violation':
        throw new Broken('wire', `not a frame: ${payload}`)
    }
  }

  /** A new session is asked for where the old one was lost for good, and by whom it is wanted. */
  #observeRenewal(record: LinkRecord, end: LinkEnd): void {
    const { refused } = record
    claim(refused !== undefined && lostForGood.includes(refused), 'section 5', () => `an N behind a refusal with ${refused}`)
    record.resume = undefined
    const { listener } = end
    claim(
      listener instanceof Client && listener.wantsNewSession(end),
      'section 5',
      () => `${listener.name} asks for a session, and wants none`,
    )
  }

  /** What is told is told in time, and without the help of a ping. */
  #observeAck(record: LinkRecord, count: number, end: LinkEnd): void {
    const { ledger } = record
    const isClients = end === end.link.client
    const told = isClients ? record.toldServer : record.toldClient
    if (!ledger || ledger.isStolen || count <= told) return
    const flow: Flow = isClients ? ledger.down : ledger.up
    const since = Math.max(flow.deliveredAt[told] ?? this.now, isClients ? record.joinedAt : record.splicedAt)
    claim(
      this.now - since <= ackMs || !end.listener.isPunctual,
      'L1',
      () => `${end.listener.name} acknowledges message ${told + 1} of ${flow.name} ${this.now - since} ms after it arrived`,
    )
    if (isClients) record.toldServer = count
    else record.toldClient = count
  }

  #observeSplice(record: LinkRecord, { recv, base }: Spliced, end: LinkEnd): void {
    const { resume } = record
    claim(resume !== undefined, 'I14', () => 'an S without an R')
    const issued = this.keys.get(resume.sid)
    claim(
      issued?.key === resume.key && issued.principal === record.principal,
      'I14',
      () => `an S for ${resume.sid}, whose key or principal is not this one`,
    )
    const ledger = this.ledgers.get(resume.sid)!
    record.ledger = ledger
    record.splicedAt = this.now
    record.joinedAt = Infinity
    record.toldClient = recv
    record.toldServer = base
    record.up = recv
    record.down = base
    this.counters.count('splice')
    const { listener } = end.peer
    if (listener instanceof Intruder) ledger.wasReplayed = true
    if (listener instanceof Intruder && listener.isThief) ledger.isStolen = true
    claim(
      resume.attempt > ledger.attempt && (ledger.cid ?? resume.cid) === resume.cid,
      'I9',
      () => `attempt ${resume.attempt} of ${resume.cid} is accepted after ${ledger.attempt} of ${ledger.cid}`,
    )
    ledger.attempt = resume.attempt
    ledger.cid = resume.cid
    claim(ledger.isStolen || ledger.up.isTrue(recv), 'I5', () => `S says that ${recv} were delivered, and ${ledger.up.delivered} were`)
  }

  #nameOf(end: LinkEnd): string {
    const { client, server } = end.link
    const [from, to] = end === end.link.client ? [client, server] : [server, client]
    return `${from.listener.name} → ${to.listener.name} #${[...this.records.keys()].indexOf(end.link)}`
  }

  // The course of things

  #step(): void {
    const { at, run } = this.agenda.take()
    this.now = at
    run()
  }

  #runUntil(at: number): void {
    while (this.agenda.next <= at) this.#step()
    this.now = at
  }

  #act(): void {
    for (const client of this.clients) client.start()
    this.#plain?.start()
    for (const action of this.#scenario.actions) {
      this.#runUntil(action.at)
      this.mark()
      this.#perform(action)
    }
    this.#runUntil(this.#scenario.calmAt)
  }

  #calmDown(): void {
    if (this.isTraced) this.note('world', 'calms down')
    this.isCalm = true
    this.forgetting = undefined
    this.refusedUntil = this.unansweredUntil = this.strangersUntil = this.busyUntil = this.revokedUntil = never
    for (const link of this.links) if (this.random.chance(0.5)) link.thaw()
    for (const client of this.clients) client.calm()
    this.#plain?.calm()
    for (const server of this.servers) server.calm()
    const until = this.now + calmMs
    while (!this.#isAtRest()) {
      claim(this.agenda.next <= until, 'L1', () => `not everything arrived: ${this.clients.map((client) => client.describe()).join('; ')}`)
      this.#step()
    }
    this.counters.count('worlds at rest')
  }

  #isAtRest(): boolean {
    return this.clients.every((client) => client.isAtRest)
  }

  #close(): void {
    if (this.isTraced) this.note('world', 'closes')
    for (const client of this.clients) client.isLeaving = true
    const closings = this.clients.filter((client) => client.ledger && !client.ledger.isStolen).map((client) => this.#closeOne(client))
    const until = this.now + this.closeAllowance
    while (!closings.every((isOver) => isOver())) {
      claim(this.agenda.next <= until, 'L2', () => `a close does not end: ${this.clients.map((client) => client.describe()).join('; ')}`)
      this.#step()
    }
    for (const server of this.servers) server.checkBytes()
    this.#runUntil(this.now + partingMs)
    for (const client of this.clients) claim(!client.isLeaking, 'I13', () => `${client.name} is closed, and keeps a link`)
  }

  /** @returns whether the side that was asked has ended */
  #closeOne(client: Client): () => boolean {
    const ledger = client.ledger!
    const side = client.serverSide
    const who = side ? this.random.pick(['client', 'server', 'both'] as const) : 'client'
    this.counters.count(`closed by ${who}`)
    ledger.isHealthy = side?.server.isRested === true && client.hasHealthyLink
    if (ledger.isHealthy && this.shape.maxLinkAge === Infinity) ledger.promptBy = this.now + this.shape.closeTimeout
    if (who !== 'server') client.close(1000, 'bye')
    if (who !== 'client') side!.server.close(side!.session, 1000, 'bye')
    return () => (who === 'server' || ledger.clientCloses > 0) && (who === 'client' || ledger.serverCloses > 0)
  }

  /** Milliseconds within which a close has to end. */
  get closeAllowance(): number {
    return this.shape.closeTimeout + this.shape.timerStepMs + roundingMs
  }

  #perform(action: Action): void {
    if (this.isTraced) this.note(`▸ ${action.index}`, `${action.kind} (client ${action.client})`)
    this.counters.count(counterName('action ', action.kind))
    const random = new Random(action.seed)
    const client = this.clients[action.client]!
    if (client.isAsleep && isDoneByClient(action.kind)) return
    const side = client.serverSide
    const briefly = (): number => random.pick([100, 1_000, 15_000])
    const link = client.links.length > 0 ? random.pick(client.links) : undefined
    const until = this.now + briefly()
    switch (action.kind) {
      case 'client sends':
        this.#plain?.send(random)
        client.send(1 + random.below(5), random, false)
        return
      case 'server sends':
        side?.server.send(side.session, 1 + random.below(5), random, false)
        return
      case 'client sends a large message':
        client.send(1, random, true)
        return
      case 'server sends a large message':
        side?.server.send(side.session, 1, random, true)
        return
      case 'client closes':
        client.close(random.pick([undefined, 1000, 3000, 4001]), random.pick(['', 'enough']))
        return
      case 'server closes':
        side?.server.close(side.session, random.pick([1005, 1000, 1012, 4001]), random.pick(['', 'enough']))
        return
      case 'client aborts':
        client.abort()
        return
      case 'server terminates':
        side?.server.terminate(side.session)
        return
      case 'client asks for a new link':
        client.reconnect()
        return
      case 'client stops reading':
        client.pause(until)
        return
      case 'server stops reading':
        side?.server.pause(side.session, until)
        return
      case 'client overflows':
        client.overflow()
        return
      case 'server overflows':
        side?.server.overflow(side.session, random)
        return
      case 'server drains':
        side?.server.drain(side.session, random)
        // What is under way while a session moves is what a move can lose.
        for (let i = 0; i < 4; i++) this.plan(this.now + random.between(0, 1_000), () => side?.server.send(side.session, 2, random, false))
        return
      case 'cut':
        link?.break(random)
        if (random.chance(plainShare)) this.#plain?.cut(random)
        return
      case 'link closed on the way': {
        const code = random.pick([1000, 1001, 1011, 1012, 4000, 1002, 1009])
        link?.closeFromOutside(code)
        return
      }
      case 'freeze towards the server':
        this.#freeze(link, 'server', random)
        return
      case 'freeze towards the client':
        this.#freeze(link, 'client', random)
        return
      case 'freeze both ways':
        this.#freeze(link, 'both', random)
        return
      case 'dials refused':
        this.refusedUntil = until
        return
      case 'dials unanswered':
        this.unansweredUntil = until
        return
      case 'dials answered by a stranger':
        this.strangersUntil = until
        return
      case 'server busy':
        this.busyUntil = until
        return
      case 'server restarts':
        random.pick(this.servers).restart()
        return
      case 'principal revoked':
        this.revokedUntil = until
        this.revoked = client.principal
        this.refusal = random.pick(['auth', 'origin'] as const)
        return
      case 'client sleeps':
        client.sleep(this.now + random.pick([500, 10_000, 100_000]))
        return
      case 'server stalls':
        random.pick(this.servers).sleep(this.now + random.pick([500, 10_000]))
        return
      case 'wall clock jumps':
        client.jump(random.pick([-1_000_000, 3_000, 6_000, 3_600_000]))
        return
      case 'client offline':
        client.goOffline(until)
        return
      case 'page hidden':
        client.hide(until)
        return
      case 'hint of life':
        client.wake()
        return
      case 'credential stolen':
      case 'resume replayed':
      case 'resume forged':
      case 'resume with another key':
        this.#intrude(action.kind, client, random)
        return
      case 'server forgets':
        this.forgetting = client
        return
    }
  }

  /** What a server writes that has lost state: it has less than the client was told, or the client had more than it ever sent. */
  forged(end: LinkEnd, payload: Payload): Payload {
    const client = this.forgetting
    if (!client || end.peer.listener !== client || typeof payload !== 'string' || !payload.startsWith('\u0010S')) return payload
    const spliced = decode(payload) as Spliced
    const { confirmed = 0 } = client.machine.held?.session ?? {}
    const isLess = confirmed > 0 && this.random.chance(0.5)
    this.forgetting = undefined
    this.records.get(end.link)!.isForged = true
    this.counters.count(isLess ? 'forged recv' : 'forged base')
    const forged: Control = isLess ? { ...spliced, recv: confirmed - 1 } : { ...spliced, base: spliced.sent + 1, sent: spliced.sent + 1 }
    return encode(forged)
  }

  #freeze(link: Link | undefined, towards: 'server' | 'client' | 'both', random: Random): void {
    link?.freeze(towards)
    const end = this.now + random.pick([200, 3_000, 60_000])
    if (random.chance(0.8)) this.plan(end, () => link?.thaw())
  }

  #intrude(kind: Action['kind'], client: Client, random: Random): void {
    const server = random.pick(this.servers)
    const held = client.machine.held
    const issued = held && this.keys.get(held.sid)
    const cid = this.token(22)
    const recv = random.below(3)
    switch (kind) {
      case 'credential stolen':
        if (!held || !issued) return
        new Intruder(this, true).resume(
          server,
          { kind: 'resume', sid: held.sid, key: issued.key, cid, attempt: 1 + random.below(9), recv },
          issued.principal,
        )
        return
      case 'resume replayed': {
        // The last one may still be under way, or wait for its verdict.
        const known = random.chance(0.5) ? this.overheard.at(-1) : this.overheard[random.below(this.overheard.length)]
        if (known) new Intruder(this, false).resume(this.servers[known.server]!, known.resume, known.principal)
        return
      }
      case 'resume forged':
        new Intruder(this, false).resume(
          server,
          { kind: 'resume', sid: this.token(22), key: this.token(43), cid, attempt: 1, recv },
          'nobody',
        )
        return
      default:
        if (!held || !issued) return
        if (random.chance(0.5))
          new Intruder(this, false).resume(
            server,
            { kind: 'resume', sid: held.sid, key: this.token(43), cid, attempt: 99, recv },
            issued.principal,
          )
        else
          new Intruder(this, false).resume(
            server,
            { kind: 'resume', sid: held.sid, key: issued.key, cid, attempt: 99, recv },
            'somebody else',
          )
    }
  }

  clientConfig(random: Random): ClientConfig {
    const { shape } = this
    return {
      isReconnecting: shape.isReconnecting,
      retry: {
        minDelay: shape.minDelay,
        maxDelay: shape.maxDelay,
        factor: 2,
        jitter: 'equal',
        maxRetries: shape.maxRetries,
        stableAfter: 30_000,
      },
      liveness: { interval: 30_000, timeout: 10_000, writeTimeout: 10_000 },
      connectTimeout: 10_000,
      closeTimeout: shape.closeTimeout,
      outbox: { maxBytes: shape.maxBytes, maxMessages: shape.maxMessages },
      hasSetup: shape.setupMs >= 0,
      canRefresh: false,
      random: random.next,
      session: { cid: this.token(22), maxLinkAge: shape.maxLinkAge, mayMove: () => true },
    }
  }
}

/** A frame as people read it, its keys cut short. */
function showFrame(payload: Payload): string {
  if (typeof payload !== 'string') return `<${(payload as { id?: string }).id}, ${payload.byteLength} bytes>`
  if (!isControl(payload)) return show(payload)
  const text = payload.slice(1).replaceAll(/"(sid|key|cid)":"([^"]{4})[^"]*"/g, '"$1":"$2…"')
  return text
}

function isDoneByClient(kind: Action['kind']): boolean {
  return kind.startsWith('client') || kind === 'page hidden' || kind === 'hint of life'
}
