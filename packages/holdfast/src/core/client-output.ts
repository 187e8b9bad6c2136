/** What a client's machine wants done, in order: told to a link, or to the application. */

import type { ClientStateName } from './client-state.ts'
import type { CloseInfo } from './close-info.ts'
import type { OutboxEntry } from './outbox.ts'

export type Output =
  /** Where to: `url`, where the server sent us; undefined: where the application says. */
  | {
      readonly kind: 'dial'
      readonly link: number
      readonly attempt: number
      readonly isResuming: boolean
      readonly url: string | undefined
    }
  | { readonly kind: 'transmit'; readonly link: number; readonly entry: OutboxEntry }
  /** The first frame of a link of a session, or its last; the others come from `nextFrame`. */
  | { readonly kind: 'write'; readonly link: number; readonly frame: unknown }
  | { readonly kind: 'ping'; readonly link: number; readonly ping: number }
  /** Say goodbye; `linkClosed` will follow. */
  | { readonly kind: 'close'; readonly link: number; readonly code: number | undefined; readonly reason: string }
  /** Let go of the link now; nothing more is heard of it. */
  | { readonly kind: 'drop'; readonly link: number; readonly isPolite: boolean }
  | { readonly kind: 'setup'; readonly link: number; readonly isFirst: boolean }
  | { readonly kind: 'change'; readonly from: ClientStateName; readonly to: ClientStateName }
  | { readonly kind: 'open' }
  /** A dial failed that will be followed by another one, or by giveup. */
  | { readonly kind: 'failed'; readonly close: CloseInfo; readonly error: Error }
  | {
      readonly kind: 'end'
      readonly close: CloseInfo
      readonly error: Error | undefined
      readonly willReconnect: boolean
      /** Sent and never acknowledged, or never sent. */
      readonly unsent: readonly OutboxEntry[]
      /** Whether none of it arrived, as far as can be known. */
      readonly exact: boolean
    }
  /** The link is gone, the session is not. */
  | { readonly kind: 'lost'; readonly close: CloseInfo }
  /** `replayed` messages are on their way to us, `resent` from us. */
  | { readonly kind: 'resumed'; readonly downtime: number; readonly replayed: number; readonly resent: number }
  /** `error` says what went wrong before. */
  | { readonly kind: 'retry'; readonly attempt: number; readonly delay: number; readonly close: CloseInfo; readonly error: Error }
  | { readonly kind: 'giveup'; readonly close: CloseInfo }

const revocable: readonly Output['kind'][] = ['dial', 'setup', 'open', 'failed', 'retry', 'giveup']

/** Whether it is no longer true once the application has closed the socket, or asked for another link. */
export function isRevocable(output: Output): boolean {
  return revocable.includes(output.kind)
}
