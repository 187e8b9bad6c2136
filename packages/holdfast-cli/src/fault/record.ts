import type { FreezeDirection } from './direction.ts'
import type { Held } from './fault.ts'

/** What ended a connection; the first thing that did counts. */
export type DisconnectCause =
  | 'client-fin'
  | 'client-reset'
  | 'upstream-fin'
  | 'upstream-reset'
  | 'upstream-unreachable'
  | 'cut'
  | 'reset'
  | 'close'

/** What happened. `connections` is how many were hit by a fault. */
export type FaultEvent =
  | { readonly event: 'listen'; readonly host: string; readonly port: number; readonly upstream: string }
  | { readonly event: 'connect'; readonly connection: number; readonly from: string }
  | { readonly event: 'unreachable'; readonly connection: number; readonly upstream: string; readonly error: string }
  | {
      readonly event: 'disconnect'
      readonly connection: number
      readonly cause: DisconnectCause
      readonly bytesUp: number
      readonly bytesDown: number
    }
  | { readonly event: 'cut' | 'reset'; readonly connections: number }
  | { readonly event: 'freeze'; readonly direction: FreezeDirection; readonly connections: number }
  | { readonly event: 'heal'; readonly held: Held; readonly direction: FreezeDirection; readonly connections: number }
  | { readonly event: 'refuse' | 'accept' }
  | { readonly event: 'delay'; readonly ms: number; readonly jitter: number }
  | { readonly event: 'slice'; readonly maxBytes: number }
  | { readonly event: 'limit'; readonly bytesPerSecond: number }
  | { readonly event: 'error'; readonly error: string }
  | { readonly event: 'close' }

/** One line of the log: `at` in epoch milliseconds, `elapsedMs` since the proxy began to listen, and what happened. */
export type FaultRecord = { readonly at: number; readonly elapsedMs: number } & FaultEvent

/** One record as a line of NDJSON, line feed included. */
export const renderRecord = (record: FaultRecord): string => `${JSON.stringify(record)}\n`
