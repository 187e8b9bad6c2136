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

export type ClientState =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting'; readonly link: number; readonly attempt: number; readonly dial: Dial }
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
  connecting: ['connecting', 'settling', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  settling: ['connecting', 'settling', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  open: ['connecting', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  waiting: ['connecting', 'waiting', 'closing'],
  suspended: ['connecting', 'waiting', 'closing'],
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
