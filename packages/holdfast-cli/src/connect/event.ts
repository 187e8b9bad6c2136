/** What happens to a connection and on it: one line on stderr, or one of NDJSON. Durations are milliseconds. */

import type { Stats } from 'holdfast'
import type { ExitCode } from '../exit-code.ts'
import type { LifeEvent } from '../life/event.ts'

type Life<Name extends LifeEvent['event']> = Extract<LifeEvent, { event: Name }>

export type ConnectEvent =
  | (Life<'open'> & { readonly url: string; readonly handshakeMs: number; readonly rttMs: number | null; readonly subprotocol: string })
  /** `uncertain`: how many messages the link had taken that may not have arrived. */
  | (Life<'lost'> & { readonly uncertain: number })
  | (Life<'failed'> & { readonly unacknowledged: number })
  | Life<'resumed' | 'ended' | 'giveup' | 'pong'>
  | (Life<'closed'> & { readonly uncertain: number })
  /** It has left this process. */
  | { readonly event: 'sent'; readonly data: string }
  /** It has arrived. */
  | { readonly event: 'acknowledged'; readonly data: string }
  | { readonly event: 'message'; readonly data: string }
  | { readonly event: 'message'; readonly base64: string }
  | {
      readonly event: 'end'
      readonly exitCode: ExitCode
      readonly uncertain: number
      /** Messages that never left, or are known not to have arrived. */
      readonly unsent: number
      readonly stats: Stats
    }
