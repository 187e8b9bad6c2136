import type { FreezeDirection } from './direction.ts'

/**
 * What becomes of a frozen direction when it heals. `release`: everything held goes on in order, as after a short outage which TCP
 * repairs. `drop`: what was held is lost and the connections of that time stay black-holed, as when a box in the network forgot them.
 */
export type Held = 'drop' | 'release'

export const heldWords: readonly Held[] = ['drop', 'release']

/** One thing that can be done to a network, as data. Zero switches delay, slice and limit off. */
export type Fault =
  | { readonly kind: 'cut' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'freeze'; readonly direction: FreezeDirection; readonly held: Held }
  | { readonly kind: 'heal'; readonly direction: FreezeDirection; readonly held: Held }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'accept' }
  | { readonly kind: 'delay'; readonly ms: number; readonly jitter: number }
  | { readonly kind: 'slice'; readonly maxBytes: number }
  | { readonly kind: 'limit'; readonly bytesPerSecond: number }

export type FaultKind = Fault['kind']

export const faultKinds: readonly FaultKind[] = ['cut', 'reset', 'freeze', 'heal', 'refuse', 'accept', 'delay', 'slice', 'limit']

/** The faults that last, and so can be undone. */
export type LastingFault = Extract<Fault, { kind: 'freeze' | 'refuse' | 'delay' | 'slice' | 'limit' }>

export const lastingKinds: readonly LastingFault['kind'][] = ['freeze', 'refuse', 'delay', 'slice', 'limit']

export const isLasting = (fault: Fault): fault is LastingFault => lastingKinds.some((kind) => kind === fault.kind)
