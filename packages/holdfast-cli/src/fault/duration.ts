import { maxTimerMs } from './option-rule.ts'

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

export const durationHint = 'a number with its unit, such as 250ms, 1.5s, 2m or 1h, of at most 24 days'

/** Milliseconds of a text such as `250ms`, `2s`, `1.5m` or `1h`; `undefined` when it is none, or longer than a timer can wait. */
export const parseDuration = (text: string): number | undefined => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) return undefined
  const ms = Math.round(Number(amount) * (unitsMs[unit] ?? 1))
  return ms <= maxTimerMs ? ms : undefined
}

/** The shortest text which `parseDuration` reads as this many whole milliseconds. */
export const renderDuration = (ms: number): string => {
  const unit = ['h', 'm', 's'].find((name) => ms > 0 && ms % (unitsMs[name] ?? 1) === 0) ?? 'ms'
  return `${ms / (unitsMs[unit] ?? 1)}${unit}`
}
