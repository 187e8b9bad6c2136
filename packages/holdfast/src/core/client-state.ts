/** The states of a client's connection, and which may follow which. */

import type { CloseInfo } from './close-info.ts'
import type { Dial } from './dial.ts'
import type { LinkGauge, Liveness } from './liveness.ts'

export interface LiveLink {
  readonly link: number
  /** How many retries in a row it took; 0 once the link has proven stable. */
  readonly attempt: number
  readonly since: number
  /** Epoch ms. */
  readonly openedAt: number
  readonly gauge: LinkGauge
  readonly liveness: Liveness
}

/** A link that opened; its first frame is due. */
export interface Greeted {
  readonly link: number
  readonly attempt: number
  readonly openedAt: number
  readonly gauge: LinkGauge
  readonly dial: Dial
}

export type ClientState =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting'; readonly link: number; readonly attempt: number; readonly dial: Dial }
  | ({ readonly name: 'greeting' } & Greeted)
  | ({ readonly name: 'settling' } & LiveLink)
  | ({ readonly name: 'open' } & LiveLink)
  | { readonly name: 'waiting'; readonly attempt: number; readonly retryAt: number; readonly notBefore: number }
  | { readonly name: 'suspended'; readonly notBefore: number }
  | { readonly name: 'closing'; readonly link: number; readonly closeAt: number; readonly close: CloseInfo }
  | { readonly name: 'closed' }

export type ClientStateName = ClientState['name']

/** The states in which a link is there to be used. */
export type LiveState = Extract<ClientState, { name: 'settling' | 'open' }>

/** Where a failure leads. */
export type FailureState = Extract<ClientState, { name: 'waiting' | 'suspended' | 'closed' }>

const legal: { readonly [name in ClientStateName]: readonly ClientStateName[] } = {
  idle: ['connecting', 'waiting', 'closing'],
  connecting: ['connecting', 'greeting', 'settling', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  greeting: ['connecting', 'greeting', 'settling', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  settling: ['connecting', 'greeting', 'settling', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  open: ['connecting', 'greeting', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  waiting: ['connecting', 'waiting', 'closing', 'closed'],
  suspended: ['connecting', 'waiting', 'closing', 'closed'],
  closing: ['closing', 'closed'],
  closed: [],
}

/** @throws Error, on a move that is not in the table: a defect of ours, never the application's or the network's */
export function checkMove(from: ClientStateName, to: ClientStateName): void {
  if (!legal[from].includes(to)) throw new Error(`a connection cannot go from ${from} to ${to}; this is a defect of holdfast`)
}

export function isLive(state: ClientState): state is LiveState {
  return state.name === 'open' || state.name === 'settling'
}
