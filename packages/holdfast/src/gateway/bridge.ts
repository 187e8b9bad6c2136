/**
 * A client and its backend: what one says the other hears, in the same turn, and none faster than the other takes it.
 *
 * Towards a client that is away, or reads slowly, its session keeps messages up to its bounds; then the backend is read no further. Towards
 * a backend that takes no more, or from a client that says more than it may, nothing more is taken, and so not acknowledged.
 */

import type { Clock } from '../server/clock.ts'
import type { Incoming } from '../server/incoming.ts'
import { type SessionSocket, sessionOf } from '../server/session-socket.ts'
import type { Allowance } from './allowance.ts'
import { codeForClient, codeForUpstream } from './end-code.ts'
import type { GatewayJournal } from './journal.ts'
import { TurnCork } from './turn-cork.ts'
import type { Upstream, UpstreamEnd, UpstreamOwner } from './upstream.ts'

export interface BridgeConfig {
  readonly clock: Clock
  readonly journal: GatewayJournal
}

const asText = { binary: false }
const asBinary = { binary: true }
/** Unsent bytes of a client without a session beyond which its backend is read no further. */
const busyBytes = 256 * 1024

export class Bridge implements UpstreamOwner {
  readonly #client: SessionSocket
  readonly #upstream: Upstream
  readonly #config: BridgeConfig
  readonly #allowance: Allowance | undefined
  /** What came of the backend in the read after which there was no more room. */
  #backlog: Incoming[] | undefined
  /** The backend has ended, and the client has to be told, behind the backlog. */
  #end: UpstreamEnd | undefined
  #isThrottled = false
  /** Of a client without a session; sessions have their own. */
  readonly #cork = new TurnCork()

  constructor(client: SessionSocket, upstream: Upstream, config: BridgeConfig, allowance: Allowance | undefined) {
    this.#client = client
    this.#upstream = upstream
    this.#config = config
    this.#allowance = allowance
    client.on('message', (data, isBinary) => this.#clientSent(data as Buffer, isBinary))
    client.on('resumed', () => this.#flush())
    client.on('error', () => {}) // the close that follows says it
    client.on('close', (code, reason) => this.#clientEnded(code, reason.toString()))
    upstream.join(this)
  }

  upstreamSent(data: Buffer, isBinary: boolean): void {
    if (!this.#backlog && this.#hasRoom(data.length)) this.#toClient(data, isBinary)
    else this.#hold({ data, isBinary })
  }

  upstreamDrained(): void {
    this.#pace()
  }

  upstreamEnded(end: UpstreamEnd): void {
    this.#config.journal.upstreamEnded(this.#client, this.#upstream, end)
    this.#end = end
    this.#pace() // the answer to a close must be read
    this.#flush()
  }

  #clientSent(data: Buffer, isBinary: boolean): void {
    this.#upstream.forward(data, isBinary)
    if (this.#allowance) this.#spend(this.#allowance, data.length)
    if (this.#upstream.isBusy) this.#pace()
  }

  #clientEnded(code: number, reason: string): void {
    this.#backlog = undefined
    if (this.#end) return
    this.#config.journal.clientEnded(this.#client, this.#upstream, code, reason)
    this.#upstream.leave(codeForUpstream(code, reason))
  }

  #spend(allowance: Allowance, bytes: number): void {
    const { clock, journal } = this.#config
    const waitMs = allowance.spend(clock.now(), bytes)
    if (waitMs === 0 || this.#isThrottled) return
    journal.throttled(this.#client)
    this.#isThrottled = true
    this.#pace()
    clock.setTimer(() => {
      this.#isThrottled = false
      this.#pace()
    }, waitMs)
  }

  #pace(): void {
    const mustWait = !this.#end && (this.#isThrottled || this.#upstream.isBusy)
    if (mustWait === this.#client.isPaused) return
    if (mustWait) this.#client.pause()
    else this.#client.resume()
  }

  #hasRoom(bytes: number): boolean {
    const session = sessionOf(this.#client)
    return session ? !session.isFullFor(bytes) : this.#client.bufferedAmount <= busyBytes
  }

  #toClient(data: Buffer, isBinary: boolean): void {
    const client = this.#client
    const session = sessionOf(client)
    if (session) {
      session.forward(data, isBinary)
      return
    }
    this.#cork.hold(client)
    client.send(data, isBinary ? asBinary : asText, client.bufferedAmount + data.length > busyBytes ? this.#written : undefined)
  }

  readonly #written = (): void => {
    if (this.#backlog) this.#flush()
  }

  #hold(message: Incoming): void {
    if (this.#backlog) {
      this.#backlog.push(message)
      return
    }
    this.#backlog = [message]
    this.#upstream.pause()
    this.#config.journal.held(this.#client)
    const session = sessionOf(this.#client)
    if (session) void this.#flushWhenRoom(session)
  }

  async #flushWhenRoom(session: NonNullable<ReturnType<typeof sessionOf>>): Promise<void> {
    while (this.#backlog) {
      await session.nextRoom(undefined)
      this.#flush()
    }
  }

  #flush(): void {
    const backlog = this.#backlog ?? []
    let sent = 0
    for (const { data, isBinary } of backlog) {
      if (!this.#hasRoom(data.length)) break
      this.#toClient(data, isBinary)
      sent++
    }
    backlog.splice(0, sent)
    if (backlog.length > 0) return
    if (this.#backlog) this.#upstream.resume()
    this.#backlog = undefined
    if (this.#end) this.#sayEnd(this.#end)
  }

  /** A client that is away hears it when it is back: until then its session has to go on. */
  #sayEnd(end: UpstreamEnd): void {
    const { code, reason } = codeForClient(end)
    if (this.#client.attached) this.#client.close(code, reason)
  }
}
