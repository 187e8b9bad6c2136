/** What a numeric option may be. Both bounds are allowed values. */
export type NumberRule = { readonly min: number; readonly max: number; readonly whole?: boolean; readonly unit?: string }

/** The longest wait a timer of this platform can make: 24.8 days. */
export const maxTimerMs: number = 2 ** 31 - 1

export const millisecondRule: NumberRule = { min: 0, max: maxTimerMs, unit: 'milliseconds' }

/** Throws a TypeError which names the option, the rule and the value; the caller's fault is told at once. */
export const checkNumber = (option: string, value: unknown, rule: NumberRule): number => {
  const fits = typeof value === 'number' && value >= rule.min && value <= rule.max && (!rule.whole || Number.isInteger(value))
  if (fits) return value
  const noun = rule.whole ? 'a whole number' : 'a number'
  const unit = rule.unit === undefined ? '' : ` of ${rule.unit}`
  throw new TypeError(`${option} must be ${noun}${unit} from ${rule.min} to ${rule.max}; got ${renderValue(value)}`)
}

/** The same for an option which is one of a few words. */
export const checkWord = <Word extends string>(option: string, value: unknown, words: readonly Word[]): Word => {
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  throw new TypeError(`${option} must be one of ${words.join(', ')}; got ${renderValue(value)}`)
}

const renderValue = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : String(value))
