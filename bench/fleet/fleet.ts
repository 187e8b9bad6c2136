/**
 * A fleet of clients that lost their server together, in virtual time: real client machines, real admission, and between them a network
 * that delays, and a server that is a queue (FleetServer).
 */

import { Admission } from '../../packages/holdfast/src/core/admission.ts'
import { type ClientConfig, ClientMachine } from '../../packages/holdfast/src/core/client-machine.ts'
import { abnormalClose, type CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { decode, encode, type Terms } from '../../packages/holdfast/src/core/control.ts'
import { Random } from '../../test/simulation/random.ts'
import { EventQueue } from './event-queue.ts'
import { type Decision, type Dial, expiredSession, FleetServer, type ServerTraits, taken, unknownSession } from './server.ts'
import { type StrategyName, strategies } from './strategy.ts'

export interface FleetConfig {
  readonly strategy: StrategyName
  readonly clients: number
  readonly outageMs: number
  /** What the server can take. */
  readonly ratePerSecond: number
  readonly seed: number
}

export interface FleetResult {
  /** Seconds from the return of the server until this share of all was back; null: it never was. */
  readonly p50: number | null
  readonly p99: number | null
  readonly p100: number | null
  /** Clients that gave up. */
  readonly stranded: number
  /** Dials of one client, on average and at most. */
  readonly attempts: number
  readonly mostAttempts: number
  /** Dials in the busiest slice after the return. */
  readonly peak: number
  /** Clients that were told when to come again; one may have been told more than once. */
  readonly told: number
  /** Dials that found the accept queue full. */
  readonly overflows: number
  /** Clients that were taken when they had already given that dial up. */
  readonly wasted: number
}

const msPerS = 1_000
export const sliceMs = 100
const latencyMs = 25
/** What Node asks the kernel for unless it is told otherwise. */
const acceptQueue = 511
const refuseShare = 0.02
/** As the server of the library has it by default. */
const ttlMs = 300_000
const spreadShare = 3
/** A session whose client was told when to come again is kept for so long after that. */
const lateMs = 30_000
const maxPending = 100_000
/** They were connected for long enough for this to be a first loss. */
const connectedForMs = 120_000
/** No fleet takes longer. */
const lastMs = 24 * 3_600_000

/** With sessions a link opens first, and what becomes of it is said on it. */
const kinds = { timer: 0, arrives: 1, opens: 2, taken: 3, told: 4, failed: 5, strange: 6, expired: 7, turn: 8, renews: 9 } as const
const retry = { minDelay: 1_000, maxDelay: 30_000, factor: 2, maxRetries: 10, stableAfter: 30_000 }
const nobody = -1
const gauge = { isOpen: true, bytesRead: 0, bytesWritten: 0, backlog: 0 }
const network = abnormalClose('network')
const goodbye: CloseInfo = Object.freeze({ code: 1000, reason: '', wasClean: true, cause: 'server' })
const error = new Error('the link ended')
const sid = 'Zm9yIGV4YW1wbGUgb25seQ'
const key = 'dGhpcnR5LXR3byBieXRlcywgYXMgYWxsIG1heSBzZWU'

export class Fleet {
  readonly #config: FleetConfig
  readonly #random: Random
  readonly #events = new EventQueue()
  readonly #machines: (ClientMachine | undefined)[] = []
  readonly #client: (typeof strategies)[StrategyName]['client']
  readonly #admission: Admission | undefined
  readonly #server: FleetServer
  readonly #terms: Terms
  #turnAt = Infinity
  /** By client: its alarm, what it dialled last, whether that is to resume, what it was told, how often it dialled, when it was back. */
  readonly #alarmAt: Float64Array
  readonly #link: Int32Array
  readonly #isResuming: Uint8Array
  readonly #slotAt: Float64Array
  readonly #dials: Int32Array
  readonly #backAt: Float64Array
  readonly #arrivals: number[] = []
  #isAway = false
  #stranded = 0
  #told = 0
  #overflows = 0
  #wasted = 0

  constructor(config: FleetConfig) {
    const { clients, ratePerSecond, seed, strategy } = config
    this.#config = config
    this.#random = new Random(seed)
    const { hasAdmission, client } = strategies[strategy]
    this.#client = client
    const { next: random } = this.#random
    const maxSpread = ttlMs / spreadShare
    this.#admission = hasAdmission ? new Admission({ ratePerSecond, maxPending, maxSpread, random }) : undefined
    const spread = this.#admission?.spread(clients) ?? 0
    this.#terms = { ttl: ttlMs, ping: 30_000, dead: 40_000, spread }
    const acceptMs = msPerS / ratePerSecond
    const traits: ServerTraits = { acceptMs, refuseMs: refuseShare * acceptMs, acceptQueue }
    const decide = this.#admission && ((now: number, dial: Dial) => this.#decide(now, dial))
    this.#server = new FleetServer(traits, decide, (at, dial, decision) => this.#answer(at, dial, decision))
    this.#alarmAt = new Float64Array(clients).fill(Infinity)
    this.#link = new Int32Array(clients)
    this.#isResuming = new Uint8Array(clients)
    this.#slotAt = new Float64Array(clients).fill(Infinity)
    this.#dials = new Int32Array(clients)
    this.#backAt = new Float64Array(clients).fill(Infinity)
  }

  run(): FleetResult {
    const { clients } = this.#config
    for (let client = 0; client < clients; client++) this.#connect(client)
    this.#isAway = true
    for (let client = 0; client < clients; client++) {
      const machine = this.#machines[client]!
      machine.linkClosed(0, this.#link[client]!, network, error)
      this.#settle(0, client, machine)
    }
    const events = this.#events
    while (events.take() && events.at < lastMs) this.#happen(events.at, events.kind, events.client, events.link)
    return this.#result()
  }

  /** Long ago, when all was well. */
  #connect(client: number): void {
    const machine = new ClientMachine(this.#machineConfig)
    this.#machines[client] = machine
    machine.start(-connectedForMs, -connectedForMs)
    this.#settle(-connectedForMs, client, machine)
    const link = this.#link[client]!
    if (this.#hasSessions) machine.opened(-connectedForMs, -connectedForMs, link, gauge, true, true)
    this.#take(-connectedForMs, client, machine, link)
    this.#settle(-connectedForMs, client, machine)
    this.#alarmAt[client] = Infinity
    this.#dials[client] = 0
  }

  get #machineConfig(): ClientConfig {
    const { strategy } = this.#config
    return {
      isReconnecting: true,
      retry: { ...retry, jitter: strategies[strategy].jitter },
      liveness: { interval: 30_000, timeout: 10_000, writeTimeout: 10_000 },
      connectTimeout: 10_000,
      closeTimeout: 10_000,
      outbox: { maxBytes: 4 * 1024 * 1024, maxMessages: 10_000 },
      hasSetup: false,
      canRefresh: false,
      random: this.#random.next,
      session: this.#hasSessions ? { cid: sid, maxLinkAge: Infinity, mayMove: () => false } : undefined,
    }
  }

  get #hasSessions(): boolean {
    return this.#client.startsWith('session')
  }

  #happen(now: number, kind: number, client: number, link: number): void {
    switch (kind) {
      case kinds.turn:
        this.#turn(now)
        return
      case kinds.arrives:
        this.#arrive(now, client, link)
        return
      case kinds.renews:
        this.#renew(now, client, link)
        return
    }
    const machine = this.#machines[client]
    if (!machine) return
    if (kind === kinds.timer) {
      if (now !== this.#alarmAt[client]) return
      this.#alarmAt[client] = Infinity
      machine.tick(now, now)
    } else if (link === this.#link[client]) this.#hear(now, kind, client, machine, link)
    this.#settle(now, client, machine)
  }

  /** An answer of the server, or of the network. */
  #hear(now: number, kind: number, client: number, machine: ClientMachine, link: number): void {
    switch (kind) {
      case kinds.opens:
        machine.opened(now, now, link, gauge, true, true)
        return
      case kinds.taken:
        this.#take(now, client, machine, link)
        return
      case kinds.failed:
        machine.linkClosed(now, link, network, error)
        return
      case kinds.told: {
        const after = Math.max(1, Math.ceil(this.#slotAt[client]! - now + latencyMs))
        if (this.#hasSessions) machine.receive(now, now, link, encode({ kind: 'refused', why: 'busy', after }))
        else machine.linkClosed(now, link, this.#unavailable(after), error)
        return
      }
      case kinds.strange:
        machine.receive(now, now, link, encode({ kind: 'refused', why: 'unknown' }))
        return
      case kinds.expired:
        machine.receive(now, now, link, encode({ kind: 'refused', why: 'expired', recv: 0 }))
        return
    }
  }

  #take(now: number, client: number, machine: ClientMachine, link: number): void {
    const terms = this.#terms
    if (!this.#hasSessions) {
      machine.opened(now, now, link, gauge, true)
      return
    }
    const frame = this.#isResuming[client]
      ? encode({ kind: 'spliced', recv: 0, base: 0, sent: 0, ...terms })
      : encode({ kind: 'welcome', sid, key, proto: '', max: 1024 * 1024, ...terms })
    machine.receive(now, now, link, frame)
  }

  /** 503, with whole seconds in its header. */
  #unavailable(afterMs: number): CloseInfo {
    if (this.#client === 'plain') return network
    return { ...abnormalClose('server'), httpStatus: 503, retryAfter: Math.ceil(afterMs / msPerS) * msPerS }
  }

  /** Does what the machine wants done. */
  #settle(now: number, client: number, machine: ClientMachine): void {
    for (let output = machine.poll(); output; output = machine.poll()) {
      switch (output.kind) {
        case 'dial':
          this.#dials[client]!++
          this.#link[client] = output.link
          this.#isResuming[client] = Number(output.isResuming)
          if (this.#isAway) this.#events.plan(now + 2 * latencyMs, kinds.arrives, client, output.link)
          break
        case 'write':
          // The server does not have its session, and is asked for a new one on the same link.
          if (decode(output.frame as string).kind === 'renew') this.#events.plan(now + latencyMs, kinds.renews, client, output.link)
          break
        case 'close':
          machine.linkClosed(now, output.link, goodbye, error)
          break
        case 'drop':
          this.#link[client] = nobody
          break
        case 'giveup':
          this.#leave(client)
          this.#stranded++
          return
        case 'open':
        case 'resumed':
          if (!this.#isAway) break
          this.#leave(client)
          this.#backAt[client] = now
          return
        default:
          break
      }
    }
    const at = Math.max(machine.deadline, now)
    if (at === this.#alarmAt[client] || !this.#isAway) return
    this.#alarmAt[client] = at
    if (at < Infinity) this.#events.plan(at, kinds.timer, client, nobody)
  }

  /** Nothing that follows is of interest. */
  #leave(client: number): void {
    this.#machines[client] = undefined
  }

  // The server

  #arrive(now: number, client: number, link: number): void {
    const { outageMs } = this.#config
    if (now < outageMs) {
      this.#events.plan(now + latencyMs, kinds.failed, client, link)
      return
    }
    const slice = Math.floor((now - outageMs) / sliceMs)
    this.#arrivals[slice] = (this.#arrivals[slice] ?? 0) + 1
    if (!this.#server.arrive(now, { client, link })) {
      this.#overflows++
      this.#events.plan(now + latencyMs, kinds.failed, client, link)
    }
    this.#planTurn(now)
  }

  /** It comes over a link that is there, and so past the accept queue. */
  #renew(now: number, client: number, link: number): void {
    if (this.#link[client] !== link) return
    this.#isResuming[client] = 0
    this.#server.ask(now, { client, link })
    this.#planTurn(now)
  }

  #turn(now: number): void {
    this.#turnAt = Infinity
    this.#server.turn()
    this.#planTurn(now)
  }

  #planTurn(now: number): void {
    const at = Math.max(now, this.#server.dueAt)
    if (this.#turnAt < Infinity || at === Infinity) return
    this.#turnAt = at
    this.#events.plan(at, kinds.turn, nobody, nobody)
  }

  #decide(now: number, { client, link }: Dial): Decision {
    if (this.#hasSessions) this.#events.plan(now + latencyMs, kinds.opens, client, link)
    if (this.#isResuming[client]) {
      if (this.#client === 'session, gone') return unknownSession
      const slot = this.#slotAt[client]!
      if (now > Math.max(ttlMs, slot < Infinity ? slot + lateMs : 0)) return expiredSession
    }
    // Only who holds a session is known again.
    const slot = this.#isResuming[client] ? this.#slotAt[client]! : Infinity
    return this.#admission!.admit(now, slot)
  }

  #answer(at: number, { client, link }: Dial, decision: Decision): void {
    if (decision === taken && this.#link[client] !== link) this.#wasted++
    if (decision > 0) {
      this.#told++
      this.#slotAt[client] = at + decision
    }
    this.#events.plan(at + latencyMs, kindOf(decision), client, link)
  }

  #result(): FleetResult {
    const { clients, outageMs } = this.#config
    const back = this.#backAt.slice().sort()
    const after = (share: number): number | null => {
      const at = back[Math.ceil(share * clients) - 1]!
      return at < Infinity ? (at - outageMs) / msPerS : null
    }
    return {
      p50: after(0.5),
      p99: after(0.99),
      p100: after(1),
      stranded: this.#stranded,
      attempts: this.#dials.reduce((sum, dials) => sum + dials, 0) / clients,
      mostAttempts: this.#dials.reduce((most, dials) => Math.max(most, dials), 0),
      peak: this.#arrivals.reduce((most, count) => Math.max(most, count), 0),
      told: this.#told,
      overflows: this.#overflows,
      wasted: this.#wasted,
    }
  }
}

function kindOf(decision: Decision): number {
  switch (decision) {
    case taken:
      return kinds.taken
    case unknownSession:
      return kinds.strange
    case expiredSession:
      return kinds.expired
    default:
      return kinds.told
  }
}
