/** What a process is asked to do, and then told; what it answers is named beside it. */

import type { Retry } from '../../peers/subject/subject.ts'
import type { ServerKind, SubjectName } from '../../sessions/subject.ts'

/** Answered by null when it is ready. Then it listens when it is told to, and answers by a Listening; and each other message by the Accepts so far. */
export interface ServeTask {
  readonly kind: 'serve'
  readonly build: string
  readonly server: ServerKind
  /** 0: any. */
  readonly port: number
}
export interface Listening {
  readonly port: number
  /** Epoch ms. */
  readonly at: number
}
/** When connections were accepted, in epoch ms. */
export type Accepts = readonly number[]

/** Answered by null when all are open. Then each message is answered by a Returns, of the time since the first one. */
export interface CrowdTask {
  readonly kind: 'crowd'
  readonly build: string
  readonly subject: SubjectName
  readonly port: number
  readonly clients: number
  /** How many dial at the same time, the first time. */
  readonly atOnce: number
  readonly retry: Retry | undefined
}
export interface Returns {
  /** When clients were open again, in epoch ms. */
  readonly openedAt: readonly number[]
  /** Epoch ms of the first dial of all. */
  readonly startedAt: number
  /** Connections that were tried, of all clients together. */
  readonly dials: number
}

export type Task = ServeTask | CrowdTask
