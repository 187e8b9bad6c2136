/** What a process of the bench is asked to do; what it answers is named beside it. */

import type { CpuTask, IdleTask, RoundTripSteps } from '../../peers/client/task.ts'
import type { ServerKind, SubjectName } from '../subject.ts'

interface Common {
  readonly build: string
}

/** Answered by the port of each kind; then each message by a ServerUsage. */
export interface ServerTask extends Common {
  readonly kind: 'server'
  readonly kinds: readonly ServerKind[]
}
export type Ports = Readonly<Partial<Record<ServerKind, number>>>

export interface ServerUsage {
  readonly heapBytes: number
  /** Waited for at the moment, `unref` or not; those that the platform keeps to itself are not among them. */
  readonly timers: number
}

interface Client extends Common {
  readonly subject: SubjectName
}
/** A task of the bench of peers, for a subject of this one. */
type ForSubject<Task> = Omit<Task, 'subject'> & Client

/** Answered by the median round trip of each round in µs, for one subject after the other. */
export interface RoundTripTask extends Common, RoundTripSteps {
  readonly kind: 'round-trip'
  readonly subjects: readonly { readonly subject: SubjectName; readonly port: number }[]
}

/** How the network behaves; each fault begins `everyMs` after the last one. */
export type Weather = 'resets' | 'mixed'

/** Answered by a LossCount. */
export interface LossTask extends Client {
  readonly kind: 'loss'
  readonly weather: Weather
  readonly messages: number
}
export interface LossCount {
  readonly lostUp: number
  readonly lostDown: number
  readonly duplicated: number
  readonly reordered: number
  readonly faults: number
  readonly seconds: number
}

/** Answered by milliseconds, one for each socket. */
export interface ResetTask extends Client {
  readonly kind: 'reset'
  readonly sockets: number
}

/** Answered by a ReplayRate. */
export interface ReplayTask extends Common {
  readonly kind: 'replay'
  readonly port: number
  readonly bytes: number
  readonly up: number
  readonly down: number
}
/** Messages a second. */
export interface ReplayRate {
  readonly up: number
  readonly down: number
  /** The same messages on a link that is there. */
  readonly openUp: number
  readonly openDown: number
}

/** Answered by a MigrationGaps. */
export interface MigrationTask extends Common {
  readonly kind: 'migration'
  readonly port: number
  readonly maxLinkAge: number
  readonly migrations: number
}
/** The longest time without a message while the session moved, in ms, one for each move; and that of another stream in the same time. */
export interface MigrationGaps {
  readonly moved: readonly number[]
  readonly unmoved: readonly number[]
  readonly lost: number
}

export type Task =
  | ServerTask
  | ForSubject<CpuTask>
  | RoundTripTask
  | ForSubject<IdleTask>
  | LossTask
  | ResetTask
  | ReplayTask
  | MigrationTask
