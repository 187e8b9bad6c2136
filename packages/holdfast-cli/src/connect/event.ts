/** What happens to a connection and on it: one line on stderr, or one of NDJSON. Durations are milliseconds. */

import type { Stats } from 'holdfast'
import type { DemoEvent } from '../demo/event.ts'
import type { ExitCode } from '../exit-code.ts'

type LifeEvent<Name extends DemoEvent['event']> = Extract<DemoEvent, { event: Name }>

export type ConnectEvent =
  | (LifeEvent<'open'> & { readonly url: string; readonly handshakeMs: number; readonly subprotocol: string })
  /** `uncertain`: how many messages the link had taken that may not have arrived. */
  | (LifeEvent<'lost'> & { readonly uncertain: number })
  | LifeEvent<'failed' | 'giveup' | 'pong'>
  | (LifeEvent<'closed'> & { readonly uncertain: number })
  /** It has left this process. */
  | { readonly event: 'sent'; readonly data: string }
  | { readonly event: 'message'; readonly data: string }
  | { readonly event: 'message'; readonly base64: string }
  | {
      readonly event: 'end'
      readonly exitCode: ExitCode
      readonly uncertain: number
      /** Messages that never left. */
      readonly unsent: number
      readonly stats: Stats
    }
