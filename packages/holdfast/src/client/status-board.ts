/** Keeps the status of a socket, and tells those who subscribed when it is another. */

import type { ClientMachine } from '../core/client-machine.ts'
import type { Clock } from './options.ts'
import { guarded } from './report.ts'
import { nextStatus, publicState, type Status } from './status.ts'

export class StatusBoard {
  readonly #machine: ClientMachine
  readonly #clock: Clock
  readonly #subscribers: Set<() => void> = new Set()
  #status: Status | undefined
  #told: Status | undefined
  #retryAt: { readonly machineAt: number; readonly epoch: number } | undefined

  constructor(machine: ClientMachine, clock: Clock) {
    this.#machine = machine
    this.#clock = clock
  }

  /** The same object until one of its fields changes. */
  get status(): Status {
    const { state, lastClose, queued, held } = this.#machine
    const isLive = state.name === 'open' || state.name === 'settling'
    const own = held ? { id: held.sid, ttl: held.ttl, since: held.since } : null
    this.#status = nextStatus(this.#status, {
      state: held && !held.session.isOpen ? 'closing' : publicState(state.name),
      attempt: 'attempt' in state ? state.attempt : 0,
      retryAt: state.name === 'waiting' ? this.#epochOf(state.retryAt) : null,
      rtt: isLive ? state.liveness.rtt : null,
      session: own ?? (isLive ? { id: null, ttl: 0, since: state.openedAt } : null),
      allConfirmed: queued === 0 && (held?.session.outbox.length ?? 0) === 0,
      lastClose,
    })
    return this.#status
  }

  subscribe(listener: () => void): () => void {
    const own = () => listener()
    if (this.#subscribers.size === 0) this.#told = this.status
    this.#subscribers.add(own)
    return () => this.#subscribers.delete(own)
  }

  /** Subscribers compare with what they were told last: the status may have been read since then. */
  notify(): void {
    if (this.#subscribers.size === 0 || this.status === this.#told) return
    this.#told = this.status
    for (const listener of [...this.#subscribers]) guarded(listener)
  }

  /** Computed once a deadline: the two clocks drift, and a status must not change by that. */
  #epochOf(machineAt: number): number | null {
    if (machineAt === Infinity) return null
    if (this.#retryAt?.machineAt !== machineAt)
      this.#retryAt = { machineAt, epoch: Math.round(this.#clock.wall() - this.#clock.now() + machineAt) }
    return this.#retryAt.epoch
  }
}
