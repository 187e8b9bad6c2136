/** A client of the world: the shell around a real client machine, and its application. */

import { ClientMachine } from '../../packages/holdfast/src/core/client-machine.ts'
import type { Output } from '../../packages/holdfast/src/core/client-output.ts'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { isControl, type Resume } from '../../packages/holdfast/src/core/control.ts'
import { type Migration, noMigration } from '../../packages/holdfast/src/core/migration.ts'
import type { Payload } from '../../packages/holdfast/src/core/session.ts'
import { counterName } from './counters.ts'
import { endName, showClose } from './ending.ts'
import { claim, type Ledger, type Message } from './ledger.ts'
import type { Link, LinkEnd, LinkListener } from './link.ts'
import { drawMessage } from './message.ts'
import type { Random } from './random.ts'
import type { Server } from './server.ts'
import { longAgo, Sleep } from './sleep.ts'
import type { World } from './world.ts'

const epoch = 1_700_000_000_000
/** Who slept or did not read is behind with its acknowledgements for so long. */
const catchUpMs = 2_000
/** A timer that rings so often at one time makes it stand still. */
/** A link is given so long to say goodbye. */
const farewellMs = 1_000
/** How often who wakes finds what came meanwhile. */
const readsFirst = 0.5
const maxRings = 100
/** A turn that writes more never ends. */
const maxFrames = 20_000
/** How often an application closes at once what it has opened. */
const hastyShare = 0.05
/** How often a link works in one direction only, or in none, from its opening on. */
const halfOpenShare = 0.02
const failedDial: CloseInfo = Object.freeze({ code: 1006, reason: '', wasClean: false, cause: 'network' })
const unavailable: CloseInfo = Object.freeze({ ...failedDial, cause: 'server', httpStatus: 503, retryAfter: 700 })

export class Client implements LinkListener {
  readonly index: number
  readonly principal: string
  readonly #world: World
  machine: ClientMachine
  ledger: Ledger | undefined
  #wallOffset = 0
  isLeaving = false
  #ends = new Map<number, LinkEnd>()
  #queued: Message[] = []
  #isSettling = false
  #timerAt = Infinity
  #rungAt = longAgo
  #rings = 0
  readonly #sleep: Sleep
  #pausedUntil = longAgo
  #isOver = false
  /** Whether its application has closed it, so that nothing new begins. */
  #wasClosed = false
  /** The link on which it asked for a new session, and was not answered yet. */
  #renewing: number | undefined
  #overAt = longAgo
  #generation = 0
  #lastServer = 0
  #last = { sid: '', attempt: 0 }
  #lastUrl: string | undefined
  #migration: Migration = noMigration
  /** Links that were dialled while another one was alive. */
  #tentative = new Set<number>()
  /** The letter of the frame that is being read. */
  #reading = ''

  constructor(world: World, index: number) {
    this.#world = world
    this.index = index
    this.#sleep = new Sleep(world.shape)
    this.principal = `p${index}`
    this.machine = new ClientMachine(world.clientConfig(world.random))
  }

  get name(): string {
    return `client ${this.index}`
  }

  get links(): Link[] {
    return [...this.#ends.values()].map((end) => end.link)
  }

  /** Whether it ended, and something is left of its links. */
  get isLeaking(): boolean {
    return this.#isOver && this.#ends.size > 0 && this.#world.now > this.#overAt + farewellMs
  }

  get isReading(): boolean {
    return this.#world.now >= this.#sleep.until
  }

  get isAsleep(): boolean {
    return this.#world.now < this.#sleep.until
  }

  /** Whether nothing excuses a late acknowledgement. */
  get isPunctual(): boolean {
    return this.#world.shape.timerStepMs === 0 && this.#world.now > Math.max(this.#sleep.until, this.#pausedUntil) + catchUpMs
  }

  get #isPaused(): boolean {
    return this.#world.now < this.#pausedUntil
  }

  get #wall(): number {
    return epoch + this.#world.now + this.#wallOffset
  }

  /** The session of this client as a server has it. */
  get serverSide(): { readonly server: Server; readonly session: NonNullable<ReturnType<Server['find']>> } | undefined {
    const sid = this.machine.held?.sid
    if (sid === undefined) return undefined
    for (const server of this.#world.servers) {
      const session = server.find(sid)
      if (session) return { server, session }
    }
    return undefined
  }

  /** Whether nothing is left to arrive. */
  get isAtRest(): boolean {
    if (this.#isOver) return true
    const { held, state } = this.machine
    if (held && this.ledger?.isStolen) return false
    if (!held || state.name !== 'open' || !held.session.isOpen || held.migration.name === 'dialling' || held.migration.name === 'greeting')
      return false
    const side = this.serverSide
    if (side?.session.state.name !== 'attached') return false
    return this.machine.queued === 0 && held.session.outbox.length === 0 && side.session.session.outbox.length === 0
  }

  /** Whether a close can come and go over the link within its time, so that both ends have to end clean. */
  get hasHealthyLink(): boolean {
    const { latencyMs, jitterMs, messageMs, closeTimeout, maxLinkAge, ttl, ping, dead } = this.#world.shape
    const [link, ...others] = this.links
    // Who slept may have been given up already.
    if (
      !link?.isHealthy ||
      this.#world.now < Math.max(this.#sleep.until, link.thawedAt) + this.#world.shape.dead ||
      others.length > 0 ||
      this.#world.records.get(link)!.leaveBy < Infinity
    )
      return false
    // A move can fence the link whose last acknowledgement is under way; then the close timeout has to come before the end of time.
    if (maxLinkAge < Infinity && ttl <= closeTimeout) return false
    // An answer that takes longer than a probe waits costs the link.
    const oneWayMs = latencyMs + jitterMs + 2 * messageMs
    return 6 * oneWayMs < closeTimeout && 2 * oneWayMs < (dead - ping) / 2
  }

  /** Whether a new session is to begin on this link. */
  wantsNewSession(end: LinkEnd): boolean {
    const { held } = this.machine
    const isWanted = this.#world.shape.isReconnecting && !this.#isOver && !this.#wasClosed && !held && !this.ledger
    return isWanted && !this.#tentative.has(end.tag as number)
  }

  describe(): string {
    const { held, state } = this.machine
    const side = this.serverSide?.session
    const text = held ? `keeps ${held.session.outbox.length}, migration ${held.migration.name}` : 'no session'
    return `${this.name} is ${state.name}, ${text}; server: ${side ? `${side.state.name}, keeps ${side.session.outbox.length}` : 'nothing'}`
  }

  // Its application

  start(): void {
    this.#input(() => this.machine.start(this.#world.now, this.#wall))
  }

  send(count: number, random: Random, isLarge: boolean): void {
    for (let i = 0; i < count; i++) this.#sendOne(drawMessage(this.#world, `c${this.index}`, random, isLarge))
    this.#settle()
  }

  #sendOne(message: Message): void {
    const { machine } = this
    const bytes = typeof message === 'string' ? message.length : message.byteLength
    const entry = { data: message, bytes, settle: undefined }
    const { held } = machine
    if (held && machine.canSubmit) {
      if (!held.session.outbox.hasRoom(bytes)) return
      this.ledger!.up.sent.push(message)
      machine.submit(this.#world.now, entry)
      this.#world.counters.count('messages sent')
    } else if (
      this.#world.shape.isReconnecting &&
      !this.#isOver &&
      (!held || held.session.isOpen) &&
      machine.state.name !== 'closing' &&
      machine.outbox.hasRoom(bytes)
    ) {
      this.#queued.push(message)
      machine.send(entry)
    }
  }

  close(code: number | undefined, reason: string): void {
    if (this.#isOver) return
    this.#world.counters.count(`client closes while ${this.machine.state.name}`)
    const { ledger } = this
    this.#wasClosed = true
    if (ledger) ledger.closeBy ??= this.#world.now + this.#world.closeAllowance
    this.#input(() => {
      this.machine.close(this.#world.now, this.#wall, code, reason)
      this.#movedIn()
    })
  }

  abort(): void {
    this.#input(() => this.machine.abort(this.#world.now))
  }

  reconnect(): void {
    if (this.#world.shape.isReconnecting) this.#input(() => this.machine.reconnect(this.#world.now, this.#wall))
  }

  overflow(): void {
    this.#input(() => this.machine.overflow(this.#world.now, new Error('too much')))
  }

  pause(until: number): void {
    if (this.#isPaused || this.#world.isCalm) return
    this.#pausedUntil = until
    this.#input(() => this.machine.pause())
    this.#world.plan(until, () => this.#resumeReading())
  }

  #resumeReading(): void {
    if (this.#isPaused) return
    this.#input(() => this.machine.resume(this.#world.now))
    for (const end of this.#ends.values()) end.resumeReading()
  }

  sleep(until: number): void {
    if (this.#world.now < this.#sleep.until) return
    this.#sleep.begin(this.#world.now, until)
    this.#world.plan(until, () => {
      this.#setTimer()
      for (const end of this.#ends.values()) end.resumeReading()
    })
  }

  jump(ms: number): void {
    this.#wallOffset += ms
    this.#sleep.doubt(this.#world.now)
  }

  goOffline(until: number): void {
    this.#input(() => this.machine.offline())
    this.#world.plan(until, () => this.#input(() => this.machine.online(this.#world.now, this.#wall)))
  }

  hide(until: number): void {
    this.#input(() => this.machine.hide(this.#world.now))
    this.#world.plan(until, () => this.#input(() => this.machine.online(this.#world.now, this.#wall)))
  }

  wake(): void {
    this.#input(() => this.machine.wake(this.#world.now, this.#wall))
  }

  calm(): void {
    this.#sleep.end(this.#world.now)
    this.#pausedUntil = Math.min(this.#pausedUntil, this.#world.now)
    this.#resumeReading()
    this.#input(() => this.machine.online(this.#world.now, this.#wall))
    if (this.machine.state.name === 'suspended') this.#input(() => this.machine.reconnect(this.#world.now, this.#wall))
  }

  // The world

  message(end: LinkEnd, payload: Payload): void {
    const link = end.tag as number
    const { held, state } = this.machine
    if (this.#ends.get(link) !== end) return
    const isFirst =
      (state.name === 'greeting' && state.link === link) || (held && held.migration.name === 'greeting' && held.migration.link === link)
    const isOld = !isFirst && 'link' in state && state.link !== link
    const { sent = 0, confirmed = 0 } = held?.session ?? {}
    const delivered = held?.session.inbox.delivered
    this.#reading = isFirst ? (payload as string).charAt(1) : ''
    if (isOld) this.#world.counters.count('client reads from an older link')
    const data = this.machine.receive(this.#world.now, this.#wall, link, payload)
    if (data !== undefined) this.#deliver(data)
    if (held && this.machine.held === held) {
      const { session } = held
      claim(
        !isOld || (session.sent === sent && session.confirmed === confirmed && session.inbox.delivered === delivered),
        'I8',
        () => `${this.name}: a frame of an older link changed the session`,
      )
      if (session.inbox.delivered === delivered) {
        if (!isOld && !(typeof payload === 'string' && isControl(payload))) this.#world.counters.count('client drops a duplicate')
      } else if (session.inbox.isHolding) this.#world.counters.count('client withholds an acknowledgement')
      if (isFirst) this.#joined(end)
    }
    if (isFirst) this.#checkFirst(held, end, payload as string)
    this.#settle()
    this.#reading = ''
  }

  /** From now on it knows what the server told it. */
  #joined(end: LinkEnd): void {
    this.#world.records.get(end.link)!.joinedAt = this.#world.now
  }

  /** What the first frame of a link may and may not do to a session that is there. */
  #checkFirst(held: ClientMachine['held'], end: LinkEnd, payload: string): void {
    const link = end.tag as number
    if (!held || this.machine.held === held) {
      claim(!held || !this.#world.records.get(end.link)!.isForged, 'I6', () => `${this.name} goes on with a server that forgot`)
      return
    }
    if (this.#reading === 'X' && this.#tentative.has(link) && !payload.includes('"stale"'))
      claim(
        !held.session.close?.reason.startsWith('session-lost:'),
        'section 7',
        () => `${this.name}: an attempt that was begun while a link was alive ends the session`,
      )
  }

  closed(end: LinkEnd, close: CloseInfo): void {
    const link = end.tag as number
    if (this.#ends.get(link) !== end) return
    this.#ends.delete(link)
    if (this.#renewing === link) this.#world.counters.count('renewal lost with its link')
    if (close.code === superseded) this.#countSuperseded(close)
    this.#input(() => this.machine.linkClosed(this.#world.now, link, close, new Error('the link ended')))
  }

  #countSuperseded({ reason }: CloseInfo): void {
    const isOurs = this.machine.held?.migration.name === 'greeting' && reason.endsWith(`.${this.#last.attempt}`)
    this.#world.counters.count(isOurs ? 'client hears that it is accepted before S' : 'client superseded')
  }

  drained(): void {
    this.#settle()
  }

  #deliver(data: Payload): void {
    this.#world.counters.count('messages delivered')
    const { ledger } = this
    claim(ledger !== undefined, 'I10', () => `${this.name} is given a message outside of a session`)
    claim(ledger.clientCloses === 0, 'I10', () => `${this.name} is given a message behind the close`)
    if (!ledger.isStolen) ledger.down.deliver(data, this.#world.now)
  }

  #input(run: () => void): void {
    run()
    this.#settle()
  }

  /** One input, all outputs, one timer: the shell. */
  #settle(): void {
    if (this.#isSettling) return
    this.#isSettling = true
    const { machine } = this
    const generation = this.#generation
    let frames = 0
    for (;;) {
      for (let frame = machine.nextFrame(this.#world.now); frame !== undefined; frame = machine.nextFrame(this.#world.now)) {
        claim(frames++ < maxFrames, 'L1', () => `${this.name} writes without an end`)
        this.#movedIn()
        this.#write((machine.held!.session.gauge as LinkEnd).tag as number, frame as Payload)
      }
      this.#movedIn()
      const output = machine.poll()
      if (!output) break
      this.#perform(output)
      if (generation !== this.#generation) break
    }
    this.#isSettling = false
    this.#setTimer()
    this.#check()
  }

  /** What was queued for a session belongs to it from now on. */
  #movedIn(): void {
    if (this.#queued.length === 0 || this.machine.queued > 0 || !this.machine.held?.isSet || !this.ledger) return
    this.ledger.up.sent.push(...this.#queued)
    this.#queued = []
  }

  #perform(output: Output): void {
    const world = this.#world
    switch (output.kind) {
      case 'dial':
        this.#countDial(output.link, output.url)
        this.#dial(output.link, output.isResuming, output.url)
        return
      case 'write':
        this.#write(output.link, output.frame as Payload)
        return
      case 'close':
        this.#ends.get(output.link)?.close(output.code ?? 1005, output.reason)
        return
      case 'drop':
        this.#ends.get(output.link)?.drop()
        this.#ends.delete(output.link)
        return
      case 'setup':
        world.plan(world.now + Math.max(0, world.shape.setupMs), () => this.#input(() => this.machine.settled(output.link)))
        if (world.random.chance(hastyShare)) world.plan(world.now, () => this.#leaveHastily())
        return
      case 'open':
        this.#opened()
        return
      case 'end':
        this.#ended(output)
        return
      case 'lost':
        world.counters.count(`client lost ${output.close.cause}`)
        return
      case 'resumed':
        world.counters.count('client resumed')
        return
      case 'giveup':
        world.counters.count('client gave up')
        if (world.isCalm) world.plan(world.now + 5_000, () => this.machine.state.name === 'suspended' && this.reconnect())
        return
      case 'change':
        if (world.isTraced) world.note(this.name, `${output.from} → ${output.to}`)
        return
      case 'failed':
      case 'retry':
        return
      case 'transmit':
      case 'ping':
        throw new Error(`a client of sessions says ${output.kind}`)
    }
  }

  #countDial(link: number, url: string | undefined): void {
    const { held } = this.machine
    const isMigration = held !== undefined && 'link' in held.migration && held.migration.link === link
    if (isMigration) this.#tentative.add(link)
    if (url !== undefined && url !== this.#lastUrl)
      this.#world.counters.count(isMigration ? 'drain followed to an address' : 'moved followed')
    this.#lastUrl = url
  }

  /** An application that closes what it has hardly opened. */
  #leaveHastily(): void {
    if (this.#world.isCalm || this.isAsleep) return
    this.#world.counters.count('client closes what it has hardly opened')
    this.send(2, this.#world.random, false)
    this.close(1000, 'on second thoughts')
  }

  #opened(): void {
    const { held } = this.machine
    if (!held) return
    if (this.#renewing === held.link) this.#world.counters.count('renewal welcomed')
    this.#renewing = undefined
    this.ledger = this.#world.ledgers.get(held.sid)
    this.ledger!.count('clientOpens')
    this.ledger!.clientSession = held.session
    this.#world.counters.count('client open')
  }

  #ended({ close, unsent, exact, willReconnect }: Output & { kind: 'end' }): void {
    const world = this.#world
    const { ledger } = this
    world.counters.count(`${ledger ? 'client end' : 'client fails'} ${endName(close)}`)
    if (this.#reading === 'X' && close.wasClean) world.counters.count('client learns from a refusal that everything arrived')
    if (exact && unsent.length > 0 && ledger) world.counters.count('client told exactly')
    if (world.isTraced) world.note(this.name, `end ${showClose(close)}, gives back ${unsent.length}`)
    if (ledger) {
      ledger.count('clientCloses')
      const own = willReconnect ? unsent : unsent.slice(0, unsent.length - this.#queued.length)
      if (!ledger.isStolen)
        this.#checkEnd(
          ledger,
          close,
          own.map((entry) => entry.data),
          exact,
        )
    }
    this.ledger = undefined
    if (!willReconnect) this.#over()
    else if (this.#reading === 'X' && !world.isCalm && world.random.chance(hastyShare)) {
      world.counters.count('client closes when it is told that its session is lost')
      this.close(1000, 'without it there is no point')
    }
  }

  #checkEnd(ledger: Ledger, close: CloseInfo, unsent: readonly unknown[], exact: boolean): void {
    const { up, down } = ledger
    claim(
      this.#world.now <= (ledger.closeBy ?? Infinity) || this.#world.now < this.#sleep.until + 2_000 + this.#world.shape.timerStepMs,
      'L2',
      () => `${this.name}: the close took too long`,
    )
    claim(
      close.cause !== 'protocol' || close.code !== 1006,
      'wire',
      () => `${this.name} blames the server for a violation: ${close.reason}`,
    )
    claim(
      close.cause !== 'taken-over' || ledger.wasReplayed,
      'L3',
      () => `${this.name} is taken over, and nobody else holds its credential`,
    )
    claim(this.#world.now < ledger.promptBy, 'I11', () => `${this.name}: a close on a healthy link waits for its timeout`)
    if (close.wasClean) {
      claim(
        down.delivered === down.sent.length,
        'I11',
        () => `${this.name} ends clean, but ${down.delivered} of ${down.sent.length} messages arrived here`,
      )
      claim(
        up.delivered === up.sent.length,
        'I11',
        () => `${this.name} ends clean, but ${up.delivered} of ${up.sent.length} messages arrived there`,
      )
      claim(unsent.length === 0, 'I11', () => `${this.name} ends clean, and gives back ${unsent.length}`)
      down.hasEnded = true
    } else {
      claim(
        !ledger.isHealthy,
        'I11',
        () => `${this.name}: a close on a healthy link ends with ${close.code} ${close.cause} ${close.reason}`,
      )
      up.givenBack(unsent, exact)
    }
  }

  /** This application is done; another one begins in its place. */
  #over(): void {
    this.#isOver = true
    this.#overAt = this.#world.now
    this.#timerAt = Infinity
    if (this.isLeaving || this.#world.isCalm) return
    this.#world.plan(this.#world.now + 300, () => this.#beginAnew())
  }

  #beginAnew(): void {
    if (this.#world.isCalm) return
    for (const end of this.#ends.values()) end.drop()
    this.#ends = new Map()
    this.#queued = []
    this.#generation++
    this.#tentative = new Set()
    this.#migration = noMigration
    this.#isOver = false
    this.#wasClosed = false
    this.machine = new ClientMachine(this.#world.clientConfig(this.#world.random))
    if (this.#isPaused) this.machine.pause()
    this.start()
  }

  #dial(number: number, isResuming: boolean, url: string | undefined): void {
    const world = this.#world
    const { latencyMs } = world.shape
    const { machine } = this
    const fail = (close: CloseInfo): void => {
      world.plan(world.now + latencyMs, () => {
        if (this.machine === machine) this.#input(() => machine.linkClosed(world.now, number, close, new Error('the dial failed')))
      })
    }
    if (world.now < world.unansweredUntil) {
      world.counters.count('dial unanswered')
      return
    }
    if (world.now < world.refusedUntil) {
      fail(world.random.chance(0.3) ? unavailable : failedDial)
      return
    }
    if (world.random.chance(0.4)) this.#lastServer = world.random.below(world.servers.length)
    const server = world.servers[url === undefined ? this.#lastServer : Number(url)]!
    this.#lastServer = server.index
    const link = world.connect(this, server, this.principal)
    link.client.tag = number
    this.#ends.set(number, link.client)
    if (world.random.chance(halfOpenShare) && !world.isCalm) this.#openHalf(link)
    const isStranger = world.now < world.strangersUntil
    if (!isStranger) world.plan(world.now + latencyMs, () => server.accept(link.server, isResuming, this.principal))
    world.plan(world.now + 2 * latencyMs, () => {
      if (this.machine !== machine || this.#ends.get(number) !== link.client) return
      this.#input(() => machine.opened(world.now, this.#wall, number, link.client, true, !isStranger))
    })
  }

  /** The handshake is the last that comes through for a while: the first frame is lost to the one or the other. */
  #openHalf(link: Link): void {
    const world = this.#world
    world.counters.count('dial half open from the start')
    world.plan(world.now + 2 * world.shape.latencyMs, () => link.freeze(world.random.pick(['server', 'client', 'both'] as const)))
    world.plan(world.now + 60_000, () => link.thaw())
  }

  #write(link: number, frame: Payload): void {
    const end = this.#ends.get(link)
    if (!end) return
    this.#world.observe(end, frame)
    if (frame === '\u0010N{}') this.#renewing = link
    if (typeof frame === 'string' && frame.startsWith('\u0010R')) this.#checkAttempt(this.#world.records.get(end.link)!.resume!)
    end.send(frame)
  }

  /** I9: attempts of a session only rise. What they say is true. */
  #checkAttempt({ sid, attempt, recv }: Resume): void {
    const { ledger } = this
    const { attempt: last } = this.#last
    claim(this.#last.sid !== sid || attempt > last, 'I9', () => `${this.name}: attempt ${attempt} after ${last}`)
    this.#last = { sid, attempt }
    if (!ledger) return
    claim(ledger.isStolen || ledger.down.isTrue(recv), 'I5', () => `${this.name} says it had ${recv}, and had ${ledger.down.delivered}`)
    const isMoving = this.machine.held?.migration.name === 'greeting'
    claim(!ledger.isHealthy || isMoving, 'I11', () => `${this.name}: a close on a healthy link takes another link`)
  }

  #setTimer(): void {
    if (this.#isOver && this.machine.deadline === Infinity) return
    const { timerStepMs } = this.#world.shape
    const { deadline } = this.machine
    const due = Math.max(deadline, this.#sleep.until, this.#world.now)
    const at = timerStepMs > 0 && !this.#world.isCalm && deadline < Infinity ? Math.ceil(due / timerStepMs) * timerStepMs : due
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
    if (this.#timerAt !== at || this.#world.now < this.#sleep.until) return
    this.#timerAt = Infinity
    this.#world.mark()
    this.#checkProgress()
    const before = this.machine.state
    if (this.#world.now > this.machine.deadline + catchUpMs) this.#world.counters.count('client tick late')
    this.machine.tick(this.#world.now, this.#wall)
    this.#checkDeath(before)
    this.#settle()
    if (before.name === 'suspended' && this.machine.state !== before) this.#world.counters.count('client session expires while suspended')
  }

  #checkProgress(): void {
    const { now } = this.#world
    this.#rings = now === this.#rungAt ? this.#rings + 1 : 0
    this.#rungAt = now
    claim(this.#rings < maxRings, 'L1', () => `${this.name}: its timer makes time stand still`)
  }

  /** I16: nobody is given up who was heard within the time that an answer may take. */
  #checkDeath(before: ClientMachine['state']): void {
    const { lastClose, state } = this.machine
    if ((before.name !== 'open' && before.name !== 'settling') || state === before || state.name === before.name) return
    if (lastClose?.cause !== 'heartbeat-timeout') return
    const end = this.#ends.get(before.link)
    const { ping, dead } = this.#world.shape
    const allowed = Math.min((dead - ping) / 2, 3_750) - 1
    if (!end) return
    const silentMs = this.#sleep.awakeMs(this.#world.now, end.heardAt)
    claim(silentMs >= allowed && !end.isReceiving, 'I16', () => `${this.name} gives up a link after ${silentMs} ms of silence`)
  }

  #check(): void {
    const { held, state } = this.machine
    const side = this.ledger?.serverSession
    const { counters } = this.#world
    counters.count(counterName(pairs[state.name], held ? (this.serverSide?.session.state.name ?? 'gone') : 'none'))
    if ((held?.migration ?? noMigration) !== this.#migration) this.#watchMigration()
    if (!held || !this.ledger || this.ledger.isStolen || this.ledger.clientCloses > 0) return
    this.ledger.up.check(held.session, side)
    this.ledger.down.check(side, held.session)
    const { maxMessages, maxBytes } = this.#world.shape
    const { outbox } = held.session
    claim(
      outbox.length <= maxMessages + 1 && (outbox.bytes <= maxBytes || outbox.length <= 2),
      'I13',
      () => `${this.name} keeps ${outbox.length} messages, ${outbox.bytes} bytes`,
    )
  }

  #watchMigration(): void {
    const { held, state } = this.machine
    const before = this.#migration
    const migration = held?.migration ?? noMigration
    this.#migration = migration
    if (migration.name === 'dialling' && before.name !== 'dialling') this.#world.counters.count('migration begun')
    if (before.name !== 'dialling' && before.name !== 'greeting') return
    if ('link' in migration && migration.link === before.link) return
    if (!held) this.#world.counters.count('migration cut short by an end')
    else if (!('link' in state) || state.link !== before.link) this.#world.counters.count('migration failed')
    else this.#world.counters.count(state.name === 'open' || state.name === 'settling' ? 'migration completed' : 'migration adopted')
  }
}

const superseded = 3801

/** Names of groups of counters, so that no step has to make them. */
const pairs: Readonly<Record<ClientMachine['state']['name'], string>> = {
  idle: 'pair idle/',
  connecting: 'pair connecting/',
  greeting: 'pair greeting/',
  settling: 'pair settling/',
  open: 'pair open/',
  waiting: 'pair waiting/',
  suspended: 'pair suspended/',
  closing: 'pair closing/',
  closed: 'pair closed/',
}
