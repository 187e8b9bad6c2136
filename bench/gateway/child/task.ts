/** What a process of the bench is asked to do, what it answers, and what it may be asked then. */

import type { SubjectName } from '../../sessions/subject.ts'
import type { ClientKind } from '../subject.ts'

/** Answered by its port. */
export interface BackendTask {
  readonly kind: 'backend'
}

/** Answered by its port. */
export interface GatewayTask {
  readonly kind: 'gateway'
  readonly build: string
  readonly upstreamPort: number
}

/** Answered by null when it is ready; then by a Lap for each lap, else by null. */
export interface LoadTask {
  readonly kind: 'load'
  readonly build: string
  readonly client: SubjectName
  readonly port: number
}

interface ClientTask {
  readonly build: string
  readonly client: ClientKind
  readonly port: number
}

/** Numbered messages to an echo while links are reset. Answered by an EchoCount. */
export interface StormTask extends ClientTask {
  readonly kind: 'storm'
  readonly path: string
  readonly messages: number
}
export interface EchoCount {
  readonly missing: number
  readonly duplicated: number
  readonly reordered: number
  readonly resets: number
  readonly seconds: number
}

/** A client of a feed, whose network is gone for a while. Answered by an Absence. */
export interface AwayTask extends ClientTask {
  readonly kind: 'away'
  readonly path: string
  readonly everyMs: number
  readonly awayMs: number
}
export interface Absence {
  readonly received: number
  readonly missing: number
  readonly reordered: number
}

/** Sockets that talk until something is cut. Answered by null when they do; then each message by an Outcome for each of them. */
export interface WitnessTask extends ClientTask {
  readonly kind: 'witness'
  readonly sockets: number
}
export interface Outcome {
  /** With which the socket was closed; none when it goes on. */
  readonly code: number | null
  /** Epoch ms: of the close. */
  readonly closedAt: number
  /** The longest time without a message. */
  readonly gapMs: number
}

export type Task = BackendTask | GatewayTask | LoadTask | StormTask | AwayTask | WitnessTask

/** Of a gateway; answered by its GatewayUsage. */
interface UsageOrder {
  readonly kind: 'usage'
}
export interface GatewayUsage {
  /** V8's, after a garbage collection if it was started with `--expose-gc`. */
  readonly heapBytes: number
  readonly sessions: number
  readonly attached: number
  readonly plain: number
}

/** Of a backend: how many connections asked for a path. */
export interface ConnectionsOrder {
  readonly kind: 'connections'
  readonly path: string
}

interface OpenOrder {
  readonly kind: 'open'
  readonly connections: number
}
export interface LapOrder {
  readonly kind: 'lap'
  readonly bytes: number
  /** Of each connection. */
  readonly inFlight: number
  readonly ms: number
}
interface CloseOrder {
  readonly kind: 'close'
}
interface OutcomesOrder {
  readonly kind: 'outcomes'
}

export interface Lap {
  readonly messages: number
  readonly ms: number
  /** Round trips, in µs; only where one message is in flight. */
  readonly times: readonly number[]
}

export type LoadOrder = OpenOrder | LapOrder | CloseOrder
export type Order = UsageOrder | ConnectionsOrder | LoadOrder | OutcomesOrder
