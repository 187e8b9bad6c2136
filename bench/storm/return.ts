/** How clients came back that had gone together, in figures. */

import { median } from '../peers/statistics.ts'
import type { Accepts, Returns } from './child/task.ts'

export interface Return {
  /** Seconds from the return of the server until this share was back; Infinity: it never was. */
  readonly p50: number
  readonly p99: number
  readonly p100: number
  /** Connections that were tried, by one client on average. */
  readonly attempts: number
  /** Connections accepted in the busiest slice. */
  readonly peak: number
  /** That, and how many they are in one slice on average until 99 % were back. */
  readonly peakRatio: number
}

/** Of several storms: each figure is the one in the middle. */
export function medianReturn(returns: readonly Return[]): Return {
  const middle = (number: (each: Return) => number): number => median(returns.map(number))
  return {
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    p100: middle(({ p100 }) => p100),
    attempts: middle(({ attempts }) => attempts),
    peak: middle(({ peak }) => peak),
    peakRatio: middle(({ peakRatio }) => peakRatio),
  }
}

export const sliceMs = 100
const msPerS = 1_000

/** @param at when the server was there again, in epoch ms */
export function returnOf(clients: number, at: number, { openedAt, dials }: Returns, accepts: Accepts): Return {
  const sorted = [...openedAt].sort((a, b) => a - b)
  const backAfter = (share: number): number => ((sorted[Math.ceil(share * clients) - 1] ?? Infinity) - at) / msPerS
  const p99 = backAfter(0.99)
  const { peak, mean } = slicesOf(accepts, at, p99 * msPerS)
  return { p50: backAfter(0.5), p99, p100: backAfter(1), attempts: dials / clients, peak, peakRatio: peak / mean }
}

/** @param untilMs from the beginning; what comes later counts for the peak only */
export function slicesOf(times: readonly number[], from: number, untilMs: number): { readonly peak: number; readonly mean: number } {
  const slices = new Map<number, number>()
  for (const time of times) {
    const slice = Math.floor((time - from) / sliceMs)
    slices.set(slice, (slices.get(slice) ?? 0) + 1)
  }
  const count = times.filter((time) => time - from <= untilMs).length
  return { peak: Math.max(0, ...slices.values()), mean: (count * sliceMs) / Math.max(untilMs, sliceMs) }
}
