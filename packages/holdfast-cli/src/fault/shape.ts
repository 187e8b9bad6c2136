import { checkNumber, millisecondRule, type NumberRule } from './option-rule.ts'

/** Milliseconds that every chunk waits, and by how much that varies either way (uniformly; never below zero). */
export type Delay = { readonly ms: number; readonly jitter?: number }

/** How bytes are made to travel. Zero means off. */
export type Shape = {
  readonly delayMs: number
  readonly jitterMs: number
  readonly maxSliceBytes: number
  readonly bytesPerSecond: number
}

export const plainShape: Shape = { delayMs: 0, jitterMs: 0, maxSliceBytes: 0, bytesPerSecond: 0 }

export const sliceRule: NumberRule = { min: 0, max: 2 ** 30, whole: true, unit: 'bytes' }
export const limitRule: NumberRule = { min: 0, max: 2 ** 40, whole: true, unit: 'bytes per second' }

export const withDelay = (shape: Shape, delay: Delay | undefined): Shape => ({
  ...shape,
  delayMs: checkNumber('delay.ms', delay === undefined ? 0 : delay.ms, millisecondRule),
  jitterMs: checkNumber('delay.jitter', delay?.jitter ?? 0, millisecondRule),
})

export const withSlice = (shape: Shape, maxBytes: number | undefined): Shape => ({
  ...shape,
  maxSliceBytes: checkNumber('slice', maxBytes ?? 0, sliceRule),
})

export const withLimit = (shape: Shape, bytesPerSecond: number | undefined): Shape => ({
  ...shape,
  bytesPerSecond: checkNumber('limit', bytesPerSecond ?? 0, limitRule),
})

/** When a chunk that arrives now may leave. Never before the one ahead of it: order is kept. */
export const dueTime = (shape: Shape, now: number, previousDueAt: number, random: () => number): number => {
  const jitterMs = shape.jitterMs * (2 * random() - 1)
  return Math.max(previousDueAt, now + Math.max(0, shape.delayMs + jitterMs))
}
