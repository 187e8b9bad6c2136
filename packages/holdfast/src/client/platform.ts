/** What differs between Node and the rest: which transport there is, hints about the network, and who else wants to know. */

import type { CloseInfo } from '../core/close-info.ts'
import type { Dialer } from './link.ts'
import type { Clock, ResolvedOptions } from './options.ts'
import { webPlatform } from './web-platform.ts'

/** What the surroundings say: the network came or went, somebody looks again, the page is put away. */
export type Hint = 'online' | 'offline' | 'wake' | 'hide'

/** Published at each change of state. */
export interface StateMessage {
  readonly name: string | undefined
  /** Without its query, user name and password, which may be secrets. */
  readonly url: string
  readonly from: string
  readonly to: string
  readonly attempt: number
  readonly lastClose: CloseInfo | null
  /** Epoch ms. */
  readonly at: number
}

export interface Platform {
  /** @throws Error, when there is no transport that can do what the options ask for */
  dialer(options: ResolvedOptions, clock: Clock): Dialer | Promise<Dialer>
  /** Runs a step after the reads that are queued already. */
  afterReads(run: () => void): void
  /** Hints until the returned function is called. */
  watch(listener: (hint: Hint) => void): () => void
  readonly isOffline: boolean
  publish(message: StateMessage): void
  /** Whether 'nodebuffer' is a binaryType. */
  readonly hasBuffers: boolean
}

let current: Platform = webPlatform

export function platform(): Platform {
  return current
}

/** Called by an entry of the package before anything is dialled. */
export function usePlatform(chosen: Platform): void {
  current = chosen
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (handle) => clearTimeout(handle as number),
}
