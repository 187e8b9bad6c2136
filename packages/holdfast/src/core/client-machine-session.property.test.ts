// The client machine with sessions under everything that can happen to it, in any order. A model plays the shell, the application, the network
// and a small server, and checks each output against what was promised. What travels is delivered when the model says so, so that frames come
// late, cross, and are lost with their link. A failure prints the seed and the path with which fast-check runs it again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AwakeClock } from './awake-clock.ts'
import { type ClientConfig, ClientMachine } from './client-machine.ts'
import type { Output } from './client-output.ts'
import { abnormalClose, type CloseInfo, sessionLost } from './close-info.ts'
import { type Control, type Decoded, decode, encode, isControl, type Refusal, type Resume } from './control.ts'
import { type LinkGauge, Liveness } from './liveness.ts'
import type { OutboxEntry } from './outbox.ts'
import { type Payload, Session } from './session.ts'

const epoch = 1_700_000_000_000
const second = 1_000
const hour = 3_600_000
/** How often the machine may want to be ticked at one moment. */
const ticksAtOnce = 4
const cid = 'b25lIGNsaWVudCBvZiB1cw'
const otherCid = 'YW5vdGhlciBjbGllbnQgb2Y'
const key = 'dGhpcnR5LXR3byBieXRlcywgYXMgYWxsIG1heSBzZWU'
const terms = { ttl: 60 * second, ping: 30 * second, dead: 40 * second, spread: 500 }
const outbox = { maxBytes: Infinity, maxMessages: 12 }
const passive = { interval: Infinity, timeout: second, writeTimeout: hour }
const noNetwork = abnormalClose('network')
/** After these a client may ask for a new session on the same link. */
const lostForGood: readonly Refusal[] = ['unknown', 'expired', 'state']

type Item = { readonly payload: Payload } | { readonly close: CloseInfo }

/** A link, as the network has it: what is under way to either end, and what each of them thinks of it. */
class Link implements LinkGauge {
  readonly number: number
  readonly isResuming: boolean
  stage: 'dialling' | 'open' | 'parting' | 'gone' = 'dialling'
  isOpen = false
  bytesRead = 1
  bytesWritten = 0
  backlog = 0
  toClient: Item[] = []
  toServer: Item[] = []
  /** The session that the server carries over it. */
  carried: ServerSession | undefined
  hasBegun = false
  isFenced = false
  /** Whether it was refused so that a new session may begin on it, as the server said it, and as the client heard it. */
  isRenewable = false
  mayRenew = false

  constructor(number: number, isResuming: boolean) {
    this.number = number
    this.isResuming = isResuming
  }

  get isActive(): boolean {
    return this.stage === 'dialling' || this.stage === 'open'
  }
}

interface ServerSession {
  readonly sid: string
  readonly session: Session
  link: Link | undefined
  attempt: number
  numbered: number
}

/** As much of a server as a client can tell from one: it keeps the rules, and refuses when it is told to. */
class Server {
  readonly sessions = new Map<string, ServerSession>()
  readonly delivered: unknown[] = []
  /** What it answers to the next who dial. */
  mood: Refusal | 'silent' | 'welcoming' = 'welcoming'
  #issued = 0

  begin(now: number, link: Link): void {
    if ((link.isResuming && !link.isRenewable) || this.mood === 'silent') return
    link.hasBegun = true
    link.isRenewable = false
    if (this.mood === 'busy' || this.mood === 'moved') {
      this.#refuse(link, this.mood)
      return
    }
    const sid = String(++this.#issued).padStart(22, '0')
    const session = new Session({ self: 'server', outbox, closeTimeout: 10 * second, spread: () => terms.spread })
    const held: ServerSession = { sid, session, link, attempt: 0, numbered: 0 }
    this.sessions.set(sid, held)
    this.#attach(now, held, link, 0, { kind: 'welcome', sid, key, proto: '', max: 1_024, ...terms })
  }

  read(now: number, link: Link, item: Item): void {
    const { carried } = link
    if (link.isFenced) return
    if ('close' in item) {
      link.isFenced = true
      link.toClient.push({ close: item.close })
      if (!carried) return
      if ([1000, 3805, 3806].includes(item.close.code)) carried.session.end(sessionLost('abandoned'))
      this.#leave(now, carried)
    } else if (carried) {
      this.#receive(now, carried, item.payload)
      this.pump(now, carried)
    } else if (link.isRenewable) {
      assert.equal(decode(item.payload as string).kind, 'renew')
      this.begin(now, link)
    } else if (!link.hasBegun && this.mood !== 'silent') {
      link.hasBegun = true
      this.#resume(now, link, decode(item.payload as string) as Resume)
    }
  }

  /** The network takes the link away from it. */
  lose(now: number, link: Link): void {
    link.isFenced = true
    if (link.carried?.link === link) this.#leave(now, link.carried)
  }

  pump(now: number, held: ServerSession): void {
    const { session, link } = held
    if (!link) return
    for (let frame = session.nextFrame(now); frame !== undefined; frame = session.nextFrame(now)) {
      link.toClient.push({ payload: frame as Payload })
    }
    if (session.close) this.#close(now, held, link, session.close.wasClean ? 1000 : session.close.cause === 'protocol' ? 3806 : 3805)
  }

  tick(now: number): void {
    for (const held of this.sessions.values()) {
      held.session.tick(now, now)
      this.pump(now, held)
    }
  }

  #close(now: number, held: ServerSession, link: Link, code: number): void {
    link.toClient.push({ close: coded(code) })
    link.isFenced = true
    this.#leave(now, held)
  }

  #leave(now: number, held: ServerSession): void {
    held.session.detach(now, false)
    held.link = undefined
  }

  #receive(now: number, { session }: ServerSession, payload: Payload): void {
    if (typeof payload === 'string' && isControl(payload)) session.control(now, decode(payload))
    else {
      const data = session.receive(now, payload)
      if (data !== undefined) this.delivered.push(data)
    }
  }

  #refuse(link: Link, why: Refusal, recv?: number): void {
    const told = why === 'busy' ? { after: 700 } : why === 'moved' ? { url: 'ws://b/' } : {}
    link.toClient.push({ payload: encode({ kind: 'refused', why, ...told, ...(recv === undefined ? {} : { recv }) }) })
    link.isRenewable = lostForGood.includes(why)
    if (!link.isRenewable) link.toClient.push({ close: coded(3803) })
  }

  #resume(now: number, link: Link, { sid, attempt, recv }: Resume): void {
    const held = this.sessions.get(sid)
    const delivered = held?.session.inbox.delivered
    if (this.mood === 'stale') this.#takeOver(now, held)
    if (this.mood === 'expired' && held?.link) held.link.isFenced = true
    if (this.mood !== 'welcoming')
      this.#refuse(link, this.mood as Refusal, held && ['stale', 'expired', 'state'].includes(this.mood) ? delivered : undefined)
    else if (!held) this.#refuse(link, 'unknown')
    else if (held.session.close) this.#refuse(link, 'expired', delivered)
    else if (recv > held.session.sent) this.#refuse(link, 'state', delivered)
    else if (attempt <= held.attempt)
      this.#refuse(link, 'stale', delivered) // it was under way for longer than another
    else this.#splice(now, held, link, attempt, recv)
  }

  /** Another holder of the credential was faster. */
  #takeOver(now: number, held: ServerSession | undefined): void {
    if (!held?.link) return
    held.link.isFenced = true
    held.link.toClient.push({ close: { ...coded(3801), reason: `${otherCid}.1` } })
    this.#leave(now, held)
  }

  #splice(now: number, held: ServerSession, link: Link, attempt: number, recv: number): void {
    const { session } = held
    const old = held.link
    if (old) {
      old.isFenced = true
      old.toClient.push({ close: { ...coded(3801), reason: `${cid}.${attempt}` } })
    }
    held.attempt = attempt
    const base = Math.max(recv, session.confirmed)
    const { delivered } = session.inbox
    this.#attach(now, held, link, base, { kind: 'spliced', recv: delivered, base, sent: session.sent, ...terms })
  }

  #attach(now: number, held: ServerSession, link: Link, base: number, opening: Control): void {
    const { session } = held
    const { delivered } = session.inbox
    held.link = link
    link.carried = held
    const gauge: LinkGauge = { isOpen: true, bytesRead: 0, bytesWritten: 0, backlog: 0 }
    session.attach(new Liveness(passive, gauge, now, new AwakeClock(1_000, now, now)), base, delivered, delivered, encode(opening))
    this.pump(now, held)
  }
}

type Act = 'send' | 'settle' | 'pause' | 'resume' | 'close' | 'abort' | 'reconnect' | 'fail setup' | 'overflow'
type Step =
  | { readonly kind: 'act'; readonly act: Act }
  | { readonly kind: 'open'; readonly speaks: boolean }
  | { readonly kind: 'to client' | 'to server'; readonly which: number; readonly count: number }
  | { readonly kind: 'round' }
  | { readonly kind: 'serve'; readonly act: 'send' | 'finish' | 'restart' | 'ask'; readonly code: number }
  | { readonly kind: 'drain'; readonly in: number; readonly by: number; readonly url: string | undefined }
  | { readonly kind: 'mood'; readonly mood: Server['mood'] }
  | { readonly kind: 'lose'; readonly which: number; readonly close: CloseInfo }
  | { readonly kind: 'nonsense'; readonly which: number; readonly payload: Payload }
  | { readonly kind: 'backlog'; readonly bytes: number }
  | { readonly kind: 'hint'; readonly hint: 'online' | 'offline' | 'wake' | 'hide' }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'tick'; readonly count: number; readonly lateMs: number }
  | { readonly kind: 'wall jump'; readonly ms: number }

type Setting = Omit<ClientConfig, 'outbox' | 'random' | 'shouldRetry' | 'session'> & {
  readonly lots: readonly number[]
  readonly maxLinkAge: number
}

class Model {
  readonly config: ClientConfig
  readonly machine: ClientMachine
  readonly server: Server = new Server()
  readonly #reactions: (Act | null)[]
  readonly #isHonest: boolean
  now = 0
  #ahead = epoch
  readonly #links = new Map<number, Link>()
  #lastNumber = 0
  #sessionsOpened = 0
  #isSessionOpen = false
  #isAway = false
  #isFinished = false
  #isClosed = false
  #setupLink: number | undefined
  #given = 0
  readonly #attempts = new Map<string, number>()
  readonly #returned = new Set<unknown>()
  /** Messages of the session that is open, in both directions. */
  #got = 0

  /** @param isHonest whether the world keeps the rules, so that not only the machine's manners but its messages can be checked */
  constructor({ lots, maxLinkAge, ...rest }: Setting, reactions: readonly (Act | null)[], isHonest: boolean) {
    let draws = 0
    const session = { cid, maxLinkAge, mayMove: (url: string) => url === 'ws://b/' }
    this.config = { ...rest, outbox, session, random: () => lots[draws++ % lots.length]! }
    this.machine = new ClientMachine(this.config)
    this.#reactions = [...reactions]
    this.#isHonest = isHonest
    this.machine.start(0, this.#wall)
    this.turn()
  }

  get isFinished(): boolean {
    return this.#isFinished
  }

  step(step: Step): void {
    const { machine, now } = this
    switch (step.kind) {
      case 'act':
        this.#act(step.act)
        break
      case 'open':
        this.#open(step.speaks)
        break
      case 'to client':
        for (let count = 0; count < step.count; count++) this.#toClient(this.#pick(step.which))
        break
      case 'to server':
        for (let count = 0; count < step.count; count++) this.#toServer(this.#pick(step.which))
        break
      case 'round':
        this.#round()
        break
      case 'serve':
        this.#serve(step.act, step.code)
        break
      case 'drain': {
        const link = this.#carrier
        if (link)
          link.toClient.push({ payload: encode({ kind: 'drain', in: step.in, by: step.by, ...(step.url ? { url: step.url } : {}) }) })
        break
      }
      case 'mood':
        this.server.mood = step.mood
        break
      case 'lose': {
        const link = this.#pick(step.which)
        if (link) this.#lose(link, step.close)
        break
      }
      case 'nonsense': {
        const link = this.#pick(step.which)
        if (link && !this.#isHonest) this.#hear(link, step.payload)
        break
      }
      case 'backlog':
        for (const link of this.#links.values()) link.backlog = step.bytes
        break
      case 'hint':
        machine[step.hint](now, this.#wall)
        break
      case 'pass':
        this.now += step.ms
        break
      case 'tick':
        for (let count = 0; count < step.count; count++) this.tick(step.lateMs)
        break
      case 'wall jump':
        this.#ahead += step.ms
        break
    }
    this.turn()
  }

  /** Lets time go on to the deadline, or past it, and ticks until the machine has nothing to do at that moment. */
  tick(lateMs = 0): void {
    const { machine } = this
    if (machine.deadline < Infinity) this.now = Math.max(this.now, machine.deadline + lateMs)
    this.server.tick(this.now)
    for (let ticks = 0; machine.deadline <= this.now; ticks++) {
      assert.ok(ticks < ticksAtOnce, `it spins in ${machine.state.name}`)
      machine.tick(this.now, this.#wall)
      this.turn()
    }
  }

  turn(): void {
    const { machine, now } = this
    for (;;) {
      for (let frame = machine.nextFrame(now); frame !== undefined; frame = machine.nextFrame(now)) this.#write(frame as Payload)
      const output = machine.poll()
      if (!output) break
      this.#perform(output)
    }
    this.#check()
  }

  /** Whatever was, an abort is the end of it, and nothing is left over. */
  end(): void {
    this.machine.abort(this.now)
    this.turn()
    while (this.machine.deadline < Infinity) this.tick()
    assert.ok(this.#isFinished)
    assert.ok(!this.#isSessionOpen)
    for (const link of this.#links.values()) assert.equal(link.stage, 'gone', `link ${link.number} is left over`)
    if (!this.#isHonest) return
    const { delivered } = this.server
    assert.equal(new Set(delivered).size, delivered.length, 'a message was delivered twice')
    for (let number = 1; number <= this.#given; number++) {
      assert.ok(
        delivered.includes(`c${number}`) || this.#returned.has(`c${number}`),
        `message ${number} is neither delivered nor given back`,
      )
    }
  }

  /** The network is fast and whole from now on, until everything has arrived or the session is over. */
  calm(): void {
    this.server.mood = 'welcoming'
    this.step({ kind: 'hint', hint: 'online' })
    this.step({ kind: 'backlog', bytes: 0 })
    this.step({ kind: 'act', act: 'resume' })
    this.step({ kind: 'act', act: 'settle' })
    for (let count = 0; count < 400 && !this.#isFinished; count++) {
      this.#round()
      if (this.#isSetUpDue) this.step({ kind: 'act', act: 'settle' })
      if (this.isAtRest) return
      if (this.machine.state.name === 'suspended') this.step({ kind: 'act', act: 'reconnect' })
      this.tick()
    }
  }

  get isAtRest(): boolean {
    const { held, state, queued } = this.machine
    if (!held || state.name !== 'open' || queued > 0 || held.session.outbox.length > 0 || !held.session.isOpen) return false
    const other = this.server.sessions.get(held.sid)
    return other?.session.outbox.length === 0
  }

  get #isSetUpDue(): boolean {
    return this.#setupLink !== undefined
  }

  get #wall(): number {
    return this.now + this.#ahead
  }

  get #active(): Link[] {
    return [...this.#links.values()].filter((link) => link.isActive)
  }

  get #carrier(): Link | undefined {
    return [...this.server.sessions.values()].at(-1)?.link
  }

  /** One of the links that anything can still happen to; the newest is number 0. */
  #pick(which: number): Link | undefined {
    return [...this.#links.values()].filter((link) => link.stage !== 'gone' || link.toServer.length > 0).at(-1 - which)
  }

  #open(speaks: boolean): void {
    const link = this.#active.find(({ stage }) => stage === 'dialling')
    if (!link) return
    link.stage = 'open'
    link.isOpen = true
    this.machine.opened(this.now, this.#wall, link.number, link, true, speaks)
    if (speaks) this.server.begin(this.now, link)
  }

  /** What is dialled opens, and all that is under way arrives. */
  #round(): void {
    this.#open(true)
    this.turn()
    for (const link of this.#links.values()) {
      while (link.toServer.length > 0) this.#toServer(link)
      while (link.toClient.length > 0 && (link.stage === 'open' || link.stage === 'parting')) this.#toClient(link)
      this.turn()
    }
  }

  #toClient(link: Link | undefined): void {
    const item = link?.stage === 'open' || link?.stage === 'parting' ? link.toClient.shift() : undefined
    if (!link || !item) return
    if ('close' in item) this.#lose(link, item.close)
    else this.#hear(link, item.payload)
  }

  #hear(link: Link, payload: Payload): void {
    if (link.stage === 'dialling' || link.stage === 'gone') return
    const heard = typeof payload === 'string' && isControl(payload) ? decode(payload) : undefined
    link.mayRenew = heard?.kind === 'refused' && lostForGood.includes(heard.why)
    const data = this.machine.receive(this.now, this.#wall, link.number, payload)
    if (data !== undefined) this.#deliver(data)
    this.turn()
  }

  #deliver(data: Payload): void {
    assert.ok(this.#isSessionOpen, 'a message outside of a session')
    if (this.#isHonest) assert.equal(data, `s${++this.#got}`, 'a message is missing, or came twice')
  }

  #toServer(link: Link | undefined): void {
    const item = link?.toServer.shift()
    if (link && item) this.server.read(this.now, link, item)
  }

  #lose(link: Link, close: CloseInfo): void {
    if (link.stage === 'gone') return
    link.stage = 'gone'
    link.isOpen = false
    this.server.lose(this.now, link)
    this.machine.linkClosed(this.now, link.number, close, new Error('lost'))
    this.turn()
  }

  #serve(act: 'send' | 'finish' | 'restart' | 'ask', code: number): void {
    const { server, now } = this
    const held = [...server.sessions.values()].at(-1)
    if (!held) return
    if (act === 'restart') {
      if (held.link) this.#lose(held.link, coded(1012))
      server.sessions.clear()
      return
    }
    if (act === 'finish') held.session.finish(now, code, '')
    if (act === 'ask') held.session.ask()
    if (act === 'send' && held.session.isOpen && held.session.outbox.hasRoom(1)) {
      held.session.send({ data: `s${++held.numbered}`, bytes: 2, settle: undefined })
    }
    server.pump(now, held)
  }

  #act(act: Act): void {
    const { machine, now } = this
    const { isReconnecting } = this.config
    switch (act) {
      case 'send':
        this.#send()
        return
      case 'settle':
        if (this.#setupLink !== undefined) machine.settled(this.#setupLink)
        this.#setupLink = undefined
        return
      case 'fail setup':
        if (this.#setupLink !== undefined) machine.setupFailed(now, this.#setupLink, new Error('setup'))
        this.#setupLink = undefined
        return
      case 'pause':
        machine.pause()
        return
      case 'resume':
        machine.resume(now)
        return
      case 'close':
        this.#isClosed = true
        machine.close(now, this.#wall, 1000, '')
        return
      case 'abort':
        machine.abort(now)
        return
      case 'reconnect':
        if (isReconnecting) machine.reconnect(now, this.#wall) // the strict class has no such method
        return
      case 'overflow':
        machine.overflow(now, new Error('overflow'))
        return
    }
  }

  #send(): void {
    const { machine } = this
    const { held, state } = machine
    const entry = (): OutboxEntry => ({ data: `c${++this.#given}`, bytes: 2, settle: undefined })
    if (machine.canSubmit) {
      if (held!.session.outbox.hasRoom(2)) machine.submit(this.now, entry())
    } else if ((!held || held.session.isOpen) && state.name !== 'closing' && state.name !== 'closed' && machine.outbox.hasRoom(2)) {
      machine.send(entry())
    }
  }

  #write(frame: Payload): void {
    const link = this.machine.held!.session.gauge as Link
    assert.equal(link.stage, 'open', 'it writes to a link that is not open')
    link.toServer.push({ payload: frame })
  }

  #perform(output: Output): void {
    assert.ok(!this.#isFinished || output.kind === 'drop', `${output.kind} after the last event`)
    switch (output.kind) {
      case 'dial':
        this.#dialled(output)
        break
      case 'write': {
        const link = this.#links.get(output.link)!
        if (link.stage === 'open') link.toServer.push({ payload: output.frame as Payload })
        this.#checkFirst(link, decode(output.frame as string))
        return
      }
      case 'close': {
        const link = this.#links.get(output.link)!
        assert.equal(link.stage, 'open', 'goodbye on a link that never opened, or is gone, or was told already')
        link.stage = 'parting'
        link.toServer.push({ close: coded(output.code!) })
        return
      }
      case 'drop':
        this.#dropped(output.link)
        break
      case 'open':
        assert.ok(!this.#isSessionOpen, 'two sessions at once')
        this.#isSessionOpen = true
        this.#isAway = false
        this.#got = 0
        this.#sessionsOpened++
        assert.equal(this.#sessionsOpened, this.machine.counters.sessions)
        break
      case 'setup':
        assert.ok(this.#isSessionOpen && this.config.hasSetup)
        assert.equal(output.isFirst, this.#sessionsOpened === 1)
        this.#setupLink = output.link
        break
      case 'lost':
        assert.ok(this.#isSessionOpen && !this.#isAway, 'lost twice, or without a session')
        this.#isAway = true
        break
      case 'resumed':
        assert.ok(this.#isSessionOpen && this.#isAway, 'resumed without a loss')
        assert.ok(output.downtime >= 0 && output.replayed >= 0 && output.resent >= 0)
        this.#isAway = false
        break
      case 'failed':
        assert.ok(!this.#isSessionOpen && this.config.isReconnecting)
        break
      case 'retry':
        assert.ok(output.attempt <= this.config.retry.maxRetries)
        assert.ok(output.delay >= 0)
        break
      case 'giveup':
        assert.ok(this.config.isReconnecting)
        assert.equal(output.close.cause, 'retries-exhausted')
        break
      case 'end':
        this.#ended(output)
        break
      case 'change':
        return
      case 'transmit':
      case 'ping':
        assert.fail(`a machine of sessions says ${output.kind}`)
    }
    const reaction = this.#reactions.shift()
    if (reaction) this.#act(reaction)
  }

  #checkFirst(link: Link, frame: Decoded): void {
    if (frame.kind === 'renew') {
      assert.ok(link.mayRenew, 'a new session is asked for where none may begin')
      assert.ok(this.config.isReconnecting && !this.#isSessionOpen && !this.#isClosed, 'a new session is asked for that nobody wants')
      link.mayRenew = false
    }
    if (frame.kind !== 'resume') return
    const { sid, attempt } = frame
    assert.ok(attempt > (this.#attempts.get(sid) ?? 0), 'an attempt that does not rise')
    this.#attempts.set(sid, attempt)
  }

  #dialled({ link: number, attempt, isResuming }: Output & { kind: 'dial' }): void {
    assert.ok(number > this.#lastNumber)
    assert.ok(attempt <= this.config.retry.maxRetries)
    assert.ok(!isResuming || this.#isSessionOpen, 'it resumes what was not opened')
    assert.ok(!this.#active.some(({ stage }) => stage === 'dialling'), 'two dials at once')
    this.#lastNumber = number
    this.#links.set(number, new Link(number, isResuming))
  }

  #dropped(number: number): void {
    const link = this.#links.get(number)
    if (!link) {
      assert.ok(number > this.#lastNumber) // its dial was taken back
      this.#lastNumber = number
      return
    }
    if (link.stage === 'gone') return
    link.stage = 'gone'
    link.isOpen = false
    link.toServer.push({ close: noNetwork })
  }

  #ended({ close, error, willReconnect, unsent, exact }: Output & { kind: 'end' }): void {
    assert.ok(!willReconnect || (this.#isSessionOpen && this.config.isReconnecting))
    assert.equal(error !== undefined, close.code === 1006 || close.cause === 'overflow')
    for (const { data } of unsent) {
      assert.ok(!this.#returned.has(data), `${data} is given back twice`)
      this.#returned.add(data)
      if (exact && this.#isHonest) assert.ok(!this.server.delivered.includes(data), `${data} arrived, but is told not to have`)
    }
    this.#isSessionOpen = false
    this.#isAway = false
    this.#setupLink = undefined
    this.#isFinished = !willReconnect
  }

  #check(): void {
    const { machine } = this
    const { state, held, deadline } = machine
    assert.ok(!Number.isNaN(deadline))
    const isMigrating = held?.migration.name === 'dialling' || held?.migration.name === 'greeting'
    const active = this.#active.map(({ number }) => number)
    assert.equal(state.name === 'closed', this.#isFinished)
    const expected: number[] = 'link' in state && state.link > 0 ? [state.link] : []
    if (isMigrating) expected.push((held.migration as { link: number }).link)
    assert.deepEqual(active, expected, `links in use in ${state.name}`)
    if (held) assert.ok(this.#isSessionOpen, 'a session that was not opened')
    assert.equal(held?.session.gauge !== undefined, state.name === 'open' || state.name === 'settling')
  }
}

function coded(code: number): CloseInfo {
  return { code, reason: '', wasClean: true, cause: 'server' }
}

const moods: fc.Arbitrary<Server['mood']> = fc.oneof(
  { weight: 6, arbitrary: fc.constant('welcoming' as const) },
  { weight: 2, arbitrary: fc.constantFrom('busy', 'moved', 'silent') },
  { weight: 1, arbitrary: fc.constantFrom('stale', 'unknown', 'expired', 'state', 'auth', 'origin') },
)
const closes: fc.Arbitrary<CloseInfo> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(noNetwork) },
  { weight: 2, arbitrary: fc.constantFrom(1001, 1006, 1011, 1012, 3804).map((code) => coded(code)) },
  { weight: 1, arbitrary: fc.constantFrom(1009, 3805, 3806).map((code) => coded(code)) },
  { weight: 1, arbitrary: fc.constantFrom(`${cid}.1`, `${cid}.2`, `${otherCid}.1`, '').map((reason) => ({ ...coded(3801), reason })) },
)
const nonsense: fc.Arbitrary<Payload> = fc.oneof(
  fc.constantFrom<Payload>(
    '',
    'text',
    '\u0010',
    '\u0010\u0010',
    '\u0010Q',
    '\u0010z',
    '\u0010A1',
    '\u0010A999',
    '\u0010P1,0,0',
    '\u0010O9,0',
    '\u0010W{}',
  ),
  fc.constantFrom<Payload>({ byteLength: 0 }, { byteLength: 70_000 }),
  fc
    .record({ recv: fc.nat(3), base: fc.nat(3), sent: fc.nat(3) })
    .map((counts): Payload => encode({ kind: 'spliced', ...terms, ...counts })),
  fc
    .record({ why: fc.constantFrom<Refusal>('busy', 'moved', 'stale', 'unknown', 'expired', 'auth', 'origin', 'state'), recv: fc.nat(3) })
    .map(({ why, recv }): Payload => encode({ kind: 'refused', why, recv, url: 'ws://b/', after: 100 })),
  fc.constantFrom(1000, 1012, 4000).map((code): Payload => encode({ kind: 'finish', code, reason: '' })),
  fc.nat(2_000).map((ms): Payload => encode({ kind: 'drain', in: ms, by: 5 * ms })),
  fc.string({ maxLength: 6 }).map((text): Payload => `\u0010${text}`),
)

const gentle: fc.Arbitrary<Act> = fc.constantFrom('send', 'send', 'send', 'settle', 'settle', 'pause', 'resume')
const rough: fc.Arbitrary<Act> = fc.constantFrom('reconnect', 'reconnect', 'fail setup', 'overflow', 'close', 'abort')
const which = fc.constantFrom(0, 0, 0, 1)
const lateness = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat(100) },
  { weight: 1, arbitrary: fc.nat(hour) },
)
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.constant<Step>({ kind: 'round' }) },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constantFrom('to client' as const, 'to server' as const),
      which,
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant('open' as const), speaks: fc.nat(15).map((lot) => lot > 0) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('act' as const), act: gentle }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('serve' as const),
      act: fc.constantFrom(
        'send' as const,
        'send' as const,
        'send' as const,
        'send' as const,
        'ask' as const,
        'send' as const,
        'send' as const,
        'finish' as const,
        'restart' as const,
      ),
      code: fc.constantFrom(1000, 1012, 4000),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('tick' as const), count: fc.integer({ min: 1, max: 8 }), lateMs: lateness }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('drain' as const),
      in: fc.constantFrom(0, 100, 1_500),
      by: fc.constantFrom(0, 5_000, 60_000),
      url: fc.constantFrom(undefined, 'ws://b/', 'ws://c/'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mood' as const), mood: moods }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lose' as const), which, close: closes }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('hint' as const), hint: fc.constantFrom('online', 'online', 'wake', 'offline', 'hide') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(3 * second) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('backlog' as const), bytes: fc.constantFrom(0, 100_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wall jump' as const), ms: fc.integer({ min: -hour, max: hour }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('act' as const), act: rough }) },
)
const stepsAndNonsense: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: steps },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('nonsense' as const), which, payload: nonsense }) },
)

const settings: fc.Arbitrary<Setting> = fc.record({
  isReconnecting: fc.constantFrom(true, true, true, false),
  retry: fc.record({
    minDelay: fc.constantFrom(1, 1_000, 1_234.5),
    maxDelay: fc.constantFrom(2_000, 30_000),
    factor: fc.constantFrom(1, 2),
    jitter: fc.constantFrom('equal', 'full', 'none'),
    maxRetries: fc.constantFrom(0, 1, 3, 10, Infinity),
    stableAfter: fc.constantFrom(1, 5_000, 30_000, Infinity),
  }),
  liveness: fc.record({ interval: fc.constant(30_000), timeout: fc.constant(10_000), writeTimeout: fc.constantFrom(500, 10_000) }),
  connectTimeout: fc.constantFrom(10, 10_000, 10_000, 10_000),
  closeTimeout: fc.constantFrom(1, 10_000),
  hasSetup: fc.boolean(),
  canRefresh: fc.boolean(),
  lots: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 5 }),
  maxLinkAge: fc.constantFrom(Infinity, Infinity, 2_500, 20_000),
})

/** What the application does while it is told things: mostly nothing. */
const reactions = fc.array(
  fc.oneof({ weight: 24, arbitrary: fc.constant(null) }, { weight: 4, arbitrary: gentle }, { weight: 1, arbitrary: rough }),
  { maxLength: 60, size: 'max' },
)

function lists(step: fc.Arbitrary<Step>): fc.Arbitrary<Step[]> {
  return fc.array(step, { maxLength: 120, size: 'max' })
}

test('whatever happens in whatever order, each promise is kept and each message is delivered once or given back', () => {
  fc.assert(
    fc.property(settings, reactions, lists(steps), (setting, reacting, list) => {
      const model = new Model(setting, reacting, true)
      for (const step of list) model.step(step)
      model.end()
    }),
    { numRuns: 1_000 },
  )
})

test('whatever a server says, it is neither a reason to throw nor to break a promise', () => {
  fc.assert(
    fc.property(settings, reactions, lists(stepsAndNonsense), (setting, reacting, list) => {
      const model = new Model(setting, reacting, false)
      for (const step of list) model.step(step)
      model.end()
    }),
    { numRuns: 1_000 },
  )
})

test('once the network is whole everything arrives, whatever the session went through', () => {
  fc.assert(
    fc.property(settings, lists(steps), (setting, list) => {
      fc.pre(setting.isReconnecting && setting.connectTimeout > 10)
      const model = new Model({ ...setting, maxLinkAge: Infinity }, [], true)
      for (const step of list) model.step(step)
      model.calm()
      assert.ok(model.isFinished || model.isAtRest, `it does not come to rest in ${model.machine.state.name}`)
    }),
    { numRuns: 300 },
  )
})
