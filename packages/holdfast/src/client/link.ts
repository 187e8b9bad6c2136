/** The seam to a transport: one physical WebSocket, from the dial to its end. */

import type { CloseInfo } from '../core/close-info.ts'
import type { LinkGauge } from '../core/liveness.ts'
import type { Data, Wire } from './data.ts'

export interface Link extends LinkGauge {
  readonly protocol: string
  readonly extensions: string
  /** Whether `ping` exists here. */
  readonly canPing: boolean
  /** Whether `pause` stops the reading. */
  readonly canPause: boolean
  /** Bytes of messages that were sent and have not left, as the standard counts them. */
  readonly bufferedAmount: number
  /** @param settle called once, when the bytes left or when they never will */
  send(data: Data, settle?: (error?: Error) => void): void
  /** Calls `run` once, when what was sent has left. */
  whenDrained(run: () => void): void
  /** Sends ping number `ping`; its answer comes back as `linkAnswered`. */
  ping(ping: number): void
  /** Starts the closing handshake (RFC 6455 section 7.1.2). */
  close(code?: number, reason?: string): void
  /** Lets go at once. Nothing is heard of the link afterwards. */
  terminate(): void
  /** Stops and resumes reading, where the transport can. */
  pause(): void
  resume(): void
}

/** What a link tells its owner. `linkClosed` comes once and last. */
export interface LinkOwner {
  linkOpened(link: Link): void
  linkMessage(link: Link, message: Wire): void
  /** A ping of the peer's, or anything else that is a sign of life and no message. */
  linkHeard(link: Link): void
  linkAnswered(link: Link, ping: number): void
  linkClosed(link: Link, close: CloseInfo, error: Error): void
}

export interface DialRequest {
  readonly url: string
  readonly protocols: string[]
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly wsOptions: object | undefined
}

/** Starts a link. A constructor that throws throws out of it. */
export type Dialer = (request: DialRequest, owner: LinkOwner) => Link
