/** The options of the demonstration's socket: the library's defaults are made for days, these for half a minute. */

import type { ReconnectingWebSocketOptions } from 'holdfast'
import { seconds } from '../terminal/duration.ts'

export interface Tuning extends ReconnectingWebSocketOptions {
  readonly heartbeat: { readonly interval: number; readonly timeout: number }
  readonly retry: { readonly minDelay: number; readonly maxDelay: number; readonly maxRetries: number; readonly stableAfter: number }
  readonly connectTimeout: number
  readonly closeTimeout: number
}

/** For a network that breaks every few seconds. */
export const localTuning: Tuning = {
  heartbeat: { interval: 1_000, timeout: 500 },
  retry: { minDelay: 200, maxDelay: 2_000, maxRetries: 10, stableAfter: 1_000 },
  connectTimeout: 1_000,
  closeTimeout: 500,
}

/** For somebody else's server: impatient, and no burden. */
export const remoteTuning: Tuning = {
  heartbeat: { interval: 2_000, timeout: 2_000 },
  retry: { minDelay: 500, maxDelay: 2_000, maxRetries: 5, stableAfter: 10_000 },
  connectTimeout: 5_000,
  closeTimeout: 1_000,
}

/** Names and values, in words. */
export function describeTuning({ heartbeat, retry, connectTimeout }: Tuning): [name: string, text: string][] {
  const { minDelay, maxDelay, maxRetries, stableAfter } = retry
  return [
    ['heartbeat', `a ping after ${seconds(heartbeat.interval)} of silence, its answer due in ${seconds(heartbeat.timeout)}`],
    [
      'retry',
      `${seconds(minDelay)} to ${seconds(maxDelay)} apart, ${maxRetries} in a row at most; a link of ${seconds(stableAfter)} ends a row`,
    ],
    ['dial', `given up after ${seconds(connectTimeout)} at first, later if that was too soon`],
  ]
}
